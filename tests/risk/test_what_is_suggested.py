"""Reports, recommendations and signals before they are orders: each check of the signal group."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from risk_world import ACTIVE, NOW, STANDARD, steps, with_limits, world, worst

from db.model.idea import Direction, Idea
from db.model.market import MarketAnalysis
from db.model.plan import Severity
from db.model.policy import Policy
from services.risk.case import case_of
from services.risk.facts import Facts
from services.risk.run import RULES, check

PASS, WARN, BLOCK = Severity.PASS, Severity.WARN, Severity.BLOCK
S, L = Direction.SHORT, Direction.LONG


def ago(seconds: int) -> datetime:
    return NOW - timedelta(seconds=seconds)


def signal(**more: Any) -> Idea:
    known: dict[str, Any] = {
        "ticker": "AAA", "id": "s-1", "source": "ema", "signal_type": "CROSS", "at": NOW,
        "conviction": Decimal(75),
    }  # fmt: skip
    return Idea.model_validate({**known, **more})


def ranked(facts: Facts, **ranks: int) -> Facts:
    named = {f"Sector {symbol}": rank for symbol, rank in ranks.items()}
    return replace(facts, analysis=MarketAnalysis(as_of=NOW, sector_rank=named))


HELD = {"AAA": "9"}  # bought at 80: up 25% at 100
# check, idea, others heard, world, expected
TABLE: list[tuple[str, Idea, tuple[Idea, ...], dict[str, Any], Severity]] = [
    ("signal_fresh", signal(at=ago(120)), (), {}, PASS),  # 120 s are allowed
    ("signal_fresh", signal(at=ago(121)), (), {}, BLOCK),
    ("signal_fresh", signal(at=None), (), {}, BLOCK),  # nobody knows when: not a pass
    ("signal_fresh", signal(at=None, signal_type=""), (), {}, PASS),  # a report does not age
    ("signal_unique", signal(), (signal(at=ago(301)),), {}, PASS),  # 301 s apart, window 300
    ("signal_unique", signal(), (signal(at=ago(300)),), {}, BLOCK),
    ("signal_unique", signal(), (signal(ticker="BBB"),), {}, PASS),
    ("signal_unique", signal(), (signal(source="rsi"),), {}, PASS),
    ("signal_unique", signal(), (signal(signal_type="TREND"),), {}, PASS),
    ("signal_unique", signal(), (signal(direction=S),), {}, PASS),
    ("signal_unique", signal(), (signal(at=None),), {}, BLOCK),
    ("conviction", signal(conviction=Decimal(65)), (), {}, PASS),
    ("conviction", signal(conviction=Decimal("64.9")), (), {}, BLOCK),
    ("conviction", signal(conviction=None), (), {}, BLOCK),
    ("conflicting_signal", signal(), (signal(direction=S, source="rsi"),), {}, BLOCK),
    ("conflicting_signal", signal(), (signal(direction=S, at=ago(301)),), {}, PASS),
    ("conflicting_signal", signal(), (signal(direction=S, ticker="BBB"),), {}, PASS),
    ("conflicting_signal", signal(), (signal(source="rsi"),), {}, PASS),
    ("duplicate_ticker", signal(), (), {}, PASS),
    ("duplicate_ticker", signal(), (), {"held": HELD}, PASS),  # 100 ÷ 80 − 1 = +25%: a winner
    ("duplicate_ticker", signal(), (), {"held": HELD, "prices": {"AAA": "80"}}, BLOCK),  # 0%
    ("duplicate_ticker", signal(), (), {"held": HELD, "prices": {"AAA": "79"}}, BLOCK),
    ("duplicate_ticker", signal(), (), {"held": {"BBB": "9"}, "prices": {"BBB": "1"}}, PASS),
]


@pytest.mark.parametrize(("name", "idea", "heard", "different", "expected"), TABLE)
def test_check(
    name: str, idea: Idea, heard: tuple[Idea, ...], different: dict[str, Any], expected: Severity
) -> None:
    facts = replace(world(**different), heard=heard)
    found = list(RULES[name](case_of(facts, steps(facts, "buy 9 AAA"), (idea,))))
    assert worst(found) is expected, found
    assert all(finding.message.endswith(".") for finding in found)


@pytest.mark.parametrize(
    ("policy", "ranks", "expected"),
    [
        (STANDARD, {"AAA": 5}, PASS),
        (STANDARD, {"AAA": 6}, BLOCK),
        (STANDARD, {"BBB": 1}, BLOCK),  # the sector of AAA is not ranked: not a pass
        (STANDARD, {}, BLOCK),
        (with_limits(worst_sector_rank=1), {"AAA": 1}, PASS),
    ],
)
def test_only_sectors_that_rank_well(
    policy: Policy, ranks: dict[str, int], expected: Severity
) -> None:
    facts = ranked(world(policy=policy), **ranks)
    found = list(RULES["sector_rank"](case_of(facts, steps(facts, "buy 9 AAA"), (signal(),))))
    assert worst(found) is expected


def test_the_rank_is_off_in_active() -> None:
    facts = world(policy=ACTIVE)
    assert list(RULES["sector_rank"](case_of(facts, (), (signal(),)))) == []


def test_a_basket_is_taken_as_given_without_any_of_these() -> None:
    facts = world()
    asked = {finding.check for finding in check(case_of(facts, steps(facts, "buy 9 AAA")))}
    assert not asked & {"conviction", "sector_rank", "signal_fresh", "duplicate_ticker"}


def test_an_idea_to_get_out_is_never_blocked_by_what_speaks_against_ideas() -> None:
    facts = replace(world(held={"AAA": "9"}), heard=(signal(source="rsi"),))
    idea = signal(direction=S, conviction=Decimal(1), at=ago(999))
    found = check(case_of(facts, steps(facts, "sell 9 AAA"), (idea,)))
    assert worst(found) is WARN
