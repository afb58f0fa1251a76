"""The conditions that alert, one table, and the pure rules that see them (spec 6, Alerts).

A rule says of each subject that its condition is *on*, or that it *holds*: not enough to raise an
alert, too much to clear one. That gap keeps an alert from flapping at its threshold."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from db.model.alert import Alert, AlertSeverity
from db.model.base import plain
from db.model.order import OrderState
from db.model.policy import Policy
from db.model.reconciliation import Mismatch
from db.model.run import ChildOrder
from db.model.trading import TradingState

BACK_FROM_STOP = Decimal("0.005")
"""A hit stop or target is over when the price is half a percent back on its side."""
BACK_OVER_BUFFER = Decimal("0.0025")
STALE_RAISES_AFTER = 3
"""A price is stale at three times the policy's age, fresh again under once."""
LOSS_LINES = (Decimal("0.5"), Decimal("0.8"), Decimal(1))


@dataclass(frozen=True)
class Condition:
    severity: AlertSeverity
    sentence: str
    """Filled from the values that the rule saw."""
    suggested_action: str


_C, _W = AlertSeverity.CRITICAL, AlertSeverity.WARNING

CONDITIONS: Mapping[str, Condition] = {
    "stop_hit": Condition(
        _C, "{symbol} at {price} is at or through its stop {stop}.", "Sell it, or move the stop."
    ),
    "target_reached": Condition(
        _W,
        "{symbol} at {price} has reached its target {target}.",
        "Take the profit, or let it run.",
    ),
    "price_stale": Condition(
        _W, "The price of {symbol} is {age} s old.", "Don't trust its figures; look at the feed."
    ),
    "cash_below_buffer": Condition(
        _W,
        "Cash is {cash} of the portfolio, under the {minimum} that the policy keeps.",
        "Raise cash before buying.",
    ),
    "stream_down": Condition(
        _C, "The stream of {stream} is down: {reason}.", "It reconnects by itself; polling goes on."
    ),
    "order_rejected": Condition(
        _W, "{side} {qty} {symbol} was refused: {reason}.", "Look at the plan before going on."
    ),
    "order_unknown": Condition(
        _C,
        "Nobody knows what became of {side} {qty} {symbol} ({client_order_id}).",
        "It is being looked up; send nothing for it elsewhere.",
    ),
    "reconciliation_mismatch": Condition(
        _C, "Our book and the broker differ: {explanation}.", "Settle it on the Reconcile screen."
    ),
    "daily_loss": Condition(
        _C, "The day's loss of {loss} is {share} of the limit {limit}.", "Reduce, or halt."
    ),
    "trading_halted": Condition(
        _C,
        "Trading is {state}: no order that adds exposure can leave.",
        "Resume with a reason once all is clear.",
    ),
}


@dataclass(frozen=True)
class Seen:
    """One holding as the monitor sees it. `price` None: no price known."""

    symbol: str
    qty: Decimal
    price: Decimal | None
    age: float | None
    stop: Decimal | None
    target: Decimal | None


@dataclass(frozen=True)
class Situation:
    """Everything the rules look at, at one instant."""

    at: datetime
    market_open: bool
    policy: Policy
    trading_state: TradingState
    positions: tuple[Seen, ...]
    cash_weight: Decimal | None
    streams: Mapping[str, str]
    """Stream → why it is down; empty when all are up."""
    orders: tuple[ChildOrder, ...]
    """Orders of plans that have not ended."""
    mismatches: tuple[Mismatch, ...]
    day_start_equity: Decimal | None
    equity: Decimal | None


@dataclass(frozen=True)
class Sign:
    """A rule's word on one subject. `on` False means that it merely holds."""

    condition: str
    subject: str
    values: dict[str, str]
    on: bool = True


def judge(
    situation: Situation, open_alerts: Iterable[Alert]
) -> tuple[tuple[Alert, ...], tuple[Alert, ...]]:
    """Alerts to raise and open ones to clear. One open alert per condition and subject."""
    known = {alert.key: alert for alert in open_alerts}
    signs = {f"{s.condition}:{s.subject}": s for rule in RULES for s in rule(situation)}
    raised = tuple(
        _alert(sign, situation.at) for key, sign in signs.items() if sign.on and key not in known
    )
    cleared = tuple(alert for key, alert in known.items() if key not in signs)
    return raised, cleared


def _alert(sign: Sign, at: datetime) -> Alert:
    condition = CONDITIONS[sign.condition]
    return Alert(
        alert_id=f"{sign.condition}:{sign.subject}:{at:%Y%m%dT%H%M%S%f}",
        condition=sign.condition,
        subject=sign.subject,
        severity=condition.severity,
        raised_at=at,
        sentence=condition.sentence.format(**sign.values),
        values=sign.values,
        suggested_action=condition.suggested_action,
    )


def stop_hit(now: Situation) -> Iterator[Sign]:
    for seen in now.positions:
        if seen.price is None or seen.stop is None:
            continue
        beyond = _beyond(seen, seen.price, seen.stop)
        if beyond >= -BACK_FROM_STOP:
            values = {"price": plain(seen.price), "stop": plain(seen.stop)}
            yield Sign("stop_hit", seen.symbol, {"symbol": seen.symbol, **values}, beyond >= 0)


def target_reached(now: Situation) -> Iterator[Sign]:
    for seen in now.positions:
        if seen.price is None or seen.target is None:
            continue
        beyond = -_beyond(seen, seen.price, seen.target)
        if beyond >= -BACK_FROM_STOP:
            values = {"price": plain(seen.price), "target": plain(seen.target)}
            yield Sign(
                "target_reached", seen.symbol, {"symbol": seen.symbol, **values}, beyond >= 0
            )


def _beyond(seen: Seen, price: Decimal, line: Decimal) -> Decimal:
    """How far the price is through a line on the losing side, as a fraction of the line."""
    through = (line - price) / line
    return through if seen.qty > 0 else -through


def price_stale(now: Situation) -> Iterator[Sign]:
    if not now.market_open:
        return
    fresh = now.policy.stale_price_seconds
    for seen in now.positions:
        if seen.age is not None and seen.age > fresh:
            values = {"symbol": seen.symbol, "age": f"{seen.age:.0f}"}
            yield Sign("price_stale", seen.symbol, values, seen.age > fresh * STALE_RAISES_AFTER)


def cash_below_buffer(now: Situation) -> Iterator[Sign]:
    least = now.policy.min_cash_weight
    if least is None or now.cash_weight is None:
        return
    if now.cash_weight < least + BACK_OVER_BUFFER:
        values = {"cash": f"{now.cash_weight:.2%}", "minimum": f"{least:.2%}"}
        yield Sign("cash_below_buffer", "cash", values, now.cash_weight < least)


def stream_down(now: Situation) -> Iterator[Sign]:
    for stream, reason in now.streams.items():
        yield Sign("stream_down", stream, {"stream": stream, "reason": reason})


def order_rejected(now: Situation) -> Iterator[Sign]:
    for order in now.orders:
        if order.state is OrderState.REJECTED and not order.resend:
            yield Sign("order_rejected", order.client_order_id, _order_values(order))


def order_unknown(now: Situation) -> Iterator[Sign]:
    for order in now.orders:
        if order.state is OrderState.UNKNOWN:
            yield Sign("order_unknown", order.client_order_id, _order_values(order))


def _order_values(order: ChildOrder) -> dict[str, str]:
    return {
        "side": order.side.value,
        "qty": plain(order.qty),
        "symbol": order.symbol,
        "reason": order.reason.rstrip("."),
        "client_order_id": order.client_order_id,
    }


def reconciliation_mismatch(now: Situation) -> Iterator[Sign]:
    for mismatch in now.mismatches:
        values = {"explanation": mismatch.explanation.rstrip(".")}
        yield Sign("reconciliation_mismatch", mismatch.key, values)


def daily_loss(now: Situation) -> Iterator[Sign]:
    limit, start = now.policy.daily_loss_limit, now.day_start_equity
    if not limit or not start or now.equity is None:
        return
    loss = start - now.equity
    for line in LOSS_LINES:
        share = loss / (start * limit)
        if share >= line - BACK_FROM_STOP:
            values = {"loss": f"${loss:,.2f}", "share": f"{share:.0%}", "limit": f"{limit:.0%}"}
            yield Sign("daily_loss", f"{line:.0%}", values, share >= line)


def trading_halted(now: Situation) -> Iterator[Sign]:
    if now.trading_state is not TradingState.ACTIVE:
        yield Sign("trading_halted", "trading", {"state": now.trading_state.value})


RULES: tuple[Callable[[Situation], Iterator[Sign]], ...] = (
    stop_hit,
    target_reached,
    price_stale,
    cash_below_buffer,
    stream_down,
    order_rejected,
    order_unknown,
    reconciliation_mismatch,
    daily_loss,
    trading_halted,
)
