"""The ticket to copy, its checklist and what was typed of it, beside the guide (spec 5, Manual
environment). Pure words."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from widgets.document import rows, text

Ticket = Mapping[str, Any]
STATES = {
    "sent": "shown: place it at your broker",
    "acknowledged": "placed: type what fills",
    "partially_filled": "filled in part",
    "pending_cancel": "cancel it at your broker by hand",
    "filled": "filled",
    "canceled": "not done",
    "rejected": "refused",
}
CLOSED = frozenset({"filled", "canceled", "rejected"})


def ticket_of(document: Mapping[str, Any], step: Mapping[str, Any] | None) -> Ticket | None:
    """The ticket that is meant at this step: its open one, its order before what protects it; else
    its last. Without one of its own, the first open ticket of the plan."""
    tickets = rows(document, "tickets")
    n = None if step is None else text(step, "n")
    own = [ticket for ticket in tickets if text(ticket, "step") == n]
    ranked = sorted(own, key=lambda t: (is_open(t), not t.get("protective")))
    if ranked:
        return ranked[-1]
    return next(filter(is_open, tickets), None)


def is_open(ticket: Ticket) -> bool:
    return text(ticket, "state") not in CLOSED


def fields(ticket: Ticket) -> list[tuple[str, str]]:
    """Field and value, as a broker's form asks."""
    form = ticket.get("form")
    pairs = form if isinstance(form, Sequence) else ()
    return [(str(pair[0]), str(pair[1])) for pair in pairs if len(pair) == 2]


def words_of(ticket: Ticket) -> Text:
    """The line, the form, the boxes, what filled."""
    body = Text()
    urgent = bool(ticket.get("cancel_by_hand"))
    body.append(f"TICKET, step {text(ticket, 'step')}: ", "bold")
    state = text(ticket, "state")
    body.append(STATES.get(state, state.replace("_", " ")), "bold red" if urgent else "bold")
    body.append(f"\n{text(ticket, 'line')}\n", "reverse")
    for name, value in fields(ticket):
        body.append(f"  {name:<15}")
        body.append(f"{value}\n", "bold")
    waiting = True
    for item in rows(ticket, "checklist"):
        ticked = bool(item.get("ticked"))
        style = "dim" if ticked else ""
        mark = "[x]" if ticked else "[ ]"
        here = waiting and not ticked
        body.append(
            f"{'▶' if here else ' '}{mark} {text(item, 'words')}\n", "bold" if here else style
        )
        waiting = waiting and ticked
    for fill in rows(ticket, "fills"):
        sure = "matched" if fill.get("matched") else "claimed"
        at, fee = text(fill, "at")[11:19], text(fill, "fee")
        body.append(f"  {text(fill, 'qty')} at {text(fill, 'price')}, fee {fee}, {at} UTC")
        if number := text(fill, "confirmation"):
            body.append(f", {number}")
        body.append(f" · {sure}\n", "" if sure == "matched" else "yellow")
    if reason := text(ticket, "reason"):
        body.append(f"  {reason}\n", "italic")
    return body
