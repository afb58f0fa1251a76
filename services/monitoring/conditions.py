"""What is watched (spec 6, Alerts): `CONDITIONS` is the one table of severity, words, what to do.

A condition is over only past a second line, further off than the first. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from db.model.alert import AlertSeverity
from db.model.base import plain
from db.model.escalation import Outcome
from db.model.order import OrderState
from db.model.portfolio import Position
from db.model.post_trade import BreachSeverity, Judgement
from db.model.run import CancelReason
from db.model.trading import TradingState
from services.monitoring.situation import Price, Situation, Unprotected

PRICE_BAND = Decimal("0.005")
"""A stop or target is left behind when the price is 0.5% on the good side of it."""
CASH_BAND = Decimal("0.0005")
"""Weight above the cash buffer at which it counts as restored."""
DRIFT, DRIFT_BAND = Decimal(1), Decimal("0.5")
"""Seconds between the machine's clock and the desk's (spec 6, Alerts), and what counts as none."""
STANDSTILL_TOLD = timedelta(hours=1)
DIVERGED_FOR = timedelta(days=1)
DEADLINE_NEAR = timedelta(minutes=5)
LOSS_BAND = Decimal("0.05")
"""Share of the daily loss limit by which a level must be left."""


@dataclass(frozen=True)
class Condition:
    """One thing that is watched. `sentence` is filled with the observation's values."""

    id: str
    severity: AlertSeverity
    sentence: str
    action: str
    watch: Callable[[Situation], Iterator["Observation"]]


@dataclass(frozen=True)
class Observation:
    """A condition looked at for one subject. `on`: true now. `over`: not true any more, by the
    margin. Neither: in between, or not to be told; an alert stays as it is."""

    subject: str
    on: bool
    over: bool
    values: dict[str, str]


def _subject(position: Position) -> str:
    return f"{position.account}/{position.symbol}"


def _stops(now: Situation) -> Iterator[Observation]:
    for position, price, stop in _guarded(now, "stop_price"):
        yield _crossing(now, position, price, stop, "stop", losing=True)


def _targets(now: Situation) -> Iterator[Observation]:
    for position, price, target in _guarded(now, "target_price"):
        yield _crossing(now, position, price, target, "target", losing=False)


def _guarded(now: Situation, name: str) -> Iterator[tuple[Position, Price | None, Decimal]]:
    for position in now.positions:
        protection = now.protection_of(position)
        level: Decimal | None = getattr(protection, name) if protection else None
        if position.qty and level is not None:
            yield position, now.price_of(position.symbol), level


def _crossing(
    now: Situation,
    position: Position,
    price: Price | None,
    level: Decimal,
    name: str,
    *,
    losing: bool,
) -> Observation:
    """A price at or through `level`, on the losing side of the position or on the winning one. An
    old price can raise the alert but not clear it."""
    if price is None:
        return Observation(_subject(position), on=False, over=False, values={})
    falling = losing is (position.qty > 0)
    # Distance on the good side of the level, as a fraction of it: 0 or less is at or through.
    distance = (price.price - level) / level if falling else (level - price.price) / level
    return Observation(
        _subject(position),
        on=distance <= 0,
        over=distance > PRICE_BAND and price.age <= now.policy.stale_price_seconds,
        values={
            "symbol": position.symbol,
            "account": position.account,
            "qty": plain(position.qty),
            "price": plain(price.price),
            name: plain(level),
            "age": plain(round(price.age, 1)),
            "source": price.source,
        },
    )


def _stale_prices(now: Situation) -> Iterator[Observation]:
    limit = now.policy.stale_price_seconds
    for symbol in sorted({position.symbol for position in now.positions if position.qty}):
        price = now.price_of(symbol)
        old = price is None or price.age > limit
        age = (
            "none has come" if price is None else f"the last is {plain(round(price.age, 1))} s old"
        )
        yield Observation(
            symbol,
            on=now.market_open and old,
            over=not now.market_open or not old,
            values={"symbol": symbol, "age": age, "limit": str(limit)},
        )


def _cash(now: Situation) -> Iterator[Observation]:
    least, weight = now.policy.min_cash_weight, now.cash_weight
    if least is None:
        return
    if weight is None:
        yield Observation("portfolio", on=False, over=False, values={})
        return
    yield Observation(
        "portfolio",
        on=weight < least,
        over=weight >= least + CASH_BAND,
        values={"weight": _percent(weight), "buffer": _percent(least), "cash": f"{now.cash:,.2f}"},
    )


def _streams(now: Situation) -> Iterator[Observation]:
    feed = now.feed
    yield _stream("orders", feed.orders_connected, "is not connected")
    silent = now.market_open and feed.polling
    why = "is not connected" if not feed.quotes_connected else "is silent, prices are polled"
    yield _stream("quotes", feed.quotes_connected and not silent, why)


def _stream(name: str, up: bool, why: str) -> Observation:
    return Observation(name, on=not up, over=up, values={"stream": name, "why": why})


def _rejected(now: Situation) -> Iterator[Observation]:
    yield from _orders_in(now, OrderState.REJECTED)


def _unknown(now: Situation) -> Iterator[Observation]:
    yield from _orders_in(now, OrderState.UNKNOWN)


def _orders_in(now: Situation, state: OrderState) -> Iterator[Observation]:
    for order in now.orders:
        if order.state is state:
            values = {
                "order": order.client_order_id,
                "side": order.side.value,
                "qty": plain(order.qty),
                "symbol": order.symbol,
                "reason": order.reason or "no reason was given",
            }
            yield Observation(order.client_order_id, on=True, over=False, values=values)


def _short(now: Situation) -> Iterator[Observation]:
    """Orders whose rest we gave up by ourselves at their time limit."""
    for order in now.orders:
        given_up = order.cancel_reason in (CancelReason.TIME_LIMIT, CancelReason.ACCEPT)
        if given_up and order.state.terminal and order.filled_qty < order.qty:
            values = {
                "order": order.client_order_id,
                "side": order.side.value,
                "qty": plain(order.qty),
                "filled": plain(order.filled_qty),
                "symbol": order.symbol,
            }
            yield Observation(order.client_order_id, on=True, over=False, values=values)


def _mismatches(now: Situation) -> Iterator[Observation]:
    for mismatch in now.mismatches:
        values = {"symbol": mismatch.symbol, "explanation": mismatch.explanation}
        yield Observation(mismatch.key, on=True, over=False, values=values)


def _halted(now: Situation) -> Iterator[Observation]:
    if now.trading_state is not TradingState.ACTIVE:
        why = "Another process set it."
        if now.stop is not None:
            why = f"Set by {now.stop.by}: {now.stop.reason}"
        values = {"state": now.trading_state.value, "explanation": why}
        yield Observation("trading", on=True, over=False, values=values)


def _journal(now: Situation) -> Iterator[Observation]:
    if now.journal_failed:
        values = {"explanation": now.journal_failed}
        yield Observation("journal", on=True, over=False, values=values)


def _drift(now: Situation) -> Iterator[Observation]:
    off = abs(now.clock_drift)
    values = {
        "off": f"{off:,.0f}",
        "where": "ahead of" if now.clock_drift > 0 else "behind",
    }
    yield Observation("clock", on=off > DRIFT, over=off <= DRIFT_BAND, values=values)


def _standstill(now: Situation) -> Iterator[Observation]:
    still = now.standstill
    if still is not None and now.at - still.at < STANDSTILL_TOLD:
        at = still.at.strftime("%H:%M:%S")
        values = {"seconds": f"{still.seconds:,.0f}", "at": at}
        yield Observation(f"desk@{still.at.isoformat()}", on=True, over=False, values=values)


def _left_open(now: Situation) -> Iterator[Observation]:
    for position in now.left_open:
        values = {
            "symbol": position.symbol,
            "account": position.account,
            "qty": plain(position.qty),
        }
        yield Observation(_subject(position), on=True, over=False, values=values)


def _unprotected(*, by_desk: bool) -> Callable[[Situation], Iterator[Observation]]:
    def watch(now: Situation) -> Iterator[Observation]:
        found: dict[str, list[Unprotected]] = {}
        for one in now.unprotected:
            if one.by_desk is by_desk:
                found.setdefault(f"{one.account}/{one.symbol}", []).append(one)
        for subject, each in found.items():
            values = {
                "symbol": each[0].symbol,
                "account": each[0].account,
                "qty": plain(sum((one.qty for one in each), Decimal(0))),
                "why": "; ".join(dict.fromkeys(one.why for one in each)),
            }
            yield Observation(subject, on=True, over=False, values=values)

    return watch


def _executed(*, stopped: bool) -> Callable[[Situation], Iterator[Observation]]:
    def watch(now: Situation) -> Iterator[Observation]:
        for one in now.executed:
            if one.stopped is stopped:
                values = {
                    "symbol": one.symbol,
                    "account": one.account,
                    "qty": plain(one.qty),
                    "price": plain(one.price),
                    "level": "" if one.level is None else f" of {plain(one.level)}",
                    "order": one.order,
                }
                yield Observation(one.order, on=True, over=False, values=values)

    return watch


def _over_covered(now: Situation) -> Iterator[Observation]:
    for one in now.over_covered:
        values = {
            "symbol": one.symbol,
            "account": one.account,
            "held": plain(one.held),
            "open": plain(one.open_qty),
        }
        yield Observation(f"{one.account}/{one.symbol}", on=True, over=False, values=values)


def _closed_through(now: Situation) -> Iterator[Observation]:
    for one in now.closed_through:
        values = {
            "symbol": one.symbol,
            "account": one.account,
            "close": plain(one.close),
            "stop": plain(one.stop),
            "date": one.date,
            "plan": f"Plan {one.plan_id} sells it" if one.plan_id else "No exit could be planned",
        }
        yield Observation(
            f"{one.account}/{one.symbol}@{one.date}", on=True, over=False, values=values
        )


def _exits(now: Situation) -> Iterator[Observation]:
    for one in now.exits:
        values = {
            "symbol": one.symbol,
            "account": one.account,
            "qty": plain(one.qty),
            "price": plain(one.price),
            "stop": plain(one.stop),
            "plan": one.plan_id,
        }
        yield Observation(one.plan_id, on=True, over=False, values=values)


def _renewals(now: Situation) -> Iterator[Observation]:
    for one in now.renewals:
        values = {"symbol": one.symbol, "order": one.order, "days": str(one.days)}
        yield Observation(one.order, on=True, over=False, values=values)


def _escalated(outcome: Outcome) -> Callable[[Situation], Iterator[Observation]]:
    """Requests for an exception whose deadline is near, or has passed without an answer."""

    def watch(now: Situation) -> Iterator[Observation]:
        for asked in now.escalations:
            if asked.outcome is not outcome:
                continue
            left = asked.deadline - now.at
            values = {
                "plan": asked.plan_id,
                "to": asked.to,
                "at": f"{asked.deadline:%H:%M:%S}",
            }
            on = outcome is Outcome.EXPIRED or left <= DEADLINE_NEAR
            yield Observation(asked.escalation_id, on=on, over=False, values=values)

    return watch


def _diverged(now: Situation) -> Iterator[Observation]:
    """For a day: plans that ended far from what they promised."""
    for found in now.post_trades:
        off = [d for d in found.deltas if d.judgement is Judgement.ESCALATE]
        if off and now.at - found.at < DIVERGED_FOR:
            values = {
                "plan": found.plan_id,
                "symbols": ", ".join(dict.fromkeys(d.symbol for d in off)),
                "limit": _percent(now.policy.delta_escalate),
            }
            yield Observation(found.plan_id, on=True, over=False, values=values)


def _missed(severity: BreachSeverity) -> Callable[[Situation], Iterator[Observation]]:
    """Limits that did not hold after the plan that ended last."""

    def watch(now: Situation) -> Iterator[Observation]:
        for found in now.post_trades[-1:]:
            for breach in found.breaches:
                if breach.severity is severity:
                    values = {"plan": found.plan_id, "explanation": breach.message}
                    subject = f"{breach.check}/{breach.subject}"
                    yield Observation(subject, on=True, over=False, values=values)

    return watch


def _drill(now: Situation) -> Iterator[Observation]:
    limit = now.policy.drill_days
    if limit is None:
        return
    drill = now.last_drill
    age = None if drill is None else now.at - drill.at
    due = drill is None or not drill.passed or now.at - drill.at > timedelta(days=limit)
    last = "never" if drill is None or age is None else f"{age.days} days ago"
    if drill is not None and not drill.passed:
        last += " and failed"
    yield Observation(
        "kill switch", on=due, over=not due, values={"last": last, "limit": str(limit)}
    )


def _daily_loss(level: Decimal) -> Callable[[Situation], Iterator[Observation]]:
    """Loss since the day's start at `level` of the policy's limit."""

    def watch(now: Situation) -> Iterator[Observation]:
        limit = now.policy.daily_loss_limit
        if not limit:
            return
        if now.equity is None or not now.day_start_equity or now.day_start_equity <= 0:
            yield Observation("portfolio", on=False, over=False, values={})
            return
        lost = (now.day_start_equity - now.equity) / now.day_start_equity
        used = lost / limit
        yield Observation(
            "portfolio",
            on=used >= level,
            over=used < level - LOSS_BAND,
            values={
                "lost": _percent(lost),
                "used": _percent(used),
                "limit": _percent(limit),
                "dollars": f"{now.day_start_equity - now.equity:,.2f}",
            },
        )

    return watch


def _percent(fraction: Decimal) -> str:
    return f"{fraction * 100:.2f}%"


_LOSS = "The day's loss is ${dollars} ({lost}), {used} of the limit of {limit}."

CONDITIONS: dict[str, Condition] = {
    row[0]: Condition(*row)
    for row in (
        (
            "stop_hit", AlertSeverity.CRITICAL,
            "{symbol} at {price} is at or through its stop {stop}; {qty} shares in {account}.",
            "Approve the exit, or move the stop.", _stops,
        ),
        (
            "target_reached", AlertSeverity.INFO,
            "{symbol} at {price} has reached its target {target}; {qty} shares in {account}.",
            "Take the profit, or raise target and stop.", _targets,
        ),
        (
            "price_stale", AlertSeverity.WARNING,
            "No fresh price of {symbol}: {age}, over {limit} s.",
            "Check the data stream; limit orders only until it is back.", _stale_prices,
        ),
        (
            "cash_below_buffer", AlertSeverity.WARNING,
            "Cash ${cash} is {weight} of equity, under the buffer of {buffer}.",
            "Sell something or deposit; no buy passes the checks meanwhile.", _cash,
        ),
        (
            "stream_down", AlertSeverity.WARNING,
            "The {stream} stream {why}.",
            "Nothing, it reconnects by itself; halt if it stays away while orders work.", _streams,
        ),
        (
            "order_rejected", AlertSeverity.WARNING,
            "Order {order} ({side} {qty} {symbol}) was rejected: {reason}.",
            "Look at the plan: give the step up or send it anew.", _rejected,
        ),
        (
            "order_unknown", AlertSeverity.CRITICAL,
            "Nobody knows whether order {order} ({side} {qty} {symbol}) is at the broker: {reason}.",
            "Wait for the look-up; the plan sends nothing else meanwhile.", _unknown,
        ),
        (
            "partial_fill", AlertSeverity.WARNING,
            "Order {order} ({side} {qty} {symbol}) was cancelled at its time limit with {filled} "
            "filled; the plan goes on with that.",
            "Look at what it left: propose the rest again, or leave it.", _short,
        ),
        (
            "reconciliation_mismatch", AlertSeverity.CRITICAL,
            "Ours and the broker's differ on {symbol}. {explanation}",
            "Adopt the broker's figure, investigate, or ignore it with a reason.", _mismatches,
        ),
        (
            "trading_halted", AlertSeverity.WARNING,
            "The trading state is {state}. {explanation}",
            "Resume with a reason, once ours and the broker's agree.", _halted,
        ),
        (
            "journal_failed", AlertSeverity.CRITICAL, "{explanation}",
            "Nothing is sent meanwhile, protection at the broker stays; what fills is booked afterwards.",
            _journal,
        ),
        (
            "clock_drift", AlertSeverity.WARNING,
            "The machine's clock is {off} s {where} the desk's, which goes on steadily.",
            "Set it right, if it is wrong; if it is right now, the next start of the desk takes it over.",
            _drift,
        ),
        (
            "stood_still", AlertSeverity.WARNING,
            "The desk stood still for {seconds} s, until {at} UTC: nobody watched prices and stops meanwhile.",
            "Look at positions and orders: they were read anew before anything was sent.", _standstill,
        ),
        (
            "left_open", AlertSeverity.CRITICAL,
            "{symbol} was not closed by the flatten: {qty} shares in {account}, perhaps unprotected.",
            "Close it, or protect it again.", _left_open,
        ),
        (
            "unprotected_position", AlertSeverity.CRITICAL,
            "{qty} {symbol} in {account} have no working protection at the broker: {why}.",
            "Watch it, or sell it; the desk goes on trying to protect it.", _unprotected(by_desk=False),
        ),
        (
            "watched_by_desk", AlertSeverity.WARNING,
            "{qty} {symbol} in {account} are watched by the desk only: {why}.",
            "Nothing, as long as the desk runs.", _unprotected(by_desk=True),
        ),
        (
            "over_covered", AlertSeverity.CRITICAL,
            "Orders to sell {open} {symbol} are open in {account}, and {held} are held.",
            "Cancel what is too much: it would open a short position.", _over_covered,
        ),
        (
            "stop_executed", AlertSeverity.CRITICAL,
            "The stop{level} of {symbol} was executed at the broker: {qty} sold at {price} in {account}.",
            "Nothing to send: the exit is booked.", _executed(stopped=True),
        ),
        (
            "target_executed", AlertSeverity.INFO,
            "The target{level} of {symbol} was executed at the broker: {qty} sold at {price} in {account}.",
            "Nothing to send: the exit is booked.", _executed(stopped=False),
        ),
        (
            "stop_by_close", AlertSeverity.CRITICAL,
            "{symbol} in {account} closed at {close} on {date}, at or through its stop {stop}. {plan}.",
            "Approve the exit, or move the stop.", _closed_through,
        ),
        (
            "exit_proposed", AlertSeverity.WARNING,
            "Plan {plan} sells {qty} {symbol} in {account}: at {price} it is at or through its stop {stop}.",
            "Approve it, or turn it down.", _exits,
        ),
        (
            "protection_expires", AlertSeverity.INFO,
            "The protection of {symbol}, {order}, works for {days} days; the broker ends it at 90.",
            "Nothing: it is renewed while the market is closed.", _renewals,
        ),
        (
            "plan_diverged", AlertSeverity.WARNING,
            "Plan {plan} ended more than {limit} from its projection: {symbols}.",
            "Look at its report: price, cost and weight of each step.", _diverged,
        ),
        (
            "limit_missed", AlertSeverity.WARNING,
            "After plan {plan}: {explanation}",
            "Trim: `quarterdeck trim` drafts the smallest sale that restores it.",
            _missed(BreachSeverity.MAJOR),
        ),
        (
            "limit_broken", AlertSeverity.CRITICAL,
            "After plan {plan}: {explanation}",
            "Roll back: `quarterdeck trim` drafts the smallest sale that restores it.",
            _missed(BreachSeverity.CRITICAL),
        ),
        (
            "escalation_due", AlertSeverity.WARNING,
            "Plan {plan} waits for {to} until {at} UTC.",
            "Grant or refuse it, or change the plan; afterwards nothing can be granted.",
            _escalated(Outcome.OPEN),
        ),
        (
            "escalation_expired", AlertSeverity.WARNING,
            "{to} did not answer until {at} UTC; nothing was granted to plan {plan}.",
            "Escalate it again, change it, or turn it down.", _escalated(Outcome.EXPIRED),
        ),
        (
            "drill_due", AlertSeverity.INFO,
            "The kill switch was rehearsed {last}; the policy wants it every {limit} days.",
            "Run `quarterdeck drill` on the simulator.", _drill,
        ),
        (
            "daily_loss_50", AlertSeverity.INFO, _LOSS,
            "Look at the open risk.", _daily_loss(Decimal("0.5")),
        ),
        (
            "daily_loss_80", AlertSeverity.WARNING, _LOSS,
            "Reduce: at the limit trading is halted.", _daily_loss(Decimal("0.8")),
        ),
        (
            "daily_loss_100", AlertSeverity.CRITICAL, _LOSS,
            "Trading is halted at the limit: only exits from here.", _daily_loss(Decimal(1)),
        ),
    )
}  # fmt: skip
