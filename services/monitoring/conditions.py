"""What is watched (spec 6, Alerts): `CONDITIONS` is the one table of severity, words, what to do; what is
looked at stands in `watched/`.

A condition is over only past a second line, further off than the first. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from db.model.alert import AlertSeverity
from db.model.escalation import Outcome
from db.model.post_trade import BreachSeverity
from services.monitoring.situation import Situation
from services.monitoring.watched import account, desk, orders, plans, positions, protection
from services.monitoring.watched.observation import Observation


@dataclass(frozen=True)
class Condition:
    """One thing that is watched. `sentence` is filled with the observation's values."""

    id: str
    severity: AlertSeverity
    sentence: str
    action: str
    watch: Callable[[Situation], Iterator[Observation]]


_LOSS = "The day's loss is ${dollars} ({lost}), {used} of the limit of {limit}."

CONDITIONS: dict[str, Condition] = {
    row[0]: Condition(*row)
    for row in (
        (
            "stop_hit", AlertSeverity.CRITICAL,
            "{symbol} at {price} is at or through its stop {stop}; {qty} shares in {account}.",
            "Approve the exit, or move the stop.", positions.stops,
        ),
        (
            "target_reached", AlertSeverity.INFO,
            "{symbol} at {price} has reached its target {target}; {qty} shares in {account}.",
            "Take the profit, or raise target and stop.", positions.targets,
        ),
        (
            "price_stale", AlertSeverity.WARNING,
            "No fresh price of {symbol}: {age}, over {limit} s.",
            "Check the data stream; limit orders only until it is back.", positions.stale_prices,
        ),
        (
            "cash_below_buffer", AlertSeverity.WARNING,
            "Cash ${cash} is {weight} of equity, under the buffer of {buffer}.",
            "Sell something or deposit; no buy passes the checks meanwhile.", account.cash,
        ),
        (
            "stream_down", AlertSeverity.WARNING,
            "The {stream} stream {why}.",
            "Nothing, it reconnects by itself; halt if it stays away while orders work.", desk.streams,
        ),
        (
            "order_rejected", AlertSeverity.WARNING,
            "Order {order} ({side} {qty} {symbol}) was rejected: {reason}.",
            "Look at the plan: give the step up or send it anew.", orders.rejected,
        ),
        (
            "order_unknown", AlertSeverity.CRITICAL,
            "Nobody knows whether order {order} ({side} {qty} {symbol}) is at the broker: {reason}.",
            "Wait for the look-up; the plan sends nothing else meanwhile.", orders.unknown,
        ),
        (
            "partial_fill", AlertSeverity.WARNING,
            "Order {order} ({side} {qty} {symbol}) was cancelled at its time limit with {filled} "
            "filled; the plan goes on with that.",
            "Look at what it left: propose the rest again, or leave it.", orders.short,
        ),
        (
            "reconciliation_mismatch", AlertSeverity.CRITICAL,
            "Ours and the broker's differ on {symbol}. {explanation}",
            "Adopt the broker's figure, investigate, or ignore it with a reason.", desk.mismatches,
        ),
        (
            "trading_halted", AlertSeverity.WARNING,
            "The trading state is {state}. {explanation}",
            "Resume with a reason, once ours and the broker's agree.", desk.halted,
        ),
        (
            "journal_failed", AlertSeverity.CRITICAL, "{explanation}",
            "Nothing is sent meanwhile, protection at the broker stays; what fills is booked afterwards.",
            desk.journal,
        ),
        (
            "clock_drift", AlertSeverity.WARNING,
            "The machine's clock is {off} s {where} the desk's, which goes on steadily.",
            "Set it right, if it is wrong; if it is right now, the next start of the desk takes it over.",
            desk.drift,
        ),
        (
            "stood_still", AlertSeverity.WARNING,
            "The desk stood still for {seconds} s, until {at} UTC: nobody watched prices and stops meanwhile.",
            "Look at positions and orders: they were read anew before anything was sent.", desk.standstill,
        ),
        (
            "left_open", AlertSeverity.CRITICAL,
            "{symbol} was not closed by the flatten: {qty} shares in {account}, perhaps unprotected.",
            "Close it, or protect it again.", positions.left_open,
        ),
        (
            "unprotected_position", AlertSeverity.CRITICAL,
            "{qty} {symbol} in {account} have no working protection at the broker: {why}.",
            "Watch it, or sell it; the desk goes on trying to protect it.", protection.unprotected(by_desk=False),
        ),
        (
            "watched_by_desk", AlertSeverity.WARNING,
            "{qty} {symbol} in {account} are watched by the desk only: {why}.",
            "Nothing, as long as the desk runs.", protection.unprotected(by_desk=True),
        ),
        (
            "over_covered", AlertSeverity.CRITICAL,
            "Orders to sell {open} {symbol} are open in {account}, and {held} are held.",
            "Cancel what is too much: it would open a short position.", protection.over_covered,
        ),
        (
            "stop_executed", AlertSeverity.CRITICAL,
            "The stop{level} of {symbol} was executed at the broker: {qty} sold at {price} in {account}.",
            "Nothing to send: the exit is booked.", protection.executed(stopped=True),
        ),
        (
            "target_executed", AlertSeverity.INFO,
            "The target{level} of {symbol} was executed at the broker: {qty} sold at {price} in {account}.",
            "Nothing to send: the exit is booked.", protection.executed(stopped=False),
        ),
        (
            "stop_by_close", AlertSeverity.CRITICAL,
            "{symbol} in {account} closed at {close} on {date}, at or through its stop {stop}. {plan}.",
            "Approve the exit, or move the stop.", protection.closed_through,
        ),
        (
            "exit_proposed", AlertSeverity.WARNING,
            "Plan {plan} sells {qty} {symbol} in {account}: at {price} it is at or through its stop {stop}.",
            "Approve it, or turn it down.", protection.exits,
        ),
        (
            "protection_expires", AlertSeverity.INFO,
            "The protection of {symbol}, {order}, works for {days} days; the broker ends it at 90.",
            "Nothing: it is renewed while the market is closed.", protection.renewals,
        ),
        (
            "plan_diverged", AlertSeverity.WARNING,
            "Plan {plan} ended more than {limit} from its projection: {symbols}.",
            "Look at its report: price, cost and weight of each step.", plans.diverged,
        ),
        (
            "limit_missed", AlertSeverity.WARNING,
            "After plan {plan}: {explanation}",
            "Trim: `quarterdeck trim` drafts the smallest sale that restores it.",
            plans.missed(BreachSeverity.MAJOR),
        ),
        (
            "limit_broken", AlertSeverity.CRITICAL,
            "After plan {plan}: {explanation}",
            "Roll back: `quarterdeck trim` drafts the smallest sale that restores it.",
            plans.missed(BreachSeverity.CRITICAL),
        ),
        (
            "escalation_due", AlertSeverity.WARNING,
            "Plan {plan} waits for {to} until {at} UTC.",
            "Grant or refuse it, or change the plan; afterwards nothing can be granted.",
            plans.escalated(Outcome.OPEN),
        ),
        (
            "escalation_expired", AlertSeverity.WARNING,
            "{to} did not answer until {at} UTC; nothing was granted to plan {plan}.",
            "Escalate it again, change it, or turn it down.", plans.escalated(Outcome.EXPIRED),
        ),
        (
            "drill_due", AlertSeverity.INFO,
            "The kill switch was rehearsed {last}; the policy wants it every {limit} days.",
            "Run `quarterdeck drill` on the simulator.", desk.drill,
        ),
        (
            "daily_loss_50", AlertSeverity.INFO, _LOSS,
            "Look at the open risk.", account.daily_loss(Decimal("0.5")),
        ),
        (
            "daily_loss_80", AlertSeverity.WARNING, _LOSS,
            "Reduce: at the limit trading is halted.", account.daily_loss(Decimal("0.8")),
        ),
        (
            "daily_loss_100", AlertSeverity.CRITICAL, _LOSS,
            "Trading is halted at the limit: only exits from here.", account.daily_loss(Decimal(1)),
        ),
    )
}  # fmt: skip
