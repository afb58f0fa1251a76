"""What an execution report is made from, and how its figures are written.

A figure that is not known is None in JSON and a dash in Markdown, never 0."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from db.model.alert import Alert
from db.model.base import Exact, Noun, Utc, plain
from db.model.order import Fill
from db.model.plan import Standing, Step
from db.model.policy import Policy
from db.model.run import ChildOrder, PlanRun

_CENT = Decimal("0.01")
_TICK = Decimal("0.0001")
DIVERGED = Decimal("0.10")
"""From the projection: escalates (spec 5, Confirming and comparing)."""


class ExecutionFacts(Noun):
    """A plan that was run, and the portfolio after it."""

    run: PlanRun
    after: Standing | None
    """The broker's fresh figures when the plan had ended; None when they could not be had."""
    fills: tuple[Fill, ...] = ()
    generated_at: Utc
    version: str
    policy: Policy | None = None
    portfolio_as_of: Utc | None = None
    """Of the snapshot that the plan was made on."""
    portfolio_written_at: Utc | None = None
    """When PORTFOLIO.md was written after the plan."""
    monitored_since: Utc | None = None
    """When the desk began to watch the bought positions."""
    commissions: dict[int, Exact] = {}
    """Dollars per step, where the broker told."""
    alerts: tuple[Alert, ...] = ()
    """Raised while the plan ran."""

    def orders(self, step: Step) -> tuple[ChildOrder, ...]:
        return self.run.orders_of(step.n)

    def fills_of(self, step: Step) -> tuple[Fill, ...]:
        ids = {order.client_order_id for order in self.orders(step)}
        return tuple(fill for fill in self.fills if fill.client_order_id in ids)

    def gross(self, step: Step) -> Decimal | None:
        """Dollars traded; None when nothing filled or a fill's price is not known."""
        filled = [order for order in self.orders(step) if order.filled_qty]
        if not filled or any(order.filled_avg_price is None for order in filled):
            return None
        return total(order.filled_qty * (order.filled_avg_price or 0) for order in filled)

    def fill_price(self, step: Step) -> Decimal | None:
        gross = self.gross(step)
        return None if gross is None else gross / self.run.filled_qty(step.n)

    def last_fill_at(self, step: Step) -> datetime | None:
        return max((fill.at for fill in self.fills_of(step)), default=None)

    @property
    def first_sent_at(self) -> datetime | None:
        sent = (order.sent_at or order.intended_at for order in self.run.orders)
        return min((at for at in sent if at is not None), default=None)

    @property
    def approved_at(self) -> datetime | None:
        return self.run.approval.approved_at if self.run.approval else None

    def status(self, step: Step) -> str:
        """What became of a step, in one word."""
        filled, orders = self.run.filled_qty(step.n), self.orders(step)
        if filled >= step.qty:
            return "FILLED"
        if filled:
            return "PARTIALLY_FILLED"
        return orders[-1].state.value.upper() if orders else "NOT_SENT"

    def concern(self, step: Step) -> str | None:
        """Why a step needs a person's eye, as a sentence; None when it does not."""
        status = self.status(step)
        if status != "FILLED":
            filled = plain(self.run.filled_qty(step.n))
            reasons = [self.run.given_up.get(step.n), *(o.reason for o in self.orders(step))]
            why = next((reason for reason in reasons if reason), "no reason is on record")
            return (
                f"{step.side.value} {plain(step.qty)} {step.symbol}: {filled} filled, "
                f"{status.lower().replace('_', ' ')} ({why})."
            )
        price = self.fill_price(step)
        if price is not None and abs(price / step.expected_price - 1) > DIVERGED:
            return (
                f"{step.symbol} filled at {price_text(price)}, more than 10% from the projected "
                f"{price_text(step.expected_price)}."
            )
        return None


def total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def money_text(amount: Decimal | None) -> str | None:
    """Dollars to the cent."""
    return None if amount is None else plain(amount.quantize(_CENT))


def price_text(price: Decimal | None) -> str | None:
    """A price to a hundredth of a cent."""
    return None if price is None else plain(price.quantize(_TICK))


def percent_text(fraction: Decimal | None) -> str | None:
    """A fraction in percent, to a hundredth: `12.5` is 12.5%."""
    return None if fraction is None else plain((fraction * 100).quantize(_CENT))


def time_text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def minutes_text(start: datetime | None, end: datetime | None) -> str | None:
    """From `start` to `end`; None unless both are known."""
    if start is None or end is None:
        return None
    minutes = Decimal(round((end - start).total_seconds() * 1000)) / 60_000
    return plain(minutes.quantize(_CENT))
