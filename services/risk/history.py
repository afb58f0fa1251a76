"""Checks of what was traded before: wash sales across accounts."""

from collections.abc import Iterable
from datetime import date, timedelta

from db.model.base import plain
from db.model.order import Side
from db.model.plan import Finding, Severity, Step
from db.model.record import PastTrade
from services.risk.case import Case, Findings, cannot, found, money
from services.risk.facts import NEW_YORK, ZERO, Facts
from services.risk.orders import each


def sold_at_loss(facts: Facts, step: Step) -> bool | None:
    """Whether the sale realises a loss on any lot it may take; None: its cost is not known."""
    if step.side is Side.BUY:
        return False
    lots = facts.lots.get((step.account, step.symbol), ())
    if any(lot.price > step.expected_price for lot in lots):
        return True
    if facts.held(step.account, step.symbol) < 0:
        return False
    undated, average = facts.undated(step.account, step.symbol)
    if average is None:
        return False if lots and not undated else None
    return average > step.expected_price


def wash_sale(case: Case) -> Findings:
    """A sale at a loss and a purchase of the same symbol within the policy's days, in any account:
    the loss can't be deducted now. A warning, with the first day on which it would be no more."""
    days = case.facts.policy.wash_sale_days
    if days is None:
        return
    check, facts = "wash_sale", case.facts
    window = timedelta(days=days)
    record = facts.record
    begins = facts.today - window
    traded = {step.symbol for step in case.steps}
    recent: dict[str, list[PastTrade]] = {}
    for trade in record.trades if record is not None else ():
        if trade.symbol in traded and _day(trade) >= begins:
            recent.setdefault(trade.symbol, []).append(trade)
    own_losses = {step.symbol: step.n for step in case.steps if sold_at_loss(facts, step) is True}

    def look(step: Step) -> Finding | None:
        trades = recent.get(step.symbol, [])
        if step.side is Side.SELL:
            loss = sold_at_loss(facts, step)
            if loss is False:
                return None
            if loss is None:
                why = f"what {step.symbol} cost is not known"
                return cannot(check, Severity.WARN, step.symbol, why, step.n)
            if (bought := _replaced(case, step.symbol, trades)) is None:
                return _gap(case, step, begins)
            clear = _day(bought) + window + timedelta(days=1)
            message = f"Step {step.n} sells {step.symbol} at a loss, and {plain(bought.qty)} were bought on {_day(bought)} in {bought.account}: a wash sale until {clear}."
            return _warned(step, message, clear)
        if case.reduces(step):
            return None
        if step.symbol in own_losses:
            clear = facts.today + window + timedelta(days=1)
            message = f"Step {step.n} buys {step.symbol} back that step {own_losses[step.symbol]} sells at a loss: a wash sale until {clear}."
            return _warned(step, message, clear)
        losses = [t for t in trades if t.side is Side.SELL and t.gain is not None and t.gain < 0]
        if losses:
            last = max(losses, key=_day)
            clear = _day(last) + window + timedelta(days=1)
            message = f"{step.symbol} was sold at a loss of {money(-(last.gain or ZERO))} on {_day(last)} in {last.account}: a wash sale until {clear}."
            return _warned(step, message, clear)
        if any(t.side is Side.SELL and t.gain is None for t in trades):
            why = f"{step.symbol} was sold within {days} days, and nobody knows the gain"
            return cannot(check, Severity.WARN, step.symbol, why, step.n)
        return _gap(case, step, begins)

    yield from each(case, check, look, "No wash sale.", reducing=True)


def _gap(case: Case, step: Step, begins: date) -> Finding | None:
    """Where the record does not reach back far enough, nothing passes."""
    record = case.facts.record
    if record is not None and record.since.astimezone(NEW_YORK).date() <= begins:
        return None
    if record is None:
        why = "nobody knows what was traded before"
    else:
        why = f"trades are known since {record.since.astimezone(NEW_YORK).date()} only"
        why += f" ({record.why})" if record.why else ""
    return cannot("wash_sale", Severity.WARN, step.symbol, why, step.n)


def _replaced(case: Case, symbol: str, trades: Iterable[PastTrade]) -> PastTrade | None:
    """The last purchase within the window whose shares are still there after the plan. What other
    brokers hold is not seen: a purchase there counts as kept."""
    ours = {account.name for account in case.facts.portfolio.accounts}
    left = {name: case.facts.held(name, symbol) for name in ours}
    for step in case.steps:
        if step.symbol == symbol and step.side is Side.SELL and step.account in left:
            left[step.account] -= step.qty
    kept = [
        trade
        for trade in trades
        if trade.side is Side.BUY and (trade.account not in ours or left[trade.account] > 0)
    ]
    return max(kept, key=_day, default=None)


def _warned(step: Step, message: str, clear: date) -> Finding:
    return found(
        "wash_sale", Severity.WARN, step.symbol, message, step=step.n, clear=clear.isoformat()
    )


def _day(trade: PastTrade) -> date:
    return trade.at.astimezone(NEW_YORK).date()
