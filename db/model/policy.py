"""The thresholds that apply. None switches a check off (spec 3)."""

from decimal import Decimal
from typing import Literal

from pydantic import model_validator

from db.model.base import Exact, Noun
from db.model.plan import StopCondition


class Policy(Noun):
    """One set of thresholds. Weights are fractions of equity (0.15 is 15%), money in dollars."""

    name: str
    max_position_weight: Exact | None
    max_sector_weight: Exact | None
    min_cash_weight: Exact | None
    warn_cash_weight: Exact | None
    max_leverage: Exact | None
    max_sector_increase: Exact | None
    max_leveraged_weight: Exact | None
    max_positions: int | None
    min_position_value: Exact | None
    min_trade_value: Exact | None
    deployment_target: Exact | None
    min_conviction: Exact | None
    worst_sector_rank: int | None
    min_account_equity: Exact | None
    daily_loss_limit: Exact | None
    loss_streak: int | None
    max_risk_per_trade: Exact | None
    max_portfolio_at_risk: Exact | None
    max_correlation: Exact | None
    """With any holding, of daily returns: what is bought above it warns."""
    max_value_at_risk: Exact | None
    """Loss of a day that 95 of 100 days stay under, as a fraction of equity."""
    max_order_value: Exact | None
    warn_adv_share: Exact | None
    max_adv_share: Exact | None
    price_collar: Exact | None
    limit_band: Exact
    stop_loss: Exact | None
    profit_target: Exact | None
    protection: Literal["broker", "desk"] = "broker"
    """Who holds stop and target of what was bought: orders at the broker, or alerts of the desk."""
    stop_condition: StopCondition = StopCondition.TOUCH
    wash_sale_days: int | None = 30
    """Either side of a sale at a loss."""
    signal_stale_seconds: int = 120
    """A signal older than this is not acted on."""
    signal_repeat_seconds: int = 300
    """The same signal within this is the same one."""
    portfolio_caveat_minutes: int = 60
    """A portfolio older than this is worth a word."""
    portfolio_stale_minutes: int = 120
    """And older than this it must be read again."""
    portfolio_stop_minutes: int = 240
    """And on one older than this nothing is planned."""
    portfolio_refresh_minutes: int = 15
    """So long a stale one is read again, before the trader may go on with it by typing so."""
    material_change: Exact = Decimal("0.02")
    """Of any weight since the plan was made, a fraction of equity: from here on it is escalated."""
    exception_minutes: int = 30
    """In which an exception must be granted."""
    max_exceptions_per_day: int = 2
    """Of all plans of a trading day."""
    drift_band: Exact | None = Decimal("0.01")
    """Target weights: inside this distance, a fraction of equity, nothing is traded."""
    drift_band_relative: Exact | None = Decimal("0.10")
    """And inside this fraction of the target; the narrower of the two holds."""
    rebalance_to: Literal["target", "edge"] = "target"
    """How far a weight outside its band is moved."""
    rebalance_mode: Literal["both", "buy_only", "sell_only", "cash_first"] = "both"
    """Target weights: cash_first spends idle cash and sells only what is needed beyond it."""
    sizing: Literal["weight", "risk", "volatility"] = "weight"
    """How single ideas are sized."""
    signal_instruments: Literal["stocks", "leveraged_etf", "options", "both"] = "stocks"
    """What a signal is carried out in: its stock, a leveraged fund that follows it, an option on it;
    both: an option where the conviction is high, else the fund, else the stock."""
    volatility_target: Exact = Decimal("0.02")
    """Daily range, a fraction of the price, at which volatility sizing gives the whole weight."""
    lot_method: Literal["fifo", "highest_cost", "least_gain"] = "fifo"
    """Which tax lots a sale is counted from."""
    long_term_tax: Exact = Decimal("0.15")
    """Rate on gains of shares held over a year, for estimates only."""
    short_term_tax: Exact = Decimal("0.35")
    quote_fresh_seconds: int = 5
    phase_wait_seconds: int = 60
    order_time_limit_seconds: int = 300
    urgent_limit_seconds: int = 10
    """What is to be out in a hurry works at a marketable limit for so long, then goes at the market."""
    slice_above_adv_share: Exact | None = None
    """Orders over this share of a day's volume are sent in pieces."""
    partial_accept: Exact = Decimal("0.80")
    """At the time limit: a step filled more than this is accepted as it is."""
    partial_resubmit: Exact = Decimal("0.50")
    """Filled at least this: the rest is cancelled and sent once more. Less: the trader is asked."""
    retry_attempts: int = 3
    """Orders of a step that may come to nothing in a phase before the trader is asked."""
    retry_first_seconds: Exact = Decimal(1)
    """Wait before the second; it doubles with each."""
    delta_investigate: Exact = Decimal("0.02")
    """After a plan: a step's price, cost or weight this far from its projection is looked into."""
    delta_escalate: Exact = Decimal("0.10")
    """And further than this it is escalated."""
    breach_major: Exact = Decimal("0.005")
    """A limit missed by at least this fraction of equity: a trim plan is offered."""
    breach_critical: Exact = Decimal("0.02")
    """By at least this: a rollback plan is."""
    auto_trim: Exact | None = None
    """Auto mode restores limits by itself with a sale up to this fraction of equity."""
    approval_minutes: int = 10
    drift_tolerance: Exact = Decimal("0.01")
    """Move of any step's price since the plan was shown that voids its approval."""
    stale_price_seconds: int = 30
    """A quiet stock is quoted seldom: market orders ask for `quote_fresh_seconds`, alerts for this."""
    average_price_tolerance: Exact | None = Decimal("0.02")
    """Drift of the broker's average entry price from ours that is still no mismatch."""
    cash_tolerance: Exact | None = Decimal(1)
    """Dollars that the broker's cash may differ from ours by."""
    equity_tolerance: Exact | None = Decimal("0.01")
    """Share of equity that the broker's may differ from its own cash and positions by: prices move
    between two reads."""
    poll_fresh_seconds: int = 30
    """Nothing is sent when the broker was last read longer ago (invariant 29)."""
    mismatch_halt_seconds: int | None = None
    """A difference to the broker that nobody settled for so long halts trading."""
    blind_halt_seconds: int | None = 60
    """Both streams down and nothing read from the broker for so long halts trading."""
    standstill_seconds: Exact = Decimal(5)
    """A desk that stood still for longer compares the books before it sends anything."""
    journal_stall_seconds: int = 5
    """An event that is not on disk after so long halts trading (invariant 5)."""
    max_sends_per_minute: int | None = 150
    max_rejects_per_minute: int | None = 20
    max_repeats_per_minute: int | None = 30
    """Orders of the same account, symbol and side within the minute, without the first. More of
    any of the three: REDUCING (invariant 24)."""
    unattended_minutes: Exact | None = None
    """No key and no command for so long while a plan works: REDUCING."""
    escalate_minutes: int = 5
    """A critical alert that nobody acknowledged is raised again after so long."""
    drill_days: int | None = None
    """The kill switch should have been rehearsed within so many days."""
    restricted: dict[str, str] = {}
    """Symbol → why it may not be bought."""

    @model_validator(mode="after")
    def _warn_line_lies_above_the_floor(self) -> "Policy":
        if (
            self.min_cash_weight is not None
            and self.warn_cash_weight is not None
            and self.warn_cash_weight < self.min_cash_weight
        ):
            raise ValueError("warn_cash_weight must not be below min_cash_weight")
        return self

    @model_validator(mode="after")
    def _less_is_accepted_than_sent_again(self) -> "Policy":
        if self.partial_accept < self.partial_resubmit:
            raise ValueError("partial_accept must not be below partial_resubmit")
        return self

    @property
    def needs_bars(self) -> bool:
        """Whether anything in it is computed from daily bars."""
        limits = (self.max_correlation, self.max_value_at_risk)
        return any(limit is not None for limit in limits) or self.sizing == "volatility"

    @property
    def allows_leverage(self) -> bool:
        """Whether cash may go below zero: no limit, or one above 1 (spec 3, cash_path)."""
        return self.max_leverage is not None and self.max_leverage > 1
