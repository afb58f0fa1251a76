"""Files that must be refused: what is in each, and what its one sentence must name."""

from typing import NamedTuple

from desk_world import CASES

DIRECTIVE = (CASES / "rebalance" / "Portfolio.md").read_text(encoding="utf-8")
LARGE = 50 * 1024 * 1024


class Bad(NamedTuple):
    name: str
    content: bytes
    said: tuple[str, ...]
    """Where and what was expected, as the sentence says it."""


def directive(old: str, new: str) -> bytes:
    assert old in DIRECTIVE
    return DIRECTIVE.replace(old, new).encode()


def basket(line: str, header: str = "symbol,side,qty") -> bytes:
    return f"{header}\n{line}\n".encode()


def quantity(text: str) -> Bad:
    name = f"qty{text or '-none'}.csv"
    return Bad(name, basket(f"MSFT,buy,{text}"), (f"{name} line 2", "qty", "above zero", text))


BAD = (
    Bad(
        "malformed.md",
        directive("Reduce Materials from 46.8% to 25%", "Reduce Materials from 46.8% down to 25"),
        ("malformed.md line 20", "down to 25", "'Reduce SECTOR from A% to B%'"),
    ),
    Bad(
        "unknown-sector.md",
        directive("Healthcare from", "Helthcare from"),
        ("unknown-sector.md line 22", "Helthcare", "expected one of", "Healthcare"),
    ),
    Bad("unknown-symbol.csv", basket("ZZZZQ,buy,5"), ("unknown-symbol.csv line 2", "ZZZZQ")),
    Bad(
        "over.md",
        directive("Healthcare from 0% to 10%", "Healthcare from 0% to 60%"),
        ("over.md line 20", "106.0%", "at most 100.5%"),
    ),
    quantity("-5"),
    quantity("0"),
    quantity("NaN"),
    quantity("Infinity"),
    quantity("1e3"),
    Bad("empty-qty.csv", basket("MSFT,buy,"), ("empty-qty.csv line 2", "qty or notional")),
    Bad(
        "no-side.csv",
        basket("MSFT,5", "symbol,qty"),
        ("no-side.csv line 1", "column side is missing", "symbol, side, qty"),
    ),
    Bad("short-row.csv", basket("MSFT,buy"), ("short-row.csv line 2", "2 values", "expected 3")),
    Bad("binary.md", b"\x7fELF\x02\0\0\0" * 64, ("binary.md", "binary", "expected UTF-8 text")),
    Bad("utf-16.md", DIRECTIVE.encode("utf-16"), ("utf-16.md", "UTF-16", "expected UTF-8")),
    Bad(
        "latin-1.md",
        DIRECTIVE.replace("Suggested", "Suggéré").encode("latin-1"),
        ("latin-1.md line 19", "expected UTF-8"),
    ),
    Bad("nothing.txt", b"buy low, sell high\n", ("nothing.txt", "expected a directive")),
)


def only_sentence(stderr: str) -> str:
    """What was said: one line, one sentence, no traceback."""
    assert "Traceback" not in stderr
    (line,) = stderr.splitlines()
    assert line.startswith("quarterdeck")
    assert line.endswith(".")
    return line
