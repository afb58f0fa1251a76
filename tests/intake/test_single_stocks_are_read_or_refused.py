"""QA reports, recommendations and signals: read whole, or refused in a sentence with its place."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from db.model.idea import Direction, Idea
from db.model.proposal import IdeasProposal
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError

CASES = Path(__file__).parents[1] / "data" / "cases" / "stocks"
REPORT: dict[str, Any] = json.loads((CASES / "qa-report.json").read_bytes())
RECOMMENDED: dict[str, Any] = json.loads((CASES / "nvda.json").read_bytes())
SIGNAL: dict[str, Any] = json.loads((CASES / "signals.jsonl").read_bytes().splitlines()[0])


def read(data: bytes) -> IdeasProposal:
    found = recognise("f", data)
    assert isinstance(found, IdeasProposal)
    return found


def refusal(data: bytes) -> str:
    with pytest.raises(RefusedInputError) as refused:
        recognise("f", data)
    return str(refused.value)


def changed(whole: dict[str, Any], path: str, value: Any) -> bytes:
    """The document, one key a line, with another value at `path`; `...` takes the key away."""
    copy = json.loads(json.dumps(whole))
    table = copy
    *above, last = path.split(".")
    for key in above:
        table = table[key]
    if value is ...:
        del table[last]
    else:
        table[last] = value
    return json.dumps(copy, indent=0).encode()


def test_the_report_says_what_was_approved() -> None:
    found = read((CASES / "qa-report.json").read_bytes())
    assert (found.kind, found.source, len(found.sha256)) == ("qa_report", "f", 64)
    assert found.ideas == (
        Idea(
            ticker="ABBV",
            id="qa-2026-0105-07",
            source="qa-17",
            at=datetime(2026, 1, 5, 14, 5, tzinfo=UTC),
            conviction=Decimal(71),
            conviction_tier="HIGH",
            sector="Healthcare",
            weight=Decimal("0.05"),
            entry_price=Decimal("200.10"),
            stop_loss=Decimal("0.08"),
            profit_target=Decimal("0.16"),
            account="main",
            reason="All gates passed; cash available",
        ),
    )


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("qa-report-gate-failed.json", "f line 36 column 5: gates.liquidity: the gate failed, expected PASS: the report goes back to its analyst qa-17."),
        ("qa-report-trigger.json", "f line 44 column 5: escalation_triggers.earnings_within_5_days: the trigger fired, expected false: the report escalates to whoever approved what qa-17 wrote."),
        ("qa-report-incomplete.json", "f line 51 column 3: audit_trail.qa_analyst_id: missing, expected text."),
    ],
)  # fmt: skip
def test_the_reports_of_the_cases_that_must_not_pass(file: str, said: str) -> None:
    assert refusal((CASES / file).read_bytes()) == said


@pytest.mark.parametrize(
    "path",
    [
        "overall_status", "meta", "meta.timestamp", "meta.stock_ticker", "portfolio_impact",
        *(f"portfolio_impact.{key}" for key in REPORT["portfolio_impact"]),
        "audit_trail", "audit_trail.qa_analyst_id", "audit_trail.timestamp", "decision",
        "decision.approved", "gates", "escalation_triggers",
    ],
)  # fmt: skip
def test_a_report_without_a_required_field_is_refused_by_its_name(path: str) -> None:
    said = refusal(changed(REPORT, path, ...))
    assert (
        f"{path}: missing, expected " in said
        or f"{path}: expected a table" in said
        or (f"{path}." in said and "missing" in said)
    )
    assert "missing" in refusal(changed(REPORT, path, ...))


OPTIONAL = {
    "sector": "sector", "position_sizing": "entry_price", "account_placement": "account",
    "risk_management": "stop_loss", "risk_management.profit_target_percent": "profit_target",
    "stock_analysis": "conviction",
}  # fmt: skip


@pytest.mark.parametrize("path", OPTIONAL)
def test_what_a_report_does_not_say_is_not_known(path: str) -> None:
    (idea,) = read(changed(REPORT, path, ...)).ideas
    assert getattr(idea, OPTIONAL[path]) is None


WRONG_REPORT: list[tuple[str, Any, str]] = [
    ("overall_status", "REJECT", "line 2 column 1: overall_status: expected APPROVE, found 'REJECT'"),
    ("overall_status", True, "overall_status: expected text, found true"),
    ("meta.timestamp", "yesterday", "line 4 column 1: meta.timestamp: expected a time with its zone"),
    ("meta.timestamp", "2026-01-05T14:05:00", "meta.timestamp: expected a time with its zone"),
    ("meta.timestamp", 1767621900, "meta.timestamp: expected a time with its zone"),
    ("meta.stock_ticker", "A BBV", "line 5 column 1: meta.stock_ticker: expected a ticker"),
    ("meta.stock_ticker", "ﬁ", "meta.stock_ticker: expected a ticker such as AAPL, found 'ﬁ'"),
    ("portfolio_impact.position_percent_of_portfolio", 5, "above 0 and at most 1, found '5'"),
    ("portfolio_impact.position_percent_of_portfolio", 0, "above 0 and at most 1, found '0'"),
    ("portfolio_impact.position_percent_of_portfolio", -0.05, "found '-0.05'"),
    ("portfolio_impact.position_percent_of_portfolio", "5%", "found '5%'"),
    ("portfolio_impact.position_percent_of_portfolio", None, "found nothing"),
    ("portfolio_impact.position_percent_of_portfolio", True, "found true"),
    ("portfolio_impact.position_dollars", 0, "line 11 column 1: portfolio_impact.position_dollars: expected a number above zero"),
    ("portfolio_impact.sector_after_percent", 15, "from 0 to 10, found '15'"),
    ("portfolio_impact.cash_after_percent", [], "from -10 to 10, found a list"),
    ("portfolio_impact.account_cash_after", "lots", "expected dollars, found 'lots'"),
    ("portfolio_impact", [], "line 9 column 1: portfolio_impact: expected a table, found a list"),
    ("audit_trail.qa_analyst_id", "  ", "audit_trail.qa_analyst_id: expected text, found ''"),
    ("audit_trail.timestamp", "", "audit_trail.timestamp: expected a time with its zone"),
    ("decision.approved", False, "decision.approved: the decision is no, expected true"),
    ("decision.approved", "true", "decision.approved: expected true or false, found 'true'"),
    ("gates", {}, "gates: no gate, expected each with PASS or FAIL"),
    ("gates.valuation", "FAIL", "gates.valuation: the gate failed, expected PASS"),
    ("gates.valuation", "fail", "gates.valuation: the gate failed, expected PASS"),
    ("gates.valuation", "perhaps", "gates.valuation: expected PASS or FAIL or WARN or N/A, found 'perhaps'"),
    ("gates.valuation", None, "gates.valuation: expected PASS or FAIL or WARN or N/A, found nothing"),
    ("escalation_triggers.analyst_conflict", True, "escalation_triggers.analyst_conflict: the trigger fired"),
    ("escalation_triggers.analyst_conflict", "no", "escalation_triggers.analyst_conflict: expected true or false, found 'no'"),
    ("position_sizing.final_size", 0.07, "position_sizing.final_size: 0.07 is not the 0.05 of portfolio_impact"),
    ("position_sizing.final_size", 25, "position_sizing.final_size: expected a fraction"),
    ("position_sizing.projected_entry_price", 0, "position_sizing.projected_entry_price: expected a number above zero"),
    ("risk_management.stop_loss_percent", 8, "risk_management.stop_loss_percent: expected a fraction of the entry price"),
    ("risk_management.profit_target_percent", -0.1, "risk_management.profit_target_percent: expected a fraction"),
    ("stock_analysis.conviction_score", 101, "stock_analysis.conviction_score: expected a number from 0 to 100"),
    ("account_placement.target_account", 7, "account_placement.target_account: expected text, found '7'"),
    ("sector", "\ud800", "sector: it has a control character"),
    ("decision.reason", "x" * 3000, "decision.reason: 3000 characters, expected at most 2000"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "said"), WRONG_REPORT)
def test_a_wrong_report_is_refused(path: str, value: Any, said: str) -> None:
    assert said in refusal(changed(REPORT, path, value))


def test_every_failed_gate_and_fired_trigger_is_named() -> None:
    gates = {"a": "PASS", "b": "FAIL", "c": "FAIL"}
    assert "gates.b: the gate failed (and c too)" in refusal(changed(REPORT, "gates", gates))


def test_the_recommendations_of_the_cases() -> None:
    (nvda,) = read((CASES / "nvda.json").read_bytes()).ideas
    assert nvda == Idea(
        ticker="NVDA",
        conviction=Decimal(74),
        weight=Decimal("0.12"),
        sector="Technology",
        reason="Data-centre demand",
    )
    (tsla,) = read((CASES / "tsla.json").read_bytes()).ideas
    assert (tsla.ticker, tsla.conviction, tsla.weight) == ("TSLA", Decimal(55), Decimal("0.2"))


WRONG_RECOMMENDATION: list[tuple[str, Any, str]] = [
    ("ticker", ..., "f: ticker: missing, expected a ticker such as AAPL."),
    ("ticker", "", "f line 2 column 1: ticker: expected a ticker such as AAPL, found ''."),
    ("conviction_score", ..., "f: conviction_score: missing, expected a number from 0 to 100."),
    ("conviction_score", 101, "f line 3 column 1: conviction_score: expected a number from 0 to 100, found '101'."),
    ("conviction_score", -1, "f line 3 column 1: conviction_score: expected a number from 0 to 100, found '-1'."),
    ("conviction_score", "high", "f line 3 column 1: conviction_score: expected a number from 0 to 100, found 'high'."),
    ("conviction_score", float("nan"), "f line 3 column 1: conviction_score: expected a number from 0 to 100, found 'NaN'."),
    ("thesis", ..., "f: thesis: missing, expected text."),
    ("thesis", " ", "f line 4 column 1: thesis: expected text, found ''."),
    ("proposed_allocation_pct", ..., "f: proposed_allocation_pct: missing, expected percent above 0, at most 100."),
    ("proposed_allocation_pct", 0, "f line 5 column 1: proposed_allocation_pct: expected percent above 0, at most 100, found '0'."),
    ("proposed_allocation_pct", 120, "f line 5 column 1: proposed_allocation_pct: expected percent above 0, at most 100, found '120'."),
    ("sector", ..., "f: sector: missing, expected text."),
    ("sector", {}, "f line 6 column 1: sector: expected text, found a table."),
    ("stop", 3, "f line 7 column 1: stop: unknown key, expected ticker, conviction_score, thesis, proposed_allocation_pct, sector, id, source, timestamp, account."),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "said"), WRONG_RECOMMENDATION)
def test_a_wrong_recommendation_is_refused(path: str, value: Any, said: str) -> None:
    assert refusal(changed(RECOMMENDED, path, value)) == said


def test_the_signals_of_the_case() -> None:
    found = read((CASES / "signals.jsonl").read_bytes())
    assert found.kind == "signal"
    assert [(i.id, i.ticker, i.direction, i.stop_price) for i in found.ideas] == [
        ("s-1", "NVDA", Direction.LONG, Decimal("176.00")),
        ("s-2", "NVDA", Direction.LONG, Decimal("176.00")),
        ("s-3", "NVDA", Direction.SHORT, Decimal("184.00")),
        ("s-4", "XOM", Direction.LONG, Decimal("118.50")),
    ]
    assert found.ideas[0] == Idea(
        ticker="NVDA",
        id="s-1",
        source="ema-cloud",
        signal_type="CLOUD_CROSS_BULLISH",
        timeframe="5m",
        at=datetime(2026, 1, 5, 15, 0, tzinfo=UTC),
        conviction=Decimal(75),
        entry_price=Decimal("180.00"),
        stop_price=Decimal("176.00"),
    )


@pytest.mark.parametrize(
    "form",
    [lambda s: json.dumps(s), lambda s: json.dumps(s, indent=2), lambda s: json.dumps([s])],
    ids=["line", "object", "list"],
)
def test_one_signal_in_each_form(form: Callable[[Any], str]) -> None:
    found = read(form({**SIGNAL, "target_price": 190}).encode())
    assert [(idea.id, idea.target_price) for idea in found.ideas] == [("s-1", Decimal(190))]


@pytest.mark.parametrize("key", SIGNAL)
def test_a_signal_without_a_required_field_is_refused(key: str) -> None:
    lines = (CASES / "signals.jsonl").read_text(encoding="utf-8").splitlines()
    lines[1] = json.dumps({k: v for k, v in json.loads(lines[1]).items() if k != key})
    assert refusal("\n".join(lines).encode()).startswith(f"f line 2: {key}: missing, expected ")


WRONG_SIGNAL: list[tuple[str, Any, str]] = [
    ("direction", "up", "f line 5 column 1: direction: expected long or short, found 'up'."),
    ("ticker", "/N", "f line 6 column 1: ticker: expected a ticker such as AAPL, found '/N'."),
    ("conviction", 500, "f line 8 column 1: conviction: expected a number from 0 to 100, found '500'."),
    ("entry_price", "0", "f line 9 column 1: entry_price: expected a number above zero, found '0'."),
    ("entry_price", "1e3", "f line 9 column 1: entry_price: expected a number above zero, found '1e3'."),
    ("entry_price", "-180", "f line 9 column 1: entry_price: expected a number above zero, found '-180'."),
    ("stop_loss", "184", "f line 10 column 1: stop_loss: expected a price under the entry of 180.00, found '184'."),
    ("stop_loss", "180.00", "f line 10 column 1: stop_loss: expected a price under the entry of 180.00, found '180.00'."),
    ("target_price", 170, "f line 12 column 1: target_price: expected a price above the entry of 180.00, found '170'."),
    ("timestamp", "15:00", "f line 11 column 1: timestamp: expected a time with its zone such as 2026-01-05T14:00:00Z, found '15:00'."),
    ("source", "", "f line 3 column 1: source: expected text, found ''."),
    ("urgent", True, "f line 12 column 1: urgent: unknown key, expected signal_type, direction, timeframe, conviction, entry_price, stop_loss, target_price, ticker, source, id, timestamp."),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "said"), WRONG_SIGNAL)
def test_a_wrong_signal_is_refused(path: str, value: Any, said: str) -> None:
    assert refusal(changed(SIGNAL, path, value)) == said


def test_a_short_signal_is_stopped_above_and_ends_below() -> None:
    short = {**SIGNAL, "direction": "short", "stop_loss": 184, "target_price": 170}
    assert read(json.dumps(short).encode()).ideas[0].stop_price == 184
    assert "a price above the entry" in refusal(json.dumps({**short, "stop_loss": 1}).encode())
    assert "a price under the entry" in refusal(json.dumps({**short, "target_price": 190}).encode())


def test_one_line_that_cannot_be_read_refuses_the_file_by_its_line() -> None:
    lines = (CASES / "signals.jsonl").read_text(encoding="utf-8").splitlines()
    broken = "\n".join([lines[0], "", lines[1].replace("75,", "75 75,")])
    assert refusal(broken.encode()).startswith("f line 3 column ")
    assert "not JSON: Expecting ',' delimiter" in refusal(broken.encode())
    twice = "\n".join([lines[0], lines[0]])
    assert refusal(twice.encode()) == (
        "f line 2 column 2: id: the signal s-1 of ema-cloud is there twice, expected once."
    )


def test_a_list_names_the_one_that_is_wrong() -> None:
    signals = json.dumps([SIGNAL, {**SIGNAL, "id": "", "source": "b"}])
    assert "#2.id: expected text, found ''" in refusal(signals.encode())
    assert refusal(b"[]") == "f: an empty list, expected signals."


def test_an_object_of_nothing_known_is_refused() -> None:
    assert "nothing in it is known here" in refusal(b'{"hello": 1}')
    assert "nothing in it is known here" in refusal(b"{}")
    toml = b"conviction_score = 3\n"
    assert refusal(toml) == "f: recommendations are JSON, expected that."
