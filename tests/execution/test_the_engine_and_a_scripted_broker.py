"""Approval, unknown orders, short sells and replaced orders, carried through by the engine
(spec 5; invariants 3, 8, 13, 17, 21, 22, 23)."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from engine_world import MakeWorld, World, payloads, settle
from hypothesis import given
from hypothesis import strategies as st
from risk_world import NOW

from db.model.market import Quote
from db.model.order import OrderState
from db.model.run import Mode, PlanState
from services.execution.book import NotPossibleError
from services.execution.ledger import ledger
from services.execution.offers import Offer, offers
from services.risk.facts import Facts

SELL_AND_BUY = ("sell 50 AAA", "buy 20 CCC", "buy 20 DDD")


# --- approval ---------------------------------------------------------------------------------


async def test_a_plan_runs_through(make: MakeWorld) -> None:
    world = make(*SELL_AND_BUY)
    await world.start(Mode.AUTO)
    await world.clock.move(5)
    assert world.run.state is PlanState.DONE, world.run.reason
    assert world.sent == [("AAA", 50, "a1"), ("CCC", 20, "a1"), ("DDD", 20, "a1")]


async def test_a_fact_recorded_before_the_waiting_began_is_not_missed(make: MakeWorld) -> None:
    world = make("sell 50 AAA")
    change = world.engine.book.changed()
    await world.add()
    async with asyncio.timeout(5):
        await change


def without_quote(facts: Facts) -> Facts:
    return replace(facts, quotes={s: q for s, q in facts.quotes.items() if s != "CCC"})


def one_sided(facts: Facts) -> Facts:
    half = facts.quotes["CCC"].model_copy(update={"ask": None})
    return replace(facts, quotes={**facts.quotes, "CCC": half})


def of_nothing(facts: Facts) -> Facts:
    empty = facts.quotes["CCC"].model_validate(
        {**facts.quotes["CCC"].model_dump(), "bid": "0", "ask": "0"}
    )
    return replace(facts, quotes={**facts.quotes, "CCC": empty})


def stale(facts: Facts) -> Facts:
    old = facts.quotes["CCC"].model_copy(update={"at": facts.now - timedelta(minutes=5)})
    return replace(facts, quotes={**facts.quotes, "CCC": old})


@pytest.mark.parametrize("spoilt", [without_quote, one_sided, of_nothing, stale])
@pytest.mark.parametrize("when", ["at approval", "at the start", "at the buys"])
async def test_missing_stale_or_zero_inputs_refuse_invariant_21(
    make: MakeWorld, spoilt: Callable[[Facts], Facts], when: str
) -> None:
    steps = ("buy 20 CCC",) if when == "at the start" else SELL_AND_BUY
    world = make(*steps)
    await world.add()
    if when == "at approval":
        world.change = spoilt
        with pytest.raises(NotPossibleError):
            await world.approve(Mode.AUTO)
        assert world.run.approval is None
        return
    await world.approve(Mode.AUTO)
    if when == "at the start":
        world.change = spoilt
        with pytest.raises(NotPossibleError, match="CCC"):
            await world.engine.start(world.plan.plan_id)
        assert world.sent == []
        return
    world.broker.script["AAA"] = ["rest"]
    await world.engine.start(world.plan.plan_id)
    await settle()
    world.change = spoilt
    world.broker.fill("qd-3f9a-s01-c1-a1", Decimal(50))
    await world.polled()
    await world.clock.move(15)
    assert world.run.state is PlanState.PAUSED
    assert world.run.approval is None
    assert [symbol for symbol, _, _ in world.sent] == ["AAA"]


def test_a_number_that_is_none_never_becomes_a_noun_invariant_21() -> None:
    for nonsense in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(ValueError, match="finite"):
            Quote.model_validate({"symbol": "CCC", "bid": nonsense, "ask": "1", "at": NOW})


@pytest.mark.parametrize("how", ["drift", "edit", "expiry", "policy"])
async def test_what_changes_after_the_approval_voids_it_invariant_22(
    make: MakeWorld, how: str
) -> None:
    world = make("sell 50 AAA")
    await world.add()
    await world.approve(Mode.AUTO)
    plan_id = world.plan.plan_id
    if how == "drift":
        world.prices["AAA"] = "101.10"
    elif how == "edit":
        fewer = world.plan.steps[0].model_copy(update={"qty": Decimal(40)})
        smaller = world.plan.model_copy(update={"steps": (fewer,), "revision": 2})
        await world.engine.edit(smaller, "smaller")
    elif how == "expiry":
        await world.clock.move(601)
    else:

        async def changed(_: object) -> Facts:
            raise NotPossibleError("The policy standard changed since plan 3f9a was made.")

        world.engine._facts = changed
    with pytest.raises(NotPossibleError):
        await world.engine.start(plan_id)
    assert world.sent == []
    assert how == "policy" or world.run.state is PlanState.CHECKED


async def test_two_approvals_and_two_starts_at_once_are_one_execution_invariant_23(
    make: MakeWorld,
) -> None:
    world = make("sell 50 AAA")
    await world.add()
    card = await world.engine.card("3f9a")

    def approve() -> object:
        return world.engine.approve("3f9a", card.token, card.hash, Mode.AUTO, "a test")

    answers = await asyncio.gather(approve(), approve(), return_exceptions=True)  # type: ignore[call-overload]
    assert sum(isinstance(a, NotPossibleError) for a in answers) == 1
    starts = [world.engine.start("3f9a") for _ in range(5)]
    answers = await asyncio.gather(*starts, return_exceptions=True)
    assert sum(isinstance(a, NotPossibleError) for a in answers) == 4
    await world.clock.move(5)
    assert world.sent == [("AAA", 50, "a1")]
    assert len(world.journal.of("PlanStarted")) == 1


async def test_a_plan_not_started_by_the_sessions_end_expires(make: MakeWorld) -> None:
    world = make("sell 50 AAA")
    near = timedelta(minutes=5)

    def late(facts: Facts) -> Facts:
        assert facts.clock is not None
        clock = facts.clock.model_copy(update={"next_close": world.now_at_start + near})
        return replace(facts, clock=clock)

    world.now_at_start = world.now().now  # type: ignore[attr-defined]
    world.change = late
    await world.add()
    await world.approve(Mode.AUTO)
    await world.engine.void_expired(world.now().now)
    assert world.run.state is PlanState.APPROVED
    await world.clock.move(300)
    await world.engine.void_expired(world.now().now)
    assert world.run.state is PlanState.EXPIRED
    with pytest.raises(NotPossibleError, match="expired"):
        await world.engine.start("3f9a")
    assert world.sent == []


# --- a sell that falls short ------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.PHASE, Mode.STEP])
async def test_a_short_sell_rescales_the_buys_for_a_new_approval_invariant_17(
    make: MakeWorld, mode: Mode
) -> None:
    world = make("sell 60 AAA", "buy 30 CCC", "buy 55 DDD", cash="4000", max_position_weight=None)
    world.broker.script["AAA"] = ["part:55"]
    await world.start(mode)
    if mode is Mode.STEP:
        await world.engine.confirm_next("3f9a")
    await world.clock.move(61)  # 92% filled: the rest is given up
    await world.polled()
    await world.engine.confirm_next("3f9a")
    await world.clock.move(20)
    run = world.run
    assert run.state is PlanState.PAUSED, run.reason
    assert run.approval is None
    assert "DDD 55 →" in run.reason
    assert run.plan.step(2).qty == 30, "the higher conviction is served first"
    assert run.plan.step(3).qty < 55
    assert len(world.sent) == 1
    with pytest.raises(NotPossibleError, match="approve"):
        await world.engine.continue_("3f9a")
    await world.approve(mode)
    await world.engine.continue_("3f9a")
    while world.run.state not in (PlanState.DONE, PlanState.DONE_WITH_EXCEPTIONS):
        if mode is Mode.STEP and world.run.state in (PlanState.SETTLING, PlanState.BUYING):
            with contextlib.suppress(NotPossibleError):
                await world.engine.confirm_next("3f9a")
        await world.clock.move(5)
        assert world.clock.seconds < 300, world.run.reason
    assert world.sent[1:] == [("CCC", 30, "a1"), ("DDD", run.plan.step(3).qty, "a1")]
    assert world.now().portfolio.cash >= Decimal("0.05") * world.now().portfolio.equity


@given(st.integers(0, 60))
def test_in_auto_mode_buys_only_shrink_and_never_below_the_buffer_invariant_17(sold: int) -> None:
    async def whole() -> None:
        world = World(
            "sell 60 AAA", "buy 30 CCC", "buy 55 DDD", cash="4000", max_position_weight=None
        )
        world.broker.script["AAA"] = [f"part:{sold}"] if sold else ["rest"]
        await world.start(Mode.AUTO)
        for _ in range(12):
            await world.clock.move(20)
            await world.polled()
        assert world.run.state.ended, (world.run.state, world.run.reason)
        bought = {s: q for s, q, _ in world.sent if s != "AAA"}
        assert bought.get("CCC", 0) <= 30
        assert bought.get("DDD", 0) <= 55
        after = world.now().portfolio
        if bought:
            assert after.cash >= Decimal("0.05") * after.equity
        assert world.run.approval is not None
        await world.close()

    asyncio.run(whole())


@pytest.mark.parametrize("taken", [0, 4000])
async def test_what_fills_during_a_look_at_the_cash_is_paid_for_once_invariant_16(
    make: MakeWorld, taken: int
) -> None:
    """Two plans buy side by side. The broker's cash was read before the one's fill, and our book
    heard of the fill before the other's gate: what it cost was in neither figure."""
    world = make("buy 40 CCC", cash="10000", max_position_weight=None)
    world.broker.script["CCC"] = ["rest"]
    await world.start(Mode.AUTO)
    (resting,) = world.broker.orders
    world.plan = world.another("5b2c", "buy 40 DDD")

    async def fills() -> None:
        if world.run.state is PlanState.BUYING and not world.broker.fills:
            world.cash -= taken  # somebody withdraws it
            world.broker.fill(resting, Decimal(40))
            await world.engine.tracker.poll()

    world.meanwhile = fills
    await world.start(Mode.AUTO)
    await world.clock.move(30)
    (_, (symbol, bought, _)) = world.sent
    assert symbol == "DDD"
    assert bought == 40 if not taken else 0 < (bought or 0) < 40, "neither twice nor not at all"
    after = world.now().portfolio
    assert after.cash >= Decimal("0.05") * after.equity


# --- unknown ----------------------------------------------------------------------------------


async def test_unknown_is_looked_up_and_each_change_of_the_answer_is_journalled(
    make: MakeWorld,
) -> None:
    world = make("sell 50 AAA")
    world.broker.script["AAA"] = ["lost"]
    await world.start(Mode.STEP)
    await world.engine.confirm_next("3f9a")
    await settle()
    assert world.run.unknown_orders
    world.broker.reachable = False
    tracking = asyncio.create_task(world.engine.tracker.run())
    await world.clock.move(3600)
    assert world.run.unknown_orders, "invariant 8: time never leaves UNKNOWN"
    world.broker.reachable = True
    await world.clock.move(3600)
    tracking.cancel()
    order = world.run.unknown_orders[0]
    said = [look.answer for look in order.look_ups]
    assert said == ["the broker could not be asked", "not found", "not found"], "changes only"
    assert order.absent
    assert world.run.state is PlanState.PAUSED
    assert len(world.broker.posts) == 1
    assert {Offer.RESEND, Offer.GIVE_UP, Offer.LOOK_UP} <= set(offers(world.run))
    assert Offer.WAIT not in offers(world.run)


async def absent(world: World, mode: Mode = Mode.STEP) -> str:
    """An order that the broker definitely does not have. Its id."""
    world.broker.script["AAA"] = ["lost"]
    await world.start(mode)
    if mode is Mode.STEP:
        await world.engine.confirm_next("3f9a")
    await settle()
    await world.polled()
    await world.clock.move(1.9)
    await world.polled()
    assert not any(order.absent for order in world.run.orders), "two looks 2 s apart"
    await world.clock.move(0.1)
    await world.polled()
    return world.run.orders[0].client_order_id


async def test_the_trader_resends_under_the_same_id_invariant_3(make: MakeWorld) -> None:
    world = make("sell 50 AAA")
    name = await absent(world)
    with pytest.raises(NotPossibleError, match="resend it under the same id, or give it up"):
        await world.engine.continue_("3f9a")
    await world.engine.remedies.resend(name)
    await world.clock.move(5)
    assert [post.client_order_id for post in world.broker.posts] == [name, name]
    assert world.run.state is PlanState.DONE


async def test_in_auto_mode_it_is_resent_by_itself_invariant_3(make: MakeWorld) -> None:
    world = make("sell 50 AAA")
    name = await absent(world, Mode.AUTO)
    await world.clock.move(5)
    assert [post.client_order_id for post in world.broker.posts] == [name, name]
    assert world.run.state is PlanState.DONE


async def test_given_up_it_is_never_sent(make: MakeWorld) -> None:
    world = make("sell 50 AAA", "sell 10 BBB")
    name = await absent(world)
    await world.engine.remedies.give_up(name)
    assert world.run.order(name) is not None
    await world.engine.continue_("3f9a")
    await world.engine.confirm_next("3f9a")
    await world.clock.move(5)
    assert [symbol for symbol, _, _ in world.sent] == ["AAA", "BBB"], world.run
    assert world.run.state is PlanState.DONE_WITH_EXCEPTIONS


async def test_one_that_turns_up_after_all_is_not_resent(make: MakeWorld) -> None:
    world = make("sell 50 AAA")
    name = await absent(world)
    world.broker._take(world.broker.posts[0])
    with pytest.raises(NotPossibleError, match=r"has .* after all: it is acknowledged"):
        await world.engine.remedies.resend(name)
    assert len(world.broker.posts) == 1
    assert world.run.orders[0].state is OrderState.ACKNOWLEDGED


# --- open too long ----------------------------------------------------------------------------


async def open_limit(make: MakeWorld) -> World:
    world = make("sell 50 AAA @ 100.50")
    world.broker.script["AAA"] = ["part:20"]
    await world.start(Mode.PHASE)
    await world.clock.move(61)
    await world.polled()
    assert world.run.state is PlanState.PAUSED
    assert "sell AAA (20 of 50 filled)" in world.run.reason
    assert set(offers(world.run)) == {
        Offer.WAIT, Offer.REPRICE, Offer.RESUBMIT, Offer.CANCEL_REST, Offer.ABORT,
    }  # fmt: skip
    return world


async def test_the_verified_rest_goes_out_at_another_limit(make: MakeWorld) -> None:
    world = await open_limit(make)
    await world.engine.remedies.reprice("3f9a")
    await world.polled()
    await world.clock.move(5)
    assert [(p.qty, p.limit_price) for p in world.broker.posts] == [
        (50, Decimal("100.50")),
        (30, Decimal("99.99")),
    ]
    assert payloads(world, "StepRepriced")[0]["limit_price"] == "99.99"
    assert world.run.state is PlanState.DONE


async def test_a_limit_leaves_not_what_the_approval_covers_invariant_22(make: MakeWorld) -> None:
    world = await open_limit(make)
    world.prices["AAA"] = "99"
    with pytest.raises(NotPossibleError, match="Propose it again"):
        await world.engine.remedies.reprice("3f9a")
    assert world.run.state is PlanState.PAUSED
    assert len(world.broker.posts) == 1
    assert world.run.orders[0].cancel_requested_at is None


async def test_the_rest_is_cancelled_and_the_plan_goes_on_with_what_filled(
    make: MakeWorld,
) -> None:
    world = await open_limit(make)
    await world.engine.remedies.cancel_rest("3f9a")
    await world.polled()
    await world.clock.move(5)
    assert len(world.broker.posts) == 1
    assert world.run.state is PlanState.DONE_WITH_EXCEPTIONS
    assert world.run.filled_qty(1) == 20


async def test_the_rest_is_sent_once_more_when_the_trader_says_so(make: MakeWorld) -> None:
    world = await open_limit(make)
    await world.engine.remedies.resubmit("3f9a")
    await world.polled()
    await world.clock.move(5)
    assert [(p.qty, p.limit_price) for p in world.broker.posts][1:] == [(30, Decimal("100.50"))]
    assert world.run.state is PlanState.DONE


async def test_nothing_is_offered_that_makes_no_sense(make: MakeWorld) -> None:
    world = make("sell 50 AAA")
    await world.add()
    assert offers(world.run) == ()
    for remedy in (world.engine.remedies.reprice, world.engine.remedies.cancel_rest):
        with pytest.raises(NotPossibleError):
            await remedy("3f9a")
    with pytest.raises(NotPossibleError, match="There is no order"):
        await world.engine.remedies.look_up("qd-3f9a-s09-c1-a1")


async def test_a_rest_whose_end_the_broker_contradicts_is_not_sent(make: MakeWorld) -> None:
    world = await open_limit(make)
    name = world.run.orders[0].client_order_id
    ended = world.broker.orders[name].model_copy(
        update={"state": OrderState.CANCELED, "status": "canceled"}
    )
    await world.engine.remedies.resubmit("3f9a")
    world.broker.change(name, state=OrderState.ACKNOWLEDGED, status="new")
    await world.engine.sender.absorb(ended)  # the stream says canceled, the broker still works it
    await world.clock.move(5)
    assert len(world.broker.posts) == 1
    assert world.run.state is PlanState.PAUSED
    assert "ours says canceled, the broker new" in world.run.reason
    assert payloads(world, "TransitionRefused"), "and its symbol is locked"


# --- replaced at the broker -------------------------------------------------------------------


@pytest.mark.parametrize("carried", [True, False])
@pytest.mark.parametrize("before", [0, 20])
async def test_an_order_replaced_at_the_broker_stays_one_leg_invariant_13(
    make: MakeWorld, before: int, carried: bool
) -> None:
    world = make("sell 50 AAA @ 100.50")
    world.broker.script["AAA"] = [f"part:{before}" if before else "rest"]
    await world.start(Mode.AUTO)
    name = world.run.orders[0].client_order_id
    size = 50 if carried else 50 - before
    tail = world.broker.replace_at_the_broker(name, size, carried)
    await world.polled()
    await world.polled()
    order = world.run.orders[0]
    assert order.followed
    assert order.order_id == world.broker.orders[tail].order_id
    assert (order.qty, order.filled_qty) == (50, before)
    assert not order.state.terminal, "the tail works"
    world.broker.fill(tail, Decimal(10))
    await world.polled()
    assert world.run.filled_qty(1) == before + 10
    world.broker.fill(tail, Decimal(40 - before))
    await world.polled()
    await world.clock.move(5)
    assert world.run.filled_qty(1) == 50
    assert world.run.state is PlanState.DONE
    booked = [Decimal(p["fill"]["qty"]) for p in payloads(world, "FillReceived")]
    assert sum(booked) == 50
    assert len(world.broker.posts) == 1


async def test_a_smaller_replacement_makes_the_leg_smaller_invariant_13(make: MakeWorld) -> None:
    world = make("sell 50 AAA @ 100.50")
    world.broker.script["AAA"] = ["part:20"]
    await world.start(Mode.AUTO)
    tail = world.broker.replace_at_the_broker(world.run.orders[0].client_order_id, 30, True)
    await world.polled()
    await world.polled()
    world.broker.fill(tail, Decimal(10))
    await world.polled()
    await world.clock.move(5)
    assert world.run.state is PlanState.DONE_WITH_EXCEPTIONS
    assert world.run.filled_qty(1) == 30


async def test_a_bigger_replacement_is_refused_and_said_invariant_13(make: MakeWorld) -> None:
    world = make("sell 50 AAA @ 100.50")
    world.broker.script["AAA"] = ["rest"]
    await world.start(Mode.AUTO)
    world.broker.replace_at_the_broker(world.run.orders[0].client_order_id, 80, True)
    await world.polled()
    await world.polled()
    await world.polled()
    refused = payloads(world, "TransitionRefused")
    assert len(refused) == 1
    assert "80, more than our 50" in refused[0]["why"]
    assert not world.run.orders[0].state.terminal


# --- the funding ledger -----------------------------------------------------------------------


async def test_the_ledger_agrees_with_the_brokers_cash_at_every_moment(make: MakeWorld) -> None:
    world = make(*SELL_AND_BUY)
    world.broker.script["AAA"] = ["part:20"]
    world.broker.script["CCC"] = ["part:5"]
    await world.start(Mode.AUTO)

    assert ledger(world.run).steps[0].actual == 2000
    world.broker.fill("qd-3f9a-s01-c1-a1", Decimal(30))
    await world.polled()
    await world.clock.move(3)
    told = ledger(world.run)
    assert told.opening_cash == 20000
    assert told.cash == world.now().portfolio.cash == 20000 + 5000 - 500
    assert told.reserved == 15 * world.run.plan.step(2).expected_price
    assert [entry.actual for entry in told.steps] == [5000, -500, 0]
    assert told.steps[-1].cash_planned == world.run.plan.steps[-1].expected_cash_after
