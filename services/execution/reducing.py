"""Does an order only reduce? Pure (invariant 27): after the worst-case fill of it and of all open
orders on its side, the position is no larger than now and has not changed its sign."""

from collections.abc import Iterable
from decimal import Decimal

from db.model.base import plain
from db.model.order import BrokerOrder, Side

ZERO = Decimal(0)
STOPS = ("stop", "stop_limit", "trailing_stop")
PAIRED = ("oco", "bracket", "oto")


def more_than_reduces(
    symbol: str, side: Side, qty: Decimal, position: Decimal | None, open_qty: Decimal
) -> str | None:
    """Why an order for `qty` might do more than reduce, or None. `position` is signed, None while
    nobody knows it; `open_qty` is what other open orders on the same side may still fill.

    Open orders on the other side were let out earlier: that they may add is no reason to refuse
    the way out."""
    if position is None:
        return f"nobody knows how many {symbol} are held"
    if position == 0:
        return f"no {symbol} is held"
    if (position > 0) is not (side is Side.SELL):
        return f"a {side.value} would add to {plain(position)} {symbol}"
    if open_qty + qty > abs(position):
        already = f" with {plain(open_qty)} open" if open_qty else ""
        return f"{side.value} {plain(qty)}{already} is more than the {plain(abs(position))} {symbol} held"
    return None


def surely_held(ours: Decimal, broker: Decimal) -> Decimal:
    """The position that both our book and the broker's figures cover: a fill may have reached the
    one and not yet the other. 0 when they do not even agree on the side."""
    if ours > 0 and broker > 0:
        return min(ours, broker)
    if ours < 0 and broker < 0:
        return max(ours, broker)
    return ZERO


def open_qty(orders: Iterable[BrokerOrder], side: Side) -> Decimal:
    """Shares that these open orders of one symbol may still trade on `side`. Of a stop and its
    target only one fills: they are counted once (invariant 19)."""
    single, stops, targets = ZERO, ZERO, ZERO
    for order in orders:
        if order.side is not side or (order.state is not None and order.state.terminal):
            continue
        left = (order.qty or ZERO) - order.filled_qty
        if order.order_class not in PAIRED:
            single += left
        elif order.type in STOPS:
            stops += left
        else:
            targets += left
    return single + max(stops, targets)
