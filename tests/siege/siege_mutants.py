"""Ways to break the product, each of which the siege must find: what was never seen to fail proves
nothing. `python -m tests.siege --breakage NAME` besieges a desk that is broken so; `--mutants` does it
with every one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from services.brokers.alpaca import courier, outcomes
from services.brokers.alpaca.answer import Answer, NoAnswerError
from services.brokers.port import Rejected, RejectionClass, Unresolved
from services.desk.home_latch import HomeLatch
from services.execution import book, decide, driver, engine, protection, sender, tracker
from services.execution.safety import Safety
from services.execution.switch import TradingSwitch

Breakage = Callable[[], AbstractContextManager[Any]]


def _a_504_is_a_rejection() -> AbstractContextManager[Any]:
    """A lost answer counts as a temporary refusal: nobody is asked, the next attempt is sent."""
    real = outcomes.of_submit

    def of_submit(answer: Answer, client_order_id: str, account: str) -> Any:
        found = real(answer, client_order_id, account)
        if isinstance(found, Unresolved):
            return _refused(found.reason)
        return found

    return patch.object(outcomes, "of_submit", of_submit)


def _silence_is_a_rejection() -> AbstractContextManager[Any]:
    """So does a time-out, or a connection that broke."""
    return patch.object(outcomes, "of_silence", lambda error: _refused(str(error)))


def _refused(why: str) -> Rejected:
    return Rejected(category=RejectionClass.CONNECTIVITY, status=504, code=None, message=why)


def _a_post_is_tried_again() -> AbstractContextManager[Any]:
    """As alpaca-py does by itself: the same request once more."""
    real = courier.Courier.send

    async def send(self: Any, host: str, lane: Any, method: str, *more: Any) -> Answer:
        try:
            answer = await real(self, host, lane, method, *more)
        except NoAnswerError:
            if method != "POST":
                raise
            return await real(self, host, lane, method, *more)
        if method == "POST" and answer.status >= 500:
            return await real(self, host, lane, method, *more)
        return answer

    return patch.object(courier.Courier, "send", send)


def _buys_do_not_wait() -> AbstractContextManager[Any]:
    """The buy phase opens while sells still work."""
    return patch.object(
        decide,
        "_still_open",
        lambda run, working, now, limits: (
            decide.Advance(decide.PlanState.SETTLING)
            if run.state is decide.PlanState.SELLING
            else decide.Wait("orders are working")
        ),
    )


def _any_cash_will_do() -> AbstractContextManager[Any]:
    """The gate lets every buy through, and nothing is re-scaled."""
    real = driver.gate
    broken = ExitStack()
    broken.enter_context(
        patch.object(
            driver,
            "gate",
            lambda step, wanted, *more: replace(real(step, wanted, *more), qty=wanted),
        )
    )
    broken.enter_context(patch.object(driver.PlanDriver, "_cuts", lambda *_: ()))
    broken.enter_context(patch.object(driver, "refusal", lambda *_: None))
    return broken


def _a_part_is_not_held() -> AbstractContextManager[Any]:
    """Protection, and the alarm for its want, look at orders that filled in full."""
    real = protection._held

    def held(run: Any, step: Any, qty: Decimal, left: Decimal) -> Any:
        found = real(run, step, qty, left)
        whole = all(o.filled_qty in (o.qty, 0) for o in run.orders_of(step.n))
        return found if whole else replace(found, qty=found.covered, wanted=found.covered)

    return patch.object(protection, "_held", held)


def _the_latch_is_forgotten() -> AbstractContextManager[Any]:
    """A restart begins with a clean slate."""
    broken = ExitStack()
    real = HomeLatch.__init__

    def begin(self: HomeLatch, home: Any) -> None:
        real(self, home)
        self.clear()

    broken.enter_context(patch.object(HomeLatch, "__init__", begin))
    broken.enter_context(patch.object(TradingSwitch, "recover", lambda *_: None))
    return broken


def _an_interruption_is_overrun() -> AbstractContextManager[Any]:
    """What the driver decided counts, whatever was done meanwhile."""

    async def advance_from(self: Any, _: Any, plan_id: str, *more: Any) -> None:
        await self.advance(plan_id, *more)

    return patch.object(book.RunBook, "advance_from", advance_from)


def _sales_are_not_looked_at_again() -> AbstractContextManager[Any]:
    """Nobody asks at the send whether the shares are still held."""
    return patch.object(Safety, "sell_no_more_than_held", lambda *_: None)


def _a_restart_sends_again() -> AbstractContextManager[Any]:
    """What was sent and not answered before the death counts as never sent."""

    async def mark(self: Any, order: Any, reason: str) -> None:
        if reason == "the desk stopped before the answer":
            reason_draft = sender.of_order(order, "OrderNotFound")
            unknown = sender.of_order(order, "OrderUnknown", {"reason": reason})
            await self._book.record(unknown, reason_draft)
        else:
            await real(self, order, reason)

    real = sender.Sender.mark_unknown
    return patch.object(sender.Sender, "mark_unknown", mark)


def _one_not_found_is_enough() -> AbstractContextManager[Any]:
    """The broker need not say it twice."""
    return patch.object(tracker, "NOT_FOUND_SECONDS", 0.0)


def _halted_orders_leave() -> AbstractContextManager[Any]:
    """The last look before the bytes is left out, and the plans are not stopped."""
    broken = ExitStack()
    broken.enter_context(patch.object(sender.Sender, "permit", lambda *_: None))
    broken.enter_context(patch.object(engine.Engine, "_require_sending", lambda *_: None))
    return broken


MUTANTS: Mapping[str, Breakage] = {
    "a 504 is a rejection": _a_504_is_a_rejection,
    "silence is a rejection": _silence_is_a_rejection,
    "a POST is tried again": _a_post_is_tried_again,
    "buys do not wait": _buys_do_not_wait,
    "any cash will do": _any_cash_will_do,
    "a part is not held": _a_part_is_not_held,
    "the latch is forgotten": _the_latch_is_forgotten,
    "an interruption is overrun": _an_interruption_is_overrun,
    "sales are not looked at again": _sales_are_not_looked_at_again,
    "a restart sends again": _a_restart_sends_again,
    "one not found is enough": _one_not_found_is_enough,
    "halted orders leave": _halted_orders_leave,
}


@contextmanager
def broken(name: str) -> Iterator[None]:
    """With the product broken in one way; with "" as it is."""
    if not name:
        yield
        return
    with MUTANTS[name]():
        yield
