"""What happens between a request's answer and its effect: fills win, cancels and replaces lose."""

from dataclasses import replace
from decimal import Decimal

import pytest
from exchange_world import World
from test_exchange_groups import Fours, working

from services.exchange.engine.behaviour import PROMPT, TOO_LATE, Behaviour, Reply
from services.exchange.engine.errors import RefusedError
from services.exchange.engine.fill_model import Execution
from services.exchange.engine.orders import Order, StopLoss
from services.exchange.engine.rules import DEFAULT_RULES


class Says(Behaviour):
    """One reply for each kind of request."""

    def __init__(self, acknowledge=PROMPT, cancel=PROMPT, replace=PROMPT, share=None):
        self._replies = acknowledge, cancel, replace
        self._share = share

    def acknowledge(self, order: Order) -> Reply:
        return self._replies[0]

    def cancel(self, order: Order) -> Reply:
        return self._replies[1]

    def replace(self, order: Order) -> Reply:
        return self._replies[2]

    def fill(self, order: Order, execution: Execution) -> Execution | None:
        return execution if self._share is None else execution._replace(qty=self._share)


def resting(world: World, qty: str = "10", **more) -> Order:
    order = world.submit("buy", qty, "49", **more)
    world.settle()
    return order


def reasons(world: World, event: str) -> list[str | None]:
    return [update.reason for update in world.kept.updates if update.event == event]


def test_a_cancel_that_takes_long_is_told_of_and_can_lose_to_a_fill():
    world = World(behaviour=Says(cancel=Reply(after=60)))
    order = resting(world)
    world.venue.request_cancel("main", order.id)
    assert world.delays[-1] == 60
    assert (world.order(order).status, world.events()[-1]) == ("pending_cancel",) * 2
    with pytest.raises(RefusedError):
        world.venue.replace("main", order.id, {"limit_price": Decimal(48)})
    world.quote("XYZ", "48.9", "49")
    assert world.order(order).status == "filled"
    assert world.events()[-2:] == ["fill", "order_cancel_rejected"]
    assert reasons(world, "order_cancel_rejected") == [TOO_LATE]
    told = len(world.kept.updates)
    world.settle()
    assert len(world.kept.updates) == told


def test_a_part_filled_while_a_cancel_is_under_way_leaves_it_under_way():
    world = World(fill_model=Fours(), behaviour=Says(cancel=Reply(after=60)))
    order = resting(world)
    world.venue.request_cancel("main", order.id)
    world.quote("XYZ", "48.9", "49")
    assert world.order(order).status == "pending_cancel"
    assert world.events()[-1] == "partial_fill"
    world.settle()
    cancelled = world.order(order)
    assert (cancelled.status, cancelled.filled_qty) == ("canceled", 4)


@pytest.mark.parametrize(
    ("filled", "back"), [(False, "new"), (True, "partially_filled")], ids=["unfilled", "partly"]
)
def test_a_rejected_cancel_leaves_the_order_as_it_was(filled, back):
    refused = Reply(refused="UNKNOWN_ORDER")
    world = World(fill_model=Fours(), behaviour=Says(cancel=refused))
    order = resting(world)
    if filled:
        world.quote("XYZ", "48.9", "49")
    world.venue.request_cancel("main", order.id)
    world.settle()
    assert world.order(order).status == back
    assert world.events()[-1] == "order_cancel_rejected"
    assert reasons(world, "order_cancel_rejected") == ["UNKNOWN_ORDER"]
    world.quote("XYZ", "48.8", "48.9")
    assert world.order(order).filled_qty in (4, 8)


def test_a_cancel_can_be_made_to_lose():
    world = World(behaviour=Says(cancel=Reply(refused=TOO_LATE, fills_first=True)))
    order = resting(world)
    world.venue.request_cancel("main", order.id)
    world.settle()
    assert world.order(order).status == "filled"
    assert world.events()[-2:] == ["fill", "order_cancel_rejected"]


def test_a_rejected_cancel_of_a_held_leg_leaves_it_held():
    world = World(behaviour=Says(cancel=Reply(refused="no")))
    _, target, stop = working(world)
    world.venue.request_cancel("main", stop.id)
    world.settle()
    assert world.statuses(target, stop) == ["new", "held"]
    world.trade("ABC", "45")
    assert world.statuses(target, stop) == ["canceled", "filled"]


def test_when_the_old_order_fills_first_its_replacement_is_rejected():
    world = World(behaviour=Says(replace=Reply(after=5)))
    old = resting(world)
    new = world.venue.replace("main", old.id, {"qty": Decimal(20)})
    assert world.events()[-1] == "pending_replace"
    with pytest.raises(RefusedError):
        world.venue.request_cancel("main", old.id)
    world.quote("XYZ", "48.9", "49")
    assert world.statuses(old, new) == ["filled", "rejected"]
    assert world.events(old)[-2:] == ["fill", "order_replace_rejected"]
    assert world.events(new) == ["rejected"]
    assert world.order(new).failed_at is not None
    world.settle()
    assert world.held() == 110


def test_a_replace_rejected_late_leaves_the_old_order_working():
    world = World(behaviour=Says(replace=Reply(refused="no")))
    old = resting(world)
    new = world.venue.replace("main", old.id, {"limit_price": Decimal(48)})
    world.settle()
    assert world.statuses(old, new) == ["new", "rejected"]
    assert (world.events(old)[-1], world.events(new)) == ("order_replace_rejected", ["rejected"])
    world.quote("XYZ", "48.9", "49")
    assert world.order(old).status == "filled"


@pytest.mark.parametrize("keeps", [True, False])
def test_fills_of_the_old_order_count_until_it_is_replaced(keeps):
    rules = replace(DEFAULT_RULES, replace_keeps_fills=keeps)
    world = World(fill_model=Fours(), behaviour=Says(replace=Reply(after=5)), rules=rules)
    old = resting(world)
    world.quote("XYZ", "48.9", "49")
    new = world.venue.replace("main", old.id, {"limit_price": Decimal("48.95")})
    world.quote("XYZ", "48.9", "49")
    world.settle()
    left = world.order(new)
    assert world.statuses(old, new)[0] == "replaced"
    assert (left.qty, left.filled_qty, left.leaves_qty) == ((10, 8, 2) if keeps else (2, 0, 2))
    world.quote("XYZ", "48.9", "48.95")
    assert (world.order(new).status, world.held()) == ("filled", 110)


def test_a_replacement_smaller_than_what_filled_meanwhile_is_rejected():
    world = World(fill_model=Fours(), behaviour=Says(replace=Reply(after=5)))
    old = resting(world)
    new = world.venue.replace("main", old.id, {"qty": Decimal(4)})
    world.quote("XYZ", "48.9", "49")
    world.settle()
    assert world.statuses(old, new) == ["partially_filled", "rejected"]
    assert reasons(world, "order_replace_rejected") == [TOO_LATE]


def test_the_replaced_event_carries_the_old_order(world):
    old = resting(world)
    new = world.venue.replace("main", old.id, {"limit_price": Decimal(48)})
    world.settle()
    replaced, fresh = world.kept.updates[-2:]
    assert (replaced.event, replaced.order.id, replaced.order.limit_price) == (
        "replaced",
        old.id,
        49,
    )
    assert replaced.order.replaced_by == new.id
    assert (fresh.event, fresh.order.id, fresh.order.replaces) == ("new", new.id, old.id)


def test_an_order_can_be_rejected_after_its_answer():
    world = World(behaviour=Says(acknowledge=Reply(after=2, refused="no venue takes it")))
    order = world.submit("buy", "10")
    assert order.status == "pending_new"
    world.settle()
    assert world.events() == ["pending_new", "rejected"]
    assert world.order(order).failed_at is not None
    assert world.venue.floor.standing("main").reserved == 0


def test_a_slow_acknowledgement_leaves_an_order_pending_and_unmatched():
    world = World(behaviour=Says(acknowledge=Reply(after=30)))
    order = world.submit("buy", "10")
    world.quote("XYZ", "49.99", "50.01")
    assert (world.order(order).status, world.delays) == ("pending_new", [30])
    world.settle()
    assert world.order(order).status == "filled"


def test_an_execution_can_be_cut():
    world = World(behaviour=Says(share=Decimal(3)))
    order = world.submit("buy", "10")
    world.settle()
    assert (world.order(order).filled_qty, world.events()[-1]) == (3, "partial_fill")


@pytest.mark.parametrize("rejects", [True, False])
def test_a_market_order_into_a_halt_is_rejected_or_waits(rejects):
    world = World(rules=replace(DEFAULT_RULES, halt_rejects=rejects))
    resting_ = world.submit("buy", "1", "50.01")
    world.market.halt("XYZ", "T1")
    market = world.submit("buy", "1")
    world.settle()
    assert world.statuses(resting_, market) == ["new", "rejected" if rejects else "new"]
    if rejects:
        expected = "market order rejected due to trading halt on symbol: XYZ"
        assert reasons(world, "rejected") == [expected]
    world.market.resume("XYZ")
    world.quote("XYZ", "49.99", "50.01")
    assert world.statuses(resting_, market) == ["filled", "rejected" if rejects else "filled"]


def test_a_halt_elects_no_stop(world):
    order = world.submit("sell", "10", type="stop", stop_price=Decimal(48))
    world.settle()
    world.market.halt("XYZ", "T1")
    world.trade("XYZ", "40")
    assert world.order(order).elected_at is None


def test_a_restart_finishes_what_was_stuck():
    world = World(behaviour=Says(cancel=Reply(after=3600), replace=Reply(after=3600)))
    cancelling, replacing = resting(world), resting(world)
    world.venue.request_cancel("main", cancelling.id)
    new = world.venue.replace("main", replacing.id, {"limit_price": Decimal(48)})
    world.restart()
    world.settle()
    assert world.statuses(cancelling, replacing, new) == ["canceled", "replaced", "new"]


def test_a_stop_elected_while_it_or_its_target_is_being_replaced_still_keeps_the_shares():
    world = World(behaviour=Says(replace=Reply(after=5)))
    exits = {"stop_loss": StopLoss(stop_price=Decimal(45), limit_price=Decimal("44.5"))}
    for member, changes in ((1, {"limit_price": Decimal(54)}), (2, {"stop_price": Decimal(46)})):
        orders = working(world, **exits)
        new = world.venue.replace("main", orders[member].id, changes)
        world.trade("ABC", "44")
        (position,) = [p for p in world.venue.floor.positions("main") if p.symbol == "ABC"]
        assert world.venue.floor.available_qty(position) == 0
        world.settle()
        assert world.order(new).status == "new"
        assert world.venue.floor.available_qty(position) == 0
        world.quote("ABC", "44.6", "44.7")
        assert world.held("ABC") == 0
        world.trade("ABC", "50")
