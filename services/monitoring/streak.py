"""Losing round trips in a row, from flat to flat (spec 6, Trading day state): a fold of events.

A holding that was adopted counts from its average price. The count begins anew with each trading
day, and when the trader resumes."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from db.model.event import Event
from db.model.order import Side

ZERO = Decimal(0)


class _Open(NamedTuple):
    qty: Decimal = ZERO
    """Signed: negative when short."""
    avg: Decimal = ZERO
    gained: Decimal = ZERO
    """Realised since it was last flat."""


class RoundTrips:
    """Open positions with what they cost, and the losses in a row."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], _Open] = {}
        self.losses_in_a_row = 0

    def apply(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.kind in ("DayStarted", "TradingResumed"):
                self.losses_in_a_row = 0
            if event.account is None or event.symbol is None:
                continue
            key = (event.account, event.symbol)
            if event.kind == "PositionAdopted":
                told = event.payload
                self._open[key] = _Open(
                    Decimal(told["qty"]), Decimal(told.get("avg_entry_price") or 0)
                )
            elif event.kind == "FillReceived":
                self._fill(key, event.payload["fill"])

    def _fill(self, key: tuple[str, str], fill: dict[str, Any]) -> None:
        qty, price = Decimal(fill["qty"]), Decimal(fill["price"])
        signed = qty if fill["side"] == Side.BUY else -qty
        held = self._open.get(key, _Open())
        if held.qty * signed >= 0:
            paid = abs(held.qty) * held.avg + qty * price
            total = held.qty + signed
            self._open[key] = _Open(total, paid / abs(total), held.gained)
            return
        closing = min(qty, abs(held.qty))
        gain = closing * (price - held.avg) * (1 if held.qty > 0 else -1)
        left = held.qty + signed
        if left and (left > 0) is (held.qty > 0):
            self._open[key] = _Open(left, held.avg, held.gained + gain)
            return
        self.losses_in_a_row = self.losses_in_a_row + 1 if held.gained + gain < 0 else 0
        self._open[key] = _Open(left, price) if left else _Open()
