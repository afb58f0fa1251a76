"""In a cash account what unsettled proceeds paid for is not sold before they settle (spec 3,
settled_funds; invariant 18)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_world import NOW, STANDARD, StandingClock, order, world

from db.model.order import Fill, Side
from db.model.portfolio import Account
from services.brokers.port import Broker
from services.desk.facts import FactsSource
from services.market.board import PriceBoard
from services.risk.case import case_of
from services.risk.run import RULES
from services.risk.settlement import bought_unsettled, unsettled_since


def fills(*texts: str) -> list[Fill]:
    """`sell 10 AAA 100`, a minute apart."""
    made = []
    for n, text in enumerate(texts):
        side, qty, symbol, price = text.split()
        made.append(
            Fill(
                execution_id=f"x{n}", account="main", order_id=f"b{n}", symbol=symbol,
                side=Side(side), qty=Decimal(qty), price=Decimal(price),
                at=NOW + timedelta(minutes=n),
            )
        )  # fmt: skip
    return made


TABLE: list[tuple[int, tuple[str, ...], dict[str, int]]] = [
    # cash at the start of the day, what was executed, what unsettled money paid for
    (0, (), {}),
    (1000, ("buy 10 AAA 100",), {}),
    (0, ("sell 10 BBB 100", "buy 10 AAA 100"), {"AAA": 10}),
    (500, ("sell 10 BBB 100", "buy 10 AAA 100"), {"AAA": 5}),
    (550, ("sell 10 BBB 100", "buy 10 AAA 100"), {"AAA": 5}),  # 4.5 shares: a part counts whole
    (1000, ("sell 10 BBB 100", "buy 10 AAA 100", "buy 3 CCC 100"), {"CCC": 3}),
    (1000, ("buy 10 AAA 100", "sell 10 AAA 100", "buy 10 AAA 100"), {"AAA": 10}),
]


@pytest.mark.parametrize(("opening", "executed", "expected"), TABLE)
def test_settled_cash_is_spent_first(
    opening: int, executed: tuple[str, ...], expected: dict[str, int]
) -> None:
    made = fills(*executed)
    cash = opening + sum(f.qty * f.price * (1 if f.side is Side.SELL else -1) for f in made)
    assert bought_unsettled(Decimal(cash), reversed(made)) == expected


trades = st.tuples(
    st.sampled_from(["buy", "sell"]), st.integers(1, 20), st.sampled_from(["AAA", "BBB"])
).map(lambda t: f"{t[0]} {t[1]} {t[2]} 100")


@given(st.integers(0, 5000), st.lists(trades, max_size=8))
def test_never_more_than_was_bought_nor_than_unsettled_money_paid_for(
    opening: int, executed: list[str]
) -> None:
    made = fills(*executed)
    cash = opening + sum(f.qty * f.price * (1 if f.side is Side.SELL else -1) for f in made)
    found = bought_unsettled(Decimal(cash), made)
    bought = sum(f.qty for f in made if f.side is Side.BUY)
    assert 0 <= sum(found.values()) <= bought
    spent = bought * 100
    assert (sum(found.values()) * 100 >= spent - opening) or not made


@pytest.mark.parametrize(
    ("now", "since"),
    [
        ("2026-03-03T15:00", "2026-03-03"),  # a Tuesday: all of Monday has settled
        ("2026-03-02T15:00", "2026-03-02"),  # a Monday: Friday's has
        ("2026-03-01T15:00", "2026-02-27"),  # nothing settles on a Sunday
        ("2026-10-12T15:00", "2026-10-09"),  # Columbus Day: traded on, not settled
        ("2026-11-11T15:00", "2026-11-10"),  # Veterans Day
        ("2026-03-04T03:00", "2026-03-03"),  # still Tuesday in New York
    ],
)
def test_since_when_nothing_has_settled(now: str, since: str) -> None:
    found = unsettled_since(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found.date().isoformat() == since


class CashAccount:
    """A broker that is asked for a day's executions."""

    def __init__(self, multiplier: int | None) -> None:
        self.asked = 0
        self.account = Account(
            name="main", number="1", cash=Decimal(0), equity=Decimal(1000),
            buying_power=Decimal(0), multiplier=None if multiplier is None else Decimal(multiplier),
        )  # fmt: skip

    async def fills_since(self, _: datetime) -> tuple[Fill, ...]:
        self.asked += 1
        return tuple(fills("sell 10 BBB 100", "buy 10 AAA 100"))


@pytest.mark.parametrize(("multiplier", "unsettled"), [(1, 10), (2, 0), (None, 0)])
async def test_only_an_account_without_margin_has_unsettled_shares(
    multiplier: int | None, unsettled: int
) -> None:
    """And the sale of them is refused, at the dry run and at every later check."""
    broker = CashAccount(multiplier)
    facts = world(held={"AAA": "10"})
    source = FactsSource(_as_broker(broker), PriceBoard(lambda: 0.0), StandingClock(), STANDARD)
    asked = facts.portfolio.model_copy(update={"accounts": (broker.account,)})
    told = await source._with_unsettled(asked)
    (held,) = told.positions
    assert held.qty_unsettled == unsettled
    assert broker.asked == (1 if multiplier == 1 else 0), "no margin, or no question"
    (found,) = RULES["settled_funds"](
        case_of(world(held={"AAA": "10"}, unsettled={"AAA": str(unsettled)}), [order("sell 1 AAA")])
    )
    assert found.severity.value == ("block" if unsettled else "pass")


def _as_broker(broker: CashAccount) -> Broker:
    return broker  # type: ignore[return-value]
