"""A pane: one subject with a title, in the context whose keys it hears."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.widget import Widget

    from widgets.seen import Seen


class Pane(Vertical):
    """One subject. `CONTEXT` names the keys it hears, `NAME` how it is called."""

    DEFAULT_CSS = """
    Pane > .detail { height: 0; padding: 0 1; }
    Pane:focus-within > .detail { height: auto; max-height: 5; border-top: dashed $border-blurred; }
    """
    CONTEXT: ClassVar[str] = "main"
    NAME: ClassVar[str] = ""

    def __init__(self, name: str) -> None:
        super().__init__(id=name, classes="pane")
        self.border_title = self.NAME
        self._title = self.NAME
        self._detail = ""
        self._facts: tuple[object, ...] = ()

    def news(self, *facts: object) -> bool:
        """Whether anything of this is other than the last time: a pane draws only then."""
        old, self._facts = self._facts, facts
        return len(old) != len(facts) or any(
            one is not other and one != other for one, other in zip(old, facts, strict=True)
        )

    @property
    def context(self) -> str:
        """The context whose keys are heard now."""
        return self.CONTEXT

    def show(self, seen: "Seen") -> None:
        """Show what the desk said. Called again whenever it says something else."""
        raise NotImplementedError

    def detail(self) -> Text:
        """All of the selected row that its cells may have cut off; empty when there is nothing more."""
        return Text()

    def write_detail(self) -> None:
        """Show it below the rows, while the pane has the focus."""
        words = self.detail()
        if words.plain == self._detail:
            return
        self._detail = words.plain
        for line in self.query(".detail").results(Static):
            line.display = bool(words)
            line.update(words)

    def on_live_table_highlighted(self) -> None:
        """Another row is selected."""
        self.write_detail()

    def fields(self) -> list["Widget"]:
        """What Tab goes through inside the pane, in order."""
        return [w for w in self.query("*") if w.can_focus and w.display and not w.disabled]

    def entitle(self, *words: str, lost: bool = False) -> None:
        """The pane's title: its name and `words`, never read as markup."""
        title = " · ".join((self.NAME, *(word for word in words if word)))
        title = f"{title} · as it was" if lost else title
        if title != self._title:  # setting it paints the whole pane anew
            self._title = title
            self.border_title = Text(title)
