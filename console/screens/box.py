"""A box over the screen."""

from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.screen import ModalScreen

if TYPE_CHECKING:
    from console.app import QuarterdeckApp

Result = TypeVar("Result")


class Box(ModalScreen[Result], inherit_bindings=False):
    """A modal box. While it is open only its own keys are heard, and those that are heard everywhere."""

    CONTEXT: ClassVar[str] = "prompt"
    AUTO_FOCUS = ""  # a box says itself what it focuses

    @property
    def deck(self) -> "QuarterdeckApp":
        """The app, as what it is."""
        return cast("QuarterdeckApp", self.app)

    def key_words(self) -> str:
        """The box's keys in a line, from the keymap."""
        from console.keymap import spoken

        return "   ".join(
            f"{spoken(b.keys[0])} {b.words}"
            for b in self.deck.keymap_table.of(self.CONTEXT)
            if b.words and b.keys
        )

    def on_screen_resume(self) -> None:
        """The key bar shows this box's keys."""
        self.deck.refresh_keys()

    def action_close(self) -> None:
        """Close without a result."""
        self.dismiss(None)
