"""A basket or ticket: orders taken as given, still checked and sequenced (spec 2.F)."""

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

from db.model.base import plain
from db.model.order import Side
from db.model.plan import Finding, Severity, Skipped
from db.model.proposal import BasketLine, BasketProposal
from services.intake.refusal import RefusedInputError
from services.planning.draft import Draft, Drafted
from services.planning.guidance import as_asked
from services.planning.sequence import price_of
from services.risk.case import cannot, money
from services.risk.estimate import down, up
from services.risk.facts import Facts


def basket_drafts(proposal: BasketProposal, facts: Facts) -> Drafted:
    """One draft a line. Raises RefusedInputError for a symbol or account that is not known and
    for an amount that buys no whole share."""
    drafts: list[Draft] = []
    skipped: list[Skipped] = []
    findings: list[Finding] = []
    for line in proposal.lines:
        draft = _draft(proposal, line, facts)
        if draft is None:
            why = f"no price for {line.symbol}"
            skipped.append(Skipped(symbol=line.symbol, reason=why))
            findings.append(cannot("quote_fresh", Severity.BLOCK, line.symbol, why))
        else:
            drafts.append(draft)
    return Drafted(tuple(drafts), tuple(skipped), tuple(findings))


def _draft(proposal: BasketProposal, line: BasketLine, facts: Facts) -> Draft | None:
    """None where nobody knows a price."""
    where = _where(proposal, line)
    if line.symbol not in facts.instruments:
        raise where(f"{line.symbol} is not a symbol that the broker lists", "symbol")
    draft = Draft(
        account=_account(where, line, facts),
        symbol=line.symbol,
        side=line.side,
        qty=line.qty or Decimal(1),
        reason="",
        conviction=_conviction(line.symbol, facts),
        type=None if line.urgent else line.type,
        limit_price=_safe(line.limit_price, line.side),
        stop_price=line.stop_price,
        time_in_force=line.time_in_force,
        extended_hours=line.extended_hours,
        urgent=line.urgent,
    )
    asked = as_asked(facts, line.symbol, line.type, draft.limit_price)
    price = price_of(facts, draft, asked)
    if price is None or (facts.price(line.symbol) is None and line.limit_price is None):
        return None
    words = f"{line.side} {plain(line.qty)} {line.symbol}" if line.qty else ""
    if line.notional is not None:
        qty = (line.notional / price).to_integral_value(ROUND_FLOOR)
        if qty < 1:
            least = f"one share of {line.symbol} at {money(price)}"
            raise where(f"{money(line.notional)} is less than {least}", "notional")
        draft = replace(draft, qty=qty)
        words = f"{line.side} {money(line.notional)} of {line.symbol}: {plain(qty)} whole shares at {money(price)}"
    who = "The ticket" if proposal.kind == "ticket" else f"Line {line.line}"
    return replace(draft, reason=f"{who} asks to {words}.")


Where = Callable[[str, str], RefusedInputError]


def _where(proposal: BasketProposal, line: BasketLine) -> Where:
    """Refusals that name the line; a ticket has none."""
    number = None if proposal.kind == "ticket" else line.line
    return lambda expected, field: RefusedInputError(
        proposal.source, expected, line=number, field=field
    )


def _account(where: Where, line: BasketLine, facts: Facts) -> str:
    """The account named; else the one that holds what is sold; else the first."""
    accounts = [account.name for account in facts.portfolio.accounts]
    if line.account is not None:
        if line.account not in accounts:
            known = ", ".join(accounts)
            raise where(f"there is no account {line.account}, expected one of {known}", "account")
        return line.account
    held = facts.portfolio.position(line.symbol)
    if line.side is Side.SELL and held is not None:
        return held.account
    return accounts[0]


def _conviction(symbol: str, facts: Facts) -> Decimal | None:
    picks = facts.analysis.picks if facts.analysis is not None else ()
    return next((pick.conviction for pick in picks if pick.symbol == symbol), None)


def _safe(limit: Decimal | None, side: Side) -> Decimal | None:
    """A limit on the tick, never worse than asked."""
    if limit is None:
        return None
    return down(limit) if side is Side.BUY else up(limit)
