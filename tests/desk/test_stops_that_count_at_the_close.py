"""A stop by the close: judged once, after the session, by the day's closing price; then an exit plan
and an alert (spec 5, Protection)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import pytest

from db.model.event import Event, EventDraft
from db.model.market import Close, MarketClock
from db.model.order import OrderType, Side
from db.model.plan import Phase, Plan, Standing, Step, StopCondition, Verdict
from db.model.run import PlanRun
from services.brokers.port import Broker, BrokerUnavailableError
from services.desk.closes import Closes
from services.desk.facts import FactsSource
from services.execution.engine import Engine
from services.execution.protection import Held

MONDAY = datetime(2026, 1, 5, 21, 0, tzinfo=UTC)


class World:
    """Ten shares bought at 100 with a stop at 92 that counts at the close."""

    def __init__(self, lot: Held) -> None:
        self.lot, self.seconds = lot, 0.0
        self.close: Close | None = Close(date=date(2026, 1, 5), price=Decimal(95))
        self.asked = 0
        self.proposed: list[tuple[str, Decimal]] = []
        self.events: list[Event] = []
        self.protector = self.book = self
        self.market_clock = MarketClock(
            at=MONDAY, is_open=False, next_open=datetime(2026, 1, 6, 14, 30, tzinfo=UTC),
            next_close=datetime(2026, 1, 6, 21, 0, tzinfo=UTC),
        )  # fmt: skip
        self.closes_of = Closes(
            cast(Engine, self), cast(Broker, self), cast(FactsSource, self), self.propose, self
        )

    def lots(self) -> tuple[Held, ...]:
        return (self.lot,)

    async def closes(self, symbols: list[str]) -> dict[str, Close]:
        self.asked += 1
        if self.close is None:
            raise BrokerUnavailableError("nobody answers")
        return dict.fromkeys(symbols, self.close)

    async def propose(self, symbol: str, qty: Decimal) -> str:
        self.proposed.append((symbol, qty))
        return "beef"

    async def record(self, *drafts: EventDraft) -> None:
        made = [
            Event(**d.model_dump(), seq=n, at=MONDAY, prev_hash="", hash="")
            for n, d in enumerate(drafts, len(self.events) + 1)
        ]
        self.events += made
        self.closes_of.apply(made)

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return MONDAY

    async def sleep(self, _: float) -> None: ...

    def opens(self, is_open: bool) -> None:
        self.market_clock = self.market_clock.model_copy(update={"is_open": is_open})

    async def after(self, seconds: float) -> None:
        self.seconds += seconds
        await self.closes_of.look()


@pytest.fixture
def world() -> World:
    step = Step(
        n=1, phase=Phase.BUY, account="main", symbol="AAA", side=Side.BUY, qty=Decimal(10),
        type=OrderType.MARKET, reference_price=Decimal(100), expected_price=Decimal(100),
        expected_value=Decimal(1000), expected_cash_after=Decimal(0), sector="Technology",
        reason="a test", stop_loss_price=Decimal(92), stop_condition=StopCondition.ON_CLOSE,
        protection="broker",
    )  # fmt: skip
    flat = Standing(
        equity=Decimal(1), cash=Decimal(1), cash_weight=Decimal(1), gross_exposure=Decimal(0),
        leverage=Decimal(0), accounts={}, holdings=(), sectors=(),
    )  # fmt: skip
    plan = Plan(
        plan_id="3f9a", created_at=MONDAY, source="", proposal_sha256="", policy="standard",
        policy_hash="", environment="sim", steps=(step,), findings=(), before=flat, after=flat,
        verdict=Verdict.SAFE,
    )  # fmt: skip
    ten, none = Decimal(10), Decimal(0)
    return World(Held(PlanRun(plan=plan), step, ten, ten, none, none, None, None))


async def test_nothing_is_judged_while_the_market_is_open(world: World) -> None:
    world.opens(True)
    world.close = Close(date=date(2026, 1, 5), price=Decimal(80))
    await world.after(0)
    await world.after(100)
    assert (world.asked, world.proposed) == (0, [])


async def test_a_close_above_the_stop_asks_once_and_does_nothing(world: World) -> None:
    for _ in range(5):
        await world.after(40)
    assert (world.asked, world.proposed) == (1, [])


@pytest.mark.parametrize("price", ["92", "80"])
async def test_a_close_at_or_through_it_makes_an_exit_once(world: World, price: str) -> None:
    world.close = Close(date=date(2026, 1, 5), price=Decimal(price))
    for _ in range(5):
        await world.after(40)
    assert world.proposed == [("AAA", Decimal(10))]
    (told,) = world.closes_of.standing()
    assert (told.close, told.stop, told.plan_id) == (Decimal(price), Decimal("92.00"), "beef")
    again = World(world.lot)
    again.close = world.close
    again.closes_of.apply(world.events)
    await again.after(0)
    await again.after(100)
    assert again.proposed == [], "a restart proposes no second one"
    assert again.closes_of.standing() == (told,)


async def test_a_close_that_can_not_be_read_is_asked_for_again(world: World) -> None:
    known, world.close = world.close, None
    await world.after(0)
    await world.after(100)
    world.close = Close(date=date(2026, 1, 5), price=Decimal(80))
    assert known is not None
    await world.after(5)
    assert world.proposed


async def test_yesterdays_bar_of_the_coming_session_is_no_close_yet(world: World) -> None:
    world.close = Close(date=date(2026, 1, 6), price=Decimal(80))
    await world.after(0)
    await world.after(100)
    assert world.proposed == []
