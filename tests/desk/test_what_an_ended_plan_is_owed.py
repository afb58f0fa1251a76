"""A plan that has ended is compared with its promise and reported, also when the desk died in between."""

from datetime import UTC, datetime

import pytest

from db.chain import GENESIS
from db.model.event import Event
from services.desk.paper import unreported


def events(*said: str) -> list[Event]:
    """`kind plan`, in order."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    words = [line.split() for line in said]
    return [
        Event(kind=kind, plan_id=plan_id or None, seq=n, at=at, prev_hash=GENESIS, hash=GENESIS)
        for n, (kind, plan_id) in enumerate(((k, p[0] if p else "") for k, *p in words), start=1)
    ]


@pytest.mark.parametrize(
    ("said", "owed"),
    [
        (["PlanStarted a"], ()),
        (["PlanEnded a"], ("a",)),
        (["PlanAborted a"], ("a",)),
        (["PlanEnded a", "PostTradeChecked a"], ("a",)),
        (["PlanEnded a", "ReportWritten"], ("a",)),  # the portfolio's, not the plan's
        (["PlanEnded a", "ReportWritten a"], ()),
        (["PlanEnded a", "PlanEnded b", "ReportWritten a"], ("b",)),
    ],
)
def test_what_ended_is_owed_its_report_until_that_is_written(
    said: list[str], owed: tuple[str, ...]
) -> None:
    assert unreported(events(*said)) == owed
