"""Idle cash into the analysis's candidates (spec 4, Deploying idle cash)."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from db.model.market import Pick
from db.model.order import Side
from db.model.plan import Finding, Severity, Skipped, Standing
from db.model.proposal import DeployProposal
from services.intake.refusal import RefusedInputError
from services.market.sectors import canonical_sector
from services.planning.buying import against
from services.planning.draft import Draft, Drafted
from services.planning.purse import purse, whole
from services.planning.sequence import steps_of
from services.risk.case import PLAN, cannot, case_of, money, percent
from services.risk.facts import ZERO, Facts
from services.risk.run import check
from services.risk.standing import standing


def shares(price: Decimal, size: Decimal, least: Decimal) -> Decimal:
    """max(ceil(least ÷ price), floor(size ÷ price)): 1, 10 and 100 at prices 500, 50 and 5 for $500."""
    return max((least / price).to_integral_value(ROUND_CEILING), whole(size, price))


@dataclass
class _Room:
    """What may still be deployed: dollars, and positions."""

    dollars: Decimal
    slots: int | None


def deploy_drafts(proposal: DeployProposal, facts: Facts) -> Drafted:
    """Buys by conviction until the deployment target, the position count or the candidates run out.
    Each order passes the whole catalogue with those before it, or is skipped with what blocks it.
    Raises RefusedInputError without a target or an analysis."""
    target = facts.policy.deployment_target
    if target is None:
        why = f"the policy {facts.policy.name} has no deployment_target"
        raise RefusedInputError(proposal.source, why)
    if facts.analysis is None:
        raise RefusedInputError(proposal.source, "there is no market analysis to choose from")
    now = standing(facts)
    if facts.unpriced or now.equity <= 0:
        why = f"no price for {', '.join(facts.unpriced)}" if facts.unpriced else "no equity"
        return Drafted((), findings=(cannot("position_cap", Severity.BLOCK, PLAN, why),))
    skipped: list[Skipped] = []
    paying = purse(facts, (), proposal.account)
    least_cash = (facts.policy.min_cash_weight or ZERO) * now.equity
    room = _Room(
        min(target * now.equity - now.gross_exposure, now.cash - least_cash, paying.cash),
        None
        if facts.policy.max_positions is None
        else facts.policy.max_positions - len(now.holdings),
    )
    drafts: list[Draft] = []
    open_picks = _candidates(facts, now, skipped)
    for place, pick in enumerate(open_picks):
        if why := _full(room, target):
            skipped += [Skipped(symbol=p.symbol, reason=why) for p in open_picks[place:]]
            break
        draft = _draft(facts, paying.account, pick, room, now.equity, len(open_picks) - place)
        if isinstance(draft, Draft):
            blocks = _blocks(facts, [*drafts, draft])
            if not blocks:
                drafts.append(draft)
                room.dollars -= draft.qty * (facts.price(pick.symbol) or ZERO)
                room.slots = None if room.slots is None else room.slots - 1
                continue
            draft = f"{blocks[0].check}: {blocks[0].message.rstrip('.')}"
        skipped.append(Skipped(symbol=pick.symbol, reason=draft))
    return Drafted(tuple(drafts), tuple(skipped))


def _candidates(facts: Facts, now: Standing, skipped: list[Skipped]) -> list[Pick]:
    """By conviction, names break ties; the others are skipped with their reason."""
    held = {holding.symbol for holding in now.holdings}
    chosen = []
    picks = facts.analysis.picks if facts.analysis is not None else ()
    for pick in sorted(picks, key=lambda pick: (-pick.conviction, pick.symbol)):
        quote = facts.quotes.get(pick.symbol)
        why = against(facts, pick, canonical_sector(pick.sector) or pick.sector)
        if not why and pick.symbol in held:
            why = "it is held already"
        if not why and (quote is None or quote.ask is None or facts.price(pick.symbol) is None):
            why = f"no quote for {pick.symbol}"
        if why:
            skipped.append(Skipped(symbol=pick.symbol, reason=why))
        else:
            chosen.append(pick)
    return chosen


def _full(room: _Room, target: Decimal) -> str:
    if room.slots is not None and room.slots <= 0:
        return "as many positions are open as the policy allows"
    if room.dollars <= 0:
        return f"the deployment target of {percent(target)} is reached"
    return ""


def _draft(
    facts: Facts, account: str, pick: Pick, room: _Room, equity: Decimal, candidates: int
) -> Draft | str:
    """An even share of what is left, or why there is no order."""
    policy = facts.policy
    price = facts.price(pick.symbol) or Decimal(1)
    least = policy.min_position_value or ZERO
    takers = candidates if room.slots is None else min(candidates, room.slots)
    size = room.dollars / takers
    most = room.dollars
    if policy.max_position_weight is not None:
        most = min(most, policy.max_position_weight * equity * (1 - policy.limit_band))
    if policy.max_order_value is not None:
        most = min(most, policy.max_order_value * (1 - 2 * policy.limit_band))
    qty = shares(price, min(size, most), least)
    value = qty * price
    if qty < 1:
        return f"{money(size)} is less than one share at {money(price)}"
    if value > most:
        return f"a position of {money(value)} is over the {money(most)} that one may have"
    reason = f"{money(value)} of idle cash by conviction {pick.conviction:f}."
    return Draft(account, pick.symbol, Side.BUY, qty, reason, conviction=pick.conviction)


def _blocks(facts: Facts, drafts: list[Draft]) -> list[Finding]:
    found = check(case_of(facts, steps_of(facts, drafts)))
    return [finding for finding in found if finding.severity is Severity.BLOCK]
