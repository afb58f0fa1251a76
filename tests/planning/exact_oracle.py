"""The same arithmetic again, slowly and exactly, in fractions: written from the specification and
sharing nothing with the product but the nouns that go in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from db.model.plan import Step
from services.planning import Facts


def tick(price: Fraction) -> Fraction:
    return Fraction(1, 100) if price >= 1 else Fraction(1, 10_000)


def slippage(share: Fraction) -> Fraction:
    """2 basis points at nothing, 10 at 5% of a day's volume and over."""
    return Fraction(2, 10_000) + Fraction(8, 10_000) * min(share / Fraction(5, 100), Fraction(1))


@dataclass
class Book:
    """One account in exact figures."""

    facts: Facts
    cash: Fraction = field(init=False)
    shares: dict[str, Fraction] = field(init=False)

    def __post_init__(self) -> None:
        self.cash = sum((Fraction(a.cash) for a in self.facts.portfolio.accounts), Fraction(0))
        self.shares = {}
        for p in self.facts.portfolio.positions:
            self.shares[p.symbol] = self.shares.get(p.symbol, Fraction(0)) + Fraction(p.qty)

    def mid(self, symbol: str) -> Fraction:
        quote = self.facts.quotes[symbol]
        assert quote.bid is not None
        assert quote.ask is not None
        return (Fraction(quote.bid) + Fraction(quote.ask)) / 2

    def price(self, symbol: str, side: str, qty: Fraction) -> Fraction:
        """Of a market order: the touch and slippage beyond it, to the tick against us."""
        quote, volume = (
            self.facts.quotes[symbol],
            self.facts.instruments[symbol].average_daily_volume,
        )
        assert quote.bid is not None
        assert quote.ask is not None
        assert volume is not None
        worse = slippage(qty / Fraction(volume))
        if side == "buy":
            exact = Fraction(quote.ask) * (1 + worse)
            return ceil(exact / tick(exact)) * tick(exact)
        exact = Fraction(quote.bid) * (1 - worse)
        return floor(exact / tick(exact)) * tick(exact)

    @property
    def values(self) -> dict[str, Fraction]:
        return {s: q * self.mid(s) for s, q in self.shares.items() if q}

    @property
    def equity(self) -> Fraction:
        return self.cash + sum(self.values.values(), Fraction(0))

    def weights(self) -> dict[str, Fraction]:
        return {symbol: value / self.equity for symbol, value in self.values.items()}

    def sectors(self) -> dict[str, Fraction]:
        found: dict[str, Fraction] = {}
        for symbol, weight in self.weights().items():
            sector = self.facts.instruments[symbol].sector
            found[sector] = found.get(sector, Fraction(0)) + weight
        return found

    def do(self, side: str, symbol: str, qty: Fraction) -> Fraction:
        """Carries the order out at its conservative price; the cash it moved."""
        moved = qty * self.price(symbol, side, qty) * (1 if side == "sell" else -1)
        self.cash += moved
        self.shares[symbol] = self.shares.get(symbol, Fraction(0)) + (
            -qty if side == "sell" else qty
        )
        return moved


def after(facts: Facts, steps: Iterable[Step]) -> tuple[Book, list[Fraction]]:
    """The book when the steps are done, and cash after each."""
    book, path = Book(facts), []
    for step in steps:
        book.do(step.side.value, step.symbol, Fraction(step.qty))
        path.append(book.cash)
    return book, path


def weight_orders(facts: Facts, targets: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Symbol → shares, negative to sell: what lies outside the narrower of 1 pp and a tenth of its
    target is moved to the target; purchases shrink by one factor to the cash there is."""
    policy, book = facts.policy, Book(facts)
    equity, floor_cash = book.equity, Fraction(policy.min_cash_weight or 0) * book.equity
    least = Fraction(policy.min_position_value or 0)
    trade = Fraction(policy.min_trade_value or 0)
    orders: dict[str, Fraction] = {}
    wanted: dict[str, Fraction] = {}
    for symbol, target in targets.items():
        price, held = book.mid(symbol), book.shares.get(symbol, Fraction(0))
        drift = held * price / equity - target
        band = min(Fraction(1, 100), target / 10) if target else Fraction(0)
        if abs(drift) <= band:
            continue
        if drift < 0:
            wanted[symbol] = -drift * equity
        elif not target:
            orders[symbol] = -held
        else:
            qty = Fraction(floor(drift * equity / price))
            if qty and (held - qty) * price < least:
                qty = held
            if qty and (qty == held or qty * price >= trade):
                orders[symbol] = -qty
    proceeds = sum((-q * book.price(s, "sell", -q) for s, q in orders.items()), Fraction(0))
    full = sum(
        (
            d / book.mid(s) * book.price(s, "buy", Fraction(ceil(d / book.mid(s))))
            for s, d in wanted.items()
        ),
        Fraction(0),
    )
    budget = max(min(book.cash + proceeds - floor_cash, book.cash + proceeds), Fraction(0))
    scale = Fraction(1) if full <= budget else budget / full
    for symbol, dollars in wanted.items():
        price = book.mid(symbol)
        qty = Fraction(floor(dollars * scale / price))
        held_value = book.shares.get(symbol, Fraction(0)) * price
        if qty >= 1 and qty * price >= trade and held_value + qty * price >= least:
            orders[symbol] = qty
    return orders
