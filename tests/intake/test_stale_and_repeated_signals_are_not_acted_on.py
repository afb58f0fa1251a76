"""The guard: older than 120 s is stale, the same within 300 s is a duplicate (spec 2.D)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.model.idea import Direction, Idea
from db.model.policy import Policy
from db.model.proposal import IdeasProposal
from services.intake.guard import guarded, recent
from services.intake.read import read_file
from services.risk.policy import load_policy

CASE = Path(__file__).parents[1] / "data" / "cases" / "stocks" / "signals.jsonl"
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("standard")


def signal(name: str = "a", *, age: float = 0, **said: str) -> Idea:
    about = {"ticker": "NVDA", "source": "ema", "signal_type": "CROSS", **said}
    return Idea.model_validate({"id": name, "at": NOW - timedelta(seconds=age), **about})


# the signal, what was heard before, its fate
TABLE: list[tuple[Idea, list[Idea], str]] = [
    (signal(), [], "passed"),
    (signal(age=120), [], "passed"),
    (signal(age=120.5), [], "stale"),
    (signal(age=-120), [], "passed"),
    (signal(age=-121), [], "stale"),  # nothing dated ahead stays fresh for ever
    (signal("b"), [signal(age=300)], "duplicate"),
    (signal("b"), [signal(age=300.5)], "passed"),
    (signal("b"), [signal(age=-100)], "duplicate"),
    (signal("b"), [signal(source="rsi")], "passed"),
    (signal("b"), [signal(ticker="XOM")], "passed"),
    (signal("b"), [signal(signal_type="TREND")], "passed"),
    (signal("b"), [signal(direction=Direction.SHORT)], "passed"),
    (signal("a"), [signal("a", age=400, ticker="XOM")], "duplicate"),  # the very signal again
    (signal("b", age=200), [signal()], "duplicate"),
]


@pytest.mark.parametrize(("idea", "heard", "fate"), TABLE)
def test_the_fate_of_a_signal(idea: Idea, heard: list[Idea], fate: str, policy: Policy) -> None:
    (one,) = guarded([idea], heard, NOW, policy)
    assert (one.fate, one.idea) == (fate, idea)
    assert idea.id in one.why


def test_the_case_heard_three_minutes_after_three(policy: Policy) -> None:
    found = read_file(CASE)
    assert isinstance(found, IdeasProposal)
    looked = guarded(found.ideas, (), NOW + timedelta(seconds=100), policy)
    assert [(one.idea.id, one.fate) for one in looked] == [
        ("s-1", "passed"), ("s-2", "duplicate"), ("s-3", "passed"), ("s-4", "stale"),
    ]  # fmt: skip
    assert looked[1].why == "s-2 for NVDA repeats s-1 of ema-cloud"
    assert looked[3].why == "s-4 for XOM is 1300 s old, 120 s are allowed"


def test_what_can_have_no_twin_any_more_is_forgotten(policy: Policy) -> None:
    kept, gone = signal(age=420), signal(age=421)
    assert recent([kept, gone], NOW, policy) == (kept,)
