"""Only cash that is there is spent, and an approval is bound, used once, and expires
(spec 4, Editing; spec 5, Phases; invariants 16, 22, 23)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from execution_makers import Log, intended
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import NOON, make_plan, make_step
from risk_world import STANDARD, world

from db.model.order import OrderType, Side
from db.model.run import ChildOrder, PlanRun, PlanState
from db.model.trading import TradingState
from services.execution.approval import Approvals, new_token
from services.execution.book import NotPossibleError
from services.execution.decide import next_child
from services.execution.gate import gate, reserved_by, worst_price
from services.execution.resize import resized
from services.execution.transitions import ORDER, PLAN
from services.risk.standing import standing

MONEY = st.decimals("-100000", "100000", places=2)
PRICES = st.decimals("0.01", "5000", places=2)
STEP = make_step(1, Side.BUY, "AAA", 10, "100")


@given(st.integers(1, 10_000), PRICES, MONEY, MONEY.filter(lambda m: m >= 0))
def test_a_buy_never_grows_and_never_costs_more_than_is_left(
    wanted: int, price: Decimal, spendable: Decimal, reserved: Decimal
) -> None:
    result = gate(STEP, Decimal(wanted), price, spendable, reserved)
    assert 0 <= result.qty <= wanted
    assert result.qty * price <= max(spendable - reserved, Decimal(0))
    one_more = result.qty + 1
    assert result.qty == wanted or one_more * price > max(spendable - reserved, Decimal(0))


def test_a_market_buy_is_counted_at_its_dearest() -> None:
    facts = world()
    dearest = worst_price(STEP, facts.quotes["AAA"], STANDARD)
    assert dearest == Decimal("100.52")  # ask 100.01, and the policy's band of 0.5%
    limit = STEP.model_copy(update={"type": OrderType.LIMIT, "limit_price": Decimal(99)})
    assert worst_price(limit, facts.quotes["AAA"], STANDARD) == 99


def test_what_works_is_reserved_and_what_never_left_is_not() -> None:
    log = Log()
    log.write("PlanCreated", payload={"plan": make_plan(STEP).to_json()})
    order = next_child(log.run(), STEP)
    log.add([intended(order)])
    assert reserved_by([log.run()], "main", STANDARD) == 0
    log.write("OrderSent", client_order_id=order.client_order_id)
    assert reserved_by([log.run()], "main", STANDARD) == Decimal("1005.00")
    assert reserved_by([log.run()], "other", STANDARD) == 0


def test_a_resized_step_is_the_next_revision_with_another_hash() -> None:
    plan = make_plan(STEP)
    smaller = resized(plan, 1, Decimal(7))
    assert (smaller.revision, smaller.step(1).qty) == (2, 7)
    assert smaller.hash != plan.hash


def test_every_state_has_its_row_and_ends_have_no_way_out() -> None:
    assert set(PLAN) == set(PlanState)
    assert all(not PLAN[state] for state in PlanState if state.ended)
    assert all(following <= set(ORDER) for following in ORDER.values())


# --- the card ---------------------------------------------------------------------------------


def checked() -> PlanRun:
    plan = make_plan(STEP).model_copy(update={"before": standing(world())})
    return PlanRun(plan=plan, state=PlanState.CHECKED)


def issue(approvals: Approvals, run: PlanRun, **prices: str) -> str:
    card = approvals.issue(run, world(prices=prices), TradingState.ACTIVE, "SIM1", NOON)
    return card.token


def test_the_token_on_the_card_is_taken_once() -> None:
    approvals, run = Approvals(), checked()
    token = issue(approvals, run)
    approvals.redeem(run, f" {token.lower()} ", run.plan.hash, world(), NOON)
    with pytest.raises(NotPossibleError, match="No approval card"):
        approvals.redeem(run, token, run.plan.hash, world(), NOON)


def test_a_new_card_has_another_token_and_the_old_one_is_void() -> None:
    approvals, run = Approvals(), checked()
    old = issue(approvals, run)
    new = issue(approvals, run)
    assert new != old
    with pytest.raises(NotPossibleError, match="token"):
        approvals.redeem(run, old, run.plan.hash, world(), NOON)


@pytest.mark.parametrize(
    ("minutes", "qty", "price", "why"),
    [
        (11, 10, "100", "expired"),
        (1, 9, "100", "changed"),
        (1, 10, "101.50", "moved"),
    ],
)
def test_a_card_does_not_outlive_what_it_showed(
    minutes: int, qty: int, price: str, why: str
) -> None:
    approvals, run = Approvals(), checked()
    token = issue(approvals, run)
    plan = run.plan if qty == 10 else resized(run.plan, 1, Decimal(qty))
    now = run.model_copy(update={"plan": plan})
    with pytest.raises(NotPossibleError, match=why):
        approvals.redeem(
            now,
            token,
            run.plan.hash,
            world(prices={"AAA": price}),
            NOON + timedelta(minutes=minutes),
        )


def test_a_blocked_plan_can_not_be_approved_even_with_its_token() -> None:
    step = make_step(1, Side.BUY, "AAA", 1000, "100")
    run = PlanRun(plan=make_plan(step), state=PlanState.CHECKED)
    approvals = Approvals()
    token = issue(approvals, run)
    with pytest.raises(NotPossibleError, match="BLOCKED"):
        approvals.redeem(run, token, run.plan.hash, world(), NOON)


def test_a_token_has_no_letters_that_read_like_others() -> None:
    assert not set("01OIL") & set("".join(new_token() for _ in range(200)))


def test_an_order_names_exactly_what_is_sent() -> None:
    order: ChildOrder = next_child(checked(), STEP)
    request = order.request()
    assert (request.client_order_id, request.qty, request.side) == ("qd-3f9a-s01-c1-a1", 10, "buy")
