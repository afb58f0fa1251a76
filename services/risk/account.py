"""Checks of the account and the day: may anything be added at all, now?"""

from decimal import Decimal

from db.model.plan import Severity
from db.model.trading import TradingState
from services.risk.case import PLAN, Case, Findings, cannot, found, money, passed, percent
from services.risk.facts import ZERO
from services.risk.freshness import Rung, age_minutes, rung

DAY_TRADES = 3
"""The fourth within five days is refused, under $25,000 (the rule until June 2026)."""
DAY_TRADE_EQUITY = Decimal(25_000)


def trading_state(case: Case) -> Findings:
    """ACTIVE, or only what reduces. Halted or not, the desk looks again before every send."""
    check, state = "trading_state", case.facts.trading_state
    if state is None:
        yield cannot(check, case.worst, PLAN, "the trading state is not known")
    elif state is TradingState.ACTIVE:
        yield passed(check, "Trading is ACTIVE.")
    else:
        what = "nothing is sent" if state is TradingState.HALTED else "only what reduces is sent"
        message = f"Trading is {state}: {what}."
        yield found(check, case.worst, PLAN, message, state=state.value)


def daily_loss(case: Case) -> Findings:
    """The day's loss against the limit, a fraction of the equity that the day began with."""
    check, limit = "daily_loss", case.facts.policy.daily_loss_limit
    if limit is None:
        return
    began, now = case.facts.day.start_equity, case.facts.portfolio.equity
    if began is None or began <= 0:
        yield cannot(check, case.worst, PLAN, "the equity that the day began with is not known")
        return
    lost = (began - now) / began
    values = {"lost": lost.quantize(Decimal("0.000001")), "limit": limit, "began": began}
    if lost >= limit:
        message = f"The day has lost {percent(lost)} ({money(began - now)}); the limit is {percent(limit)}."
        yield found(check, case.worst, PLAN, message, values)
    else:
        standing = f"lost {percent(lost)}" if lost > 0 else f"gained {percent(-lost)}"
        yield passed(check, f"The day has {standing}; {percent(limit)} may be lost.", values=values)


def loss_streak(case: Case) -> Findings:
    """Losing round trips in a row."""
    check, limit = "loss_streak", case.facts.policy.loss_streak
    if limit is None:
        return
    lost = case.facts.day.losses_in_a_row
    if lost is None:
        yield cannot(check, case.worst, PLAN, "the day's round trips are not known")
        return
    values = {"lost": str(lost), "limit": str(limit)}
    if limit and lost >= limit:
        message = f"{lost} round trips in a row lost money; the limit is {limit}."
        yield found(check, case.worst, PLAN, message, values)
    else:
        yield passed(check, f"{lost} losses in a row, under {limit}.", values=values)


def min_equity(case: Case) -> Findings:
    """Equity of every account that buys."""
    check, least = "min_equity", case.facts.policy.min_account_equity
    if least is None:
        return
    buying = {step.account for step in case.increasing}
    well = True
    for account in case.facts.portfolio.accounts:
        if account.name not in buying or account.equity >= least:
            continue
        well = False
        message = f"Account {account.name} is worth {money(account.equity)}, under the minimum of {money(least)}."
        yield found(
            check, Severity.BLOCK, account.name, message, equity=account.equity, minimum=least
        )
    if well:
        yield passed(check, f"Every account that buys is worth {money(least)} or more.")


def portfolio_age(case: Case) -> Findings:
    """How old what we know of the holdings is (spec 3, Freshness)."""
    check, policy = "portfolio_age", case.facts.policy
    minutes = age_minutes(case.facts)
    shown = f"The portfolio is {minutes:.0f} min old"
    values = {"minutes": minutes.quantize(Decimal("0.1"))}
    match rung(minutes, policy):
        case Rung.STOP:
            message = f"{shown}: too old to plan on, read it again."
            limit = str(policy.portfolio_stop_minutes)
            yield found(check, case.worst, PLAN, message, values, limit=limit)
        case Rung.STALE:
            message = f"{shown}: stale, to be read again before anything is sent."
            yield found(check, Severity.WARN, PLAN, message, values)
        case Rung.CAVEAT:
            yield found(check, Severity.WARN, PLAN, f"{shown}.", values)
        case Rung.PROCEED:
            yield passed(check, f"{shown}.", values=values)


def intraday_margin(case: Case) -> Findings:
    """Nothing is added while an account with a loan lacks margin."""
    check = "intraday_margin"
    adding = {step.account for step in case.increasing}
    well = True
    for account in case.facts.portfolio.accounts:
        if account.name not in adding or not account.lends:
            continue
        missing = account.margin_deficit
        if missing is None:
            well = False
            why = f"the broker does not say the maintenance margin of {account.name}"
            yield cannot(check, Severity.WARN, account.name, why)
        elif missing > ZERO:
            well = False
            message = f"Account {account.name} lacks {money(missing)} of margin: nothing is added until it is there."
            yield found(check, Severity.BLOCK, account.name, message, deficit=missing)
    if well:
        yield passed(check, "No account that buys lacks margin.")


def day_trades(case: Case) -> Findings:
    """Off where the broker no longer counts: that is where the rule ended."""
    check = "day_trades"
    counted = False
    for account in case.facts.portfolio.accounts:
        if account.day_trades is None:
            continue
        counted = True
        if account.day_trades < DAY_TRADES or account.equity >= DAY_TRADE_EQUITY:
            continue
        if any(step.account == account.name for step in case.increasing):
            message = f"Account {account.name} has used {account.day_trades} day trades: what is bought today can't be sold today."
            yield found(check, Severity.WARN, account.name, message, used=str(account.day_trades))
            return
    if counted:
        yield passed(check, "The broker's count of day trades leaves room.")
