"""Sessions of New York, and clocks that start, run fast or stay open."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchange import sessions
from services.exchange.clock import OpenClock, StartedClock, open_start

START = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)  # a Friday, ten in the morning


class Seconds:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 1, 1),
        date(2026, 1, 19),
        date(2026, 2, 16),
        date(2026, 4, 3),
        date(2026, 5, 25),
        date(2026, 6, 19),
        date(2026, 7, 3),  # the fourth is a Saturday
        date(2026, 9, 7),
        date(2026, 11, 26),
        date(2026, 12, 25),
        date(2023, 1, 2),  # the first is a Sunday
        date(2026, 11, 21),
    ],
)
def test_holidays_and_weekends_have_no_session(day):
    assert sessions.session_of(day) is None


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        (date(2026, 1, 5), (14, 30), (21, 0)),
        (date(2026, 7, 6), (13, 30), (20, 0)),
        (date(2026, 11, 27), (14, 30), (18, 0)),
        (date(2026, 12, 24), (14, 30), (18, 0)),
        (date(2025, 7, 3), (13, 30), (17, 0)),
        (date(2021, 12, 31), (14, 30), (21, 0)),  # New Year's Day on a Saturday is not made up
        (date(2021, 6, 18), (13, 30), (20, 0)),  # before Juneteenth was kept
    ],
)
def test_hours_follow_half_days_and_daylight_saving(day, opens, closes):
    session = sessions.session_of(day)
    assert session is not None
    assert (session.opens.hour, session.opens.minute) == opens
    assert (session.closes.hour, session.closes.minute) == closes


@given(st.timedeltas(timedelta(0), timedelta(days=7000)))
def test_at_any_time_a_session_is_running_or_next(since):
    now = datetime(2015, 1, 1, tzinfo=UTC) + since
    session = sessions.current_or_next(now)
    assert now < session.closes
    assert sessions.is_open(now) == (session.opens <= now)
    assert sessions.session_after(session).opens > session.closes


def test_a_started_clock_runs_at_its_speed():
    seconds = Seconds()
    clock = StartedClock(START, 60.0, seconds)
    seconds.at = 2.0
    assert clock.now() == START + timedelta(minutes=2)


@given(st.lists(st.floats(0, 40_000), max_size=30), st.sampled_from([1.0, 10.0]))
def test_an_open_clock_is_always_in_session_and_never_goes_back(waits, speed):
    seconds = Seconds()
    clock = OpenClock(START, speed, seconds)
    last = clock.now()
    for wait in waits:
        seconds.at += wait
        now = clock.now()
        assert now >= last
        assert sessions.is_open(now)
        assert sessions.current_or_next(now).closes - now >= timedelta(hours=1)
        last = now


def test_an_open_clock_starts_with_hours_ahead_of_it():
    for day in range(370):
        start = open_start(date(2026, 1, 1) + timedelta(days=day))
        session = sessions.current_or_next(start)
        assert session.opens + timedelta(minutes=30) == start
        assert session.closes - start >= timedelta(hours=3)
        assert session.day <= date(2026, 1, 1) + timedelta(days=day)
