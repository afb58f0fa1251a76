"""Markdown with source positions: headings, list items, paragraphs and tables as plain text."""

from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(frozen=True)
class Piece:
    """One block of text. `kind` is heading, item, paragraph, row or code; `line` is 1-based."""

    kind: str
    text: str
    line: int
    cells: tuple[str, ...] = ()


def pieces(source: str) -> tuple[Piece, ...]:
    """The blocks of the document in order. HTML, comments too, is no text of the author's."""
    tokens = MarkdownIt("commonmark", {"maxNesting": 40}).enable("table").parse(source)
    return tuple(_walk(tokens))


def _walk(tokens: list[Token]) -> Iterator[Piece]:
    inside: list[str] = []
    line = 1
    cells: list[str] = []
    row_line = 1
    for token in tokens:
        if token.map:
            line = token.map[0] + 1
        if token.type == "tr_open":
            cells, row_line = [], line
        elif token.type == "tr_close":
            yield Piece("row", " | ".join(cells), row_line, tuple(cells))
        if token.type == "inline":
            text = _plain(token)
            if any(name in ("th", "td") for name in inside):
                cells.append(text)
            elif "heading" in inside:
                yield Piece("heading", text, line)
            elif "list_item" in inside:
                yield Piece("item", text, line)
            else:
                yield Piece("paragraph", text, line)
        elif token.type in ("code_block", "fence"):
            yield Piece("code", token.content, line + (token.type == "fence"))
        elif token.nesting == 1:
            inside.append(token.type.removesuffix("_open"))
        elif token.nesting == -1 and inside:
            inside.pop()


def _plain(token: Token) -> str:
    """Inline text without its marks; line breaks are blanks."""
    parts = []
    for child in token.children or []:
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type in ("text", "code_inline", "html_inline", "text_special"):
            parts.append(child.content)
    return "".join(parts).strip()
