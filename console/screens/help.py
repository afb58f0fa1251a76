"""Help for what is in focus, written from the keymap."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from console.keymap import CONTEXTS, Keymap, spoken
from console.screens.box import Box


def page(keymap: Keymap, contexts: Sequence[str]) -> Text:
    """The keys heard in these contexts, the narrowest first."""
    whole = Text()
    for context in contexts:
        bindings = [b for b in keymap.of(context) if b.keys or b.palette]
        if not bindings:
            continue
        whole.append(f"{CONTEXTS[context]}\n", "bold underline")
        for binding in bindings:
            keys = " ".join(spoken(key) for key in binding.keys) or f":{binding.words}"
            whole.append(f"{keys:>14}  ", "bold")
            whole.append(f"{binding.help}\n")
        whole.append("\n")
    whole.append("Keys are changed by id in config.toml, under [console.keymap].\n", "dim")
    return whole


class HelpScreen(Box[None]):
    """The keys that mean something here."""

    CONTEXT: ClassVar[str] = "help"

    def __init__(self, keymap: Keymap, contexts: Sequence[str]) -> None:
        super().__init__()
        self._page = page(keymap, contexts)

    def compose(self) -> ComposeResult:
        with Vertical(classes="box help"):
            with VerticalScroll(id="help-scroll", can_focus=False):
                yield Static(self._page, markup=False)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    def action_scroll(self, by: int) -> None:
        """Scroll the page."""
        self.query_one("#help-scroll").scroll_relative(y=by, animate=False)
