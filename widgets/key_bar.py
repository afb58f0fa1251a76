"""The last line: which keys mean something here. Its pairs come from the keymap."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget


class KeyBar(Widget):
    """As many (key, words) pairs as fit, the first ones first."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-bar--key", "key-bar--words"}

    def __init__(self) -> None:
        super().__init__(id="key-bar")
        self._pairs: tuple[tuple[str, str], ...] = ()

    def show(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Show these pairs."""
        if tuple(pairs) != self._pairs:
            self._pairs = tuple(pairs)
            self.refresh()

    def render(self) -> Text:
        """One line."""
        key_style = self.get_component_rich_style("key-bar--key")
        words_style = self.get_component_rich_style("key-bar--words")
        line = Text(no_wrap=True, end="")
        room = self.size.width
        for key, words in self._pairs:
            needed = cell_len(key) + cell_len(words) + 3
            if needed > room:
                continue
            room -= needed
            line.append(key, key_style)
            line.append(f" {words}  ", words_style)
        return line
