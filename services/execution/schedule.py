"""When which part of a sliced order is due: TWAP, VWAP, POV, implementation shortfall (spec 5,
Sliced orders). Pure: the same order always gives the same schedule."""

import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from db.model.base import plain
from db.model.slicing import Algorithm, AlgorithmName, Clip, Slice

JITTER = 0.2
"""Share of the interval by which a child leaves earlier or later at most."""
MOST_CLIPS = 400
SESSION = timedelta(minutes=390)
PROFILE = (12.6, 8.9, 7.6, 6.8, 6.2, 5.8, 5.5, 5.4, 5.6, 5.9, 6.6, 8.1, 15.0)
"""Percent of a day's volume in each half hour of the regular session: the usual U. It is laid back
from the close, so that a half-day loses its morning."""
STRONGEST_DECAY = 4.0
"""κT of Almgren and Chriss at urgency 1: 63% leaves in the first quarter of the time."""


def scheduled(
    algorithm: Algorithm,
    qty: Decimal,
    *,
    now: datetime,
    market_now: datetime,
    session_ends_at: datetime | None,
    seed: str,
    daily_volume: Decimal | None,
    profile: Sequence[Decimal] | None = None,
) -> Slice:
    """The pieces of `qty` shares. `now` is the desk's clock, the session's end is market time; the
    seed is the step's client order id; `profile` is how the volume lies over the half hours of a day,
    the usual U where nobody knows. Without clips when its time is over before it began."""
    ours = now - market_now
    start = now if algorithm.start_at is None else max(now, algorithm.start_at + ours)
    ends = [algorithm.end_at, session_ends_at]
    if algorithm.minutes is not None:
        ends.append(start - ours + timedelta(minutes=float(algorithm.minutes)))
    known = [end + ours for end in ends if end is not None]
    end = min(known, default=start + SESSION)
    if end <= start:
        return Slice(starts_at=start, ends_at=start, clips=(), note="its time was over")
    slots = _slots(algorithm, qty, end - start)
    to_close = None if session_ends_at is None else session_ends_at + ours - start
    shape = PROFILE if profile is None else tuple(float(part) for part in profile)
    targets, note = _targets(algorithm, qty, slots, end - start, to_close, daily_volume, shape)
    times = _times(start, end, slots, seed)
    return Slice(
        starts_at=start,
        ends_at=end,
        clips=_clips(targets, times, qty, algorithm.min_clip),
        note=note,
    )


def _slots(algorithm: Algorithm, qty: Decimal, length: timedelta) -> int:
    by_time = int(length.total_seconds() / algorithm.interval_seconds)
    by_size = int(qty / algorithm.min_clip)
    return max(1, min(by_time, by_size, MOST_CLIPS))


def _targets(
    algorithm: Algorithm,
    qty: Decimal,
    slots: int,
    length: timedelta,
    to_close: timedelta | None,
    daily_volume: Decimal | None,
    profile: tuple[float, ...],
) -> tuple[list[Decimal], str]:
    """Shares that should have been sent by each slot, whole but for the last; and why it is not
    all of them."""
    edges = [k / slots for k in range(slots + 1)]
    if algorithm.name is AlgorithmName.TWAP:
        done = edges
    elif algorithm.name is AlgorithmName.IS:
        done = [_front_loaded(edge, float(algorithm.urgency or 0)) for edge in edges]
    else:
        left = SESSION if to_close is None else to_close
        volume = [_volume_until(SESSION - left + length * edge, profile) for edge in edges]
        done = [v - volume[0] for v in volume]
    if algorithm.name is AlgorithmName.POV:
        if daily_volume is None:
            return [], "the daily volume that it is a share of is not known"
        most = (algorithm.participation or Decimal(0)) * daily_volume
        allowed = [min(_whole(most, share, ROUND_FLOOR), qty) for share in done[1:]]
        short = qty - allowed[-1]
        note = f"the volume expected leaves {plain(short)} of {plain(qty)}" if short >= 1 else ""
        return ([*allowed[:-1], qty] if short < 1 else allowed), note
    total = done[-1]
    if total <= 0:
        done, total = edges, 1.0
    return [*(_whole(qty, share / total) for share in done[1:-1]), qty], ""


def _whole(qty: Decimal, share: float, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    return (qty * Decimal(repr(share))).to_integral_value(rounding)


def _front_loaded(time: float, urgency: float) -> float:
    """Share done by `time` (0 to 1): 1 − sinh(κ(T − t)) ÷ sinh(κT)."""
    decay = urgency * STRONGEST_DECAY
    if decay == 0:
        return time
    return 1 - math.sinh(decay * (1 - time)) / math.sinh(decay)


def _volume_until(since_open: timedelta, profile: tuple[float, ...]) -> float:
    """Share of a day's volume traded `since_open`, straight between the half hours."""
    halves = since_open / (SESSION / len(profile))
    full = min(max(int(halves), 0), len(profile))
    part = profile[full] * max(halves - full, 0.0) if full < len(profile) else 0.0
    return (sum(profile[:full]) + part) / sum(profile)


def _times(start: datetime, end: datetime, slots: int, seed: str) -> list[datetime]:
    """One moment a slot, none before the start; each after the one before."""
    draw = random.Random(seed)  # noqa: S311
    slot = (end - start) / slots
    moved = [slot * (k + draw.uniform(-JITTER, JITTER)) for k in range(slots)]
    return [start + max(offset, timedelta(0)) for offset in moved]


def _clips(
    targets: Sequence[Decimal], times: Sequence[datetime], qty: Decimal, least: Decimal
) -> tuple[Clip, ...]:
    """What is too small for a clip waits for the next; what is left at the end goes with the last."""
    found: list[tuple[datetime, Decimal]] = []
    given = Decimal(0)
    for at, target in zip(times, targets, strict=False):
        if target - given >= least:
            found.append((at, target - given))
            given = target
    rest = (targets[-1] if targets else given) - given
    if rest > 0 and found:
        at, last = found.pop()
        found.append((at, last + rest))
    elif rest > 0 and rest == qty:
        found.append((times[0], rest))
    return tuple(Clip(n=n, at=at, qty=size) for n, (at, size) in enumerate(found, start=1))
