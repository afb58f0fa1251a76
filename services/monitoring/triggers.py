"""What stops trading by itself: `TRIGGERS` is the one table of every way to a stop, with the policy's
switch of each (spec 5, Kill switch; invariants 5, 24). Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from db.model.base import Exact, Noun
from db.model.policy import Policy
from db.model.trading import TradingState

MINUTE = 60


class Danger(Noun):
    """One frozen picture of all that can trip a trigger. Seconds are ages; None is unknown."""

    policy: Policy
    lost: Exact | None = None
    """The day's loss as a fraction of the equity it began with; negative when it is a gain."""
    losses_in_a_row: int = 0
    mismatch_seconds: Exact = Decimal(0)
    """How long the oldest open difference to the broker has been open."""
    mismatch: str = ""
    blind_seconds: Exact = Decimal(0)
    """How long both streams have been down and nothing was read from the broker."""
    stall_seconds: Exact = Decimal(0)
    """How long the oldest event has been waiting for the journal."""
    sends: int = 0
    rejects: int = 0
    repeats: int = 0
    """Of the last minute."""
    idle_seconds: Exact = Decimal(0)
    """Since the last key or command of any operator."""
    plans_working: int = 0
    """Plans that send by themselves: started, neither paused nor halted."""


Look = Callable[[Danger, Any], str | None]
"""The danger and the policy's limit → what is true, as a sentence, or None."""


@dataclass(frozen=True)
class Trigger:
    id: str
    by: str
    """Who stopped trading, as the report and the title of the alert say it."""
    state: TradingState
    switch: str | None
    """The field of the policy that switches it; None: always on."""
    look: Look | None
    """None: somebody presses, types or makes it; there is nothing to look at."""


def _daily_loss(now: Danger, limit: Decimal) -> str | None:
    if now.lost is None or not limit or now.lost < limit:
        return None
    return f"The day's loss is {now.lost:.2%} of equity, the limit is {limit:.2%}."


def _loss_streak(now: Danger, limit: int) -> str | None:
    if not limit or now.losses_in_a_row < limit:
        return None
    return f"{now.losses_in_a_row} round trips in a row lost money, the limit is {limit}."


def _mismatch(now: Danger, limit: int) -> str | None:
    if not now.mismatch or now.mismatch_seconds < limit:
        return None
    return f"A difference to the broker is open for {now.mismatch_seconds:.0f} s: {now.mismatch}"


def _blind(now: Danger, limit: int) -> str | None:
    if now.blind_seconds < limit:
        return None
    return (
        f"Both streams are down and nothing was read from the broker for {now.blind_seconds:.0f} s."
    )


def _stall(now: Danger, limit: int) -> str | None:
    if now.stall_seconds < limit:
        return None
    return f"The journal has not written an event for {now.stall_seconds:.0f} s."


def _rate(count: str, what: str) -> Look:
    def look(now: Danger, limit: int) -> str | None:
        found = getattr(now, count)
        if found <= limit:
            return None
        return f"{found} {what} within a minute, the policy allows {limit}."

    return look


def _unattended(now: Danger, limit: Decimal) -> str | None:
    if not now.plans_working or now.idle_seconds < limit * MINUTE:
        return None
    return (
        f"No key and no command for {now.idle_seconds / MINUTE:.0f} minutes while "
        f"{now.plans_working} plans work."
    )


_H, _R = TradingState.HALTED, TradingState.REDUCING

TRIGGERS: dict[str, Trigger] = {
    row[0]: Trigger(*row)
    for row in (
        ("key", "the trader", _H, None, None),
        ("command", "the trader", _H, None, None),
        ("latch", "another process", _H, None, None),
        ("journal_error", "the desk", _H, None, None),
        ("journal_stall", "the desk", _H, "journal_stall_seconds", _stall),
        ("daily_loss", "the daily loss limit", _H, "daily_loss_limit", _daily_loss),
        ("loss_streak", "the loss streak", _H, "loss_streak", _loss_streak),
        ("mismatch", "the reconciliation", _H, "mismatch_halt_seconds", _mismatch),
        ("blind", "the desk", _H, "blind_halt_seconds", _blind),
        ("sends", "the cap on orders", _R, "max_sends_per_minute", _rate("sends", "orders")),
        ("rejects", "the cap on refusals", _R, "max_rejects_per_minute", _rate("rejects", "orders were refused")),
        ("repeats", "the cap on repeats", _R, "max_repeats_per_minute", _rate("repeats", "orders repeat one of the same symbol and side")),
        ("unattended", "the unattended rule", _R, "unattended_minutes", _unattended),
    )
}  # fmt: skip


def true_now(now: Danger) -> dict[str, str]:
    """Trigger → what is true of it, as a sentence; what the policy switches off is not looked at."""
    found = {}
    for trigger in TRIGGERS.values():
        if trigger.look is None or trigger.switch is None:
            continue
        limit = getattr(now.policy, trigger.switch)
        if limit is not None and (sentence := trigger.look(now, limit)) is not None:
            found[trigger.id] = sentence
    return found


@dataclass(frozen=True)
class Trip:
    trigger: Trigger
    sentence: str


def tripped(true: dict[str, str], before: Iterable[str]) -> tuple[Trip, ...]:
    """The triggers that came true since `before`, HALTED first. One that stays true trips once: a
    trader who resumes knowing it must not be stopped by it again a second later."""
    known = frozenset(before)
    trips = [Trip(TRIGGERS[name], words) for name, words in true.items() if name not in known]
    return tuple(sorted(trips, key=lambda trip: trip.trigger.state is not TradingState.HALTED))
