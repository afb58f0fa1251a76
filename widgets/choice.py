"""A field that is one of a few words."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.message import Message
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """One of `options`; the keymap binds the keys that change it."""

    CONTEXT: ClassVar[str] = "choice"
    DEFAULT_CSS = """
    Choice { height: 1; }
    Choice:focus { text-style: reverse; }
    """

    class Changed(Message):
        """Another option was chosen."""

    def __init__(self, name: str, options: Sequence[str]) -> None:
        super().__init__(id=name)
        self.options = tuple(options)
        self._chosen = 0

    @property
    def value(self) -> str:
        """The chosen option."""
        return self.options[self._chosen]

    @value.setter
    def value(self, option: str) -> None:
        chosen = self.options.index(option)
        if chosen != self._chosen:
            self._chosen = chosen
            self.refresh()
            self.post_message(self.Changed())

    def action_choose(self, by: int) -> None:
        """The next option, or with −1 the previous one."""
        self.value = self.options[(self._chosen + by) % len(self.options)]

    def render(self) -> Text:
        """The chosen option between arrows that say there are others."""
        return Text(f"‹ {self.value} ›", no_wrap=True)
