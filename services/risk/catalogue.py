"""The one catalogue of checks: what each is called, what it needs and computes, how severe it is and
the sentence a trader reads. Help, documentation and the dry run are derived from it (spec 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What a check looks at."""

    SIGNAL = "signal"
    ORDER = "order"
    PLAN = "plan"
    ACCOUNT = "account"


@dataclass(frozen=True)
class Check:
    id: str
    group: Group
    threshold: str
    """The policy's key, or "" for a rule without one."""
    needs: str
    """Facts without which it can't be checked."""
    formula: str
    severity: str
    """When it warns and when it blocks."""
    sentence: str
    reducing: bool = False
    """Applies to orders that reduce a position too."""
    excepted: bool = True
    """Whether an exception may be granted (spec 3, Escalation)."""
    worse: tuple[str, ...] = ()
    """Figures of its findings that an exception is bound to: `+after` gets worse upward, `-after`
    downward. None: it is covered only as it reads."""


CHECKS: tuple[Check, ...] = (
    Check(
        "sector_cap",
        Group.PLAN,
        "max_sector_weight",
        "prices of all holdings, sectors",
        "sector value after ÷ equity after ≤ cap",
        "block above the cap; warn when the breach is inherited and not made worse",
        "No sector may weigh more than its cap.",
        worse=("+after",),
    ),
    Check(
        "cash_buffer",
        Group.PLAN,
        "min_cash_weight",
        "cash, prices of all holdings",
        "cash after ÷ equity after ≥ minimum; warn under the warning line",
        "block under the minimum unless inherited and improved; warn under the warning line",
        "Enough cash must be left.",
        worse=("-after",),
    ),
    Check(
        "position_cap",
        Group.PLAN,
        "max_position_weight",
        "prices of all holdings",
        "position value after ÷ equity after ≤ cap",
        "block above the cap; warn when the breach is inherited and not made worse",
        "No position may weigh more than its cap.",
        worse=("+after",),
    ),
    Check(
        "sector_increase",
        Group.PLAN,
        "max_sector_increase",
        "prices of all holdings, sectors",
        "sector weight after − before ≤ limit",
        "block above the limit",
        "One plan may move a sector up only so far.",
        worse=("+after", "-before"),
    ),
    Check(
        "cash_path",
        Group.PLAN,
        "min_cash_weight",
        "cash of each account, conservative prices",
        "running cash after every step, in order, at conservative prices: ≥ 0 in every account and "
        "≥ buffer in the buy phase; with leverage L both lines lie (L − 1) × equity lower",
        "block at the first step that goes under",
        "At no step may cash run out.",
        excepted=False,
    ),
    Check(
        "restricted",
        Group.ORDER,
        "",
        "restricted list of the policy and of the trader",
        "symbol bought ∉ restricted list",
        "block",
        "Restricted symbols may not be bought.",
    ),
    Check(
        "share_sufficiency",
        Group.ORDER,
        "",
        "positions with what open orders hold",
        "Σ qty sold ≤ shares held and free of other orders, per account",
        "block",
        "Never sell more than is held and free.",
        reducing=True,
        excepted=False,
    ),
    Check(
        "settled_funds",
        Group.ORDER,
        "",
        "executions since the last settlement day",
        "in an account without margin: Σ qty sold ≤ shares held − shares that unsettled proceeds of "
        "sales paid for",
        "block",
        "What unsettled money bought is not sold before it settles.",
        reducing=True,
        worse=("+sold", "-settled"),
    ),
    Check(
        "buying_power",
        Group.ORDER,
        "",
        "the broker's buying power",
        "broker's buying power + proceeds so far − cost so far ≥ 0 after every step",
        "block at the first step that goes over",
        "Never spend more than the broker allows.",
        excepted=False,
    ),
    Check(
        "market_hours",
        Group.ORDER,
        "",
        "the broker's clock",
        "the broker's clock says the regular session is open; before and after it, limit DAY orders "
        "that ask for extended hours",
        "block when closed or unknown; warn for orders that reduce, and after the session",
        "Orders go in regular hours.",
        reducing=True,
    ),
    Check(
        "min_position",
        Group.ORDER,
        "min_position_value",
        "prices",
        "position value after a buy ≥ minimum",
        "block under the minimum",
        "A position too small to matter is not opened.",
        worse=("-value",),
    ),
    Check(
        "min_trade",
        Group.ORDER,
        "min_trade_value",
        "prices",
        "value of an addition to a position ≥ minimum (a new position is judged by min_position)",
        "block under the minimum",
        "A trade too small to matter is not made.",
        worse=("-value",),
    ),
    Check(
        "account_cash",
        Group.PLAN,
        "max_leverage",
        "cash of each account",
        "cash of each account after the plan ≥ 0; with leverage L: ≥ −(L − 1) × its equity",
        "block under the line unless inherited and improved",
        "Every account pays for itself.",
        excepted=False,
    ),
    Check(
        "leverage",
        Group.PLAN,
        "max_leverage",
        "prices of all holdings",
        "gross exposure after ÷ equity after ≤ limit",
        "block above the limit; warn when inherited and not made worse",
        "Exposure must stay within the leverage allowed.",
        worse=("+after",),
    ),
    Check(
        "leveraged_cap",
        Group.PLAN,
        "max_leveraged_weight",
        "prices of all holdings, leverage factors",
        "value in leveraged products after ÷ equity after ≤ cap",
        "block above the cap; warn when inherited and not made worse",
        "Leveraged products may only be so much of the book.",
        worse=("+after",),
    ),
    Check(
        "position_count",
        Group.PLAN,
        "max_positions",
        "positions",
        "open positions after ≤ limit",
        "block above the limit; warn when inherited and not made worse",
        "Only so many positions can be watched.",
        worse=("+after",),
    ),
    Check(
        "order_value",
        Group.ORDER,
        "max_order_value",
        "conservative prices",
        "expected value of one order ≤ limit",
        "block above the limit",
        "One order may only be so large.",
        worse=("+value",),
    ),
    Check(
        "adv_share",
        Group.ORDER,
        "max_adv_share",
        "average daily volume",
        "qty ÷ average daily volume",
        "warn above the warning line, block above the limit",
        "An order may only be so much of a day's trading.",
        worse=("+share",),
    ),
    Check(
        "quote_fresh",
        Group.ORDER,
        "quote_fresh_seconds",
        "a quote and its time",
        "age of the quote of a market order ≤ limit",
        "block without a quote or for a market order on a stale one; warn for orders that reduce",
        "A market order needs a fresh price.",
        worse=("+age",),
    ),
    Check(
        "price_collar",
        Group.ORDER,
        "price_collar",
        "a quote",
        "limit beyond the touch ÷ touch ≤ collar",
        "block beyond the collar; warn for orders that reduce",
        "A limit far beyond the market is a typing error.",
        worse=("+beyond",),
    ),
    Check(
        "tradable",
        Group.ORDER,
        "",
        "the broker's list of assets, the account's status",
        "the broker lists the symbol as tradable and the account may trade",
        "block",
        "Only what can be traded is ordered.",
        reducing=True,
        excepted=False,
    ),
    Check(
        "duplicate_order",
        Group.ORDER,
        "",
        "open orders",
        "no other order of the same symbol, side and size within 60 s",
        "block",
        "An order sent twice is the worst of all.",
        reducing=True,
        excepted=False,
    ),
    Check(
        "opposite_order",
        Group.ORDER,
        "",
        "open orders",
        "no working order on the other side of the symbol",
        "block; warn for orders that reduce",
        "The broker refuses to trade against oneself.",
    ),
    Check(
        "halted_symbol",
        Group.ORDER,
        "",
        "trading halts, where they are told",
        "symbol ∉ halted symbols",
        "block; warn for orders that reduce when it was halted before the stream was lost",
        "What its exchange halted is not traded.",
        reducing=True,
        excepted=False,
    ),
    Check(
        "wash_sale",
        Group.ORDER,
        "wash_sale_days",
        "trades of all accounts since the window began, tax lots or average cost",
        "a sale at a loss and a purchase of one symbol ≥ 31 days apart, in any account",
        "warn, with the first clear day",
        "A loss is worth less when the shares are bought again.",
    ),
    Check(
        "intraday_margin",
        Group.ACCOUNT,
        "",
        "the broker's maintenance margin",
        "accounts with a loan: maintenance margin − equity ≤ 0",
        "block what adds to the account",
        "Nothing is added while margin is missing.",
        excepted=False,
    ),
    Check(
        "day_trades",
        Group.ACCOUNT,
        "",
        "the broker's count; off where it has none",
        "day trades in five days < 3, or equity ≥ $25,000",
        "warn",
        "What is bought today may have to be kept overnight.",
    ),
    Check(
        "risk_per_trade",
        Group.ORDER,
        "max_risk_per_trade",
        "the step's stop, prices of all holdings",
        "qty × |price − stop| ÷ equity ≤ limit",
        "block above the limit",
        "One trade may only lose so much.",
        worse=("+risk",),
    ),
    Check(
        "portfolio_at_risk",
        Group.PLAN,
        "max_portfolio_at_risk",
        "stops of the holdings (else the policy’s distance), prices",
        "Σ qty × (price − stop) ÷ equity after ≤ limit",
        "block above the limit; warn when inherited and not made worse",
        "All stops hit at once must be survived.",
        worse=("+after",),
    ),
    Check(
        "trading_state",
        Group.ACCOUNT,
        "",
        "the trading state",
        "state is ACTIVE",
        "block what increases exposure",
        "Halted is halted.",
        excepted=False,
    ),
    Check(
        "daily_loss",
        Group.ACCOUNT,
        "daily_loss_limit",
        "equity at the start of the day",
        "(equity at day start − equity now) ÷ equity at day start < limit",
        "block what increases exposure",
        "A bad day is not traded out of.",
        worse=("+lost",),
    ),
    Check(
        "min_equity",
        Group.ACCOUNT,
        "min_account_equity",
        "equity of each account",
        "equity of every account that buys ≥ minimum",
        "block",
        "An account too small is not traded actively.",
        worse=("-equity",),
    ),
    Check(
        "loss_streak",
        Group.ACCOUNT,
        "loss_streak",
        "the day's round trips",
        "losing round trips in a row < limit",
        "block what increases exposure",
        "After losses in a row a pause.",
        worse=("+lost",),
    ),
    Check(
        "correlation",
        Group.ACCOUNT,
        "max_correlation",
        "60 daily bars of what is bought and held",
        "highest correlation of daily returns with any holding ≤ limit",
        "warn above the limit",
        "The same bet twice is one large bet.",
    ),
    Check(
        "value_at_risk",
        Group.ACCOUNT,
        "max_value_at_risk",
        "60 daily bars of all holdings",
        "5% quantile of the book’s daily returns ≥ −limit",
        "block above the limit; warn when inherited and not made worse",
        "A bad day must be survived.",
        worse=("+after",),
    ),
    Check(
        "portfolio_age",
        Group.ACCOUNT,
        "portfolio_stop_minutes",
        "the time of the snapshot",
        "age ≤ 1 h; warn to 4 h (over 2 h: stale)",
        "block beyond",
        "Nothing is planned on an old picture.",
        excepted=False,
    ),
    Check(
        "portfolio_change",
        Group.ACCOUNT,
        "material_change",
        "the snapshot that the plan was made on, prices of all holdings",
        "|weight of a position, a sector or cash now − when the plan was made| < limit, what the plan "
        "itself did taken back",
        "a caveat under the limit; block from it on; warn for a plan that only reduces",
        "What was planned on one portfolio is not done to another.",
        worse=("+moved",),
    ),
    Check(
        "cap_breached",
        Group.ACCOUNT,
        "max_position_weight",
        "the snapshot that the plan was made on, prices of all holdings",
        "no position, sector or leveraged weight over its cap now that was inside it when the plan "
        "was made, and that the plan does not bring back",
        "block; warn for a plan that only reduces",
        "A cap that broke since the plan was made stops it.",
        excepted=False,
    ),
    Check(
        "signal_fresh",
        Group.SIGNAL,
        "signal_stale_seconds",
        "the signal's time",
        "age of the signal ≤ limit",
        "block",
        "A signal acts in its time or not at all.",
        worse=("+age",),
    ),
    Check(
        "signal_unique",
        Group.SIGNAL,
        "signal_repeat_seconds",
        "signals of the last minutes",
        "no other of the same source, ticker, direction and type within the window",
        "block",
        "A signal heard twice is one signal.",
    ),
    Check(
        "conviction",
        Group.SIGNAL,
        "min_conviction",
        "the author's conviction",
        "conviction score ≥ minimum",
        "block under the minimum",
        "What nobody believes in is not bought.",
        worse=("-conviction",),
    ),
    Check(
        "sector_rank",
        Group.SIGNAL,
        "worst_sector_rank",
        "a market analysis",
        "rank of the sector ≤ worst allowed",
        "block beyond",
        "Only strong sectors are bought.",
        worse=("+rank",),
    ),
    Check(
        "conflicting_signal",
        Group.SIGNAL,
        "",
        "signals of the last minutes",
        "not long and short on one ticker",
        "block",
        "Nobody bets against oneself.",
    ),
    Check(
        "duplicate_ticker",
        Group.SIGNAL,
        "",
        "positions with their cost, prices",
        "not held, or held with a gain",
        "block",
        "Only a winner is added to.",
        worse=("-gain",),
    ),
    Check(
        "stated_weight",
        Group.PLAN,
        "",
        "the proposal's own figures",
        "|weight the author saw − actual weight| ≤ 2 percentage points",
        "warn above",
        "The author should have seen the portfolio that is there.",
    ),
)
BY_ID = {check.id: check for check in CHECKS}

STOCK_VALIDATION = (
    "conviction", "position_cap", "sector_cap", "cash_buffer", "restricted", "sector_rank",
)  # fmt: skip
"""The six of a stock recommendation."""
DRY_RUN = (
    "sector_cap", "cash_buffer", "position_cap", "sector_increase", "cash_path", "restricted",
)  # fmt: skip
"""The six of a dry run."""
RISK_GATE = (
    ("daily_loss",),
    ("position_count",),
    ("duplicate_ticker",),
    ("conflicting_signal",),
    ("sector_cap", "position_cap"),
    ("market_hours",),
    ("min_equity",),
    ("buying_power",),
)
"""The eight of the risk gate; exposure is one of them, by two checks."""
UNIFIED_RISK = (
    "daily_loss", "min_equity", "buying_power", "position_count", "sector_cap", "position_cap",
    "correlation", "value_at_risk",
)  # fmt: skip
"""The gate's checks of account and exposure, with correlation and value at risk."""
SETS: Mapping[str, tuple[str, ...]] = {
    "stock validation": STOCK_VALIDATION,
    "dry run": DRY_RUN,
    "risk gate": tuple(check for checks in RISK_GATE for check in checks),
    "unified risk": UNIFIED_RISK,
}
"""Named sets, so that each upstream specification stays recognisable (spec 3)."""
