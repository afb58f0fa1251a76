"""Reads a QA report: one stock that was approved elsewhere (spec 2.B). What its gates refuse and its
triggers escalate is not planned."""

from decimal import Decimal

from db.model.idea import Idea
from db.model.proposal import IdeasProposal
from services.intake import values
from services.intake.analysis import sector_of
from services.intake.basket import LONGEST_ACCOUNT
from services.intake.entry import Entry
from services.intake.text import sha256
from services.intake.values import Range

MARKS = (
    "overall_status", "portfolio_impact", "audit_trail", "gates", "escalation_triggers", "decision",
    "meta",
)  # fmt: skip
"""Other keys are let pass: a report tells a reader more than it tells us."""
APPROVED = "APPROVE"
PASS, FAIL = "PASS", "FAIL"
GATES = (PASS, FAIL, "WARN", "N/A")
LONGEST_ID = 100
TIERS = 40

SHARE = "a fraction of the portfolio, as 0.05 for 5%"
WEIGHT = Range(Decimal(0), Decimal(1), f"{SHARE}, above 0 and at most 1", open=True)
EXPOSURE = Range(Decimal(0), Decimal(10), f"{SHARE}, from 0 to 10")
CASH = Range(Decimal(-10), Decimal(10), f"{SHARE}, from -10 to 10")
DOLLARS = Range(Decimal("-1e12"), Decimal("1e12"), "dollars")
DISTANCE = Range(
    Decimal(0), Decimal(1), "a fraction of the entry price, above 0 and at most 1", open=True
)
IMPACT = {
    "position_percent_of_portfolio": WEIGHT,
    "position_dollars": values.ABOVE_ZERO,
    "sector_before_percent": EXPOSURE,
    "sector_after_percent": EXPOSURE,
    "cash_before_percent": CASH,
    "cash_after_percent": CASH,
    "account_cash_after": DOLLARS,
}
"""Every field must be there."""
ROUNDING = Decimal("0.0005")


def read(document: Entry, data: bytes) -> IdeasProposal:
    """The one idea. Raises RefusedInputError unless approved, whole, with no failed gate and no fired
    trigger."""
    status = document.table().at("overall_status")
    if status.text().upper() != APPROVED:
        raise status.unfit(APPROVED)
    ticker = document.at("meta").at("stock_ticker").symbol()
    made = document.at("meta").at("timestamp").instant()
    impact = document.at("portfolio_impact").table()
    said = {key: impact.at(key).number(fit) for key, fit in IMPACT.items()}
    audit = document.at("audit_trail").table()
    analyst = audit.at("qa_analyst_id").text(LONGEST_ID)
    audit.at("timestamp").instant()
    decision = document.at("decision").table()
    if not decision.at("approved").flag():
        raise decision.at("approved").refused("the decision is no, expected true")
    _gates(document.at("gates"), analyst)
    _triggers(document.at("escalation_triggers"), analyst)
    weight = said["position_percent_of_portfolio"]
    sizing = _part(document, "position_sizing")
    _same_size(sizing, weight)
    risk, stock = _part(document, "risk_management"), _part(document, "stock_analysis")
    entry, score = sizing.get("projected_entry_price"), stock.get("conviction_score")
    stop, target = risk.get("stop_loss_percent"), risk.get("profit_target_percent")
    account = _part(document, "account_placement").get("target_account")
    sector, reason = document.get("sector"), decision.get("reason")
    tier, report = stock.get("conviction_tier"), document.at("meta").get("report_id")
    idea = Idea(
        ticker=ticker,
        id=report.text(LONGEST_ID) if report else "",
        source=analyst,
        at=made,
        conviction=score and score.number(values.SCORE),
        conviction_tier=tier.text(TIERS) if tier else "",
        sector=sector and sector_of(sector),
        weight=weight,
        entry_price=entry and entry.number(values.ABOVE_ZERO),
        stop_loss=stop and stop.number(DISTANCE),
        profit_target=target and target.number(DISTANCE),
        account=account and account.text(LONGEST_ACCOUNT),
        reason=reason.text() if reason else "",
    )
    name = document.source.name
    return IdeasProposal(kind="qa_report", source=name, sha256=sha256(data), ideas=(idea,))


def _part(document: Entry, key: str) -> Entry:
    """A table that may be missing: what it would say is then not said."""
    found = document.get(key)
    return Entry(document.source, {}, (key,)) if found is None else found.table()


def _gates(gates: Entry, analyst: str) -> None:
    if not gates.table().value:
        raise gates.refused("no gate, expected each with PASS or FAIL")
    failed = [entry for _, entry in gates.members() if entry.word(GATES) == FAIL]
    if failed:
        names = ", ".join(entry.field.removeprefix("gates.") for entry in failed[1:])
        more = f" (and {names} too)" if names else ""
        said = (
            f"the gate failed{more}, expected PASS: the report goes back to its analyst {analyst}"
        )
        raise failed[0].refused(said)


def _triggers(triggers: Entry, analyst: str) -> None:
    fired = [entry for _, entry in triggers.members() if entry.flag()]
    if fired:
        names = ", ".join(entry.field.removeprefix("escalation_triggers.") for entry in fired[1:])
        more = f" (and {names} too)" if names else ""
        said = (
            f"the trigger fired{more}, expected false: the report escalates to whoever approved "
            f"what {analyst} wrote"
        )
        raise fired[0].refused(said)


def _same_size(sizing: Entry, weight: Decimal) -> None:
    """The size decided must be the one whose impact was looked at."""
    final = sizing.get("final_size")
    if final is None:
        return
    size = final.number(WEIGHT)
    if abs(size - weight) > ROUNDING:
        said = f"{size:f} is not the {weight:f} of portfolio_impact, expected one size"
        raise final.refused(said)
