"""At the desk: each signal is written down with its fate, the guard remembers over a restart, a
restricted list is in force until the next, and a recommendation passes its six checks or is refused."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from risk_world import NOW, STANDARD, world

from db.home import Home
from db.model.base import Environment
from db.model.event import KINDS, Event, EventDraft
from db.model.market import MarketAnalysis
from db.model.plan import Plan
from services.desk.facts import FactsSource
from services.desk.intake import Intake
from services.desk.policies import PlanFacts
from services.execution.engine import Engine
from services.intake.refusal import RefusedInputError
from services.risk.catalogue import STOCK_VALIDATION
from services.risk.facts import Facts


class Desk:
    """An intake whose journal is a list and whose plans are only kept."""

    def __init__(self, home: Path) -> None:
        self.journal: list[EventDraft] = []
        self.plans: list[Plan] = []
        self.facts = world()
        self.source = SimpleNamespace(
            fresh=self.fresh, instruments=world().instruments, analysis=None, restrictions=()
        )
        book = SimpleNamespace(plan_ids=frozenset(), record=self.record)
        self.intake = Intake(
            cast(Engine, SimpleNamespace(book=book)),
            cast(FactsSource, self.source),
            cast(PlanFacts, SimpleNamespace(policy=lambda name: STANDARD)),
            Home(home, Environment.SIM),
            Environment.SIM,
            lambda: NOW,
        )
        self.intake.keep = self.keep  # type: ignore[method-assign]

    async def fresh(self, symbols: Any, policy: Any) -> Facts:
        return self.facts

    async def record(self, draft: EventDraft) -> None:
        assert draft.kind in KINDS
        self.journal.append(EventDraft.model_validate_json(draft.model_dump_json()))

    async def keep(self, plan: Plan) -> dict[str, Any]:
        self.plans.append(plan)
        return {}

    def events(self) -> list[Event]:
        return [
            Event(**draft.model_dump(), seq=n, at=NOW, prev_hash="", hash="")
            for n, draft in enumerate(self.journal)
        ]

    def fates(self) -> list[tuple[str, str]]:
        heard = [draft.payload for draft in self.journal if draft.kind == "SignalHeard"]
        return [(payload["idea"]["id"], payload["fate"]) for payload in heard]


def signal(name: str, ticker: str = "AAA", *, age: int = 0, **more: Any) -> str:
    said = {
        "id": name, "source": "ema", "signal_type": "CROSS", "direction": "long", "ticker": ticker,
        "timeframe": "5m", "conviction": 80, "entry_price": 100, "stop_loss": 92,
        "timestamp": (NOW - timedelta(seconds=age)).isoformat(), **more,
    }  # fmt: skip
    return json.dumps(said)


async def test_only_what_passes_the_guard_is_planned_and_all_is_written_down(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    lines = [signal("a"), signal("b"), signal("c", "BBB", age=121), signal("d", "CCC")]
    await desk.intake.propose("signals.jsonl", "\n".join(lines).encode(), None)
    assert desk.fates() == [
        ("a", "passed"), ("b", "duplicate"), ("c", "stale"), ("d", "passed"),
    ]  # fmt: skip
    (plan,) = desk.plans
    assert [step.symbol for step in plan.steps] == ["AAA", "CCC"]
    assert {skip.symbol: skip.reason for skip in plan.skipped} == {
        "AAA": "b for AAA repeats a of ema",
        "BBB": "c for BBB is 121 s old, 120 s are allowed",
    }
    findings = {f.check: f.severity for f in plan.findings}
    assert (findings["signal_fresh"], findings["signal_unique"]) == ("pass", "pass")


async def test_after_a_restart_a_repeat_is_still_one(tmp_path: Path) -> None:
    before = Desk(tmp_path)
    await before.intake.propose("s.json", signal("a", age=60).encode(), None)
    after = Desk(tmp_path)
    after.intake.recover(before.events())
    with pytest.raises(RefusedInputError, match="no signal to act on: b for AAA repeats a of ema"):
        await after.intake.propose("s.json", signal("b").encode(), None)
    assert after.fates() == [("b", "duplicate")]
    assert [draft.kind for draft in after.journal] == ["SignalHeard", "ProposalRefused"]
    assert after.plans == []


async def test_what_was_heard_from_another_side_stands_against_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.intake.propose("s.json", signal("a").encode(), None)
    down = signal("b", source="rsi", direction="short", stop_loss=108)
    await desk.intake.propose("s.json", down.encode(), None)
    against = [f for f in desk.plans[1].findings if f.check == "conflicting_signal"]
    assert against[0].severity != "pass"


async def test_a_restricted_list_is_in_force_until_the_next(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    listed = b"symbol,reason,expires\nAAA,Audit,2026-03-31\n"
    answer = await desk.intake.propose("r.csv", listed, None)
    assert answer == {"kind": "reference", "what": "restricted list: 1 symbols"}
    assert [one.symbol for one in desk.source.restrictions] == ["AAA"]
    again = Desk(tmp_path)
    again.intake.recover(desk.events())
    assert again.source.restrictions == desk.source.restrictions
    await again.intake.propose("r.json", b'{"restricted": {}}', None)
    assert again.source.restrictions == ()


def recommended(ticker: str, percent: int, conviction: int) -> bytes:
    said = {
        "ticker": ticker, "conviction_score": conviction, "thesis": "why", "sector": "Technology",
        "proposed_allocation_pct": percent,
    }  # fmt: skip
    return json.dumps(said).encode()


async def test_a_recommendation_passes_its_six_checks_or_is_refused_with_each(
    tmp_path: Path,
) -> None:
    """NVDA at 12% and 74, TSLA at 20% and 55, of an equity of 20,000; the cap is 15%, the minimum 65."""
    analysis = MarketAnalysis(as_of=NOW, sector_rank={"Sector AAA": 1, "Sector BBB": 2})
    desk = Desk(tmp_path)
    desk.facts = replace(world(), analysis=analysis)
    answer = await desk.intake.propose("nvda.json", recommended("AAA", 12, 74), None)
    assert answer["validation"] == {
        "ticker": "AAA",
        "status": "APPROVED_FOR_PO",
        "checks": dict.fromkeys(STOCK_VALIDATION, True),
        "reasons": [],
        "message": "AAA passes the six stock checks.",
    }
    with pytest.raises(RefusedInputError) as refused:
        await desk.intake.propose("tsla.json", recommended("BBB", 20, 55), None)
    said = str(refused.value)
    assert "BBB fails 2 of the six stock checks: conviction, position_cap." in said
    assert "Conviction in BBB is 55, under the minimum of 65." in said
    assert len(desk.plans) == 1
    assert desk.journal[-1].kind == "ProposalRefused"
    assert desk.journal[-1].payload["reason"] == said
