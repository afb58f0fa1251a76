"""What is to be done so that what was bought is protected: tables and properties (spec 5, Protection;
invariants 2 and 19)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protection_makers import KEY, Bought

from db.model.order import OrderState, OrderType, TimeInForce
from db.model.plan import StopCondition
from db.model.run import CancelReason, ChildOrder
from services.execution.ids import is_ours, protection_id
from services.execution.protection import Cancel, Later, Place, Withdraw, unsettled
from services.execution.unprotected import bare


def placed(world: Bought, **how: object) -> ChildOrder:
    """The order that is due; it is placed and acknowledged."""
    action = world.due(**how)  # type: ignore[arg-type]
    assert isinstance(action, Place), action
    world.places(action.order)
    return action.order


def cancelled(world: Bought, **how: object) -> ChildOrder:
    """The cancel that is due; it is confirmed, with the leg."""
    action = world.due(**how)  # type: ignore[arg-type]
    assert isinstance(action, Cancel), action
    world.asked_to_cancel(action.order)
    world.cancelled(action.order)
    if action.order.oco:
        world.cancelled(world.leg(action.order))
    return action.order


def test_a_fill_gets_a_pair_at_the_price_paid() -> None:
    world = Bought()
    world.fills(18, "200")
    order = placed(world)
    assert order.client_order_id == "qd-3f9a-s01-p1-a1"
    assert (order.qty, order.oco, order.type) == (18, True, OrderType.LIMIT)
    assert (order.stop_price, order.limit_price) == (Decimal("184.00"), Decimal("232.00"))
    assert order.time_in_force is TimeInForce.GTC
    assert world.due() is None
    assert world.held().covered == 18, "the pair counts once (invariant 19)"


@pytest.mark.parametrize(
    ("stop", "target", "kind"),
    [("165.60", None, OrderType.STOP), (None, "208.80", OrderType.LIMIT)],
)
def test_one_price_alone_is_one_order(
    stop: str | None, target: str | None, kind: OrderType
) -> None:
    world = Bought(stop, target)
    world.fills(18)
    assert isinstance(world.due(buying=True), Later), "no wash trade beside the buy"
    order = placed(world)
    assert (order.type, order.oco) == (kind, False)


def test_more_shares_get_a_pair_of_their_own_and_the_first_stays() -> None:
    world = Bought()
    world.fills(7)
    first = placed(world, buying=True)
    world.fills(11)
    second = placed(world, buying=True)
    assert (first.qty, second.qty) == (7, 11)
    assert second.client_order_id == "qd-3f9a-s01-p2-a1"
    assert world.held().covered == 18


def test_nothing_is_sent_twice_while_the_answer_is_out() -> None:
    world = Bought()
    world.fills(18)
    action = world.due()
    assert isinstance(action, Place)
    world.places(action.order, acknowledged=False)
    assert world.due() is None
    assert world.held().covered == 0
    (one,) = bare(world.held(), None)
    assert one.qty == 18


def test_a_fraction_is_the_desks_and_says_so() -> None:
    world = Bought()
    world.fills("10.5")
    assert placed(world).qty == 10
    (one,) = bare(world.held(), None)
    assert (one.qty, one.by_desk) == (Decimal("0.5"), True)


def test_a_stop_by_the_close_stays_with_the_desk() -> None:
    world = Bought(condition=StopCondition.ON_CLOSE)
    world.fills(18)
    order = placed(world)
    assert (order.stop_price, order.limit_price) == (None, Decimal("208.80"))
    (one,) = bare(world.held(), None)
    assert one.by_desk
    alone = Bought(target=None, condition=StopCondition.ON_CLOSE)
    alone.fills(18)
    assert alone.due() is None


def test_by_the_desk_nothing_is_due_and_nothing_is_bare() -> None:
    world = Bought(protection="desk")
    world.fills(18)
    assert world.due() is None
    assert bare(world.held(), None) == ()
    assert unsettled(world.run) == ()


def test_a_refused_order_is_tried_again_later_and_later() -> None:
    world = Bought()
    world.fills(18)
    waits = []
    for attempt in range(1, 10):
        action = world.due()
        if isinstance(action, Later):
            assert action.at is not None
            waits.append((action.at - world.now).total_seconds())
            world.later(waits[-1])
            action = world.due()
        assert isinstance(action, Place)
        assert action.order.client_order_id == protection_id("3f9a", 1, 1, attempt)
        world.places(action.order, acknowledged=False)
        world.refused(action.order, "stop_price must be <= base_price - 0.01")
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    (one,) = bare(world.held(), None)
    assert "base_price" in one.why


def test_a_sale_makes_room_and_the_rest_is_protected_again() -> None:
    world = Bought()
    world.fills(18)
    first = placed(world)
    action = world.due(sold="5")
    assert isinstance(action, Cancel)
    assert action.reason is CancelReason.EXIT
    world.asked_to_cancel(first)
    assert isinstance(world.due(sold="5"), Later), "asked once"
    world.cancelled(first)
    world.cancelled(world.leg(first))
    assert placed(world, sold="5").qty == 13
    # The sale came to nothing: what it left bare gets a pair of its own.
    assert placed(world).qty == 5


def test_shares_that_no_step_bought_are_sold_first() -> None:
    world = Bought()
    world.adopted("100")
    world.fills(18)
    placed(world)
    assert world.due(sold="100") is None
    assert isinstance(world.due(sold="101"), Cancel)


def test_a_stop_that_sold_leaves_nothing_to_protect() -> None:
    world = Bought()
    world.fills(18)
    order = placed(world)
    world.sells(world.leg(order), 18, "165")
    world.cancelled(order)
    assert KEY not in {k for k, h in world.holdings.items() if h.qty}
    assert world.holdings[KEY].lots == {}


def test_of_a_target_filled_in_part_the_stop_is_for_the_rest() -> None:
    world = Bought()
    world.fills(18)
    order = placed(world)
    world.sells(order, 6, "209")
    leg = world.report(order).legs[0].model_copy(update={"qty": Decimal(12)})
    world.hears(world.leg(order), leg)
    assert world.leg(order).qty == 12
    assert world.held().covered == 12
    assert world.due() is None
    world.sells(world.leg(order), 12, "165")
    assert world.leg(order).state is OrderState.FILLED


def test_what_somebody_else_cancelled_waits_a_minute_and_says_so() -> None:
    world = Bought()
    world.fills(18)
    order = placed(world)
    world.cancelled(order)
    world.cancelled(world.leg(order))
    assert isinstance(world.due(), Later)
    assert "not by this desk" in bare(world.held(), None)[0].why
    world.later(60)
    assert placed(world).child == 2


def test_an_intent_that_is_not_wanted_any_more_is_withdrawn() -> None:
    world = Bought()
    world.fills(18)
    action = world.due()
    assert isinstance(action, Place)
    world.places(action.order, acknowledged=False)
    world.log.write(
        "OrderNotFound", client_order_id=action.order.client_order_id, step=1, payload={}
    )
    assert isinstance(world.due(sold="5"), Withdraw)


def test_it_is_renewed_before_the_broker_ends_it_when_the_market_is_closed() -> None:
    world = Bought()
    world.fills(18)
    placed(world)
    world.later(timedelta(days=86).total_seconds())
    assert world.due() is None
    assert cancelled(world, market=False).child == 1
    assert placed(world, market=False).child == 2


def test_our_ids_are_ours() -> None:
    assert is_ours("qd-3f9a-s02-p1-a1")
    assert is_ours("qd-3f9a-s02-c1-a1")
    assert not is_ours("qd-3f9a-s02-x1-a1")


@given(
    st.lists(
        st.sampled_from(["fill", "answer", "refuse", "cancel", "sell", "unsell", "wait", "stop"]),
        max_size=40,
    )
)
def test_never_more_is_covered_than_is_held_and_never_less_for_long_invariant_19(
    moves: list[str],
) -> None:
    world, sold = Bought(), "0"
    out: list[ChildOrder] = []
    for move in moves:
        run = world.run
        working = [o for o in run.protective if o.parent is None and not o.state.terminal]
        known = [o for o in working if o.state is OrderState.ACKNOWLEDGED]
        if move == "fill" and run.filled_qty(1) < 18:
            world.fills(3)
        elif move == "answer" and out:
            world.hears(out[0], world.report(out.pop(0)))
        elif move == "refuse" and out:
            world.refused(out.pop(0))
        elif move == "cancel" and known:
            world.asked_to_cancel(known[0])
            world.cancelled(known[0])
            world.cancelled(world.leg(known[0]))
        elif move == "sell":
            sold = "2"
        elif move == "unsell":
            sold = "0"
        elif move == "stop" and known:
            world.sells(world.leg(known[0]), int(known[0].qty), "165")
            world.cancelled(known[0])
        elif move == "wait":
            world.later(61)
        if not world.holdings.get(KEY) or not world.holdings[KEY].lots:
            continue
        action = world.due(sold=sold)
        if isinstance(action, Place):
            held = world.held(sold=sold)
            assert held.covered + held.pending + action.order.qty <= held.wanted
            assert action.order.client_order_id not in {o.client_order_id for o in run.protective}
            world.places(action.order, acknowledged=False)
            out.append(action.order)
        elif isinstance(action, Cancel):
            world.asked_to_cancel(action.order)
            world.cancelled(action.order)
            if action.order.oco:
                world.cancelled(world.leg(action.order))
    # Left alone, with a broker that answers, all that is held is protected in the end.
    for _ in range(20):
        if not world.holdings.get(KEY) or not world.holdings[KEY].lots:
            return
        while out:
            world.hears(out[0], world.report(out.pop(0)))
        world.later(61)
        action = world.due()
        if isinstance(action, Place):
            world.places(action.order, acknowledged=False)
            out.append(action.order)
        elif isinstance(action, Cancel):
            world.asked_to_cancel(action.order)
            world.cancelled(action.order)
    held = world.held()
    assert held.covered == held.wanted == held.qty
    assert bare(held, None) == ()
