"""The command palette: every action and every held symbol, found by the words typed.

Matching is done at each key, with no wait, so that `:quit` and Enter in one burst do what they say."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, TypeAlias

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from console.keymap import Binding, Keymap, spoken
from console.screens.box import Box
from widgets.table import Column, LiveTable

Choice: TypeAlias = "Binding | str"
"""An action, or a symbol."""
COLUMNS = (
    Column("name", "command", 14),
    Column("help", "what it does", 20, flex=1),
    Column("key", "key", 5, priority=1),
)


def name(choice: Choice) -> str:
    """What the choice is called."""
    return choice if isinstance(choice, str) else choice.words


def matching(words: str, choices: Iterable[Choice]) -> list[Choice]:
    """The choices that have every word, the best first: called exactly so, beginning so, then the rest."""
    typed = words.strip().casefold()
    parts = typed.split()

    def described(choice: Choice) -> str:
        about = "" if isinstance(choice, str) else f" {choice.help} {choice.id}"
        return f"{name(choice)}{about}".casefold()

    def rank(choice: Choice) -> int:
        called = name(choice).casefold()
        if called == typed:
            return 0
        if called.startswith(typed):
            return 1
        return 2 if any(word.startswith(typed) for word in called.split()) else 3

    found = [choice for choice in choices if all(part in described(choice) for part in parts)]
    return sorted(found, key=rank) if typed else found


class Palette(Box[Choice]):
    """Its result is the chosen action or symbol."""

    CONTEXT: ClassVar[str] = "palette"

    def __init__(self, keymap: Keymap, symbols: Sequence[str]) -> None:
        super().__init__()
        actions = [binding for binding in keymap.bindings if binding.palette]
        self._choices: list[Choice] = [*actions, *symbols]
        self._found: dict[str, Choice] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="box palette"):
            yield Input(placeholder="command or symbol", id="command", compact=True)
            yield LiveTable(COLUMNS, empty="nothing is called so", id="commands")

    def on_mount(self) -> None:
        """Ready to type."""
        self.query_one(Input).focus()
        self._list("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what matches."""
        event.stop()
        self._list(event.value)

    def _list(self, words: str) -> None:
        found = matching(words, self._choices)
        self._found = {c if isinstance(c, str) else c.id: c for c in found}
        table = self.query_one(LiveTable)
        table.update_rows({key: self._cells(choice) for key, choice in self._found.items()})
        if self._found:
            table.move_cursor(next(iter(self._found)))

    def _cells(self, choice: Choice) -> tuple[str, str, str]:
        if isinstance(choice, str):
            return choice, "held: go to the position", ""
        return choice.words, choice.help, " ".join(spoken(key) for key in choice.keys)

    def on_live_table_selected(self, event: LiveTable.Selected) -> None:
        """Chosen with the mouse."""
        event.stop()
        self.dismiss(self._found[event.key])

    def action_run(self) -> None:
        """Choose what is under the cursor, by what is typed now."""
        words = self.query_one(Input).value
        best = matching(words, self._choices)
        cursor = self.query_one(LiveTable).cursor_key
        chosen = self._found.get(cursor) if cursor is not None else None
        if chosen not in best:
            chosen = best[0] if best else None
        if chosen is not None:
            self.dismiss(chosen)

    def action_down(self) -> None:
        """The next command."""
        self.query_one(LiveTable).action_cursor_down()

    def action_up(self) -> None:
        """The previous command."""
        self.query_one(LiveTable).action_cursor_up()
