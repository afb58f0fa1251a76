"""Market analyses and instruments: every value is checked, and a typo is never dropped silently."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from db.model.instrument import Restriction
from db.model.market import MarketAnalysis, Pick
from services.intake.instruments import InstrumentNote, InstrumentTable
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError
from services.intake.restricted import RestrictedList

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
        ("74.5", "174", 8, "pick#1.conviction: expected a number from 0 to 100, found '174'"),
        ("74.5", "nan", 8, "pick#1.conviction: expected a number from 0 to 100, found 'NaN'"),
        ("74.5", "1e-999999999", 8, "pick#1.conviction: expected a number from 0 to 100"),
        ("74.5", '"high"', 8, "found 'high'"),
        ("74.5", "true", 8, "found true"),
        ("conviction = 74.5", "", 5, "pick#1.conviction: missing, expected a number from 0 to 100"),
        ("conviction =", "convicton =", 8, "pick#1.convicton: unknown key, expected symbol"),
        ('"NVDA"', '"N V"', 6, "expected a ticker such as AAPL, found 'N V'"),
        ('"NVDA"', '"\ufb01"', 6, "expected a ticker such as AAPL"),
        ('"NVDA"', "3", 6, "pick#1.symbol: expected a ticker such as AAPL, found '3'"),
        ('"tech"', '"a\\u001b[31m"', 7, "pick#1.sector: it has a control character"),
        ("Technology = 1", "Technology = 1.5", 3, "expected a whole number"),
        ("Technology = 1", "Technology = 0", 3, "expected a whole number from 1 to 100, found '0'"),
        ("Technology = 1", "Technology = 0x" + "f" * 3900, 3, "expected a whole number"),
        ('"health care" = 2', "tech = 2", 4, "sector_rank.tech: Technology is ranked twice"),
        (f"as_of = {AS_OF}", "as_of = 2026-01-05", 1, "expected a time with its zone"),
        (f"as_of = {AS_OF}\n", "", None, "as_of: missing, expected a time"),
        ("[sector_rank]", "[sector_ranks]", 2, "sector_ranks: unknown key"),
        ("[[pick]]", "[pick]", 5, "pick: expected a list of picks, found a table"),
        ("= 74.5", "= = 74.5", 8, "column 14: not TOML: Invalid value"),
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
        "[instrument.SPY]\nvolume_profile = [13, 9, 8, 7, 6, 6, 5, 5, 6, 6, 7, 8, 14.5]\n"
    )
    profile = tuple(
        map(Decimal, ["13", "9", "8", "7", "6", "6", "5", "5", "6", "6", "7", "8", "14.5"])
    )
    found = recognise("mine.toml", text.encode())
    assert found == InstrumentTable(
        source="mine.toml",
        notes=(
            InstrumentNote(symbol="AAPL", sector="Technology", average_daily_volume=Decimal(50_000_000)),
            InstrumentNote(symbol="BRK.B", name="Berkshire", sector="Financials"),
            InstrumentNote(symbol="TQQQ", leverage_factor=Decimal(3)),
            InstrumentNote(symbol="SPY", volume_profile=profile),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[instrument]\n", "no instrument, expected [instrument.SYMBOL] tables"),
        ("[instrument.AAPL]\nsectr = 'x'\n", "line 2 column 1: instrument.AAPL.sectr: unknown key"),
        ("[instrument.AAPL]\nleverage_factor = 30\n", "line 2 column 1: instrument.AAPL.leverage_factor: expected a number from -5 to 5"),
        ("[instrument.AAPL]\naverage_daily_volume = 0\n", "AAPL.average_daily_volume: expected a number from 1"),
        ("[instrument.AAPL]\nsector = ''\n", "AAPL.sector: expected text"),
        ("[instrument.AAPL]\nvolume_profile = 3\n", "AAPL.volume_profile: expected a list of half hours"),
        ("[instrument.AAPL]\nvolume_profile = [1, 2]\n", "AAPL.volume_profile: expected 13 numbers"),
        (f"[instrument.AAPL]\nvolume_profile = {[0] * 13}\n", "AAPL.volume_profile: expected 13 numbers"),
        (f"[instrument.AAPL]\nvolume_profile = {[1] * 12 + [-1]}\n", "AAPL.volume_profile#13: expected a number"),
        ("[instrument.aapl]\n[instrument.AAPL]\n", "line 2 column 1: instrument.AAPL: AAPL is there twice, expected each symbol once"),
        ("[instrument]\nAAPL = 3\n", "line 2 column 1: instrument.AAPL: expected a table, found '3'"),
        ("[instrument.AAPL]\n[other]\n", "other: unknown key"),
    ],
)  # fmt: skip
def test_wrong_instruments_are_refused(text: str, said: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        recognise("mine.toml", text.encode())
    assert said in str(refused.value)


def test_the_place_of_a_repeated_key_is_the_second() -> None:
    text = JSON.replace('"pick"', '"sector_rank": {"Energy": 3},\n "pick"')
    with pytest.raises(RefusedInputError, match="line 1 column 86: sector_rank: it stands there"):
        recognise("a.json", text.encode())


RESTRICTED = RestrictedList(
    source="r",
    restrictions=(
        Restriction(symbol="XYZ", reason="Audit", expires="2026-03-31"),
        Restriction(symbol="BRK.B", reason="Own employer"),
    ),
)


@pytest.mark.parametrize(
    "text",
    [
        "symbol,reason,expires\nxyz,Audit,2026-03-31\nBRK.B,Own employer,\n",
        '[restricted]\n"BRK.B" = "Own employer"\n[restricted.XYZ]\nreason = "Audit"\nexpires = 2026-03-31\n',
        '{"restricted": {"XYZ": {"reason": "Audit", "expires": "2026-03-31"}, "BRK.B": "Own employer"}}',
    ],
    ids=["csv", "toml", "json"],
)
def test_a_restricted_list_in_three_forms(text: str) -> None:
    found = recognise("r", text.encode())
    assert isinstance(found, RestrictedList)
    order = {one.symbol: one for one in found.restrictions}
    assert tuple(order[one.symbol] for one in RESTRICTED.restrictions) == RESTRICTED.restrictions


def test_an_empty_list_lifts_every_restriction() -> None:
    for text in ("[restricted]\n", '{"restricted": {}}', "symbol,reason,expires\n"):
        assert recognise("r", text.encode()) == RestrictedList(source="r", restrictions=())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol,reason\nXYZ,\n", "r line 2: reason: missing, expected text."),
        ("symbol,reason\nX Y,Audit\n", "r line 2: symbol: expected a ticker such as AAPL, found 'X Y'."),
        ("symbol,reason\nXYZ,Audit\n\nxyz,Audit\n", "r line 4: symbol: XYZ is there twice, expected each symbol once."),
        ("symbol,reason,expires\nXYZ,Audit,soon\n", "r line 2: expires: expected a date such as 2026-03-31, found 'soon'."),
        ("symbol,reason,until\nXYZ,Audit,2026-03-31\n", "r line 1: header: unknown column until, expected symbol, reason, expires."),
        ("[restricted.XYZ]\nexpires = 2026-03-31\n", "r line 1 column 1: restricted.XYZ.reason: missing, expected text."),
        ("[restricted.XYZ]\nreason = 'Audit'\nexpires = 2026-03-31T10:00:00Z\n", "r line 3 column 1: restricted.XYZ.expires: expected a date such as 2026-03-31, found '2026-03-31 10:00:00+00:00'."),
        ("[restricted.XYZ]\nreason = 'Audit'\nexpire = 2026-03-31\n", "r line 3 column 1: restricted.XYZ.expire: unknown key, expected reason, expires."),
        ('{"restricted": ["XYZ"]}', "r line 1 column 2: restricted: expected a table, found a list."),
        ('{"restricted": {"XYZ": 3}}', "r line 1 column 17: restricted.XYZ: expected a table, found '3'."),
        ('{"restricted": {"XYZ": "Audit",\n  "XYZ": "Again"}}', "r line 2 column 3: restricted.XYZ: it stands there twice, expected once."),
    ],
)  # fmt: skip
def test_a_wrong_restricted_list_is_refused(text: str, said: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        recognise("r", text.encode())
    assert str(refused.value) == said
