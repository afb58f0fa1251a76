"""One order checked as it is about to become an intent, on what is known then: nothing slips between
the check of its phase and its own send (spec 5; invariants 20, 21)."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from engine_world import MakeWorld, World, payloads, settle
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import make_plan
from risk_world import CLOSED, NOW, order, world

from db.model.instrument import Restriction
from db.model.market import Quote
from db.model.order import BrokerOrder, OrderState, OrderType, Side
from db.model.record import DayState
from db.model.run import Mode, PlanRun, PlanState
from services.execution.book import NotPossibleError
from services.execution.decide import next_child
from services.execution.last_check import against
from services.risk.facts import Facts

Change = Callable[[Facts], Facts]


def halted(symbol: str) -> Change:
    return lambda facts: replace(facts, halted={symbol: "news pending"})


def restricted(symbol: str) -> Change:
    listed = (Restriction(symbol=symbol, reason="earnings tonight"),)
    return lambda facts: replace(facts, restrictions=listed)


def delisted(symbol: str) -> Change:
    def change(facts: Facts) -> Facts:
        gone = facts.instruments[symbol].model_copy(update={"tradable": False})
        return replace(facts, instruments={**facts.instruments, symbol: gone})

    return change


def closed(facts: Facts) -> Facts:
    return replace(facts, clock=CLOSED)


def bad_day(facts: Facts) -> Facts:
    return replace(facts, day=DayState(start_equity=Decimal(10**6), losses_in_a_row=9))


def quoted(symbol: str, **changed: object) -> Change:
    def change(facts: Facts) -> Facts:
        quote: Quote = facts.quotes[symbol].model_copy(update=changed)
        return replace(facts, quotes={**facts.quotes, symbol: quote})

    return change


def typed_elsewhere(text: str) -> Change:
    """The trader types the same order at the broker's own page."""
    side, qty, symbol = text.split()
    twin = BrokerOrder(
        order_id="web-1", client_order_id="web", account="main", symbol=symbol, side=Side(side),
        type="market", qty=Decimal(qty), status="new", state=OrderState.ACKNOWLEDGED,
        submitted_at=NOW,
    )  # fmt: skip
    return lambda facts: replace(
        facts, portfolio=facts.portfolio.model_copy(update={"orders": (twin,)})
    )


async def after_the_first(made: World, mode: Mode, change: Change) -> None:
    """The first step fills, then something changes, and the next one's turn comes."""
    made.broker.script[made.plan.steps[0].symbol] = ["rest"]
    await made.start(mode)
    if mode is Mode.STEP:
        await made.engine.confirm_next(made.plan.plan_id)
        await settle()
    assert [o.symbol for o in made.run.orders] == [made.plan.steps[0].symbol]
    made.change = change
    made.broker.fill(made.broker.posts[0].client_order_id, made.plan.steps[0].qty)
    await made.polled()
    if mode is Mode.STEP:
        await made.engine.confirm_next(made.plan.plan_id)
    await made.clock.move(3)


BUYS: list[tuple[Change, str]] = [
    (halted("DDD"), "halted_symbol"),
    (restricted("DDD"), "restricted"),
    (delisted("DDD"), "tradable"),
    (closed, "market_hours"),
    (bad_day, "daily_loss"),
    (quoted("DDD", ask=None), "quote_fresh"),
    (typed_elsewhere("buy 20 DDD"), "duplicate_order"),
    (typed_elsewhere("sell 5 DDD"), "opposite_order"),
]


@pytest.mark.parametrize(("change", "check"), BUYS, ids=[check for _, check in BUYS])
async def test_a_buy_meets_what_changed_since_its_phase_began(
    make: MakeWorld, change: Change, check: str
) -> None:
    """Invariant 21, in the buy phase: the denial is on record, no attempt is used up, and the plan
    goes on once nothing is in the way."""
    made = make("buy 20 CCC", "buy 20 DDD")
    await after_the_first(made, Mode.AUTO, change)
    assert made.sent == [("CCC", 20, "a1")]
    (denial,) = payloads(made, "OrderWithheld")
    assert denial["check"] == check
    assert made.run.state is PlanState.PAUSED
    assert denial["reason"].startswith("buy DDD was not sent: ")
    assert made.run.reason.startswith(denial["reason"])
    made.change = lambda facts: facts
    await made.engine.continue_(made.plan.plan_id)
    await made.clock.move(3)
    assert made.sent == [("CCC", 20, "a1"), ("DDD", 20, "a1")]
    assert made.run.state is PlanState.DONE


SELLS: list[tuple[Change, str]] = [
    (halted("BBB"), "halted_symbol"),
    (delisted("BBB"), "tradable"),
    (typed_elsewhere("sell 20 BBB"), "duplicate_order"),
]


@pytest.mark.parametrize(("change", "check"), SELLS, ids=[check for _, check in SELLS])
async def test_a_sell_that_waited_for_its_confirmation_meets_it_too(
    make: MakeWorld, change: Change, check: str
) -> None:
    made = make("sell 10 AAA", "sell 20 BBB")
    await after_the_first(made, Mode.STEP, change)
    assert made.sent == [("AAA", 10, "a1")]
    assert [denial["check"] for denial in payloads(made, "OrderWithheld")] == [check]
    assert made.run.state is PlanState.PAUSED


NO_MATTER: list[Change] = [
    bad_day, closed, restricted("BBB"), quoted("BBB", ask=None, bid=None),
    typed_elsewhere("buy 20 BBB"), lambda facts: replace(facts, instruments={
        s: i.model_copy(update={"average_daily_volume": None}) for s, i in facts.instruments.items()
    }),
    lambda facts: replace(facts, halted_before={"BBB": "news"}),
]  # fmt: skip


@pytest.mark.parametrize("change", NO_MATTER)
async def test_no_cap_stands_in_the_way_of_an_exit(make: MakeWorld, change: Change) -> None:
    """Invariant 20."""
    made = make("sell 10 AAA", "sell 20 BBB")
    await after_the_first(made, Mode.STEP, change)
    assert made.sent == [("AAA", 10, "a1"), ("BBB", 20, "a1")]
    assert made.run.state is PlanState.DONE


async def test_of_sells_side_by_side_only_the_one_that_may_not_stays(
    make: MakeWorld,
) -> None:
    """The check of the phase passed a moment ago; the fact came between."""
    made = make("sell 10 AAA", "sell 20 BBB")
    await made.add()
    await made.approve(Mode.AUTO)
    await made.engine.start(made.plan.plan_id)
    made.change = halted("AAA")
    await made.clock.move(3)
    assert made.sent == [("BBB", 20, "a1")]
    assert made.run.state is PlanState.PAUSED
    assert "AAA is halted by its exchange: news pending" in made.run.reason


async def test_a_retry_is_checked_again(make: MakeWorld) -> None:
    made = make("sell 10 AAA")
    made.broker.script["AAA"] = ["rate_limit"]
    await made.start(Mode.AUTO)
    made.change = halted("AAA")
    await made.clock.move(5)
    assert [o.state for o in made.run.orders] == [OrderState.REJECTED]
    assert made.run.state is PlanState.PAUSED
    made.change = lambda facts: facts
    await made.engine.continue_(made.plan.plan_id)
    await made.clock.move(5)
    assert made.sent == [("AAA", 10, "a1"), ("AAA", 10, "a2")]


@pytest.mark.parametrize("step", ["sell 10 AAA", "buy 20 CCC"])
async def test_an_intent_that_was_left_is_checked_before_it_is_sent(
    make: MakeWorld, step: str
) -> None:
    """It never arrived: sent under its own id, unless something forbids it now."""
    made = make(step)
    symbol = step.split()[2]
    made.broker.script[symbol] = ["lost"]
    await made.start(Mode.AUTO)
    made.change = halted(symbol)
    for _ in range(4):
        await made.engine.tracker.poll()
        await made.clock.move(3)
    (sent,) = made.run.orders
    assert (sent.state, sent.verified) == (OrderState.REJECTED, True)
    assert "halted by its exchange" in sent.reason
    assert payloads(made, "OrderDenied") == [{"reason": sent.reason}]
    assert (made.run.state, len(made.sent)) == (PlanState.PAUSED, 1)


async def test_the_same_order_of_another_plan_within_a_minute(make: MakeWorld) -> None:
    """It filled at once, so that the broker lists it no more: our book knows (spec 3,
    duplicate_order)."""
    made = make("sell 10 AAA")
    await made.start(Mode.AUTO)
    await made.clock.move(5)
    assert made.run.state is PlanState.DONE
    first, made.plan = made.plan, made.plan.model_copy(update={"plan_id": "4a0b"})
    await made.start(Mode.AUTO)
    await made.clock.move(3)
    assert made.run.state is PlanState.PAUSED
    assert f"qd-{first.plan_id}-s01-c1-a1 is the same order" in made.run.reason
    await made.clock.move(60)
    await made.engine.continue_(made.plan.plan_id)
    await made.clock.move(3)
    assert [qty for _, qty, _ in made.sent] == [10, 10]
    assert made.run.state is PlanState.DONE


async def test_a_flatten_asks_no_check(make: MakeWorld) -> None:
    """Spec 5, Kill switch: what closes everything is sent, and the broker may refuse it."""
    made = make("sell 10 AAA")
    plan = made.plan.model_copy(update={"source": "flatten"})
    made.change = halted("AAA")
    await made.engine.start_exits(plan, made.now(), "a test")
    await made.clock.move(3)
    assert made.sent == [("AAA", 10, "a1")]


async def test_without_facts_nothing_leaves_and_the_plan_says_why(
    make: MakeWorld,
) -> None:
    made = make("sell 10 AAA")
    await made.add()
    await made.approve(Mode.AUTO)

    def none_at_hand(_: Facts) -> Facts:
        raise NotPossibleError("The policy standard changed since plan 3f9a was made.")

    await made.engine.start(made.plan.plan_id)
    made.change = none_at_hand
    await made.clock.move(3)
    assert made.sent == []
    assert made.run.state is PlanState.PAUSED
    assert made.run.reason == "The policy standard changed since plan 3f9a was made."


sizes = st.integers(1, 100)


@given(sizes, sizes, st.booleans(), st.sampled_from(["market", "limit"]))
def test_a_sale_of_what_is_held_is_let_out_whatever_the_limits(
    held: int, sold: int, stop: bool, kind: str
) -> None:
    """On the worst of days, unless its exchange halts it (invariant 20)."""
    step = order(f"sell {sold} AAA").model_copy(update={"type": OrderType(kind)})
    run = PlanRun(plan=make_plan(step))
    known = bad_day(world(held={"AAA": str(held)}))
    known = halted("AAA")(known) if stop else known
    finding = against(run, next_child(run, run.plan.steps[0]), known, (), NOW)
    if sold <= held:
        assert (finding.check if finding else None) == ("halted_symbol" if stop else None)
    else:
        assert finding is not None


async def test_an_old_list_that_still_shows_an_earlier_attempt_is_no_duplicate(
    make: MakeWorld,
) -> None:
    """What is known without asking may be seconds old: the rest of a cancelled order leaves."""
    made = make("sell 10 AAA @ 100")
    made.broker.script["AAA"] = ["rest"]
    await made.start(Mode.AUTO)
    (old,) = made.broker.orders.values()
    portfolio = made.now().portfolio.model_copy(update={"orders": (old,)})
    made.change = lambda facts: replace(facts, portfolio=portfolio)
    await made.engine.pause(made.plan.plan_id)
    await made.engine.remedies.resubmit(made.plan.plan_id)
    for _ in range(3):
        await made.engine.tracker.poll()
        await made.clock.move(2)
    assert made.sent == [("AAA", 10, "a1"), ("AAA", 10, "a2")]
