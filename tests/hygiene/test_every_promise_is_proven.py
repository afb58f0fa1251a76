"""docs/invariants.md: no number is missing, every module and test that it names is there, and each test
says the number that it proves."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
QUOTED = re.compile(r"`([^`]+)`")
SAID = re.compile(
    r"(?<![a-z])(?:invariants?|inv\.|failures?)[ _](\d+(?:(?:-|, and |, | and )\d+)*)",
    re.IGNORECASE,
)


def tables() -> tuple[dict[int, re.Match[str]], dict[int, re.Match[str]]]:
    """The rows of the two tables, by number."""
    text = (ROOT / "docs" / "invariants.md").read_text(encoding="utf-8")
    halves = text.split("\n## Thirty-four")
    first, second = ({int(row[1]): row for row in ROW.finditer(half)} for half in halves)
    return first, second


INVARIANTS, FAILURES = tables()
PROOFS = [
    (what, n, proof)
    for what, rows in (("invariant", INVARIANTS), ("failure", FAILURES))
    for n, row in rows.items()
    for proof in QUOTED.findall(row[4])
]


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))


def numbers(text: str) -> set[int]:
    """`invariants 1-4, 7 and 9` → 1, 2, 3, 4, 7, 9."""
    found = set[int]()
    for listed in SAID.findall(" ".join(text.split())):
        for one in re.split(r",? and |, ", listed):
            first, _, last = one.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return found


def test_no_number_is_missing() -> None:
    assert sorted(INVARIANTS) == list(range(1, 31))
    assert sorted(FAILURES) == list(range(1, 35))


@pytest.mark.parametrize("n", sorted(INVARIANTS))
def test_every_module_named_is_there(n: int) -> None:
    modules = QUOTED.findall(INVARIANTS[n][3])
    assert modules
    assert [name for name in modules if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(("what", "n", "proof"), PROOFS)
def test_every_test_named_is_there_and_says_its_number(what: str, n: int, proof: str) -> None:
    file, _, name = proof.partition("::")
    module = parsed(file)
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    found = [node for node in module.body if isinstance(node, functions) and node.name == name]
    assert found, f"{proof} is not there"
    if what == "invariant" or file.startswith("lessons/"):
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        (function,) = found
        told = f"{ast.get_docstring(module)} {ast.get_source_segment(source, function)}"
        assert n in numbers(told), f"{proof} does not say that it proves {what} {n}"


def test_numbers_are_read_as_they_are_written() -> None:
    assert numbers("(spec 5; invariants 1-3, 8 and\n9; failure 12)") == {1, 2, 3, 8, 9, 12}
    assert numbers("test_it_invariant_30 of 14 (inv. 7)") == {30, 7}
