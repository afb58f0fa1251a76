"""Sells shares that protection holds (spec 5, Protection): make room, see it gone at the broker, sell,
re-protect the rest. On any failure or time-out the protection is restored, and the plan says so.

The room is made and given back by the `Protector`: it protects whatever no sale takes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from db.clock import Clock
from db.model.base import plain
from db.model.order import OrderState, Side
from db.model.run import ChildOrder
from services.brokers.port import Broker, BrokerUnavailableError
from services.execution.book import RunBook
from services.execution.drafts import of_order
from services.execution.lots import ZERO, Key
from services.execution.protection_driver import Protector
from services.execution.sender import Sender
from services.execution.time_limit import by_hand

ROOM_SECONDS = 10.0
"""How long protection may take to go and its shares to be free."""
LOOK_SECONDS = 0.1
LONGEST_LOOK = 2.0
"""A read that waits longer, for its turn perhaps, is asked anew: an abort is not to wait with it."""


@dataclass(frozen=True)
class Failed:
    """Not sold: protection stays, or is restored."""

    reason: str


@dataclass(frozen=True)
class Gone:
    """Nothing is left to sell: what protected the shares sold them meanwhile."""

    reason: str


class Exits:
    def __init__(
        self, book: RunBook, broker: Broker, sender: Sender, protector: Protector, clock: Clock
    ) -> None:
        self._book = book
        self._broker = broker
        self._sender = sender
        self._protector = protector
        self._clock = clock

    def needed(self, order: ChildOrder) -> bool:
        """Whether protection holds shares that this sale takes."""
        if order.side is not Side.SELL:
            return False
        key = (order.account, order.symbol)
        covering = self._protector.covering(key)
        if not covering:
            return False
        others = self._protector.reserved(key) - self._counted(order)
        return self._protector.holding(key).qty - covering - others < order.qty

    def _counted(self, order: ChildOrder) -> Decimal:
        """What of `order` counts as reserved already: one that waits for its plan does not."""
        current = self._book.order(order.client_order_id)
        if current is None or not current.state.working:
            return ZERO
        return min(current.remaining_qty, self._protector.reserved((order.account, order.symbol)))

    async def sell(self, order: ChildOrder, allowed: Callable[[], bool]) -> Failed | Gone | None:
        """Carry the sale through. `allowed`: whether its plan still wants it."""
        key = (order.account, order.symbol)
        with self._protector.making_room(order.client_order_id, key, order.qty):
            payload = {"qty": plain(order.qty), "for": order.client_order_id}
            await self._book.record(of_order(order, "ProtectionReleased", payload))
            before = self._protector.holding(key).qty
            if (stuck := await self._until_free(order, key, allowed)) is not None:
                return stuck
            qty = self._left_to_sell(order, key)
            if qty <= 0:
                sold = plain(before - self._protector.holding(key).qty)
                words = f"what protected {order.symbol} was executed meanwhile: {sold} sold"
                return await self._end(order, words)
            if not allowed():
                return None
            return await self._send(order, qty)

    async def _send(self, order: ChildOrder, qty: Decimal) -> Failed | Gone | None:
        known = self._book.order(order.client_order_id)
        if known is None:
            order = order.model_copy(update={"qty": qty})
            await self._sender.place((order,))
        elif known.qty != qty:
            # Its intent says more than is left: that id is not used for less.
            return await self._end(
                order, f"only {plain(qty)} of {plain(known.qty)} are left to sell"
            )
        else:
            await self._sender.send((order,))
        return None

    async def _end(self, order: ChildOrder, words: str) -> Gone:
        known = self._book.order(order.client_order_id)
        if known is not None and known.state is OrderState.INTENT:
            await self._sender.deny(order, words)
        return Gone(words)

    def _left_to_sell(self, order: ChildOrder, key: Key) -> Decimal:
        """Never more than is held and not sold by another order."""
        others = self._protector.reserved(key) - order.qty
        held = self._protector.holding(key).qty - max(others, ZERO)
        if held >= order.qty:
            return order.qty
        return max(held, ZERO).quantize(Decimal(1), ROUND_DOWN)

    async def _until_free(
        self, order: ChildOrder, key: Key, allowed: Callable[[], bool]
    ) -> Failed | None:
        """Until the broker says itself that the shares are free: `canceled` is not enough. By hand
        the trader cancels, and takes the time that he needs while his plan wants it."""
        patient = by_hand(self._book.run(order.plan_id))
        deadline = self._clock.monotonic() + ROOM_SECONDS
        why = f"the protection of {order.symbol} was not cancelled within {ROOM_SECONDS:.0f} s"
        while patient or self._clock.monotonic() < deadline:
            if not allowed():
                return None
            wanted = self._left_to_sell(order, key)
            if wanted <= 0:
                return None
            if not self._in_the_way(key):
                try:
                    async with asyncio.timeout(LONGEST_LOOK):
                        free = await self._available(key)
                except TimeoutError:
                    why = f"the broker did not say in time whether {order.symbol} is free"
                except BrokerUnavailableError as error:
                    why = f"the broker did not say whether {order.symbol} is free: {error}"
                else:
                    if free >= wanted:
                        return None
                    why = (
                        f"the broker says {plain(free)} of {plain(wanted)} {order.symbol} are free"
                    )
            await self._clock.sleep(LOOK_SECONDS)
        return Failed(f"{why}. Its protection stays, or is restored")

    def _in_the_way(self, key: Key) -> bool:
        """More is protected than the sale leaves."""
        return any(
            held.covered + held.pending > held.wanted
            for held in self._protector.lots()
            if (held.step.account, held.step.symbol) == key
        )

    async def _available(self, key: Key) -> Decimal:
        positions = await self._broker.positions()
        found = (p.qty_available for p in positions if (p.account, p.symbol) == key)
        return next(found, ZERO)
