"""The two cases, and small books, as facts."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from db.model.market import MarketAnalysis
from db.model.plan import Finding, Plan, Severity
from db.model.proposal import BasketProposal, DirectiveProposal
from services.desk.offline import facts_of
from services.exchange.book import parse_book
from services.intake.read import read_file, recognise
from services.planning import Facts, make_plan

CASES = Path(__file__).parents[1] / "data" / "cases"
REBALANCE = CASES / "rebalance"
NOV10 = CASES / "nov10"


def proposal(path: Path) -> DirectiveProposal | BasketProposal:
    found = read_file(path)
    assert isinstance(found, DirectiveProposal | BasketProposal)
    return found


def book(path: Path, policy: str, analysis: Path | None = None) -> Facts:
    given = read_file(analysis) if analysis is not None else None
    assert given is None or isinstance(given, MarketAnalysis)
    opened = parse_book(path.read_text(encoding="utf-8"), path.name)
    return facts_of(opened, analysis=given, policy=policy)


def rebalance_facts() -> Facts:
    return book(REBALANCE / "book.json", "standard", REBALANCE / "market-analysis.toml")


def rebalance() -> Plan:
    return make_plan(proposal(REBALANCE / "Portfolio.md"), rebalance_facts(), "3f9a", "sim")


def nov10_facts() -> Facts:
    return book(NOV10 / "book.json", "swing")


def nov10() -> Plan:
    return make_plan(proposal(NOV10 / "basket.csv"), nov10_facts(), "b0e1", "sim")


def facts(
    positions: Sequence[tuple[str, str, str]] = (),
    market: Sequence[dict[str, Any]] = (),
    *,
    cash: str = "10000",
    ranks: dict[str, int] | None = None,
    picks: Sequence[tuple[str, str, int]] = (),
    policy: str = "standard",
) -> Facts:
    """A book of one account. positions: (symbol, qty, entry price); picks: (symbol, sector,
    conviction)."""
    whole = {
        "accounts": {"main": {"cash": cash}},
        "positions": [
            {"account": "main", "symbol": s, "qty": q, "avg_entry_price": p}
            for s, q, p in positions
        ],
        "market": [{"spread_bps": 2, "adv": 5_000_000, **listing} for listing in market],
    }
    analysis = None
    if ranks or picks:
        analysis = MarketAnalysis.model_validate(
            {
                "as_of": "2026-01-05T14:00:00Z",
                "sector_rank": ranks or {},
                "picks": [{"symbol": s, "sector": c, "conviction": n} for s, c, n in picks],
            }
        )
    return facts_of(parse_book(json.dumps(whole), "book"), analysis=analysis, policy=policy)


def listed(symbol: str, price: str, sector: str, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "price": price, "sector": sector, **more}


def directive(*bullets: str) -> DirectiveProposal:
    text = "## ACTION PLAN\n" + "\n".join(f"- {b}" for b in bullets)
    found = recognise("Portfolio.md", text.encode())
    assert isinstance(found, DirectiveProposal)
    return found


def basket(*lines: str, header: str = "symbol,side,qty") -> BasketProposal:
    found = recognise("basket.csv", "\n".join([header, *lines]).encode())
    assert isinstance(found, BasketProposal)
    return found


def orders(plan: Plan) -> list[tuple[str, str, Decimal]]:
    return [(step.side.value, step.symbol, step.qty) for step in plan.steps]


def of(plan: Plan, severity: Severity) -> list[Finding]:
    return [finding for finding in plan.findings if finding.severity is severity]
