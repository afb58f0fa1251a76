"""The pieces of a sliced order: whole, in order, in time, and the same after a restart (spec 5,
Sliced orders)."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import NOON

from db.model.slicing import Algorithm, AlgorithmName, Slice
from services.execution.schedule import MOST_CLIPS, scheduled

CLOSE = NOON + timedelta(hours=4)
MARKET = timedelta(days=30)
"""A simulated market may live on another day than the desk."""
TWAP, VWAP, POV, IS = AlgorithmName


def pieces(algorithm: Algorithm, qty: int | str = 1000, volume: int = 1_000_000) -> Slice:
    return scheduled(
        algorithm,
        Decimal(qty),
        now=NOON - MARKET,
        market_now=NOON,
        session_ends_at=CLOSE,
        seed="qd-3f9a-s01-c1-a1",
        daily_volume=Decimal(volume),
    )


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("1 " * 13, [25, 25, 25, 25]),  # 2 of the 8 half hours that are left in each hour
        ("9 9 9 9 9 1 1 1 1 1 1 1 3", [20, 20, 20, 40]),  # of 10: 2, 2, 2, 4
        ("9 9 9 9 9 0 0 0 0 2 0 0 2", [0, 0, 50, 50]),
    ],
)
def test_vwap_follows_the_volume_where_it_is_known(profile: str, expected: list[int]) -> None:
    """From 12:00 to 16:00 in New York, a piece an hour; none of nothing."""
    made = scheduled(
        Algorithm(name=VWAP, minutes=Decimal(240), interval_seconds=3600), Decimal(100),
        now=NOON, market_now=NOON, session_ends_at=CLOSE, seed="a", daily_volume=None,
        profile=[Decimal(part) for part in profile.split()],
    )  # fmt: skip
    assert [clip.qty for clip in made.clips] == [qty for qty in expected if qty]


@st.composite
def algorithms(draw: st.DrawFn) -> Algorithm:
    name = draw(st.sampled_from(AlgorithmName))
    return Algorithm(
        name=name,
        minutes=draw(st.none() | st.integers(1, 600)),
        participation=Decimal(draw(st.integers(1, 100))) / 100 if name is POV else None,
        urgency=Decimal(draw(st.integers(0, 100))) / 100 if name is IS else None,
        min_clip=draw(st.integers(1, 500)),
        interval_seconds=draw(st.integers(1, 900)),
    )


@given(algorithms(), st.integers(1, 20_000), st.integers(0, 10_000_000))
def test_the_pieces_make_up_the_step_in_order_and_in_time(
    algorithm: Algorithm, qty: int, volume: int
) -> None:
    made = pieces(algorithm, qty, volume)
    assert made.ends_at <= CLOSE - MARKET
    if algorithm.minutes is not None:
        assert made.ends_at - made.starts_at <= timedelta(minutes=float(algorithm.minutes))
    if algorithm.name is POV:
        assert made.qty <= max(algorithm.participation * volume, 0)  # type: ignore[operator]
        assert made.qty == qty or made.note
    else:
        assert made.qty == qty
    assert [clip.n for clip in made.clips] == list(range(1, len(made.clips) + 1))
    assert all(earlier.at < later.at for earlier, later in pairwise(made.clips))
    assert all(made.starts_at <= clip.at < made.ends_at for clip in made.clips)
    assert all(clip.qty == clip.qty.to_integral_value() for clip in made.clips)
    assert all(clip.qty >= min(algorithm.min_clip, qty) for clip in made.clips)
    assert len(made.clips) <= MOST_CLIPS
    assert pieces(algorithm, qty, volume) == made


@given(st.integers(1, 60), st.integers(2, 5000))
def test_each_piece_leaves_within_a_fifth_of_the_interval(minutes: int, qty: int) -> None:
    made = pieces(Algorithm(name=TWAP, minutes=Decimal(minutes)), qty)
    slot = (made.ends_at - made.starts_at) / max(len(made.clips), 1)
    for clip in made.clips:
        assert abs(clip.at - (made.starts_at + slot * (clip.n - 1))) <= slot * 0.2001


def test_the_moments_differ_from_one_step_to_the_next() -> None:
    known = {"now": NOON, "market_now": NOON, "session_ends_at": CLOSE, "daily_volume": None}
    twap = Algorithm(name=TWAP, minutes=Decimal(30))
    one, two = (scheduled(twap, Decimal(100), seed=seed, **known) for seed in ("one", "two"))  # type: ignore[arg-type]
    assert [c.at for c in one.clips] != [c.at for c in two.clips]
    assert [c.qty for c in one.clips] == [c.qty for c in two.clips]


@pytest.mark.parametrize(
    ("algorithm", "sizes"),
    [
        (Algorithm(name=TWAP, minutes=Decimal(4)), [25, 25, 25, 25]),
        # The last half hour is the busiest of the day.
        (Algorithm(name=VWAP, minutes=Decimal(240), interval_seconds=3600), [20, 19, 21, 40]),
        (Algorithm(name=IS, urgency=Decimal(0), minutes=Decimal(4)), [25, 25, 25, 25]),
        (Algorithm(name=IS, urgency=Decimal(1), minutes=Decimal(4)), [63, 24, 9, 4]),
        (Algorithm(name=TWAP, minutes=Decimal(10), min_clip=Decimal(40)), [50, 50]),
        (Algorithm(name=TWAP, minutes=Decimal(10), min_clip=Decimal(400)), [100]),
    ],
)
def test_sizes(algorithm: Algorithm, sizes: list[int]) -> None:
    assert [int(clip.qty) for clip in pieces(algorithm, 100).clips] == sizes


def test_what_the_volume_does_not_allow_is_not_sent_and_said() -> None:
    tenth = Algorithm(name=POV, participation=Decimal("0.1"), minutes=Decimal(60))
    made = pieces(tenth, 1000, volume=20_000)
    assert 0 < made.qty < 1000 * Decimal("0.3")
    assert "leaves" in made.note
    unknown = scheduled(
        tenth,
        Decimal(10),
        now=NOON,
        market_now=NOON,
        session_ends_at=CLOSE,
        seed="x",
        daily_volume=None,
    )
    assert (unknown.clips, unknown.note) == (
        (),
        "the daily volume that it is a share of is not known",
    )


def test_a_fraction_of_a_share_goes_with_the_last_piece() -> None:
    made = pieces(Algorithm(name=TWAP, minutes=Decimal(2)), "10.5")
    assert [str(clip.qty) for clip in made.clips] == ["5", "5.5"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "pov"},
        {"name": "twap", "participation": "0.1"},
        {"name": "vwap", "urgency": "0.5"},
        {"name": "twap", "minutes": "5", "end_at": "2026-01-05T18:00:00Z"},
        {"name": "twap", "min_clip": "0"},
        {"name": "is", "urgency": "2"},
    ],
)
def test_parameters_that_do_not_fit_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        Algorithm.model_validate(wrong)
