"""What a plan's document says of exceptions: asked for, granted, until when. Pure words."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.text import Text

from widgets.document import moment, rows, text

STYLES = {"granted": "bold yellow", "open": "bold yellow", "refused": "bold red"}


def open_escalation(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The request that waits for its answer."""
    return next((e for e in rows(document, "escalations") if text(e, "outcome") == "open"), None)


def granted(document: Mapping[str, Any]) -> bool:
    """Whether an exception of the plan as it is was granted."""
    return any(text(e, "outcome") == "granted" for e in rows(document, "escalations"))


def escalatable(document: Mapping[str, Any] | None) -> bool:
    """Whether asking for an exception may make sense: something blocks, and nobody is asked yet."""
    if document is None or open_escalation(document) is not None:
        return False
    blocked = text(document, "verdict") == "BLOCKED" and not granted(document)
    state = text(document, "state") or "checked"
    if state == "checked":
        return blocked or bool(text(document, "reason"))
    return state in ("paused", "halted") and document.get("approval") is None


def countdown(asked: Mapping[str, Any], now: datetime | None) -> str:
    """Of whom it is asked, and how long it can be granted."""
    deadline = moment(asked.get("deadline"))
    if deadline is None or now is None:
        return f"{text(asked, 'to')} is asked"
    seconds = max(0, int((deadline - now).total_seconds()))
    return f"{text(asked, 'to')} has {seconds // 60}:{seconds % 60:02} left"


def escalations(document: Mapping[str, Any]) -> Iterable[Text]:
    """Every request: what would be let pass up to which figures, by whom it was answered, and why."""
    for asked in rows(document, "escalations"):
        outcome = text(asked, "outcome")
        line = Text()
        line.append(f"{outcome.upper()} ", STYLES.get(outcome, "dim"))
        line.append(f"{text(asked, 'by')} asked {text(asked, 'to')}: {text(asked, 'asked')}")
        if approver := text(asked, "approver"):
            line.append(f" {approver}: {text(asked, 'reason')}", "bold")
        if number := text(asked, "number"):
            line.append(f" (exception {number} of {text(asked, 'of')} of its day)")
        yield line
        for one in rows(asked, "violations"):
            covered = text(one, "covered")
            shown = f"  {text(one, 'message')}" + (f" Covered: {covered}." if covered else "")
            yield Text(shown, "dim")
