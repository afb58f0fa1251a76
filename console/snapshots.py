"""From the desk's messages to snapshots: only rows that changed are read again."""

from typing import Any

from db.model.alert import Alert
from db.model.snapshot import KEYED, DeskSnapshot, OrderRow, PlanRow, PositionRow, merged

ROWS = {"positions": PositionRow, "orders": OrderRow, "alerts": Alert, "plans": PlanRow}


class Snapshots:
    """Folds the desk's update messages. One per connection: the first message is a whole snapshot."""

    def __init__(self) -> None:
        self._raw: dict[str, Any] = {}
        self._latest: DeskSnapshot | None = None

    def take(self, message: dict[str, Any]) -> DeskSnapshot | None:
        """The snapshot after this message; None when the message says nothing of it.

        Raises pydantic.ValidationError (a ValueError) for a message of another version."""
        if message.get("type") == "snapshot":
            self._raw = message["snapshot"]
            self._latest = DeskSnapshot.model_validate(self._raw)
        elif message.get("type") == "changes" and self._latest is not None:
            self._latest = self._changed(self._latest, message["changes"])
        else:
            return None
        return self._latest

    def _changed(self, latest: DeskSnapshot, changes: dict[str, Any]) -> DeskSnapshot:
        self._raw = merged(self._raw, changes)
        bare = {name: value for name, value in self._raw.items() if name not in KEYED}
        sections = {
            name: _rows(getattr(latest, name), changes.get(name, {}), ROWS[name]) for name in KEYED
        }
        return DeskSnapshot.model_validate(bare).model_copy(update=sections)


def _rows(old: dict[str, Any], changed: dict[str, Any], noun: Any) -> dict[str, Any]:
    if not changed:
        return old
    rows = {**old, **{k: r if r is None else noun.model_validate(r) for k, r in changed.items()}}
    return {key: row for key, row in rows.items() if row is not None}
