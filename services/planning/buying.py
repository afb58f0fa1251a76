"""Which picks of a sector to buy, and how much (spec 4, Buy candidates and Cash target)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from db.model.market import Pick
from db.model.order import Side
from db.model.plan import Finding, Severity, Skipped, Standing
from services.market.sectors import canonical_sector
from services.planning.draft import Draft, Drafted
from services.planning.purse import buying_price, purse, whole
from services.risk.case import cannot, money, percent
from services.risk.facts import ZERO, Facts


@dataclass(frozen=True)
class Lot:
    """Dollars meant for one pick."""

    pick: Pick
    sector: str
    dollars: Decimal
    capped: bool
    price: Decimal
    """The mid: what sizes are computed at."""

    @property
    def qty(self) -> Decimal:
        """Whole shares, rounded down."""
        return whole(self.dollars, self.price)


def buys_for(
    facts: Facts,
    deploy: Mapping[str, Decimal],
    sells: Sequence[Draft],
    now: Standing,
    target_cash: Decimal | None,
) -> Drafted:
    """Spreads each sector's dollars over its picks by conviction, then scales all of them until
    cash at conservative prices ends at or above the target and the policy's minimum."""
    skipped: list[Skipped] = []
    findings: list[Finding] = []
    lots: list[Lot] = []
    paying = purse(facts, sells)
    account = paying.account
    chosen = {sector: _eligible(facts, sector, skipped, findings) for sector in deploy}
    given_away = paying.given_away + sum(
        (
            deploy[sector] * _margin(facts, account, picks, deploy[sector])
            for sector, picks in chosen.items()
        ),
        ZERO,
    )
    for sector, dollars in deploy.items():
        picks = chosen[sector]
        spread, unspent = _spread(facts, sector, picks, dollars, now, now.equity - given_away)
        lots += spread
        if unspent >= 1:
            why = f"{money(unspent)} of {money(dollars)} finds no pick that may take it"
            skipped.append(Skipped(symbol=sector, reason=why))
    floor = max(target_cash or ZERO, facts.policy.min_cash_weight or ZERO) * now.equity
    budget = min(now.cash + paying.proceeds - floor, paying.cash)
    lots, scale = _scaled(facts, account, _worth_it(facts, lots, now, skipped), budget)
    if not scale:
        why = "the cash target and the policy's minimum leave nothing to spend"
        skipped += [Skipped(symbol=lot.pick.symbol, reason=why) for lot in lots]
        lots = []
    elif scale < 1:
        lots = _worth_it(facts, lots, now, skipped)
    drafts = tuple(_draft(facts, account, lot, scale) for lot in lots)
    return Drafted(drafts, tuple(skipped), tuple(findings))


def _eligible(
    facts: Facts, sector: str, skipped: list[Skipped], findings: list[Finding]
) -> list[Pick]:
    """The picks that may be bought; the others are skipped with their reason."""
    chosen: list[Pick] = []
    picks = facts.analysis.picks if facts.analysis is not None else ()
    for pick in picks:
        if (canonical_sector(pick.sector) or pick.sector) != sector:
            continue
        why = against(facts, pick, sector)
        quote = facts.quotes.get(pick.symbol)
        if not why and (quote is None or quote.ask is None or facts.price(pick.symbol) is None):
            why = f"no quote for {pick.symbol}"
            findings.append(cannot("quote_fresh", Severity.BLOCK, pick.symbol, why))
        if why:
            skipped.append(Skipped(symbol=pick.symbol, reason=why))
        else:
            chosen.append(pick)
    return chosen


def against(facts: Facts, pick: Pick, sector: str) -> str:
    """Why the pick may not be bought, or ""."""
    policy, known = facts.policy, facts.instruments.get(pick.symbol)
    least, worst = policy.min_conviction, policy.worst_sector_rank
    rank = facts.rank(sector)
    if least is not None and pick.conviction < least:
        return f"conviction {pick.conviction:f} is under the minimum of {least:f}"
    if pick.symbol in facts.restricted:
        return f"restricted: {facts.restricted[pick.symbol]}"
    if worst is not None and rank is None:
        return f"the rank of {sector} is not known, and the policy asks for {worst} or better"
    if worst is not None and rank is not None and rank > worst:
        return f"{sector} ranks {rank}, the policy asks for {worst} or better"
    if known is None:
        return "the broker does not list it"
    if not known.tradable:
        return "it can't be traded at the broker now"
    if facts.sector(pick.symbol) != sector:
        return f"the analysis counts it as {sector}, the instruments as {facts.sector(pick.symbol)}"
    return ""


def _spread(
    facts: Facts,
    sector: str,
    picks: Sequence[Pick],
    dollars: Decimal,
    now: Standing,
    equity: Decimal,
) -> tuple[list[Lot], Decimal]:
    """Dollars per pick, proportional to conviction; what passes a pick's room goes to the others.
    The rest is what no pick could take."""
    room = {pick.symbol: _room(facts, pick.symbol, now, equity) for pick in picks}
    share: dict[str, Decimal] = {}
    open_picks = list(picks)
    left = dollars
    while open_picks and left > 0:
        total = sum((pick.conviction for pick in open_picks), ZERO)
        if total <= 0:
            break
        wanted = {pick.symbol: left * pick.conviction / total for pick in open_picks}
        full = [p for p in open_picks if (r := room[p.symbol]) is not None and wanted[p.symbol] > r]
        if not full:
            share.update(wanted)
            left = ZERO
            break
        for pick in full:
            share[pick.symbol] = room[pick.symbol] or ZERO
            left -= share[pick.symbol]
        open_picks = [pick for pick in open_picks if pick not in full]
    lots = [
        Lot(
            pick=pick,
            sector=sector,
            dollars=share[pick.symbol],
            capped=share[pick.symbol] == room[pick.symbol],
            price=facts.price(pick.symbol) or Decimal(1),
        )
        for pick in picks
        if pick.symbol in share
    ]
    return lots, left


def _room(facts: Facts, symbol: str, now: Standing, equity: Decimal) -> Decimal | None:
    """Dollars until the position or order limit; None without one."""
    policy = facts.policy
    held = next((h.value for h in now.holdings if h.symbol == symbol), ZERO)
    rooms = []
    if policy.max_position_weight is not None:
        rooms.append(max(policy.max_position_weight * equity - held, ZERO))
    if policy.max_order_value is not None:
        rooms.append(policy.max_order_value * (1 - 2 * policy.limit_band))
    return min(rooms, default=None)


def _worth_it(
    facts: Facts, lots: Sequence[Lot], now: Standing, skipped: list[Skipped]
) -> list[Lot]:
    """Without the lots too small to buy."""
    kept: list[Lot] = []
    least = facts.policy.min_position_value or ZERO
    trade = facts.policy.min_trade_value or ZERO
    values = {holding.symbol: holding.value for holding in now.holdings}
    for lot in lots:
        value = lot.qty * lot.price
        held = values.get(lot.pick.symbol, ZERO)
        if lot.qty < 1:
            why = f"{money(lot.dollars)} is less than one share at {money(lot.price)}"
        elif held + value < least:
            why = f"a position of {money(held + value)} is under the minimum of {money(least)}"
        elif held and value < trade:
            why = f"an addition of {money(value)} is under the minimum trade of {money(trade)}"
        else:
            kept.append(lot)
            continue
        skipped.append(Skipped(symbol=lot.pick.symbol, reason=why))
    return kept


def _draft(facts: Facts, account: str, lot: Lot, scale: Decimal) -> Draft:
    notes = f"{lot.sector} deploys {money(lot.dollars)} here by conviction {lot.pick.conviction:f}"
    if lot.capped:
        notes += ", as much as the position may hold"
    if scale < 1:
        notes += f", scaled to {percent(scale)} so that the cash target holds"
    return Draft(
        account, lot.pick.symbol, Side.BUY, lot.qty, f"{notes}.", conviction=lot.pick.conviction
    )


def _cost(facts: Facts, account: str, lot: Lot) -> Decimal:
    """Worst expected cost of the lot's shares."""
    return buying_price(facts, account, lot.pick.symbol, lot.qty) * lot.qty


def _margin(facts: Facts, account: str, picks: Sequence[Pick], dollars: Decimal) -> Decimal:
    """The most that any of the picks would cost above its mid, as a fraction, were it to take all:
    equity shrinks by that much, and caps are fractions of equity."""
    margins = [ZERO]
    for pick in picks:
        mid = facts.price(pick.symbol)
        if mid:
            margins.append(buying_price(facts, account, pick.symbol, dollars / mid) / mid - 1)
    return max(margins)


def _scaled(
    facts: Facts, account: str, lots: list[Lot], budget: Decimal
) -> tuple[list[Lot], Decimal]:
    """The lots, all scaled by one factor when their worst cost is more than the budget."""
    if not lots or sum((_cost(facts, account, lot) for lot in lots), ZERO) <= budget:
        return lots, Decimal(1)
    full = sum(
        (
            lot.dollars * buying_price(facts, account, lot.pick.symbol, lot.qty) / lot.price
            for lot in lots
        ),
        ZERO,
    )
    scale = max(budget, ZERO) / full
    return [Lot(lot.pick, lot.sector, lot.dollars * scale, False, lot.price) for lot in lots], scale
