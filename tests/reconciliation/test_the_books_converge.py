"""A look, a signature an item, and the books agree; the second look writes nothing; a read that fails
changes nothing (invariant 30). Over random snapshots."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from books_world import NOON, Books, books, child
from hypothesis import given, settings
from hypothesis import strategies as st

from db.model.order import OrderState, Side
from db.model.reconciliation import ACTIONS, Action, MismatchKind
from services.brokers.port import BrokerUnavailableError
from services.execution.book import NotPossibleError

SYMBOLS = ("NEM", "AA", "NVDA")
symbols = st.sampled_from(SYMBOLS)
sizes = st.integers(1, 20)
prices = st.integers(20, 90).map(Decimal)

deeds = st.one_of(
    st.tuples(st.just("trade"), symbols, st.sampled_from(list(Side)), sizes, prices),
    st.tuples(st.just("jump"), symbols, st.integers(-20, 20), prices),
    st.tuples(st.just("order"), symbols, st.sampled_from(list(Side)), sizes),
    st.tuples(st.just("fee"), st.integers(-500, 500)),
    st.tuples(st.just("cash"), st.integers(-500, 500)),
)
"""What happens at the broker behind our back: executions, shares that come or go without one, orders,
booked activities, cash that nothing explains."""


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def do(world: Books, n: int, deed: tuple[Any, ...]) -> None:
    broker = world.broker
    match deed:
        case ("trade", symbol, side, qty, price):
            broker.trade(f"t{n}", symbol, side, qty, price)
        case ("jump", symbol, qty, price):
            broker.hold(symbol, qty, price)
        case ("order", symbol, side, qty):
            broker.list_order(f"o{n}", symbol, side, qty)
        case ("fee", amount):
            broker.book(f"a{n}", str(amount))
        case ("cash", amount):
            broker.cash += amount


async def happened(before: list[tuple[Any, ...]], since: list[tuple[Any, ...]]) -> Books:
    """Books opened after the one and compared after the other."""
    world = books()
    for n, deed in enumerate(before):
        do(world, n, deed)
    await world.reconciler.reconcile()
    world.clock.seconds += 5
    for n, deed in enumerate(since, start=100):
        do(world, n, deed)
    await world.reconciler.reconcile()
    return world


@settings(max_examples=150)
@given(before=st.lists(deeds, max_size=4), since=st.lists(deeds, max_size=6))
def test_adopting_item_by_item_converges_and_the_second_look_writes_nothing_invariant_30(
    before: list[tuple[Any, ...]], since: list[tuple[Any, ...]]
) -> None:
    async def work() -> None:
        world = await happened(before, since)
        for _ in range(20):
            adoptable = [m for m in world.reconciler.open if Action.ADOPT in ACTIONS[m.kind]]
            if not adoptable:
                break
            await world.reconciler.settle(adoptable[0].key, "adopt", "checked", "a test")
        assert world.reconciler.open == ()
        assert world.reconciler.disagreement() is None
        written = len(world.journal.events)
        assert (await world.reconciler.reconcile()).clean
        assert len(world.journal.events) == written
        restarted = world.again()
        assert (await restarted.reconciler.reconcile()).clean
        assert restarted.journal.kinds()[written:] == ["Reconciled"]

    run(work())


READS = ("account", "positions", "open_orders", "orders_since", "fills_since", "activities_since")


@settings(max_examples=100)
@given(
    since=st.lists(deeds, min_size=1, max_size=5),
    later=st.lists(deeds, min_size=1, max_size=5),
    read=st.sampled_from(READS),
    nth=st.integers(0, 2),
)
def test_a_read_that_fails_anywhere_changes_no_figure_and_settles_nothing_invariant_30(
    since: list[tuple[Any, ...]], later: list[tuple[Any, ...]], read: str, nth: int
) -> None:
    async def work() -> None:
        world = await happened([], since)
        reconciler, broker = world.reconciler, world.broker
        known = (reconciler.open, reconciler.last, reconciler._books.held, reconciler._books.cash)
        for n, deed in enumerate(later, start=200):
            do(world, n, deed)
        reconciler.distrust("a test")
        broker.reads.clear()
        written = len(world.journal.events)
        broker.fail, broker.fail_after = read, nth
        try:
            await reconciler.reconcile()
        except BrokerUnavailableError:
            now = (reconciler.open, reconciler.last, reconciler._books.held)
            assert now == known[:3]
            if "ActivityBooked" not in world.journal.kinds()[written:]:
                assert reconciler._books.cash == known[3]
            assert reconciler.in_doubt
            assert reconciler.disagreement() == "a test"

    run(work())


@settings(max_examples=60)
@given(since=st.lists(deeds, min_size=1, max_size=5))
def test_what_is_ignored_stays_ignored_until_it_is_another_difference(
    since: list[tuple[Any, ...]],
) -> None:
    async def work() -> None:
        world = await happened([], since)
        for found in world.reconciler.open:
            await world.reconciler.settle(found.key, "ignore", "known", "a test")
        assert world.reconciler.clean
        for _ in range(2):
            assert (await world.reconciler.reconcile()).clean
        left = (
            {m.standing for m in world.reconciler.last.ignored} if world.reconciler.last else set()
        )
        restarted = world.again()
        assert (await restarted.reconciler.reconcile()).clean
        world.broker.hold("FCX", 7)
        assert [m.symbol for m in (await world.reconciler.reconcile()).mismatches] == ["FCX"]
        assert left == {m.standing for m in world.reconciler.last.ignored}  # type: ignore[union-attr]

    run(work())


async def test_an_outside_trade_is_one_difference_with_one_signature_cash_and_all() -> None:
    world = books()
    world.broker.hold("NEM", 100)
    await world.reconciler.reconcile()
    world.clock.seconds += 5
    world.broker.trade("w1", "NEM", Side.SELL, 6, Decimal(60))
    world.broker.trade("w1b", "NEM", Side.SELL, 4, Decimal(61))
    (found,) = (await world.reconciler.reconcile()).mismatches
    assert (found.kind, found.ours, found.broker, found.critical) == (
        MismatchKind.QUANTITY, Decimal(100), Decimal(90), True,
    )  # fmt: skip
    assert "sell 6 at 60 on 2026-01-05 17:00 UTC (order web-w1)" in found.explanation
    assert "-10 in all" in found.explanation
    assert (await world.reconciler.settle(found.key, "adopt", "my own sale", "ann")).clean
    kinds = world.journal.kinds()[-4:]
    assert kinds == ["FillReceived", "FillReceived", "PositionAdopted", "Reconciled"]
    signed = world.journal.events[-2].payload
    assert (signed["by"], signed["reason"], signed["executions"]) == (
        "ann",
        "my own sale",
        ["x0", "x1"],
    )
    assert world.reconciler._books.cash["main"] == world.broker.cash


async def test_executions_that_net_to_nothing_are_critical_all_the_same() -> None:
    world = books()
    world.broker.hold("NEM", 100)
    await world.reconciler.reconcile()
    world.clock.seconds += 5
    world.broker.trade("w1", "NEM", Side.SELL, 10, Decimal(60))
    world.broker.trade("w2", "NEM", Side.BUY, 10, Decimal(50))
    (found,) = (await world.reconciler.reconcile()).mismatches
    assert (found.kind, found.critical) == (MismatchKind.GHOST_FILL, True)
    assert (await world.reconciler.settle(found.key, "adopt", "mine", "ann")).clean


async def test_a_fill_on_its_way_is_no_mismatch() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.clock.seconds += 5
    world.broker.hold("NEM", 10)
    world.clock.on_sleep = lambda: world.broker.hold("NEM", 0)
    assert (await world.reconciler.reconcile()).clean


async def test_what_moves_all_the_time_is_not_agreed_on() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.reconciler.distrust("the order stream was away")
    world.broker.hold("NEM", 1)
    world.clock.on_sleep = lambda: world.broker.hold("NEM", world.broker.held["NEM"][0] + 1)
    assert (await world.reconciler.reconcile()).clean
    assert world.reconciler.disagreement() == "the order stream was away"


async def test_fees_and_dividends_explain_cash_and_are_booked_once() -> None:
    world = books()
    world.broker.book("old", "-3")
    await world.reconciler.reconcile()
    world.broker.book("fee", "-2.50")
    world.broker.book("div", "31.20", kind="DIV", symbol="NEM")
    world.broker.book("void", "0", kind="DIV", net_amount="99", void=True)
    for _ in range(2):
        assert (await world.reconciler.reconcile()).clean
    assert world.journal.kinds().count("ActivityBooked") == 2
    world.broker.cash -= 40
    (found,) = (await world.reconciler.reconcile()).mismatches
    assert found.kind is MismatchKind.CASH
    assert "$40.00 less, which no activity explains" in found.explanation
    assert world.reconciler.locked_symbols == frozenset()
    assert (await world.reconciler.settle(found.key, "adopt", "the bank's", "ann")).clean


async def test_missed_fills_are_booked_at_their_own_prices_before_positions_are_compared() -> None:
    """Orders of the day of any status, and executions, at start (spec 5, Crash and restart)."""
    world = books()
    await world.reconciler.reconcile()
    world.own(child("qd-1", order_id="b-1"))
    world.broker.list_order("b-1", "NEM", Side.BUY, 10, client_order_id="qd-1")
    world.clock.seconds += 5
    world.broker.trade("b-1", "NEM", Side.BUY, 4, Decimal(50))
    world.clock.seconds += 5
    world.broker.trade("b-1", "NEM", Side.BUY, 6, Decimal(51))
    world.reconciler.distrust("the desk was away")
    assert (await world.reconciler.reconcile()).clean
    booked = [e.payload["fill"] for e in world.journal.events if e.kind == "FillReceived"]
    assert [(f["execution_id"], f["qty"], f["price"]) for f in booked] == [
        ("x0", "4", "50"), ("x1", "6", "51"),
    ]  # fmt: skip
    order = world.engine.book.order("qd-1")
    assert order is not None
    assert order.state is OrderState.FILLED


async def test_an_order_whose_fills_do_not_add_up_is_flagged_invariant_11() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.broker.hold("NEM", 10)
    world.own(child("qd-1", order_id="b-1", filled_qty=Decimal(7), filled_avg_price=Decimal(50),
                    state=OrderState.CANCELED))  # fmt: skip
    world.broker.list_order(
        "b-1", "NEM", Side.BUY, 10, client_order_id="qd-1", filled_qty=Decimal(5),
        filled_avg_price=Decimal(50), state=OrderState.CANCELED, status="canceled",
        submitted_at=NOON + timedelta(seconds=1),
    )  # fmt: skip
    world.reconciler.distrust("a test")
    found = (await world.reconciler.reconcile()).mismatches
    flagged = next(m for m in found if m.kind is MismatchKind.FILLS)
    assert (flagged.subject, flagged.ours, flagged.broker) == ("qd-1", Decimal(7), Decimal(5))
    with pytest.raises(NotPossibleError, match="investigate, ignore"):
        await world.reconciler.settle(flagged.key, "adopt", "so what", "ann")


async def test_an_external_order_is_adopted_as_known_and_its_fills_are_booked() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.broker.list_order("w1", "NEM", Side.BUY, 10)
    (found,) = (await world.reconciler.reconcile()).mismatches
    assert found.kind is MismatchKind.EXTERNAL_ORDER
    assert world.reconciler.locked_symbols == {"NEM"}
    assert (await world.reconciler.settle(found.key, "adopt", "mine, on the phone", "ann")).clean
    assert world.broker.cancelled == []
    world.clock.seconds += 5
    world.broker.trade("w1", "NEM", Side.BUY, 10)
    assert (await world.again().reconciler.reconcile()).clean
    assert (await world.reconciler.reconcile()).clean


async def test_an_external_order_is_cancelled_at_the_broker_when_the_trader_says_so() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.broker.list_order("w1", "NEM", Side.BUY, 10)
    (found,) = (await world.reconciler.reconcile()).mismatches
    assert (await world.reconciler.settle(found.key, "cancel", "not mine", "ann")).clean
    assert world.broker.cancelled == ["w1"]
    assert "ExternalCancelRequested" in world.journal.kinds()


async def test_what_is_investigated_stays_open_locked_and_noted() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.broker.hold("NEM", 10)
    (found,) = (await world.reconciler.reconcile()).mismatches
    await world.reconciler.settle(found.key, "investigate", "asked the broker", "ann")
    (still,) = world.reconciler.open
    assert still.note == "ann: asked the broker"
    assert world.reconciler.locked_symbols == {"NEM"}
    assert world.again().reconciler._signatures.note(still) == "ann: asked the broker"


async def test_what_was_signed_of_a_difference_ends_with_it() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.broker.hold("NEM", 10)
    (found,) = (await world.reconciler.reconcile()).mismatches
    await world.reconciler.settle(found.key, "ignore", "transfer under way", "ann")
    world.broker.hold("NEM", 0)
    assert (await world.reconciler.reconcile()).clean
    world.broker.hold("NEM", 10)
    assert [m.key for m in (await world.reconciler.reconcile()).mismatches] == [found.key]


async def test_what_is_signed_is_what_was_shown() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.broker.hold("NEM", 10)
    (found,) = (await world.reconciler.reconcile()).mismatches
    world.broker.hold("NEM", 12)
    with pytest.raises(NotPossibleError, match="12 now"):
        await world.reconciler.settle(found.key, "adopt", "mine", "ann")
    assert "PositionAdopted" not in world.journal.kinds()


async def test_an_order_of_ours_that_is_gone_is_looked_up_then_ended_by_the_traders_word() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.own(child("qd-1"))
    (found,) = (await world.reconciler.reconcile()).mismatches
    assert found.kind is MismatchKind.LOST_ORDER
    assert "order" in world.broker.reads
    assert (await world.reconciler.settle(found.key, "adopt", "the broker has none", "ann")).clean
    order = world.engine.book.order("qd-1")
    assert order is not None
    assert order.state is OrderState.CANCELED


async def test_after_a_doubt_everything_waits_until_the_books_agree_or_are_signed_invariant_29() -> (
    None
):
    world = books()
    assert world.reconciler.disagreement() == "the books were not compared with the broker's yet"
    await world.reconciler.reconcile()
    assert world.reconciler.disagreement() is None
    world.broker.hold("NEM", 10)
    (found,) = (await world.reconciler.reconcile()).mismatches
    assert world.reconciler.disagreement() is None  # found while all was heard: its symbol waits
    world.reconciler.distrust("the order stream was away")
    assert world.reconciler.disagreement() == "the order stream was away"
    await world.reconciler.reconcile()
    assert "nobody has signed it" in (world.reconciler.disagreement() or "")
    await world.reconciler.settle(found.key, "investigate", "looking", "ann")
    assert world.reconciler.disagreement() is None
    assert world.reconciler.locked_symbols == {"NEM"}


async def test_a_doubt_that_comes_while_the_books_are_compared_is_not_settled_by_it() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.broker.hold("NEM", 10)
    world.clock.on_sleep = lambda: world.reconciler.distrust("again")
    await world.reconciler.reconcile()
    assert world.reconciler.disagreement() == "again"


async def test_a_routine_look_costs_four_reads_however_long_the_day() -> None:
    world = books()
    await world.reconciler.reconcile()
    world.own(*(child(f"qd-{n}", order_id=f"b{n}", state=OrderState.CANCELED) for n in range(900)))
    for n in range(900):
        done = {"state": OrderState.CANCELED, "status": "canceled"}
        world.broker.list_order(f"b{n}", "NEM", Side.BUY, 10, client_order_id=f"qd-{n}", **done)
    world.broker.reads.clear()
    assert (await world.reconciler.reconcile()).clean
    assert sorted(world.broker.reads) == ["account", "fills_since", "open_orders", "positions"]
