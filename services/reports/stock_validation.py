"""What the six checks of stock validation say of a recommendation (spec 2.C; spec 3, named sets)."""

from typing import Literal

from db.model.base import Noun
from db.model.plan import Plan, Severity
from services.intake.refusal import RefusedInputError
from services.risk.catalogue import STOCK_VALIDATION


class StockValidation(Noun):
    """Approved to become orders, or rejected with each check that failed."""

    ticker: str
    status: Literal["APPROVED_FOR_PO", "REJECTED"]
    checks: dict[str, bool]
    """Check → passed. One that the policy switches off passes; one whose data is missing does not."""
    reasons: tuple[str, ...]
    message: str


class RejectedError(RefusedInputError):
    """A recommendation that fails some of its six checks."""

    def __init__(self, source: str, found: StockValidation) -> None:
        super().__init__(source, f"{found.message} {' '.join(found.reasons)}")
        self.validation = found


def stock_validation(plan: Plan) -> StockValidation | None:
    """Of the plan that was made of a recommendation, as it is now; None of any other plan."""
    if plan.proposal != "recommendation":
        return None
    named = [*(step.symbol for step in plan.steps), *(one.symbol for one in plan.skipped)]
    ticker = named[0] if named else ""
    failed = [
        finding
        for finding in plan.findings
        if finding.check in STOCK_VALIDATION and finding.severity is Severity.BLOCK
    ]
    ids = {finding.check for finding in failed}
    if failed:
        names = ", ".join(check for check in STOCK_VALIDATION if check in ids)
        message = f"{ticker} fails {len(ids)} of the six stock checks: {names}."
    else:
        message = f"{ticker} passes the six stock checks."
    return StockValidation(
        ticker=ticker,
        status="REJECTED" if failed else "APPROVED_FOR_PO",
        checks={check: check not in ids for check in STOCK_VALIDATION},
        reasons=tuple(finding.message for finding in failed),
        message=message,
    )


def refuse_rejected(plan: Plan) -> None:
    """Raises RejectedError when the plan's recommendation fails any of the six."""
    found = stock_validation(plan)
    if found is not None and found.status == "REJECTED":
        raise RejectedError(plan.source, found)
