"""Plans and their revisions out of the journal, for as long as there is one, to be compared."""

from db.journal import Journal
from db.model.comparison import Comparison
from db.model.plan import Plan
from services.execution.book import NotPossibleError
from services.planning.compare import compare

KINDS = ("PlanCreated", "PlanEdited")


async def compared(journal: Journal, one: str, other: str) -> Comparison:
    """What differs from `one` to `other`, each `ID` (its latest revision) or `ID@REVISION`. Raises
    NotPossibleError."""
    return compare(await revision(journal, one), await revision(journal, other))


async def revision(journal: Journal, wanted: str) -> Plan:
    """The plan as this revision was. Raises NotPossibleError when there is none."""
    plan_id, _, number = wanted.strip().partition("@")
    events = await journal.events(plan_id=plan_id, kinds=KINDS)
    plans = [Plan.model_validate(event.payload["plan"]) for event in events]
    if not plans:
        raise NotPossibleError(f"There is no plan {plan_id}.")
    if "@" not in wanted:
        return plans[-1]
    for plan in reversed(plans):
        if str(plan.revision) == number:
            return plan
    raise NotPossibleError(
        f"There is no revision {number or '(none said)'} of plan {plan_id}: it has 1 to "
        f"{plans[-1].revision}."
    )
