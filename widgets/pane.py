"""A pane: one subject with a title, in the context whose keys it hears."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical

if TYPE_CHECKING:
    from textual.widget import Widget

    from widgets.seen import Seen


class Pane(Vertical):
    """One subject. `CONTEXT` names the keys it hears, `NAME` how it is called."""

    CONTEXT: ClassVar[str] = "main"
    NAME: ClassVar[str] = ""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes="pane")
        self.border_title = self.NAME

    @property
    def context(self) -> str:
        """The context whose keys are heard now."""
        return self.CONTEXT

    def show(self, seen: "Seen") -> None:
        """Show what the desk said. Called again whenever it says something else."""
        raise NotImplementedError

    def fields(self) -> list["Widget"]:
        """What Tab goes through inside the pane, in order."""
        return [w for w in self.query("*") if w.can_focus and w.display and not w.disabled]

    def entitle(self, *words: str, lost: bool = False) -> None:
        """The pane's title: its name and `words`, never read as markup."""
        title = " · ".join((self.NAME, *(word for word in words if word)))
        self.border_title = Text(f"{title} · as it was" if lost else title)
