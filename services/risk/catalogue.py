"""The one catalogue of checks: what each is called, which sets it belongs to, what it computes and
the sentence a trader reads. Help, documentation and the dry run are derived from it (spec 3)."""

from dataclasses import dataclass
from enum import StrEnum


class CheckSet(StrEnum):
    """Named sets, so that each upstream specification stays recognisable."""

    DRY_RUN = "dry run"
    STOCK_VALIDATION = "stock validation"
    RISK_GATE = "risk gate"
    ORDER = "order"
    PLAN = "plan"


@dataclass(frozen=True)
class Check:
    id: str
    sets: tuple[CheckSet, ...]
    threshold: str
    """The policy's key, or "" for a rule without one."""
    formula: str
    severity: str
    """When it warns and when it blocks."""
    sentence: str
    reducing: bool = False
    """Applies to orders that reduce a position too."""
    excepted: bool = True
    """Whether an exception may be granted (spec 3, Escalation)."""


_DRY = (CheckSet.DRY_RUN, CheckSet.PLAN)
_ORDER = (CheckSet.ORDER,)

CHECKS: tuple[Check, ...] = (
    Check(
        "sector_cap",
        (*_DRY, CheckSet.STOCK_VALIDATION, CheckSet.RISK_GATE),
        "max_sector_weight",
        "sector value after ÷ equity after ≤ cap",
        "block above the cap; warn when the breach is inherited and not made worse",
        "No sector may weigh more than its cap.",
    ),
    Check(
        "cash_buffer",
        (*_DRY, CheckSet.STOCK_VALIDATION),
        "min_cash_weight",
        "cash after ÷ equity after ≥ minimum; warn under the warning line",
        "block under the minimum unless inherited and improved; warn under the warning line",
        "Enough cash must be left.",
    ),
    Check(
        "position_cap",
        (*_DRY, CheckSet.STOCK_VALIDATION, CheckSet.RISK_GATE),
        "max_position_weight",
        "position value after ÷ equity after ≤ cap",
        "block above the cap; warn when the breach is inherited and not made worse",
        "No position may weigh more than its cap.",
    ),
    Check(
        "sector_increase",
        _DRY,
        "max_sector_increase",
        "sector weight after − before ≤ limit",
        "block above the limit",
        "One plan may move a sector up only so far.",
    ),
    Check(
        "cash_path",
        _DRY,
        "min_cash_weight",
        "running cash after every step, in order, at conservative prices: ≥ 0 in every account and "
        "≥ buffer in the buy phase; with leverage L both lines lie (L − 1) × equity lower",
        "block at the first step that goes under",
        "At no step may cash run out.",
        excepted=False,
    ),
    Check(
        "restricted",
        (*_DRY, CheckSet.STOCK_VALIDATION, CheckSet.ORDER),
        "",
        "symbol bought ∉ restricted list",
        "block",
        "Restricted symbols may not be bought.",
    ),
    Check(
        "share_sufficiency",
        _ORDER,
        "",
        "Σ qty sold ≤ shares held and free of other orders, per account",
        "block",
        "Never sell more than is held and free.",
        reducing=True,
        excepted=False,
    ),
    Check(
        "settled_funds",
        _ORDER,
        "",
        "in an account without margin: Σ qty sold ≤ shares held − shares that unsettled proceeds of "
        "sales paid for",
        "block",
        "What unsettled money bought is not sold before it settles.",
        reducing=True,
    ),
    Check(
        "buying_power",
        (CheckSet.ORDER, CheckSet.RISK_GATE),
        "",
        "broker's buying power + proceeds so far − cost so far ≥ 0 after every step",
        "block at the first step that goes over",
        "Never spend more than the broker allows.",
    ),
    Check(
        "market_hours",
        (CheckSet.ORDER, CheckSet.RISK_GATE),
        "",
        "the broker's clock says the regular session is open",
        "block when closed or unknown; warn for orders that reduce",
        "Orders go in regular hours.",
        reducing=True,
    ),
    Check(
        "min_position",
        _ORDER,
        "min_position_value",
        "position value after a buy ≥ minimum",
        "block under the minimum",
        "A position too small to matter is not opened.",
    ),
    Check(
        "min_trade",
        _ORDER,
        "min_trade_value",
        "value of an addition to a position ≥ minimum (a new position is judged by min_position)",
        "block under the minimum",
        "A trade too small to matter is not made.",
    ),
    Check(
        "account_cash",
        (CheckSet.PLAN,),
        "max_leverage",
        "cash of each account after the plan ≥ 0; with leverage L: ≥ −(L − 1) × its equity",
        "block under the line unless inherited and improved",
        "Every account pays for itself.",
        excepted=False,
    ),
    Check(
        "leverage",
        (CheckSet.PLAN,),
        "max_leverage",
        "gross exposure after ÷ equity after ≤ limit",
        "block above the limit; warn when inherited and not made worse",
        "Exposure must stay within the leverage allowed.",
    ),
    Check(
        "leveraged_cap",
        (CheckSet.PLAN,),
        "max_leveraged_weight",
        "value in leveraged products after ÷ equity after ≤ cap",
        "block above the cap; warn when inherited and not made worse",
        "Leveraged products may only be so much of the book.",
    ),
    Check(
        "position_count",
        (CheckSet.PLAN, CheckSet.RISK_GATE),
        "max_positions",
        "open positions after ≤ limit",
        "block above the limit; warn when inherited and not made worse",
        "Only so many positions can be watched.",
    ),
    Check(
        "order_value",
        _ORDER,
        "max_order_value",
        "expected value of one order ≤ limit",
        "block above the limit",
        "One order may only be so large.",
    ),
    Check(
        "adv_share",
        _ORDER,
        "max_adv_share",
        "qty ÷ average daily volume",
        "warn above the warning line, block above the limit",
        "An order may only be so much of a day's trading.",
    ),
    Check(
        "quote_fresh",
        _ORDER,
        "quote_fresh_seconds",
        "age of the quote of a market order ≤ limit",
        "block without a quote or for a market order on a stale one; warn for orders that reduce",
        "A market order needs a fresh price.",
    ),
    Check(
        "price_collar",
        _ORDER,
        "price_collar",
        "limit beyond the touch ÷ touch ≤ collar",
        "block beyond the collar; warn for orders that reduce",
        "A limit far beyond the market is a typing error.",
    ),
    Check(
        "tradable",
        _ORDER,
        "",
        "the broker lists the symbol as tradable and the account may trade",
        "block",
        "Only what can be traded is ordered.",
        reducing=True,
        excepted=False,
    ),
    Check(
        "duplicate_order",
        _ORDER,
        "",
        "no other order of the same symbol, side and size within 60 s",
        "block",
        "An order sent twice is the worst of all.",
        reducing=True,
        excepted=False,
    ),
    Check(
        "opposite_order",
        _ORDER,
        "",
        "no working order on the other side of the symbol",
        "block; warn for orders that reduce",
        "The broker refuses to trade against oneself.",
    ),
    Check(
        "stated_weight",
        (CheckSet.PLAN,),
        "",
        "|weight the author saw − actual weight| ≤ 2 percentage points",
        "warn above",
        "The author should have seen the portfolio that is there.",
    ),
)
BY_ID = {check.id: check for check in CHECKS}
