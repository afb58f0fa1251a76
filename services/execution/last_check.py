"""The check of one order as it is about to become an intent (spec 5; invariants 20, 21): what changed
since its phase began. A symbol halted or restricted, a stale price, a limit of the day, the same order
sent by another plan.

Cash is the gate's, shares held are `Safety`'s: both look at newer figures. What only a whole plan can
break was looked at with the plan."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from db.model.order import BrokerOrder, OrderState
from db.model.plan import Finding, Plan, Severity
from db.model.run import ChildOrder, PlanRun
from services.execution.book import RunBook
from services.execution.closing import FLATTEN
from services.execution.recheck import in_force
from services.risk.exceptions import excepted
from services.risk.facts import Facts
from services.risk.orders import DUPLICATE_WINDOW
from services.risk.run import TOO_SMALL, check_order, repriced

NOT_HERE = frozenset({"share_sufficiency", "correlation", "value_at_risk"})
NEVER_CAME = frozenset({OrderState.PLANNED, OrderState.INTENT, OrderState.REJECTED})


@dataclass(frozen=True)
class Withheld:
    """An order that does not leave, and the check that forbids it."""

    order: ChildOrder
    finding: Finding

    @property
    def reason(self) -> str:
        message = self.finding.message.rstrip(".")
        return f"{self.order.side.value} {self.order.symbol} was not sent: {message}"

    def to_payload(self) -> dict[str, object]:
        return {
            "check": self.finding.check,
            "reason": self.reason,
            "values": dict(self.finding.values),
            "order": self.order.to_json(),
        }


Sorted = tuple[tuple[ChildOrder, ...], tuple[Withheld, ...]]


class LastCheck:
    """`at_hand` are the facts that are known without asking the broker: nobody waits for an exit. It
    raises NotPossibleError when there are none, or the plan's policy changed."""

    def __init__(
        self,
        book: RunBook,
        at_hand: Callable[[Plan], Facts],
        now: Callable[[], datetime],
    ) -> None:
        self._book = book
        self._at_hand = at_hand
        self._now = now

    def sort(
        self, run: PlanRun, orders: Iterable[ChildOrder], facts: Facts | None = None
    ) -> Sorted:
        """The orders that may leave, and those that may not. A flatten asks no check."""
        orders = tuple(orders)
        if run.plan.source == FLATTEN or not orders:
            return orders, ()
        facts = facts or self._at_hand(run.plan)
        plan_id = run.plan.plan_id
        sent = [o for r in self._book.runs.values() if r.plan.plan_id != plan_id for o in r.orders]
        working = tuple(o for o in facts.portfolio.orders if self._in_the_way(plan_id, o))
        facts = replace(facts, portfolio=facts.portfolio.model_copy(update={"orders": working}))
        looked = [(order, against(run, order, facts, sent, self._now())) for order in orders]
        return (
            tuple(order for order, finding in looked if finding is None),
            tuple(Withheld(order, finding) for order, finding in looked if finding is not None),
        )

    def _in_the_way(self, plan_id: str, report: BrokerOrder) -> bool:
        """Whether an order that the broker listed counts: not an earlier attempt of the plan itself,
        and not what our book knows to be over since."""
        known = self._book.known(report)
        if known is None:
            return True
        return not known.state.terminal and (known.protective or known.plan_id != plan_id)


def against(
    run: PlanRun, order: ChildOrder, facts: Facts, sent: Iterable[ChildOrder], now: datetime
) -> Finding | None:
    """What forbids that `order` leaves now, or None; what an exception covers doesn't. `sent`: orders
    of other plans. Pure."""
    step = run.plan.step(order.step)
    asked = step.model_copy(
        update={"qty": order.qty, "type": order.type, "limit_price": order.limit_price}
    )
    if (twin := _twin(order, sent, now)) is not None:
        message = f"{twin.client_order_id} is the same order, sent less than a minute ago"
        return Finding(
            check="duplicate_order",
            severity=Severity.BLOCK,
            subject=order.symbol,
            message=message,
            step=step.n,
        )
    rest = TOO_SMALL if order.qty < step.qty else ()
    found = check_order(facts, *repriced(facts, (asked,)))
    return next(
        (
            finding
            for finding in excepted(found, in_force(run, facts))
            if finding.severity is Severity.BLOCK
            and finding.check not in NOT_HERE
            and finding.check not in rest
        ),
        None,
    )


def _twin(order: ChildOrder, sent: Iterable[ChildOrder], now: datetime) -> ChildOrder | None:
    """The same symbol, side and size from another plan within the window, whatever became of it."""
    for other in sent:
        if (
            (other.account, other.symbol, other.side, other.qty)
            == (order.account, order.symbol, order.side, order.qty)
            and other.state not in NEVER_CAME
            and other.sent_at is not None
            and now - other.sent_at <= DUPLICATE_WINDOW
        ):
            return other
    return None
