"""What the trader signed of which difference: a fold of the journal (spec 6, Reconciliation).

Pure. A signature covers one difference: another figure, or the same one after it had gone, asks
for another signature."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from db.model.event import Event
from db.model.reconciliation import Mismatch


@dataclass(frozen=True)
class Signatures:
    ignored: frozenset[str] = frozenset()
    """`Mismatch.standing`, or in journals of before its key."""
    investigated: Mapping[str, str] = field(default_factory=dict)
    """`Mismatch.standing` → who looks into it, and the note."""

    def ignores(self, found: Mismatch) -> bool:
        return found.standing in self.ignored or found.key in self.ignored

    def note(self, found: Mismatch) -> str:
        """Empty while nobody investigates it."""
        return self.investigated.get(found.standing, "")


def after(signatures: Signatures, events: Iterable[Event]) -> Signatures:
    """The signatures once `events` count."""
    for event in events:
        payload = event.payload
        if event.kind == "MismatchIgnored":
            name = payload.get("standing", payload["key"])
            signatures = Signatures(signatures.ignored | {name}, signatures.investigated)
        elif event.kind == "MismatchInvestigated":
            note = f"{payload['by']}: {payload['reason']}"
            noted = {**signatures.investigated, payload["standing"]: note}
            signatures = Signatures(signatures.ignored, noted)
        elif event.kind == "Reconciled" and "standings" in payload:
            signatures = _still_there(signatures, frozenset(payload["standings"]))
    return signatures


def _still_there(signatures: Signatures, standings: frozenset[str]) -> Signatures:
    """What a comparison no longer found is over, and so is what was signed of it."""
    keys = {standing.rpartition(":")[0] for standing in standings}
    kept = {name for name in signatures.ignored if name in standings or name in keys}
    noted = {name: note for name, note in signatures.investigated.items() if name in standings}
    if kept == signatures.ignored and len(noted) == len(signatures.investigated):
        return signatures
    return Signatures(frozenset(kept), noted)
