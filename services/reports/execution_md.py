"""The execution report and audit for people, as Markdown."""

from collections.abc import Iterator
from typing import Any

from services.reports.execution_audit import execution_audit
from services.reports.execution_facts import ExecutionFacts
from services.reports.execution_report import plan_report
from services.reports.markup import MISSING, escaped, table

Json = dict[str, Any]

_STEPS = (
    ("Ticker", "trade_details", "ticker"),
    ("Type", "trade_details", "execution_type"),
    ("Ordered", "trade_details", "ordered_quantity"),
    ("Filled", "trade_details", "quantity"),
    ("Status", "meta", "execution_status"),
    ("Projected $", "price_analysis", "projected_entry_price"),
    ("Filled at $", "price_analysis", "actual_fill_price"),
    ("Delta %", "price_analysis", "price_delta_percent"),
    ("Favorable", "price_analysis", "favorable"),
    ("Gross $", "cost_analysis", "gross_cost"),
    ("Commission $", "cost_analysis", "commission"),
    ("Position %", "cost_analysis", "position_percent_of_portfolio"),
    ("Stop $", "risk_management", "stop_price"),
    ("Target $", "risk_management", "target_price"),
)


def render(facts: ExecutionFacts) -> str:
    """One document per plan: what was done, at what price, with what consequence, by whose leave."""
    report, audit = plan_report(facts), execution_audit(facts)
    return "\n".join(_parts(report, audit))


def _parts(report: Json, audit: Json) -> Iterator[str]:
    whole = report["execution_report"]
    yield f"# Execution report: plan {escaped(whole['meta']['plan_id'])}\n"
    yield _facts("Outcome", whole["meta"] | whole["next_steps"])
    yield "## Steps\n"
    heads = ["Step", *(head for head, _, _ in _STEPS)]
    yield table(heads, [_row(step) for step in report["steps"]])
    yield _facts("Costs and prices", whole["cost_analysis"] | whole["price_analysis"])
    impact = whole["portfolio_impact"]
    yield _facts("Portfolio", {name: value for name, value in impact.items() if name != "sectors"})
    yield "## Sectors\n"
    yield _rows([{"sector": name} | row for name, row in impact["sectors"].items()])
    yield "## Checks at approval\n"
    yield _rows(
        [
            {name: finding[name] for name in ("check", "severity", "subject", "message")}
            for finding in whole["constraints_validation"]
        ]
    )
    if audit["exceptions"]:
        yield "## Exceptions\n"
        yield _rows(audit["exceptions"])
    yield "## Limits after execution\n"
    yield _rows(audit["constraints_verification"])
    yield _facts(
        "Audit",
        whole["audit_trail"]
        | {"rollback_required": audit["rollback_required"], "caveats": " ".join(audit["caveats"])},
    )
    yield "## Validation steps\n"
    yield _rows([{"step": one["step"], "at": one["at"]} for one in audit["validation_steps"]])
    yield "## Alerts\n"
    yield _rows(audit["alerts_generated"])


def _row(step: Json) -> list[str]:
    report = step["execution_report"]
    return [str(step["step"]), *(_word(report[part][name]) for _, part, name in _STEPS)]


def _facts(heading: str, values: Json) -> str:
    lines = (f"- {_label(name)}: {_word(value)}\n" for name, value in values.items())
    return f"## {heading}\n\n{''.join(lines)}"


def _rows(rows: list[Json] | None) -> str:
    if rows is None:
        return f"{MISSING}\n"
    if not rows:
        return "None.\n"
    heads = [_label(name) for name in rows[0]]
    return table(heads, [[_word(value) for value in row.values()] for row in rows])


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _word(value: Any) -> str:
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escaped(str(value))
