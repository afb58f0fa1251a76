"""Outside text in Markdown: written so that it is only ever text, and read back as it was."""

import re
from collections.abc import Sequence

MISSING = "—"
"""What stands where a figure is not known. Never 0."""

_ANYWHERE = re.compile(r"([\\`*_\[\]<>&|~])")
_LEADING = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[-+#=](?!\d)))")
"""What would begin a heading, a rule or a list."""


def one_line(text: str) -> str:
    """`text` on one line: control signs and runs of blanks are one blank."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def escaped(text: str) -> str:
    """`text` with every sign that Markdown could take for markup made plain."""
    return _LEADING.sub(r"\1\\", _ANYWHERE.sub(r"\\\1", one_line(text)))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table. Cells are Markdown: escape outside text before."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
