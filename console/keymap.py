"""Every key of the console, in one table (spec 8, Keys).

The dispatcher, the help screen, the key bar, the palette and the documentation are derived from it. Keys are
remapped by id in the settings; clashes, unknown ids and unusable keys are refused when they are loaded."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Binding:
    """One action and its keys in one context.

    `action` names the method `action_…` of the node that has the context. `words` stand in the key bar,
    `help` in the help screen and the palette. `palette` actions can be chosen there. A `safety` action keeps
    its keys whatever the settings say."""

    id: str
    keys: tuple[str, ...]
    context: str
    action: str
    words: str
    help: str
    palette: bool = False
    safety: bool = False


class KeymapError(ValueError):
    """The settings' keymap can't be used: one sentence says why."""


CONTEXTS: dict[str, str] = {
    "any": "Everywhere, also in fields and boxes",
    "main": "Every screen",
    "list": "Lists",
    "positions": "Positions",
    "orders": "Orders",
    "plans": "Plans",
    "guide": "The open plan",
    "alerts": "Alerts",
    "reconcile": "Reconcile",
    "ticket": "Ticket",
    "choice": "A choice field",
    "filter": "Filter field",
    "palette": "Command palette",
    "prompt": "A question",
    "gate": "A typed check before sending",
    "card": "Approval card",
    "kill": "Kill panel",
    "resume": "Resume screen",
    "unknown": "Unknown orders",
    "signals": "Signals",
    "fill": "What filled, by hand",
    "quit": "Quit",
    "comparison": "What differs",
    "help": "Help",
}
"""What each context is called. A node of the screen has one; the focus decides which are heard."""

_PANES = ("positions", "orders", "plans", "alerts", "reconcile")
_BOXES = (
    "palette",
    "prompt",
    "gate",
    "card",
    "kill",
    "resume",
    "unknown",
    "signals",
    "fill",
    "quit",
    "comparison",
    "help",
)
TOGETHER: tuple[tuple[str, ...], ...] = (
    *(("any", "main", "list", pane) for pane in _PANES),
    ("any", "main", "list", "guide"),
    ("any", "main", "ticket", "choice"),
    ("any", "filter"),
    *(("any", box) for box in _BOXES),
)
"""Contexts that are heard at the same time: in none of these groups may a key stand twice."""


def _rows(context: str, *rows: tuple[str, str, str, str, str, str]) -> Iterator[Binding]:
    """Rows of (id, keys, action, words, help, flags); flags: `p` in the palette, `s` safety."""
    for name, keys, action, words, text, flags in rows:
        yield Binding(
            name, tuple(keys.split()), context, action, words, text, "p" in flags, "s" in flags
        )


def _gate(context: str) -> Iterator[Binding]:
    """The keys of a box in which a word must be typed."""
    return _rows(
        context,
        (f"{context}.submit", "enter", "submit", "submit", "Submit what was typed", ""),
        (f"{context}.close", "escape", "close", "leave", "Leave without sending anything", ""),
        (f"{context}.scroll_down", "down pagedown", "scroll(1)", "scroll", "Scroll what is shown", ""),
        (f"{context}.scroll_up", "up pageup", "scroll(-1)", "", "Scroll back", ""),
        (f"{context}.rub", "backspace", "rub", "", "Rub out a character", ""),
    )  # fmt: skip


BINDINGS: tuple[Binding, ...] = (
    *_rows(
        "any",
        ("halt", "! f9", "halt", "HALT", "Halt trading now, then the kill panel. F9 works inside text fields", "ps"),
        ("help", "f1", "help", "help", "Help for the pane in focus", "ps"),
    ),
    *_rows(
        "main",
        ("help.here", "?", "help", "help", "Help for the pane in focus", ""),
        ("palette", ": ctrl+p", "palette", "command", "Command palette: every action and every symbol", ""),
        ("view.desk", "1", "view('desk')", "desk", "Desk: positions, orders, plan, alerts, ticket", "p"),
        ("view.orders", "2", "view('orders')", "orders", "Orders: working and closed", "p"),
        ("view.plan", "3", "view('plan')", "plan", "Plans, and the open plan as a guide", "p"),
        ("view.alerts", "4", "view('alerts')", "alerts", "Alerts by severity", "p"),
        ("view.reconcile", "6", "view('reconcile')", "reconcile", "Ours against the broker's", "p"),
        ("pane.next", "tab", "next_pane", "next pane", "Focus the next field or pane", ""),
        ("pane.previous", "shift+tab", "previous_pane", "", "Focus the previous field or pane", ""),
        ("plan.approve", "a", "approve", "approve", "Approval card of the open plan", "p"),
        ("plan.next", "n", "next_step", "run next", "Run the open plan's next step (step mode) or phase, after a typed check", "p"),
        ("unknown.open", "U", "unknown", "unknown", "Orders whose answer never came: what was asked, what may be done", "p"),
        ("propose", "", "propose", "propose", "Hand a file to the desk, any format that the inbox takes: its path is typed", "p"),
        ("signals.open", "S", "signals", "signals", "Signals, the newest first: how far each came, its plan, what it earned", "p"),
        ("pane.zoom", "z", "zoom", "zoom", "Fill the screen with this pane, and back", "p"),
        ("ticket.buy", "b", "ticket('buy')", "buy", "Ticket with side buy: opens, never sends", "p"),
        ("ticket.sell", "s", "ticket('sell')", "sell", "Ticket with side sell: opens, never sends", "p"),
        ("reconcile.now", "R", "reconcile", "reconcile now", "Compare ours with the broker's now", "p"),
        ("controls.take", "T", "take_over", "", "Take the controls from the console that holds them, by typing", "p"),
        ("quit", "", "quit", "quit", "Leave the console; says what works, asks about the desk", "ps"),
        ("kill.open", "", "kill_panel", "kill panel", "Show the kill panel", "p"),
        ("back", "escape", "back", "", "Back", ""),
    ),
    *_rows(
        "list",
        ("list.down", "j down", "cursor_down", "", "Down", ""),
        ("list.up", "k up", "cursor_up", "", "Up", ""),
        ("list.page_down", "pagedown", "page_down", "", "A screenful down", ""),
        ("list.page_up", "pageup", "page_up", "", "A screenful up", ""),
        ("list.top", "g home", "cursor_top", "", "First row", ""),
        ("list.bottom", "G end", "cursor_bottom", "", "Last row", ""),
        ("list.open", "enter", "select", "open", "Open the row", ""),
        ("list.mark", "space", "toggle_mark", "", "Mark the row", ""),
        ("list.filter", "/", "filter", "filter", "Show only rows with these words", ""),
    ),
    *_rows(
        "orders",
        ("order.cancel", "c", "cancel_order", "cancel", "Cancel the selected order", "p"),
    ),
    *_rows(
        "guide",
        ("guide.next", "]", "guide_next", "", "Next step", ""),
        ("guide.previous", "[", "guide_previous", "", "Previous step", ""),
        ("plan.resize", "e", "resize_step", "resize", "Change the quantity of the step", "p"),
        ("plan.drop", "d", "drop_step", "drop", "Drop the step from the plan", "p"),
        ("plan.reject", "x", "reject", "reject", "Reject the plan, with a reason", "p"),
        ("plan.pause", "P", "pause", "pause", "Pause the plan: nothing more is sent", "p"),
        ("plan.continue", "C", "continue_plan", "continue", "Let a paused or halted plan go on, after a typed check", "p"),
        ("plan.reprice", "p", "reprice", "re-price", "Send the rest of open limit orders at today's touch, after a typed check", "p"),
        ("plan.resubmit", "r", "resubmit", "resubmit", "Send the rest of open orders once more, after a typed check", "p"),
        ("plan.rest", "c", "cancel_rest", "cancel rest", "Cancel what is open and go on with what filled, after a typed check", "p"),
        ("plan.abort", "X", "abort", "abort", "End the plan here, with a reason", "p"),
        ("hand.fill", "f", "record_fill", "fill", "By hand: type what filled of the ticket", "p"),
        ("hand.copy", "y", "copy_ticket", "copy", "By hand: copy the ticket to your own clipboard", "p"),
        ("hand.field", "Y", "copy_field", "copy field", "By hand: copy the ticket field by field, the next one each time", "p"),
        ("hand.tick", "t", "tick", "tick", "By hand: tick the next item of the checklist", "p"),
        ("hand.not_done", "o", "not_done", "not done", "By hand: nothing more of the ticket fills, with a reason", "p"),
        ("hand.refused", "O", "refused", "refused", "By hand: the broker refused it, with a reason", "p"),
        ("plan.trim", "L", "trim", "trim", "Draft the smallest sale that restores the limits after the plan", "p"),
        ("guide.detail", "w", "detail", "detail", "Findings, weights before and after, what was skipped", "p"),
        ("plan.slice", "i", "slice_step", "in pieces", "Send the step in pieces over time, or as one order", "p"),
        ("plan.retype", "m", "retype_step", "type", "Another order type for the step, its prices and time in force", "p"),
        ("plan.move_down", "J", "move_step(1)", "move down", "Let the step come after the next one of its phase", "p"),
        ("plan.move_up", "K", "move_step(-1)", "move up", "Let the step come before the one above it", "p"),
        ("plan.undo", "u", "undo_edit", "undo", "Take the last edit of the plan back, and with each press the one before", "p"),
        ("plan.compare", "=", "compare", "compare", "What differs from an earlier revision, or from another plan", "p"),
        ("guide.close", "backspace", "close_plan", "list", "Back to the list of plans", ""),
    ),
    *_rows(
        "alerts",
        ("alert.acknowledge", "v", "acknowledge", "acknowledge", "Acknowledge the selected alert", "p"),
    ),
    *_rows(
        "reconcile",
        ("mismatch.adopt", "u", "adopt", "use broker's", "Adopt the broker's figure, with a reason", "p"),
        ("mismatch.investigate", "o", "investigate", "look into", "Investigate the mismatch, with a note: its symbol stays locked", "p"),
        ("mismatch.cancel", "c", "cancel_external", "cancel order", "Cancel the order that is not ours at the broker: the word is typed", "p"),
        ("mismatch.ignore", "i", "ignore", "ignore", "Leave the mismatch alone, with a reason", "p"),
    ),
    *_rows(
        "ticket",
        ("ticket.plan", "enter", "submit", "make plan", "Make a plan of one step and open its approval card", ""),
        ("ticket.down", "down", "field_down", "", "Next field", ""),
        ("ticket.up", "up", "field_up", "", "Previous field", ""),
    ),
    *_rows(
        "choice",
        ("choice.next", "right space l", "choose(1)", "", "Next choice", ""),
        ("choice.previous", "left h", "choose(-1)", "", "Previous choice", ""),
    ),
    *_rows(
        "filter",
        ("filter.keep", "enter tab", "keep", "keep", "Keep the filter", ""),
        ("filter.clear", "escape", "clear", "clear", "Show all rows again", ""),
    ),
    *_rows(
        "palette",
        ("palette.run", "enter", "run", "run", "Run the command", ""),
        ("palette.down", "down tab", "down", "", "Next command", ""),
        ("palette.up", "up shift+tab", "up", "", "Previous command", ""),
        ("palette.close", "escape", "close", "close", "Close", ""),
    ),
    *_rows(
        "prompt",
        ("prompt.ok", "enter", "answer", "answer", "Give this answer", ""),
        ("prompt.cancel", "escape", "close", "cancel", "Leave everything as it is", ""),
    ),
    *_gate("gate"),
    *_gate("card"),
    *_rows(
        "card",
        ("card.mode", "tab right", "mode(1)", "next mode", "Step, phase or auto: the next mode", ""),
        ("card.mode_back", "shift+tab left", "mode(-1)", "", "The previous mode", ""),
    ),
    *_rows(
        "kill",
        ("kill.resume", "enter", "submit", "do it", "Resume, once RESUME and a reason are typed; list everything, once FLATTEN is; close it, with the list's token behind", ""),
        ("kill.down", "down", "down", "", "Next order", ""),
        ("kill.up", "up", "up", "", "Previous order", ""),
        ("kill.close", "escape", "close", "back", "Back; trading stays halted", ""),
    ),
    *_rows(
        "resume",
        ("resume.continue", "c", "continue_plan", "continue", "Let the plan go on, after a typed check", ""),
        ("resume.abort", "x", "abort", "abort", "End the plan here, with a reason", ""),
        ("resume.down", "j down", "scroll(1)", "", "Scroll down", ""),
        ("resume.up", "k up", "scroll(-1)", "", "Scroll up", ""),
        ("resume.later", "escape", "close", "later", "Leave the plan as it is for now", ""),
    ),
    *_rows(
        "unknown",
        ("unknown.look_up", "l", "look_up", "look up now", "Ask the broker for the chosen order now", ""),
        ("unknown.resend", "r", "resend", "resend", "Send it under its own id, after a typed check", ""),
        ("unknown.give_up", "g", "give_up", "give up", "Give its step up, after a typed check", ""),
        ("unknown.down", "j down", "choose(1)", "next", "Next order", ""),
        ("unknown.up", "k up", "choose(-1)", "", "Previous order", ""),
        ("unknown.close", "escape", "close", "back", "Back; it goes on being looked up", ""),
    ),
    *_rows(
        "signals",
        ("signals.plan", "enter", "open", "its plan", "Open the plan that was made of the signal", ""),
        ("signals.down", "j down", "down", "older", "An older signal", ""),
        ("signals.up", "k up", "up", "newer", "A newer signal", ""),
        ("signals.close", "escape", "close", "back", "Back", ""),
    ),
    *_rows(
        "fill",
        ("fill.book", "enter", "book", "book", "Book the fill; what is doubtful asks for a typed YES", ""),
        ("fill.down", "down tab", "field(1)", "next field", "Next field", ""),
        ("fill.up", "up shift+tab", "field(-1)", "", "Field before", ""),
        ("fill.close", "escape", "close", "back", "Book nothing", ""),
    ),
    *_rows(
        "quit",
        ("quit.default", "enter", "default", "", "What is proposed", ""),
        ("quit.keep", "k", "keep", "desk stays", "Leave; the desk goes on", ""),
        ("quit.stop", "s", "stop", "desk stops", "Leave and stop the desk", ""),
        ("quit.cancel", "escape", "close", "back", "Don't leave", ""),
    ),
    *_rows(
        "comparison",
        ("comparison.down", "j down", "scroll(1)", "scroll", "Scroll down", ""),
        ("comparison.up", "k up", "scroll(-1)", "", "Scroll up", ""),
        ("comparison.page_down", "pagedown space", "scroll(10)", "", "A screenful down", ""),
        ("comparison.page_up", "pageup", "scroll(-10)", "", "A screenful up", ""),
        ("comparison.close", "escape enter =", "close", "close", "Close", ""),
    ),
    *_rows(
        "help",
        ("help.down", "j down", "scroll(1)", "", "Scroll down", ""),
        ("help.up", "k up", "scroll(-1)", "", "Scroll up", ""),
        ("help.page_down", "pagedown space", "scroll(10)", "", "A screenful down", ""),
        ("help.page_up", "pageup", "scroll(-10)", "", "A screenful up", ""),
        ("help.close", "escape enter q ?", "close", "close", "Close", ""),
    ),
)  # fmt: skip

NAMED_KEYS = frozenset(
    [
        "enter",
        "escape",
        "tab",
        "shift+tab",
        "space",
        "backspace",
        "delete",
        "insert",
        "home",
        "end",
        "pageup",
        "pagedown",
        "up",
        "down",
        "left",
        "right",
    ]
) | {f"f{n}" for n in range(1, 13)}
RESERVED = {f"ctrl+{letter}" for letter in "abcdhijmqsz"}
"""Flow control, job control, screen, tmux, and what a terminal sends for Tab, Enter and Backspace."""


class Keymap:
    """The table with the settings' changes: which binding does a key mean in a context?"""

    def __init__(self, bindings: Sequence[Binding] = BINDINGS) -> None:
        _refuse_clashes(bindings)
        self.bindings = tuple(bindings)

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], Binding]:
        return {(b.context, key): b for b in self.bindings for key in b.keys}

    def find(self, context: str, key: str) -> Binding | None:
        """What `key` means in `context`; None when nothing."""
        return self._by_key.get((context, key))

    def of(self, *contexts: str) -> Iterator[Binding]:
        """The bindings of these contexts, context by context, in the table's order."""
        for context in contexts:
            yield from (b for b in self.bindings if b.context == context)

    def binding(self, name: str) -> Binding:
        """The binding with this id; KeyError when there is none."""
        for binding in self.bindings:
            if binding.id == name:
                return binding
        raise KeyError(name)


def remapped(changes: Mapping[str, str]) -> Keymap:
    """The table with `changes`: binding id to its keys, separated by blanks.

    Raises KeymapError for an unknown id, a key that terminals can't send or that is reserved, a safety action
    without a key, and for a key that would then mean two things at once. A halt keeps F9 and `!`."""
    by_id = {binding.id: binding for binding in BINDINGS}
    for name, text in changes.items():
        if name not in by_id:
            raise KeymapError(f"keymap: there is no binding called {name!r}; `?` shows them all.")
        keys = tuple(text.split())
        for key in keys:
            _refuse_unusable(name, key)
        if by_id[name].safety:
            keys = tuple(dict.fromkeys((*by_id[name].keys, *keys)))
        by_id[name] = replace(by_id[name], keys=keys)
    return Keymap(tuple(by_id.values()))


def _refuse_unusable(name: str, key: str) -> None:
    if key in RESERVED:
        raise KeymapError(f"keymap: {name} can't be on {key}: terminals use it themselves.")
    if len(key) == 1 and key.isprintable():
        return
    if key not in NAMED_KEYS and not re.fullmatch(r"ctrl\+[a-z]", key):
        raise KeymapError(
            f"keymap: {name} can't be on {key!r}: that is no key. Write one character, a name such as f5, "
            "pagedown or space, or ctrl+ and a letter."
        )


def _refuse_clashes(bindings: Sequence[Binding]) -> None:
    for group in TOGETHER:
        taken: dict[str, Binding] = {}
        for binding in bindings:
            if binding.context not in group:
                continue
            for key in binding.keys:
                if key in taken and taken[key].id != binding.id:
                    raise KeymapError(
                        f"keymap: {key} would mean both {taken[key].id} and {binding.id}; give one of them another key."
                    )
                taken[key] = binding


def spoken(key: str) -> str:
    """A key as it is printed: `F9`, `Tab`, `^P`, `?`."""
    if key.startswith("ctrl+"):
        return f"^{key[5:].upper()}"
    names = {"escape": "Esc", "shift+tab": "⇧Tab", "up": "↑", "down": "↓", "left": "←", "right": "→", "pagedown": "PgDn", "pageup": "PgUp"}  # fmt: skip
    if key in names:
        return names[key]
    return key if len(key) == 1 else key.capitalize()
