"""The title bar: narrow terminals lose words, never facts (spec 8)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from widgets.title_bar import MARKET_ZONE, Standing, facts, fitted

NEW_YORK = ZoneInfo(MARKET_ZONE)
AT = datetime(2026, 1, 5, 15, 32, 7, tzinfo=UTC)
USUAL = Standing(
    environment="live",
    account="PA3QD7XK21",
    trading_state="ACTIVE",
    market_now=AT,
    market_open=True,
    closes=AT + timedelta(hours=5, minutes=27),
    equity=Decimal("1234567.89"),
    day_pl=Decimal("-12345.67"),
    day_pl_percent=Decimal("-0.0099"),
    cash_weight=Decimal("0.0249"),
    feed_age=timedelta(seconds=1),
    requests_used=123,
    requests_limit=200,
    desk="ok",
)


def said(now: Standing, width: int) -> list[str]:
    """The rows as they are shown at this width."""
    return ["  ".join(words for words, _ in fitted(row, width)) for row in facts(now, NEW_YORK)]


def test_80_columns_hold_every_fact() -> None:
    first, second = said(USUAL, 80)
    assert cell_len(first) <= 80
    assert cell_len(second) <= 80
    for fact in ("LIVE", "PA3QD7XK21", "ACTIVE", "10:32:07", "5h27m", "desk ok"):
        assert fact in first
    for fact in ("1,234,567.89", "▼ −12,345.67", "2.5%", "<5s", "123/200"):
        assert fact in second


@given(
    width=st.integers(80, 200),
    equity=st.decimals(0, 10**8, places=2),
    day=st.decimals(-(10**6), 10**6, places=2),
    used=st.integers(0, 200),
    state=st.sampled_from(["ACTIVE", "REDUCING", "HALTED"]),
    desk=st.sampled_from(["ok", "lost"]),
    opened=st.booleans(),
)
def test_every_fact_fits_at_every_width_from_80(
    width: int, equity: Decimal, day: Decimal, used: int, state: str, desk: str, opened: bool
) -> None:
    now = Standing(
        **{
            **{name: getattr(USUAL, name) for name in USUAL.__slots__},
            "equity": equity, "day_pl": day, "requests_used": used, "trading_state": state,
            "desk": desk, "market_open": opened, "opens": AT + timedelta(days=3),
            "lost_for": timedelta(minutes=59),
        }
    )  # fmt: skip
    first, second = said(now, width)
    assert cell_len(first) <= width
    assert cell_len(second) <= width
    assert state in first
    assert ("LOST" in first) == (desk == "lost")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"market_open": False, "opens": AT + timedelta(hours=18)}, "CLOSED"),
        ({"desk": "lost", "lost_for": timedelta(seconds=12)}, "desk LOST, figures 12s old"),
        ({"feed_age": timedelta(seconds=70)}, "feed 1m!"),
        ({"feed_age": None}, "feed —"),
        ({"polling": True}, "polled <5s"),
        ({"orders_connected": False}, "order stream LOST"),
        ({"equity": None}, "equity —"),
        ({"day_pl": None, "day_pl_percent": None}, "day — (—)"),
        ({"day_pl": Decimal(0), "day_pl_percent": Decimal(0)}, "day 0.00 (0.00%)"),
        ({"cash_weight": None}, "cash —"),
        ({"requests_used": None}, "requests —"),
        ({"market_now": None}, "market —"),
    ],
)
def test_what_is_unknown_or_wrong_is_said(change: dict[str, object], words: str) -> None:
    fields = {name: getattr(USUAL, name) for name in USUAL.__slots__}
    assert words in "  ".join(said(Standing(**{**fields, **change}), 200))


def test_before_the_desk_answers_no_figure_is_shown() -> None:
    first, second = said(Standing("sim", trouble="No desk is running.", desk="lost"), 80)
    assert "SIM" in first
    assert "LOST" in first
    assert second == "No desk is running."


def test_another_zone_is_named() -> None:
    first, _ = facts(USUAL, ZoneInfo("UTC"))
    assert "15:32:07 UTC" in first[3].ways[0]
