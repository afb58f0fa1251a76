"""A stop that only the desk watches is hit: one exit plan a hit, for what is free to be sold (spec 6,
Exit strategies; invariant 19)."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from execution_makers import Log
from plan_makers import NOON, make_plan
from protection_makers import KEY, Bought

from db.model.alert import Alert, AlertSeverity
from db.model.event import EventDraft
from services.brokers.port import BrokerUnavailableError
from services.desk.facts import FactsSource
from services.desk.stops import AGAIN_SECONDS, Stops
from services.execution.engine import Engine
from services.execution.fold import folded
from services.execution.lots import Key
from services.execution.protection import Held, Place, held_lots, reserved_by_sales
from services.execution.touched import first_stop, free, touched


def placed(bought: Bought, *, acknowledged: bool) -> None:
    action = bought.due()
    assert isinstance(action, Place)
    bought.places(action.order, acknowledged=acknowledged)


def held(protection: str = "desk", **chosen: Any) -> Held:
    bought = Bought(protection=protection, **chosen)
    bought.fills(18)
    return bought.held()


@pytest.mark.parametrize(
    ("price", "hit"), [("165.61", False), ("165.60", True), ("90", True), (None, False)]
)
def test_a_price_at_or_through_the_stop_hits_it(price: str | None, hit: bool) -> None:
    found = touched([held()], lambda _: None if price is None else Decimal(price), ())
    assert [qty for _, qty in found] == ([18] if hit else [])


def test_what_the_broker_protects_or_may_protect_is_left_to_it() -> None:
    for acknowledged in (True, False):
        bought = Bought()
        bought.fills(18)
        placed(bought, acknowledged=acknowledged)
        lot = bought.held()
        assert free(lot) == 0
        assert touched([lot], lambda _: Decimal(1), {lot.key}) == ()


def test_what_it_should_protect_and_does_not_is_the_desk_s_once_that_is_told() -> None:
    lot = held("broker")
    assert touched([lot], lambda _: Decimal(1), ()) == ()
    assert touched([lot], lambda _: Decimal(1), {lot.key}) == ((lot, Decimal(18)),)


def test_shares_that_a_sale_takes_are_not_sold_again() -> None:
    bought = Bought(protection="desk")
    bought.fills(18)
    assert free(bought.held(sold="5")) == 13
    assert touched([bought.held(sold="18")], lambda _: Decimal(1), ()) == ()


def test_a_fraction_that_no_order_protects_is_free() -> None:
    bought = Bought()
    bought.fills("17.5")
    placed(bought, acknowledged=True)
    lot = bought.held()
    assert touched([lot], lambda _: Decimal(1), {lot.key}) == ((lot, Decimal("0.5")),)


def test_of_two_lots_the_stop_that_is_reached_first_counts() -> None:
    assert first_stop([held(stop="160"), held(stop="170")]) == 170
    assert first_stop([held(stop=None)]) is None


class World:
    """18 NVDA, bought at 180 with a stop at 165.60 that the desk watches; the price is 160."""

    def __init__(self) -> None:
        self.bought = Bought(protection="desk")
        self.bought.fills(18)
        self.price, self.seconds = Decimal(160), 0.0
        self.available = Decimal(18)
        self.log = Log()
        self.alerts: dict[str, Alert] = {}
        self.proposed: list[tuple[Key, Decimal, str]] = []
        self.fails = False
        self.book = self.protector = self
        self.stops = self.restarted()

    def restarted(self) -> Stops:
        """A desk that knows what the journal knows."""
        held = SimpleNamespace(account=KEY[0], symbol=KEY[1], qty_available=self.available)
        facts = SimpleNamespace(portfolio=SimpleNamespace(positions=(held,)))
        self.stops = Stops(
            cast(Engine, self), cast(FactsSource, facts), lambda _: self.price, self.alerts,
            self.propose, cast(Any, self),
        )  # fmt: skip
        self.stops.apply(self.log.events)
        return self.stops

    @property
    def runs(self) -> Any:
        return {"3f9a": self.bought.run, **folded(self.log.events)}

    def lots(self) -> tuple[Held, ...]:
        runs = {"3f9a": self.bought.run}
        return held_lots(runs, self.bought.holdings, reserved_by_sales(runs, {}))

    def bare(self) -> tuple[()]:
        return ()

    def monotonic(self) -> float:
        return self.seconds

    async def propose(self, key: Key, qty: Decimal, source: str) -> str:
        if self.fails:
            raise BrokerUnavailableError("nobody answers")
        self.proposed.append((key, qty, source))
        plan_id = f"e{len(self.proposed)}"
        plan = make_plan(source=source).model_copy(update={"plan_id": plan_id})
        self.log.write("PlanCreated", plan_id=plan_id, payload={"plan": plan.to_json()})
        return plan_id

    async def record(self, draft: EventDraft) -> None:
        self.log.add([draft])
        self.stops.apply(self.log.events[-1:])

    def alert(self, name: str) -> None:
        self.alerts[name] = Alert(
            alert_id=name, condition="stop_hit", subject="/".join(KEY), raised_at=NOON,
            severity=AlertSeverity.CRITICAL, sentence="", values={}, suggested_action="",
        )  # fmt: skip

    def clears(self, name: str) -> None:
        self.alerts[name] = self.alerts[name].model_copy(update={"cleared_at": NOON})


async def test_one_exit_a_hit_and_another_when_it_is_hit_anew() -> None:
    world = World()
    await world.stops.look()
    assert world.proposed == [], "nothing before the alert says so"
    world.alert("al-1")
    for _ in range(3):
        await world.stops.look()
    assert world.proposed == [(KEY, Decimal(18), "stop hit, al-1")]
    (waiting,) = world.stops.waiting()
    assert (waiting.plan_id, waiting.qty, waiting.price) == ("e1", 18, 160)
    await world.restarted().look()
    assert len(world.proposed) == 1, "a restart proposes no second one"
    world.log.write("PlanRejected", plan_id="e1", payload={"reason": "not now"})
    await world.stops.look()
    assert len(world.proposed) == 1, "turned down: not again for the same hit"
    assert world.stops.waiting() == ()
    world.clears("al-1")
    world.alert("al-2")
    await world.stops.look()
    assert [source for _, _, source in world.proposed] == ["stop hit, al-1", "stop hit, al-2"]


async def test_while_one_exit_waits_a_new_hit_makes_no_second() -> None:
    world = World()
    world.alert("al-1")
    await world.stops.look()
    world.clears("al-1")
    world.alert("al-2")
    await world.stops.look()
    assert len(world.proposed) == 1


async def test_a_desk_that_died_between_plan_and_note_takes_that_plan() -> None:
    world = World()
    world.alert("al-1")
    await world.propose(KEY, Decimal(18), "stop hit, al-1")
    await world.restarted().look()
    assert len(world.proposed) == 1
    assert [one.plan_id for one in world.stops.waiting()] == ["e1"]


async def test_what_can_not_be_planned_now_is_planned_later() -> None:
    world = World()
    world.alert("al-1")
    world.fails = True
    await world.stops.look()
    world.fails = False
    await world.stops.look()
    assert world.proposed == []
    world.seconds += AGAIN_SECONDS
    await world.stops.look()
    assert len(world.proposed) == 1


async def test_never_more_than_the_broker_says_is_free() -> None:
    world = World()
    world.alert("al-1")
    world.available = Decimal(0)
    await world.restarted().look()
    assert world.proposed == []
    world.available = Decimal(7)
    await world.restarted().look()
    assert [qty for _, qty, _ in world.proposed] == [7]
