"""The open orders by account and symbol, and what they keep of buying power.

Kept up to date order by order, so that accepting one costs the same however many rest.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from services.exchange.engine.orders import ZERO, Order, Side


class Reserved(NamedTuple):
    """Dollars kept from buying power, and the part of them no margin helps to pay."""

    dollars: Decimal = ZERO
    in_full: Decimal = ZERO

    def plus(self, other: "Reserved") -> "Reserved":
        return Reserved(self.dollars + other.dollars, self.in_full + other.in_full)

    def minus(self, other: "Reserved") -> "Reserved":
        return Reserved(self.dollars - other.dollars, self.in_full - other.in_full)


NOTHING = Reserved()


class OpenOrders:
    """`in_full` tells of which orders margin pays nothing."""

    def __init__(self, orders: Iterable[Order], in_full: Callable[[Order], bool]) -> None:
        self.by_id: dict[str, Order] = {}
        self._in_full = in_full
        self._of_account: defaultdict[str, dict[str, Order]] = defaultdict(dict)
        self._of_side: defaultdict[tuple[str, str, Side], dict[str, Order]] = defaultdict(dict)
        self._claims: dict[str, Reserved] = {}
        self._sums: defaultdict[str, Reserved] = defaultdict(Reserved)
        self._replacing: defaultdict[str, dict[str, str]] = defaultdict(dict)  # old → new
        for order in orders:
            self.keep(order)

    def keep(self, order: Order) -> None:
        """An order's new state; one that has ended is forgotten."""
        account, before, after = order.account, self._claims.get(order.id, NOTHING), NOTHING
        places = (
            self.by_id,
            self._of_account[account],
            self._of_side[account, order.symbol, order.side],
        )
        if order.is_open:
            after = self._claims[order.id] = self._claim(order)
            for place in places:
                place[order.id] = order
            if order.replaces in self.by_id:
                self._replacing[account][order.replaces] = order.id
        else:
            self._claims.pop(order.id, None)
            for place in places:
                place.pop(order.id, None)
            for replaced in (order.id, order.replaces or ""):
                self._replacing[account].pop(replaced, None)
        if before != after:
            self._sums[account] = self._sums[account].minus(before).plus(after)

    def of(self, account: str, symbol: str | None = None, side: Side | None = None) -> list[Order]:
        """Of an account, or only those in one symbol, or only those on one side of it."""
        if symbol is None:
            return list(self._of_account.get(account, {}).values())
        sides = Side if side is None else (side,)
        return [o for s in sides for o in self._of_side.get((account, symbol, s), {}).values()]

    def reserved(self, account: str, without: Order | None = None) -> Reserved:
        """What they keep. While one is being replaced the larger of old and new counts, once
        (alpaca.md §8.5)."""
        total = self._sums.get(account, NOTHING)
        left_out = without.id if without else None
        if left_out in self.by_id:
            total = total.minus(self._claims[left_out])
        for pair in self._replacing.get(account, {}).items():
            if left_out not in pair:
                old, new = (self._claims[order_id] for order_id in pair)
                total = total.minus(min(old, new))
        return total

    def _claim(self, order: Order) -> Reserved:
        value = order.reserved_value
        return Reserved(value, value if value and self._in_full(order) else ZERO)
