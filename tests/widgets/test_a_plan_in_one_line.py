"""What a plan's line in the list says of it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from db.model.plan import Verdict
from db.model.run import PlanState
from db.model.snapshot import PlanRow
from widgets.plans import cells

ROW = PlanRow(
    plan_id="3f9a", revision=1, created_at=datetime(2026, 1, 5, 15, tzinfo=UTC), source="ticket",
    state=PlanState.DONE, verdict=Verdict.BLOCKED, mode=None, steps=1, steps_done=1, sells=0, buys=1,
    hash="cafe",
)  # fmt: skip


@pytest.mark.parametrize(("excepted", "said"), [(True, "EXCEPTED"), (False, "BLOCKED")])
def test_a_blocked_plan_that_somebody_let_pass_says_so(excepted: bool, said: str) -> None:
    row = ROW.model_copy(update={"excepted": excepted})
    assert str(cells(row, ZoneInfo("UTC"))[2]) == said
