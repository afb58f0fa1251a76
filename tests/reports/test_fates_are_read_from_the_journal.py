"""Of a long journal only what concerns the signals is read, and they are told as over all of it."""

from datetime import timedelta
from pathlib import Path

from risk_world import NOW
from test_every_signal_has_its_fate import Journal as Written
from test_every_signal_has_its_fate import planned, signal

from db.journal import Journal
from db.model.event import EventDraft
from services.desk.signals import fates, row
from services.reports.signal_fates import signal_fates


def story() -> Written:
    """3 AAA are held from before and are sold first; BBB has nothing to do with it."""
    told = Written()
    told.fill(1, "buy", "3", "90", plan="0")
    told.heard(signal("a"))
    told.heard(signal("b", "BBB"), "stale")
    told.add("ProposalAccepted", {"source": "s.json", "sha256": "f" * 64}, plan_id="1")
    told.add("PlanCreated", {"plan": planned(signal("a")).to_json()}, plan_id="1")
    told.fill(1, "buy", "20", "100")
    told.fill(None, "sell", "13", "110", plan=None)
    return told


async def test_what_is_read_tells_the_same_as_everything(tmp_path: Path) -> None:
    """13 sold: 3 from before, 10 of the signal's 20 bought at 100 and sold at 110, a profit of 100."""
    journal = await Journal.open(tmp_path / "journal.db", lambda: NOW + timedelta(hours=1))
    try:
        assert await fates(journal) == ()
        for n, event in enumerate(story().events):
            draft = EventDraft.model_validate(
                event.model_dump(include=set(EventDraft.model_fields))
            )
            if "fill" in draft.payload:
                fill = {**draft.payload["fill"], "execution_id": f"x{n}", "at": NOW.isoformat()}
                fill |= {"order_id": "o", "symbol": "AAA", "account": "main"}
                draft = draft.model_copy(update={"payload": {"fill": fill}})
            await journal.append(draft)
        found = await fates(journal)
        assert found == signal_fates(await journal.events())[::-1]
        assert [fate.idea.id for fate in found] == ["b", "a"]
        assert (found[1].closed_qty, found[1].realized) == (10, 100)
        assert (row(found[1])["stage"], row(found[0])["stage"]) == ("closed", "guarded")
    finally:
        await journal.close()
