"""What Alpaca leaves unsaid, or changes by account: each a setting with its most likely value.

The first nine are the unknowns of alpaca.md §14.
"""

from dataclasses import dataclass, field, fields
from datetime import time
from decimal import Decimal


@dataclass(frozen=True)
class Rules:
    client_id_retention: int = field(
        default=0, metadata={"says": "days a client_order_id stays taken; 0: for ever"}
    )
    repeated_cancel: int = field(
        default=204,
        metadata={
            "says": "status of cancelling what is cancelled: 204 or 422",
            "one_of": (204, 422),
        },
    )
    rate_limit_code: int = field(default=42910000, metadata={"says": "code in the body of a 429"})
    limit_distance: Decimal = field(
        default=Decimal(0),
        metadata={"says": "percent from the market at which a limit is refused; 0: never"},
    )
    day_end: str = field(
        default="expired",
        metadata={
            "says": "what a day order ends as: expired or canceled",
            "one_of": ("expired", "canceled"),
        },
    )
    replace_keeps_fills: bool = field(
        default=True, metadata={"says": "whether a replacement carries its old order's fills"}
    )
    legs_tell_of_cancel: bool = field(
        default=True, metadata={"says": "whether legs send events when their group is cancelled"}
    )
    cls_cutoff: time = field(
        default=time(15, 50), metadata={"says": "when cls orders are no longer taken, New York"}
    )
    intent_enforced: bool = field(
        default=True, metadata={"says": "whether a wrong position_intent of a share is refused"}
    )
    short_qty_available: str = field(
        default="negative",
        metadata={"says": "sign of a short's qty_available", "one_of": ("negative", "positive")},
    )
    option_gtc: bool = field(
        default=False, metadata={"says": "whether limit orders in options may be gtc"}
    )
    halt_rejects: bool = field(
        default=True, metadata={"says": "whether a market order into a halt is rejected, or waits"}
    )
    day_trades: str = field(
        default="intraday_margin",
        metadata={
            "says": "day-trade regime: intraday_margin or legacy_pdt",
            "one_of": ("intraday_margin", "legacy_pdt"),
        },
    )


DEFAULT_RULES = Rules()
RULE_NAMES = tuple(rule.name for rule in fields(Rules))
