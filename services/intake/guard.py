"""The guard of signals: a stale one and a repeated one are written down, and neither is acted on
(spec 2.D)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from db.model.idea import Idea
from db.model.policy import Policy


class Fate(StrEnum):
    """What the guard makes of a signal."""

    PASSED = "passed"
    STALE = "stale"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Guarded:
    idea: Idea
    fate: Fate
    why: str
    """One sentence without its dot."""


def guarded(
    ideas: Iterable[Idea], heard: Sequence[Idea], now: datetime, policy: Policy
) -> tuple[Guarded, ...]:
    """Each signal with its fate, in order. `now` is market time; `heard` are signals of before, acted
    on or not. One whose time lies as far ahead as another may lie behind is as little to be trusted."""
    seen = list(heard)
    found: list[Guarded] = []
    for idea in ideas:
        found.append(_guarded(idea, seen, now, policy))
        seen.append(idea)
    return tuple(found)


def _guarded(idea: Idea, seen: Sequence[Idea], now: datetime, policy: Policy) -> Guarded:
    called = f"{idea.id} for {idea.ticker}"
    window = timedelta(seconds=policy.signal_repeat_seconds)
    twin = next((other for other in seen if _same(idea, other, window)), None)
    if twin is not None:
        return Guarded(idea, Fate.DUPLICATE, f"{called} repeats {twin.id} of {twin.source}")
    if idea.at is None:
        return Guarded(idea, Fate.STALE, f"{called} does not say when it was made")
    age, limit = (now - idea.at).total_seconds(), policy.signal_stale_seconds
    if age > limit:
        return Guarded(idea, Fate.STALE, f"{called} is {age:.0f} s old, {limit} s are allowed")
    if age < -limit:
        return Guarded(idea, Fate.STALE, f"{called} is dated {-age:.0f} s ahead of the market")
    return Guarded(idea, Fate.PASSED, f"{called} is {max(age, 0):.0f} s old and new")


def _same(one: Idea, other: Idea, window: timedelta) -> bool:
    """The very signal again, or the same said again within the window."""
    if one.source != other.source:
        return False
    if one.id and one.id == other.id:
        return True
    about = (one.ticker, one.direction, one.signal_type)
    if about != (other.ticker, other.direction, other.signal_type):
        return False
    return one.at is None or other.at is None or abs(one.at - other.at) <= window


def recent(heard: Iterable[Idea], now: datetime, policy: Policy) -> tuple[Idea, ...]:
    """Those of `heard` that may still have a twin."""
    seconds = policy.signal_repeat_seconds + policy.signal_stale_seconds
    return tuple(idea for idea in heard if idea.at is None or _near(idea.at, now, seconds))


def _near(at: datetime, now: datetime, seconds: int) -> bool:
    return abs((now - at).total_seconds()) <= seconds
