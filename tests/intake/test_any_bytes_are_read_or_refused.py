"""Whatever arrives becomes a proposal, reference data, or one sentence: never another exception."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.intake.read import MARKS, read_file, recognise
from services.intake.refusal import RefusedInputError
from services.intake.text import LARGEST

KEYS = sorted({key for marks in MARKS.values() for key in marks} | {"ticker", "sector", "AAPL"})
CASES = Path(__file__).parents[1] / "data" / "cases"
WHOLE = [
    (CASES / "rebalance" / "Portfolio.md").read_bytes(),
    (CASES / "rebalance" / "market-analysis.toml").read_bytes(),
    (CASES / "nov10" / "basket.csv").read_bytes(),
    b"[instrument.AAPL]\nsector = 'Technology'\nleverage_factor = 1\n",
    b'{"as_of": "2026-01-05T14:00:00Z", "sector_rank": {"Energy": 1}, "pick": []}',
    b"# Market analysis\nAs of: 2026-01-05T14:00:00Z\n\n| Rank | Sector |\n|---|---|\n| 1 | Energy |\n",
]


def read_or_refuse(data: bytes) -> None:
    try:
        recognise("file", data)
    except RefusedInputError as refused:
        sentence = str(refused)
        assert sentence.startswith("file")
        assert "\n" not in sentence
        assert sentence.endswith(".")


@given(st.binary(max_size=400))
@example(b"{" * 100_000)
@example(b"[" * 100_000)
@example(b"## ACTION PLAN\n" + b"> " * 5_000 + b"- Exit Energy")
@example(b"## ACTION PLAN\n" + b"- " * 5_000 + b"Exit Energy")
@example(b'{"as_of": ' + b"[" * 50_000)
@example(b'{"as_of": 1e999999999, "pick": [{"symbol": 1e999999, "sector": 1, "conviction": NaN}]}')
@example(b'{"pick": ' + b"9" * 5_000 + b"}")
@example(b"\n" * 300_000 + b"x")
@example(b"as_of = 2026-01-05\n")
@example(b"as_of = 9999-12-31T23:59:59-23:59\n[sector_rank]\nEnergy = 1\n")
@example(b"symbol,side,qty\n" + b"A" * 200_000)
def test_any_bytes(data: bytes) -> None:
    read_or_refuse(data)


@given(st.text(max_size=400))
def test_any_text(text: str) -> None:
    read_or_refuse(text.encode("utf-8", "surrogatepass"))


@given(
    whole=st.sampled_from(WHOLE),
    at=st.integers(0, 600),
    cut=st.integers(0, 40),
    put=st.binary(max_size=12)
    | st.sampled_from([b"%", b"from", b"nan", b"\n- ", b"|", b'"', b"1e9"]),
)
def test_any_damage_to_a_good_file(whole: bytes, at: int, cut: int, put: bytes) -> None:
    read_or_refuse(whole[:at] + put + whole[at + cut :])


@pytest.mark.parametrize("whole", WHOLE)
def test_the_undamaged_files_are_all_read(whole: bytes) -> None:
    recognise("file", whole)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "file: it is empty."),
        (b" \n\t\n", "file: it is empty."),
        (b"\x7fELF\x00\x01", "file: it is a binary file, expected UTF-8 text."),
        ("# PORTFOLIO".encode("utf-16"), "file: it is UTF-16, expected UTF-8 text."),
        ("ok\nZürich".encode("latin-1"), "file line 2: byte 5 is not UTF-8, expected UTF-8 text."),
        (b"a\nb\x1b[31m", "file line 2: it has the control character 27, expected plain text."),
        (b"hello there", "file: nothing in it is known here, expected a directive"),
        (b'{"overall_status": "APPROVE"}', "file: meta: missing, expected a table."),
        (b"## ACTION PLAN\n- " + b"a" * 4000, "file line 2: 4002 characters, expected at most 4000."),
        (b"## ACTION PLAN\n" + b"note\n" * 300_000, "file: it is 1.4 MB, expected at most 1 MB."),
        (b"x" * (LARGEST + 1), "file: it is 5.0 MB, expected at most 5 MB."),
    ],
)  # fmt: skip
def test_what_is_no_text_of_ours_is_said_plainly(data: bytes, said: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        recognise("file", data)
    assert str(refused.value).startswith(said)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.md"
    with huge.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    with pytest.raises(RefusedInputError, match=r"it is 50\.0 MB, expected at most 5 MB"):
        read_file(huge)


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedInputError, match="there is no such file"):
        read_file(tmp_path / "none.md")
    with pytest.raises(RefusedInputError, match="it is not a file"):
        read_file(tmp_path)


ANY_VALUE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANY_TABLE = st.dictionaries(st.sampled_from(KEYS), ANY_VALUE, max_size=4)


@settings(max_examples=40)
@given(document=st.dictionaries(st.sampled_from(KEYS), ANY_VALUE | ANY_TABLE, max_size=6))
def test_any_json_of_our_keys(document: dict[str, object]) -> None:
    """With surrogate pairs cut in half and numbers beyond every range, too."""
    read_or_refuse(json.dumps(document).encode())


@settings(max_examples=40)
@given(
    header=st.sampled_from(["symbol,weight", "symbol,reason,expires", "symbol,side,qty"]),
    cells=st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=3), max_size=4),
)
def test_any_cells_under_our_headers(header: str, cells: list[list[str]]) -> None:
    rows = "\n".join(",".join(row) for row in cells)
    read_or_refuse(f"{header}\n{rows}\n".encode("utf-8", "surrogatepass"))
