"""From single ideas to orders: an approved report, a recommendation, signals (spec 2, B to D)."""

from decimal import Decimal

from db.model.idea import Direction, Idea
from db.model.order import Side
from db.model.plan import Finding, Severity, Skipped
from db.model.proposal import IdeasProposal
from services.intake.refusal import RefusedInputError
from services.planning.draft import Draft, Drafted
from services.planning.purse import purse
from services.planning.routing import Kind, Route, route
from services.planning.sizing import sized
from services.risk.case import PLAN, cannot
from services.risk.facts import ZERO, Facts
from services.risk.standing import standing

STOCK = Route(Kind.STOCK, "", "")
"""The idea's own symbol, without a choice."""


def idea_drafts(proposal: IdeasProposal, facts: Facts) -> Drafted:
    """One order an idea: long buys by the policy's sizing; short sells what is held. Raises
    RefusedInputError for a symbol or account that nobody knows."""
    equity = standing(facts).equity
    drafts: list[Draft] = []
    skipped: list[Skipped] = []
    findings: list[Finding] = []
    if facts.unpriced:
        why = f"no price for {', '.join(facts.unpriced)}"
        findings.append(cannot("position_cap", Severity.BLOCK, PLAN, why))
        return Drafted((), findings=tuple(findings))
    for idea in proposal.ideas:
        account = _account(proposal, idea, facts)
        way = route(facts, idea) if proposal.kind == "signal" else STOCK
        if idea.direction is Direction.SHORT:
            _leave(facts, idea, drafts, skipped, way)
            if way.kind is Kind.STOCK:
                continue
        if way.kind is Kind.OPTION:
            why = f"{way.why}: this desk sends no orders in options"
            skipped.append(Skipped(symbol=idea.ticker, reason=why))
            continue
        symbol = way.symbol or idea.ticker
        quote = facts.quotes.get(symbol)
        if quote is None or quote.ask is None:
            why = f"no quote for {symbol}"
            findings.append(cannot("quote_fresh", Severity.BLOCK, symbol, why))
            skipped.append(Skipped(symbol=idea.ticker, reason=why))
            continue
        size = sized(facts, idea, account, equity, symbol)
        how = _how(facts, way, size.why)
        if not size.qty:
            skipped.append(Skipped(symbol=idea.ticker, reason=how))
            continue
        drafts.append(_bought(facts, idea, account, symbol, size.qty, how))
    return Drafted(tuple(drafts), tuple(skipped), tuple(findings))


def _how(facts: Facts, way: Route, size: str) -> str:
    """How an order came about: the instrument, where there was a choice, and its size."""
    return (
        size if facts.policy.signal_instruments == "stocks" or not way.why else f"{way.why}: {size}"
    )


def _bought(facts: Facts, idea: Idea, account: str, symbol: str, qty: Decimal, how: str) -> Draft:
    """A buy for the idea. A fund moves by its factor what the stock does, and so do stop and target:
    a stop that then lay at nothing is left to the policy."""
    instead = symbol != idea.ticker
    factor = abs(facts.leverage_factor(symbol)) if instead else Decimal(1)
    long = idea.direction is Direction.LONG
    stop = _distance(idea, idea.stop_loss, idea.stop_price, below=long)
    target = _distance(idea, idea.profit_target, idea.target_price, below=not long)
    return Draft(
        account,
        symbol,
        Side.BUY,
        qty,
        _reason(idea, how),
        conviction=idea.conviction,
        underlying=idea.ticker if instead else None,
        stop_loss=None if stop is None or stop * factor >= 1 else stop * factor,
        profit_target=None if target is None else target * factor,
    )


def _account(proposal: IdeasProposal, idea: Idea, facts: Facts) -> str:
    if idea.ticker not in facts.instruments:
        why = f"{idea.ticker} is not a symbol that the broker lists"
        raise RefusedInputError(proposal.source, why, field="ticker")
    names = [account.name for account in facts.portfolio.accounts]
    if idea.account is not None and idea.account not in names:
        why = f"there is no account {idea.account}, expected one of {', '.join(names)}"
        raise RefusedInputError(proposal.source, why, field="account")
    return purse(facts, (), idea.account).account


def _leave(
    facts: Facts, idea: Idea, drafts: list[Draft], skipped: list[Skipped], way: Route
) -> None:
    """A short idea closes what is held; nothing is sold short, and a bear fund goes its own way."""
    for position in facts.portfolio.positions:
        if position.symbol == idea.ticker and (free := min(position.sellable, position.qty)) > 0:
            reason = _reason(idea, "all of it goes")
            drafts.append(Draft(position.account, idea.ticker, Side.SELL, free, reason))
    if way.kind is Kind.STOCK and not any(draft.symbol == idea.ticker for draft in drafts):
        why = "short is suggested, and none of it is held: nothing is sold short"
        why = _how(facts, way, why)
        skipped.append(Skipped(symbol=idea.ticker, reason=why))


def _reason(idea: Idea, how: str) -> str:
    who = f"{idea.source} suggests {idea.ticker}" if idea.source else f"{idea.ticker} is suggested"
    words = f" ({idea.reason.rstrip('.')})" if idea.reason else ""
    return f"{who}{words}: {how}."


def _distance(
    idea: Idea, fraction: Decimal | None, price: Decimal | None, *, below: bool
) -> Decimal | None:
    """Of stop or target from the entry; None where the idea says none, or one on the wrong side."""
    if fraction is not None:
        return fraction
    if price is None or idea.entry_price is None:
        return None
    away = (1 - price / idea.entry_price) if below else (price / idea.entry_price - 1)
    return away if away > ZERO else None
