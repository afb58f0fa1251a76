"""Small books as facts, and steps on them: what the rules of risk are proved on."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from db.model.instrument import Instrument
from db.model.market import Bar, MarketClock, Quote
from db.model.order import BrokerOrder, OrderState, OrderType, Side
from db.model.plan import Finding, Phase, Severity, Step
from db.model.policy import Policy
from db.model.portfolio import Account, Portfolio, Position
from db.model.record import DayState, TradeRecord
from db.model.trading import TradingState
from services.risk.case import case_of
from services.risk.facts import Facts
from services.risk.policy import load_policy
from services.risk.run import RULES, repriced

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
OPEN = MarketClock(
    at=NOW, is_open=True, next_open=NOW + timedelta(hours=23), next_close=NOW + timedelta(hours=6)
)
CLOSED = OPEN.model_copy(update={"is_open": False})
STANDARD = load_policy("standard")
SWING = load_policy("swing")
ACTIVE = load_policy("active")
QUIET = TradeRecord(since=NOW - timedelta(days=90))
"""Nothing was traded lately."""
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")


class StandingClock:
    """Shows NOW, until its seconds are set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


def with_limits(policy: Policy = STANDARD, **limits: object) -> Policy:
    return Policy.model_validate({**policy.model_dump(), **limits})


def world(
    *,
    cash: str = "20000",
    held: Mapping[str, str] | None = None,
    free: Mapping[str, str] | None = None,
    unsettled: Mapping[str, str] | None = None,
    prices: Mapping[str, str] | None = None,
    sectors: Mapping[str, str] | None = None,
    factors: Mapping[str, str] | None = None,
    unknown_adv: Sequence[str] = (),
    policy: Policy = STANDARD,
    clock: MarketClock | None = OPEN,
    orders: tuple[BrokerOrder, ...] = (),
    multiplier: str = "1",
    quote_age: int = 0,
    began: str | None = "equity",
    losses: int | None = 0,
    state: str | None = "ACTIVE",
    age: int = 0,
    margin: str | None = "quarter",
    day_trades: int | None = None,
    halted: Mapping[str, str] | None = None,
    halted_before: Mapping[str, str] | None = None,
    halts_told: bool = True,
    stops: Mapping[str, str] | None = None,
    record: TradeRecord | None = QUIET,
    bars: Mapping[str, Sequence[Bar]] | None = None,
) -> Facts:
    """One account `main`. Every symbol costs $100 and is a sector of its own unless said."""
    held, prices, sectors = held or {}, prices or {}, sectors or {}
    symbols = sorted({*SYMBOLS, *held, *prices})
    price = {symbol: Decimal(prices.get(symbol, "100")) for symbol in symbols}
    value = sum((Decimal(q) * price[s] for s, q in held.items()), Decimal(0))
    equity = Decimal(cash) + value
    account = Account(
        name="main",
        number="1",
        cash=Decimal(cash),
        equity=equity,
        multiplier=Decimal(multiplier),
        buying_power=max(Decimal(multiplier) * equity - value, Decimal(0)),
        maintenance_margin=None if margin is None else value / 4,
        day_trades=day_trades,
    )
    positions = tuple(
        Position(
            account="main",
            symbol=symbol,
            qty=Decimal(qty),
            qty_available=Decimal((free or {}).get(symbol, qty)),
            qty_unsettled=Decimal((unsettled or {}).get(symbol, "0")),
            avg_entry_price=Decimal(80),
            current_price=price[symbol],
        )
        for symbol, qty in held.items()
    )
    cent = Decimal("0.01")
    quotes = {
        symbol: Quote(
            symbol=symbol,
            bid=mid - cent,
            ask=mid + cent,
            at=NOW - timedelta(seconds=quote_age),
        )
        for symbol, mid in price.items()
    }
    instruments = {
        symbol: Instrument(
            symbol=symbol,
            sector=sectors.get(symbol, f"Sector {symbol}"),
            leverage_factor=Decimal((factors or {}).get(symbol, "1")),
            average_daily_volume=None if symbol in unknown_adv else Decimal(1_000_000),
        )
        for symbol in symbols
    }
    as_of = NOW - timedelta(minutes=age)
    portfolio = Portfolio(as_of=as_of, accounts=(account,), positions=positions, orders=orders)
    return Facts(
        portfolio,
        quotes,
        instruments,
        policy,
        None,
        clock,
        NOW,
        trading_state=None if state is None else TradingState(state),
        day=DayState(
            start_equity=equity if began == "equity" else began,  # type: ignore[arg-type]
            losses_in_a_row=losses,
        ),
        record=record,
        halted=halted or {},
        halted_before=halted_before or {},
        halts_told=halts_told,
        stops={("main", symbol): Decimal(price) for symbol, price in (stops or {}).items()},
        bars=bars or {},
    )


def order(text: str, n: int = 1, limit: str | None = None) -> Step:
    """`buy 10 AAA` as an unpriced step."""
    side, qty, symbol = text.split()
    price = Decimal(100)
    return Step(
        n=n,
        phase=Phase.SELL if side == "sell" else Phase.BUY,
        account="main",
        symbol=symbol,
        side=Side(side),
        qty=Decimal(qty),
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=None if limit is None else Decimal(limit),
        reference_price=price,
        expected_price=price,
        expected_value=price * Decimal(qty),
        expected_cash_after=Decimal(0),
        sector="",
        reason="asked",
    )


def steps(facts: Facts, *texts: str) -> tuple[Step, ...]:
    """Priced steps, in the order given."""
    priced = repriced(facts, [order(text, n) for n, text in enumerate(texts, 1)])
    return tuple(s.model_copy(update={"sector": facts.sector(s.symbol)}) for s in priced)


def findings(check: str, facts: Facts, *texts: str, stop: str | None = None) -> list[Finding]:
    """What the check says of these orders; `stop`: of what is bought."""
    orders = steps(facts, *texts)
    if stop is not None:
        orders = tuple(s.model_copy(update={"stop_loss_price": Decimal(stop)}) for s in orders)
    return list(RULES[check](case_of(facts, orders)))


def worst(found: Sequence[Finding]) -> Severity:
    """The worst severity among the findings."""
    rank = [Severity.PASS, Severity.WARN, Severity.BLOCK]
    return max((f.severity for f in found), key=rank.index, default=Severity.PASS)


def working(text: str, age: int = 10) -> BrokerOrder:
    """A working order at the broker, sent `age` seconds ago."""
    side, qty, symbol = text.split()
    return BrokerOrder(
        order_id="o-1",
        client_order_id="c-1",
        account="main",
        symbol=symbol,
        side=Side(side),
        qty=Decimal(qty),
        status="new",
        state=OrderState.ACKNOWLEDGED,
        submitted_at=NOW - timedelta(seconds=age),
    )
