"""While our book and the broker's differ on a symbol its steps wait, and the others go on (spec 6)."""

from collections.abc import Iterable

from execution_makers import Log, fill_of, intended, report_of
from plan_makers import NOON, make_plan

from db.model.order import OrderState
from db.model.run import Mode, PlanRun, PlanState
from services.execution.absorb import absorbed
from services.execution.decide import Action, Buy, Intend, OpenBuys, Send, Wait, next_child
from services.execution.locked import decide_around
from services.execution.time_limit import Limits


def started() -> Log:
    log = Log()
    log.write("PlanCreated", payload={"plan": make_plan().to_json()})
    log.write("PlanStarted", payload={"mode": Mode.AUTO.value})
    return log


def fill(log: Log, *steps: int) -> None:
    for n in steps:
        run = log.run()
        order = next_child(run, run.plan.step(n))
        log.add([intended(order)])
        order = log.order(order.client_order_id)
        report = report_of(order, OrderState.FILLED, order.qty)
        log.add(absorbed(order, report, fill_of(order, f"x{n}", order.qty, "80")))


def advance(log: Log, to: PlanState) -> None:
    log.write("PlanAdvanced", payload={"to": to.value})


def around(run: PlanRun, *locked: str) -> Action:
    return decide_around(run, NOON, Limits(), frozenset(locked))


def symbols(action: Action) -> list[str]:
    assert isinstance(action, Intend | Send)
    orders: Iterable[object] = action.orders
    return [order.symbol for order in orders]  # type: ignore[attr-defined]


def test_the_other_sells_leave() -> None:
    assert symbols(around(started().run(), "NEM")) == ["AA"]


def test_no_buy_opens_while_a_sell_waits_invariant_15() -> None:
    log = started()
    fill(log, 2)
    action = around(log.run(), "NEM")
    assert isinstance(action, Wait)
    assert "differ on NEM" in action.reason
    assert symbols(around(log.run())) == ["NEM"]


def test_the_other_buys_go_on_and_the_plan_does_not_end_without_the_one_that_waits() -> None:
    log = started()
    fill(log, 1, 2)
    advance(log, PlanState.SETTLING)
    opened = around(log.run(), "NVDA")
    assert isinstance(opened, OpenBuys)
    assert opened.first.symbol == "LLY"
    advance(log, PlanState.BUYING)
    bought = around(log.run(), "NVDA")
    assert isinstance(bought, Buy)
    assert bought.step.symbol == "LLY"
    fill(log, 4)
    assert isinstance(around(log.run(), "NVDA"), Wait)


def test_an_intent_that_never_left_waits_and_what_works_is_watched() -> None:
    log = started()
    run = log.run()
    log.add([intended(next_child(run, run.plan.step(1)))])
    assert symbols(around(log.run())) == ["NEM"]
    assert symbols(around(log.run(), "NEM")) == ["AA"]
    fill(log, 2)
    assert isinstance(around(log.run(), "NEM"), Wait)
