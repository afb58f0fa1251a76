"""Which holdings of a sector to sell, and how much (spec 4, Sell candidates)."""

from decimal import ROUND_FLOOR, Decimal

from db.model.base import plain
from db.model.order import Side
from db.model.plan import Skipped, Standing
from db.model.portfolio import Position
from services.planning.draft import Draft, Drafted
from services.risk.case import money, percent
from services.risk.facts import ZERO, Facts

STUB_TOLERANCE = Decimal("0.005")
"""How far past the target a stub may be sold along: 0.5 pp of the portfolio."""


def sells_for(facts: Facts, sector: str, amount: Decimal, now: Standing) -> Drafted:
    """Raises `amount` dollars from the sector's holdings, highest unrealised gain first."""
    drafts: list[Draft] = []
    skipped: list[Skipped] = []
    left = amount
    for position in _ranked(facts, sector):
        if left <= 0:
            break
        price = facts.price(position.symbol)
        free = min(position.sellable, position.qty)
        if price is None or free <= 0:
            why = "all shares are tied to other orders" if price else "no price"
            skipped.append(Skipped(symbol=position.symbol, reason=why))
            continue
        qty, how = _quantity(facts, position, free, price, left, now.equity)
        if qty <= 0:
            break
        if qty * price < (facts.policy.min_trade_value or ZERO) and qty < free:
            why = f"the rest to raise in {sector}, {money(left)}, is under the minimum trade"
            skipped.append(Skipped(symbol=position.symbol, reason=why))
            break
        gain = _gain(position, price)
        standing_at = f"up {percent(gain)}" if gain >= 0 else f"down {percent(-gain)}"
        reason = (
            f"{sector} must raise {money(amount)}; {position.symbol} stands {standing_at}, {how}."
        )
        drafts.append(Draft(position.account, position.symbol, Side.SELL, qty, reason))
        left -= qty * price
        if qty < free:
            break
    return Drafted(tuple(drafts), tuple(skipped))


def _ranked(facts: Facts, sector: str) -> list[Position]:
    """Highest unrealised gain first, ties by dollar volume, then by name."""
    held = [p for p in facts.portfolio.positions if p.qty > 0 and facts.sector(p.symbol) == sector]

    def key(position: Position) -> tuple[Decimal, Decimal, str, str]:
        price = facts.price(position.symbol) or ZERO
        volume = price * (facts.adv(position.symbol) or ZERO)
        gain = _gain(position, price) if position.avg_entry_price else Decimal(-1)
        return -gain, -volume, position.symbol, position.account

    return sorted(held, key=key)


def _gain(position: Position, price: Decimal) -> Decimal:
    if not position.avg_entry_price:
        return ZERO
    return (price / position.avg_entry_price - 1).quantize(Decimal("0.0001"))


def _quantity(
    facts: Facts, position: Position, free: Decimal, price: Decimal, left: Decimal, equity: Decimal
) -> tuple[Decimal, str]:
    """Shares to sell and how that reads: all that fits, else whole shares, and no stub behind."""
    if free * price <= left:
        whole = free == position.qty
        return free, f"all {plain(free)} go" if whole else f"the {plain(free)} free shares go"
    qty = (left / price).to_integral_value(ROUND_FLOOR)
    stub = (position.qty - qty) * price
    past = (free * price - left) / equity
    least = facts.policy.min_position_value or ZERO
    if stub < least and free == position.qty and past <= STUB_TOLERANCE:
        return free, f"all {plain(free)} go, so that no stub of {money(stub)} stays"
    return qty, f"{plain(qty)} of {plain(position.qty)} raise the rest"
