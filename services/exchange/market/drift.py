"""A move put on a price on purpose, spread over some time: a scenario's, never the walk's own."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

STEP = Decimal("1e-12")
NOTHING = Decimal(1)


@dataclass
class Drift:
    """Takes a symbol from where it is to `factor` times that, evenly from `begins` to `ends`."""

    symbol: str
    factor: Decimal
    begins: datetime
    ends: datetime
    done: Decimal = NOTHING

    def step(self, now: datetime) -> Decimal:
        """What the price is to be multiplied with since the last step."""
        length = self.ends - self.begins
        share = Decimal((now - self.begins).total_seconds()) / Decimal(length.total_seconds())
        level = NOTHING + (self.factor - NOTHING) * min(max(share, Decimal(0)), NOTHING)
        step = (level / self.done).quantize(STEP)
        self.done = level
        return step

    def as_json(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "factor": str(self.factor),
            "begins": self.begins.isoformat(),
            "ends": self.ends.isoformat(),
            "done": str(self.done),
        }

    @classmethod
    def parsed(cls, raw: dict[str, Any]) -> "Drift":
        begins, ends = (datetime.fromisoformat(raw[name]) for name in ("begins", "ends"))
        return cls(raw["symbol"], Decimal(raw["factor"]), begins, ends, Decimal(raw["done"]))
