"""Market analyses and instruments: every value is checked, and a typo is never dropped silently."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from db.model.market import MarketAnalysis, Pick
from services.intake.instruments import InstrumentNote, InstrumentTable
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError

CASE = Path(__file__).parents[1] / "data" / "cases" / "rebalance" / "market-analysis.toml"
AS_OF = "2026-01-05T14:00:00Z"
WANTED = MarketAnalysis(
    as_of=datetime(2026, 1, 5, 14, 0, tzinfo=UTC),
    sector_rank={"Technology": 1, "Healthcare": 2},
    picks=(Pick(symbol="NVDA", sector="Technology", conviction=Decimal("74.5")),),
)
TOML = f"""as_of = {AS_OF}
[sector_rank]
Technology = 1
"health care" = 2
[[pick]]
symbol = "NVDA"
sector = "tech"
conviction = 74.5
"""
JSON = json.dumps(
    {
        "as_of": AS_OF,
        "sector_rank": {"Technology": 1, "Healthcare": 2},
        "pick": [{"symbol": "nvda", "sector": "Technology", "conviction": 74.5}],
    }
)
MARKDOWN = f"""# Market analysis
As of: {AS_OF}

| Rank | Sector |
|---|---|
| 1 | Technology |
| 2 | Healthcare |

## Picks
| Symbol | Sector | Conviction |
|---|---|---|
| NVDA | Technology | 74.5 |
"""


@pytest.mark.parametrize("text", [TOML, JSON, MARKDOWN], ids=["toml", "json", "markdown"])
def test_three_forms_say_the_same(text: str) -> None:
    assert recognise("analysis", text.encode()) == WANTED


def test_the_case_has_six_picks_and_six_ranks() -> None:
    found = recognise("market-analysis.toml", CASE.read_bytes())
    assert isinstance(found, MarketAnalysis)
    assert [pick.symbol for pick in found.picks] == ["NVDA", "AVGO", "MSFT", "LLY", "ABBV", "UNH"]
    assert found.sector_rank["Materials"] == 9


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("74.5", "174", 6, "pick.conviction of NVDA: expected a number from 0 to 100, found '174'"),
        ("74.5", "nan", 6, "pick.conviction of NVDA: expected a number from 0 to 100"),
        ("74.5", '"high"', 6, "found 'high'"),
        ("74.5", "true", 6, "found 'True'"),
        ("conviction = 74.5", "", 6, "pick.conviction: missing"),
        ("conviction =", "convicton =", 8, "pick.convicton: unknown key, expected symbol"),
        ('"NVDA"', '"N V"', 6, "expected a ticker such as AAPL, found 'N V'"),
        ('"NVDA"', "3", None, "pick.symbol: expected text"),
        ("Technology = 1", "Technology = 1.5", 3, "expected a whole number"),
        ("Technology = 1", "Technology = 0", 3, "expected a number from 1 to 100"),
        ('"health care" = 2', "tech = 2", 4, "sector_rank.Technology: expected each sector once"),
        (f"as_of = {AS_OF}", "as_of = 2026-01-05", 1, "expected a time such as"),
        (f"as_of = {AS_OF}\n", "", None, "as_of: missing"),
        ("[sector_rank]", "[sector_ranks]", 2, "sector_ranks: unknown key"),
        ("[[pick]]", "[pick]", None, "pick: expected a list of picks"),
        ("= 74.5", "= = 74.5", None, "not TOML"),
    ],
)
def test_a_wrong_analysis_is_refused(old: str, new: str, line: int | None, said: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        recognise("a.toml", TOML.replace(old, new, 1).encode())
    assert said in str(refused.value)
    assert refused.value.line == line


def test_a_symbol_picked_twice_is_refused() -> None:
    twice = TOML + '[[pick]]\nsymbol = "NVDA"\nsector = "Energy"\nconviction = 1\n'
    with pytest.raises(RefusedInputError, match="NVDA is picked twice"):
        recognise("a.toml", twice.encode())


def test_an_unknown_table_of_a_markdown_analysis_is_refused() -> None:
    with pytest.raises(RefusedInputError, match=r"line 4: unknown table.*found 'Rank \| Sektor'"):
        recognise("a.md", MARKDOWN.replace("Rank | Sector", "Rank | Sektor").encode())


def test_instruments_are_notes_on_symbols() -> None:
    text = (
        '[instrument]\nAAPL = { sector = "tech", average_daily_volume = 50000000 }\n'
        '[instrument."BRK.B"]\nname = "Berkshire"\nsector = "Financials"\n'
        "[instrument.TQQQ]\nleverage_factor = 3\n"
    )
    found = recognise("mine.toml", text.encode())
    assert found == InstrumentTable(
        source="mine.toml",
        notes=(
            InstrumentNote(symbol="AAPL", sector="Technology", average_daily_volume=Decimal(50_000_000)),
            InstrumentNote(symbol="BRK.B", name="Berkshire", sector="Financials"),
            InstrumentNote(symbol="TQQQ", leverage_factor=Decimal(3)),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[instrument]\n", "no instrument, expected [instrument.SYMBOL] tables"),
        ("[instrument.AAPL]\nsectr = 'x'\n", "line 2: AAPL.sectr: unknown key"),
        ("[instrument.AAPL]\nleverage_factor = 30\n", "line 1: AAPL.leverage_factor: expected a number from -5 to 5"),
        ("[instrument.AAPL]\naverage_daily_volume = 0\n", "AAPL.average_daily_volume: expected a number from 1"),
        ("[instrument.AAPL]\nsector = ''\n", "AAPL.sector: expected text"),
        ("[instrument.aapl]\n[instrument.AAPL]\n", "AAPL: expected each symbol once"),
        ("[instrument]\nAAPL = 3\n", "AAPL: expected a table"),
        ("[instrument.AAPL]\n[other]\n", "other: unknown key"),
    ],
)  # fmt: skip
def test_wrong_instruments_are_refused(text: str, said: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        recognise("mine.toml", text.encode())
    assert said in str(refused.value)
