"""Every revision that was ever journalled can be compared, of a plan that is over too."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from plan_makers import make_plan

from db.journal import Journal
from db.model.event import EventDraft
from services.desk.revisions import compared, revision
from services.execution.book import NotPossibleError
from services.execution.resize import resized


async def test_by_number_the_latest_and_none(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db", lambda: datetime(2026, 1, 5, tzinfo=UTC))
    plans = [make_plan()]
    plans += [resized(plans[0], 1, Decimal(100))]
    plans += [resized(plans[1], 1, Decimal(50))]
    try:
        for plan, kind in zip(plans, ("PlanCreated", "PlanEdited", "PlanEdited"), strict=True):
            payload = {"plan": plan.to_json(), "reason": "x"}
            await journal.append(EventDraft(kind=kind, plan_id=plan.plan_id, payload=payload))
        assert [await revision(journal, f"3f9a@{n}") for n in (1, 2, 3)] == plans
        assert await revision(journal, " 3f9a ") == plans[2]
        found = await compared(journal, "3f9a@1", "3f9a")
        assert (found.one.name, found.other.name) == ("3f9a@1", "3f9a@3")
        assert found.of("step")[0].shown == ("150", "50")
        for asked, said in (
            ("nope", "There is no plan nope."),
            ("3f9a@4", "There is no revision 4 of plan 3f9a: it has 1 to 3."),
            ("3f9a@", r"There is no revision \(none said\)"),
            ("3f9a@x", "There is no revision x"),
        ):
            with pytest.raises(NotPossibleError, match=said):
                await revision(journal, asked)
    finally:
        await journal.close()
