"""From target weights to orders (spec 4, From target weights): what has left its band is moved back."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from db.model.order import Side
from db.model.plan import Finding, Severity, Skipped, Standing
from db.model.policy import Policy
from db.model.portfolio import Position
from db.model.proposal import WeightsProposal
from services.intake.refusal import RefusedInputError
from services.planning.draft import Draft, Drafted
from services.planning.purse import buying_price, purse, whole
from services.risk.case import PLAN, cannot, money, percent
from services.risk.facts import ZERO, Facts
from services.risk.standing import standing


@dataclass(frozen=True)
class Move:
    """One symbol out of its band. Dollars at the mid, positive to buy."""

    symbol: str
    target: Decimal
    actual: Decimal
    dollars: Decimal
    price: Decimal

    @property
    def why(self) -> str:
        return f"{self.symbol} stands at {percent(self.actual)}, {percent(self.target)} is wanted"


def weight_drafts(proposal: WeightsProposal, facts: Facts) -> Drafted:
    """One order for each symbol outside its band, by the policy's mode. Raises RefusedInputError for
    a symbol or account that nobody knows."""
    _known(proposal, facts)
    now = standing(facts)
    if facts.unpriced or now.equity <= 0:
        why = f"no price for {', '.join(facts.unpriced)}" if facts.unpriced else "no equity"
        return Drafted((), findings=(cannot("position_cap", Severity.BLOCK, PLAN, why),))
    skipped: list[Skipped] = []
    findings: list[Finding] = []
    moves = _moves(proposal, facts, now, skipped, findings)
    mode = facts.policy.rebalance_mode
    over = [move for move in moves if move.dollars < 0]
    under = sorted((m for m in moves if m.dollars > 0), key=lambda m: (-m.dollars, m.symbol))
    if mode == "buy_only":
        skipped += [Skipped(symbol=m.symbol, reason=f"{m.why}: nothing is sold") for m in over]
        over = []
    if mode == "sell_only":
        skipped += [Skipped(symbol=m.symbol, reason=f"{m.why}: nothing is bought") for m in under]
        under = []
    if mode == "cash_first":
        over = _needed(proposal, facts, now, over, under, skipped)
    sells = [draft for move in over for draft in _sells(facts, move, skipped)]
    bought = _buys(proposal, facts, now, under, sells, skipped)
    return Drafted((*sells, *bought), tuple(skipped), tuple(findings))


def _known(proposal: WeightsProposal, facts: Facts) -> None:
    held = {position.symbol for position in facts.portfolio.positions if position.qty}
    for symbol in proposal.weights:
        if symbol not in facts.instruments and symbol not in held:
            why = f"{symbol} is not a symbol that the broker lists"
            raise RefusedInputError(proposal.source, why, field=symbol)
    names = [account.name for account in facts.portfolio.accounts]
    if proposal.account is not None and proposal.account not in names:
        why = f"there is no account {proposal.account}, expected one of {', '.join(names)}"
        raise RefusedInputError(proposal.source, why, field="account")


def band(policy: Policy, target: Decimal) -> Decimal:
    """How far a weight may lie from its target: the narrower of the absolute and the relative band.
    What is wanted at nothing has none."""
    widths = [policy.drift_band] if policy.drift_band is not None else []
    if policy.drift_band_relative is not None:
        widths.append(policy.drift_band_relative * target)
    return min(widths, default=ZERO) if target else ZERO


def _moves(
    proposal: WeightsProposal,
    facts: Facts,
    now: Standing,
    skipped: list[Skipped],
    findings: list[Finding],
) -> list[Move]:
    """What left its band, and how far it is moved; the rest is skipped with its reason."""
    held = {holding.symbol: holding for holding in now.holdings}
    wanted = dict(proposal.weights)
    for symbol in held:
        if symbol not in wanted and proposal.unlisted == "sell":
            wanted[symbol] = ZERO
    kept = sorted(held.keys() - wanted.keys())
    skipped += [Skipped(symbol=s, reason="held and not named: kept") for s in kept]
    moves: list[Move] = []
    for symbol, target in wanted.items():
        value = held[symbol].value if symbol in held else ZERO
        actual = value / now.equity
        width = band(facts.policy, target)
        drift = actual - target
        if not drift or (width and abs(drift) <= width):
            why = f"inside its band: {percent(actual)}, {percent(target)} ± {percent(width)} is wanted"
            skipped.append(Skipped(symbol=symbol, reason=why))
            continue
        price = facts.price(symbol)
        quote = facts.quotes.get(symbol)
        if price is None or (drift < 0 and (quote is None or quote.ask is None)):
            why = f"no quote for {symbol}"
            findings.append(cannot("quote_fresh", Severity.BLOCK, symbol, why))
            skipped.append(Skipped(symbol=symbol, reason=why))
            continue
        to = target
        if facts.policy.rebalance_to == "edge" and target:
            to = target + (width if drift > 0 else -width)
        moves.append(Move(symbol, target, actual, to * now.equity - value, price))
    return moves


def _floor(proposal: WeightsProposal, facts: Facts, now: Standing) -> Decimal:
    """Cash that stays: the target, never under the policy's minimum."""
    least = max(proposal.cash_weight or ZERO, facts.policy.min_cash_weight or ZERO)
    return least * now.equity


def _needed(
    proposal: WeightsProposal,
    facts: Facts,
    now: Standing,
    over: Sequence[Move],
    under: Sequence[Move],
    skipped: list[Skipped],
) -> list[Move]:
    """Idle cash is spent first: of what is over its band only as much as that cash does not pay,
    what is furthest over first."""
    wanted = sum((move.dollars for move in under), ZERO)
    missing = wanted - max(now.cash - _floor(proposal, facts, now), ZERO)
    needed: list[Move] = []
    for move in sorted(over, key=lambda m: (m.dollars, m.symbol)):
        if missing <= 0:
            why = f"{move.why}: idle cash pays for what is bought"
            skipped.append(Skipped(symbol=move.symbol, reason=why))
            continue
        dollars = max(move.dollars, -missing)
        missing += dollars
        needed.append(Move(move.symbol, move.target, move.actual, dollars, move.price))
    return needed


def _sells(facts: Facts, move: Move, skipped: list[Skipped]) -> list[Draft]:
    """From the largest holding of the symbol first; whole shares, up to the target and not past it,
    all of it where nothing is wanted or only a stub would stay."""
    holdings = sorted(
        (p for p in facts.holdings_of(move.symbol) if p.qty > 0),
        key=lambda p: (-p.qty, p.account),
    )
    left = -move.dollars
    least, trade = (facts.policy.min_position_value or ZERO), (facts.policy.min_trade_value or ZERO)
    drafts: list[Draft] = []
    for position in holdings:
        qty = _to_sell(position, move, left, least)
        if qty <= 0:
            continue
        if move.target and qty < position.qty and qty * move.price < trade:
            why = f"{move.why}: {money(qty * move.price)} is under the minimum trade of {money(trade)}"
            skipped.append(Skipped(symbol=move.symbol, reason=why))
            continue
        drafts.append(Draft(position.account, move.symbol, Side.SELL, qty, f"{move.why}."))
        left -= qty * move.price
    if not drafts and not any(s.symbol == move.symbol for s in skipped):
        free = sum((max(min(p.sellable, p.qty), ZERO) for p in holdings), ZERO)
        why = "less than one share" if free else "all shares are tied to other orders"
        skipped.append(Skipped(symbol=move.symbol, reason=f"{move.why}: {why}"))
    return drafts


def _to_sell(position: Position, move: Move, left: Decimal, least: Decimal) -> Decimal:
    free = max(min(position.sellable, position.qty), ZERO)
    if not move.target:
        return free
    qty = min(whole(max(left, ZERO), move.price), free)
    stub = (position.qty - qty) * move.price
    return free if stub < least and free == position.qty and qty else qty


def _buys(
    proposal: WeightsProposal,
    facts: Facts,
    now: Standing,
    under: Sequence[Move],
    sells: Sequence[Draft],
    skipped: list[Skipped],
) -> list[Draft]:
    """Scaled by one factor where cash at conservative prices does not pay for all."""
    if not under:
        return []
    paying = purse(facts, sells, proposal.account)
    account = paying.account
    budget = min(now.cash + paying.proceeds - _floor(proposal, facts, now), paying.cash)
    full = sum((_cost(facts, account, move) for move in under), ZERO)
    scale = Decimal(1) if full <= budget else max(budget, ZERO) / full
    trade, least = (facts.policy.min_trade_value or ZERO), (facts.policy.min_position_value or ZERO)
    values = {holding.symbol: holding.value for holding in now.holdings}
    drafts = []
    for move in under:
        qty = whole(move.dollars * scale, move.price)
        value, held = qty * move.price, values.get(move.symbol, ZERO)
        if not scale:
            why = "the cash target and the policy's minimum leave nothing to spend"
        elif qty < 1:
            why = f"{money(move.dollars * scale)} is less than one share at {money(move.price)}"
        elif value < trade:
            why = f"{money(value)} is under the minimum trade of {money(trade)}"
        elif held + value < least:
            why = f"a position of {money(held + value)} is under the minimum of {money(least)}"
        else:
            note = (
                f", scaled to {percent(scale)} so that the cash target holds" if scale < 1 else ""
            )
            drafts.append(Draft(account, move.symbol, Side.BUY, qty, f"{move.why}{note}."))
            continue
        skipped.append(Skipped(symbol=move.symbol, reason=f"{move.why}: {why}"))
    return drafts


def _cost(facts: Facts, account: str, move: Move) -> Decimal:
    """Worst cost of the move, the last share counted whole: its scaled size costs no more."""
    qty = (move.dollars / move.price).to_integral_value(ROUND_CEILING)
    return move.dollars / move.price * buying_price(facts, account, move.symbol, qty)
