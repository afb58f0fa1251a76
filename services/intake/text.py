"""Bytes to text: size, kind and encoding are checked before anything is read."""

import hashlib
from unicodedata import category

from services.intake.refusal import RefusedInputError

LARGEST = 5 * 1024 * 1024
LARGEST_PROSE = 1024 * 1024
LONGEST_LINE = 4000
"""Characters of a line of prose or TOML. What is beyond is no person's writing, and costs a parser dear."""
_CONTROL = frozenset(map(chr, (*range(32), *range(127, 160)))) - frozenset("\t\n\r\f")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that make a terminal show text in another order than it is read."""


def too_large(name: str, size: int, limit: int = LARGEST) -> RefusedInputError:
    return RefusedInputError(
        name, f"it is {size / 1048576:.1f} MB, expected at most {limit / 1048576:.0f} MB"
    )


def decoded(name: str, data: bytes) -> str:
    """The text of a UTF-8 file, its byte-order mark dropped and its line ends made one.
    Raises RefusedInputError."""
    if len(data) > LARGEST:
        raise too_large(name, len(data))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RefusedInputError(name, "it is UTF-16, expected UTF-8 text")
    if b"\0" in data:
        raise RefusedInputError(name, "it is a binary file, expected UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RefusedInputError(
            name, f"byte {error.start + 1} is not UTF-8, expected UTF-8 text", line=line
        ) from error
    if not text.strip():
        raise RefusedInputError(name, "it is empty")
    control = next((c for c in text if c in _CONTROL), None)
    if control is not None:
        line = text.count("\n", 0, text.index(control)) + 1
        raise RefusedInputError(
            name, f"it has the control character {ord(control)}, expected plain text", line=line
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_prose(name: str, text: str) -> None:
    """Markdown is read only within limits that a person's file keeps. Raises RefusedInputError."""
    if len(text) > LARGEST_PROSE:
        raise too_large(name, len(text), LARGEST_PROSE)
    check_lines(name, text)


def check_lines(name: str, text: str) -> None:
    """Raises RefusedInputError for a line that is too long."""
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            raise RefusedInputError(
                name, f"{len(line)} characters, expected at most {LONGEST_LINE}", line=number
            )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def plain(text: str) -> bool:
    """Safe to write down and to show: no control character, no half of a surrogate pair (JSON can
    escape both), nothing that turns the direction of writing."""
    return text.isprintable() or not any(c in _TURNING or category(c) in ("Cc", "Cs") for c in text)


def shown(text: str, most: int = 80) -> str:
    """Outside text for a sentence: one line, not too long, nothing a terminal obeys."""
    line = " ".join(text[: most * 20].split())
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return line if plain(line) else "".join(c if c.isprintable() else "\ufffd" for c in line)
