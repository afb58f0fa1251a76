"""One real file of every format, and the same file spoilt: what each door must make of them."""

import json
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parents[1] / "data"
CASES, FORMATS = DATA / "cases", DATA / "formats"
ANALYSIS = CASES / "rebalance" / "market-analysis.toml"


class File(NamedTuple):
    path: Path
    outcome: str
    """The verdict of its plan at a desk; or `reference`."""
    old: str
    new: str
    """Spoils it."""
    said: tuple[str, ...]
    """Line, field and expectation of the refusal."""

    @property
    def offline(self) -> str:
        """Where no guard remembers what was heard, the checks stop what is said twice."""
        return "BLOCKED" if self.path.name == "signals.jsonl" else self.outcome

    @property
    def good(self) -> bytes:
        return self.path.read_bytes()

    @property
    def bad(self) -> bytes:
        text = self.path.read_text("utf-8")
        assert text.count(self.old) == 1, self.path
        return text.replace(self.old, self.new).encode()


EVERY = (
    File(
        CASES / "rebalance" / "Portfolio.md", "CONDITIONAL",
        "Reduce Materials from 46.8% to 25%", "Reduce Materials from 46.8% down to 25",
        ("line 20", "directive:", "'Reduce SECTOR from A% to B%'"),
    ),
    File(
        FORMATS / "PORTFOLIO.md", "CONDITIONAL",
        "- Target Cash position: 5%", "- Target Cash position: 5 per cent",
        ("line 32", "directive:", "Target Cash position: N%"),
    ),
    File(
        CASES / "stocks" / "qa-report.json", "SAFE",
        '"liquidity": "PASS"', '"liquidity": "FAIL"',
        ("line 14 column 58", "gates.liquidity:", "expected PASS"),
    ),
    File(
        CASES / "stocks" / "nvda.json", "SAFE",
        '"conviction_score": 74', '"conviction_score": 174',
        ("line 1 column 20", "conviction_score:", "expected a number from 0 to 100"),
    ),
    File(
        CASES / "stocks" / "signals.jsonl", "SAFE",
        '"id": "s-4", "source": "ema-cloud", "signal_type": "TREND_ALIGNED_LONG", "direction": "long"',
        '"id": "s-4", "source": "ema-cloud", "signal_type": "TREND_ALIGNED_LONG", "direction": "up"',
        ("line 4 column 75", "direction:", "expected long or short"),
    ),
    File(
        FORMATS / "signal.json", "SAFE",
        '"stop_loss": "740.00"', '"stop_loss": "840.00"',
        ("line 3 column 65", "stop_loss:", "expected a price under the entry"),
    ),
    File(
        CASES / "stocks" / "weights.csv", "SAFE",
        "NVDA,0.30", "NVDA,thirty",
        ("line 4", "weight:", "expected a fraction from 0 to 1"),
    ),
    File(
        FORMATS / "weights.toml", "SAFE",
        "MSFT = 0.08", "MSFT = -0.08",
        ("line 6 column 1", "weights.MSFT:", "expected a fraction from 0 to 1"),
    ),
    File(
        FORMATS / "weights.json", "SAFE",
        '"remainder": "cash"', '"remainder": "spend"',
        ("line 2 column 3", "remainder:", "expected cash"),
    ),
    File(
        CASES / "stocks" / "basket.csv", "SAFE",
        "LLY,buy,2,,limit,804.00", "LLY,buy,2,,limit,",
        ("line 4", "limit_price:", "a limit order needs one"),
    ),
    File(
        ANALYSIS, "reference",
        "Materials = 9", "Materials = 0",
        ("line 9 column 1", "sector_rank.Materials:", "from 1 to 100"),
    ),
    File(
        FORMATS / "market-analysis.json", "reference",
        '"sector": "Healthcare", "conviction": 72', '"sector": "Healthcare", "conviction": "high"',
        ("line 6 column 47", "pick#2.conviction:", "expected a number"),
    ),
    File(
        FORMATS / "market-analysis.md", "reference",
        "| LLY | Healthcare | 72 |", "| LLY | Healthcare | 720 |",
        ("line 17", "conviction:", "expected a number from 0 to 100"),
    ),
    File(
        FORMATS / "instruments.toml", "reference",
        "leverage_factor = 3", "leverage = 3",
        ("line 7 column 1", "instrument.SOXL.leverage: unknown key", "expected sector, industry"),
    ),
    File(
        FORMATS / "instruments.json", "reference",
        '"average_daily_volume": 2900000', '"average_daily_volume": 0',
        ("line 3 column 38", "instrument.CAT.average_daily_volume:", "expected a number from 1"),
    ),
    File(
        FORMATS / "restricted.csv", "reference",
        "CF,audit,2026-03-31", "CF,audit,soon",
        ("line 3", "expires:", "expected a date"),
    ),
    File(
        FORMATS / "restricted.toml", "reference",
        "expires = 2026-03-31", "until = 2026-03-31",
        ("line 6 column 1", "restricted.CF.until: unknown key", "expected reason, expires"),
    ),
    File(
        FORMATS / "restricted.json", "reference",
        '"reason": "audit"', '"reason": 7',
        ("line 1 column 47", "restricted.CF.reason:", "expected text"),
    ),
)  # fmt: skip


def book(path: Path) -> Path:
    """The book of the rebalance case with cash enough to buy of."""
    said = json.loads((CASES / "rebalance" / "book.json").read_text("utf-8"))
    said["accounts"]["main"] |= {"cash": "60000.00", "equity_at_open": "157500.00"}
    path.write_text(json.dumps(said), "utf-8")
    return path
