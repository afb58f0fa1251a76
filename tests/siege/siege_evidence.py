"""What must hold, judged at the exchange: by its orders, fills, positions and cash as they change, and
by the bytes that leave the desk. Nothing here asks the desk what it believes."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from siege_exchange import SiegeExchange

from db.model.order import PROTECTION
from services.exchange.engine.accounts import Account
from services.exchange.engine.activities import Activity, Fill
from services.exchange.engine.orders import Order, Side
from services.exchange.wire import moment

OURS = re.compile(r"^qd-(?P<plan>[0-9a-z]+)-s(?P<step>\d+)-c(?P<child>\d+)-a(?P<attempt>\d+)$")
BUFFER = Decimal("0.05")
"""Of equity, by the standard policy."""
BAND = Decimal("0.005")
LOOK_UPS_APART = 2.0
RECENT = 30.0
"""Seconds in which the desk may rest on what it read before somebody else traded."""
ZERO = Decimal(0)


class ViolationError(AssertionError):
    """An invariant does not hold; the message names it."""


@dataclass
class Evidence:
    """Hears of every change at the exchange in the instant it is made."""

    exchange: SiegeExchange
    counts: Counter[str]
    approved: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    """Plan and step → the largest quantity that the trader approved."""
    violations: list[str] = field(default_factory=list)
    latest: dict[str, Order] = field(default_factory=dict)
    of_step: dict[tuple[str, int], dict[str, Order]] = field(default_factory=dict)
    by_client_id: dict[str, str] = field(default_factory=dict)
    latches: tuple[Path, Path] | None = None
    """The files that hold HALTED and REDUCING."""
    halted: bool = False
    """The trader's halt has been answered, and nobody has loosened it since."""
    resting: set[str] = field(default_factory=set)
    """Plans whose pause or abort was answered, and that nobody has continued."""
    flattening: bool = False
    """The trader typed the token of a flatten once."""
    jumped_at: float = float("-inf")
    traded_outside: list[tuple[float, str, Decimal]] = field(default_factory=list)
    """When, symbol, and the cash it took."""
    left: dict[str, list[float]] = field(default_factory=dict)
    """Client order id → when its requests left."""

    def judged(self, invariant: str) -> None:
        self.counts[f"judged: {invariant}"] += 1

    def bad(self, invariant: str, words: str) -> None:
        at = f"{self.exchange.loop.time():.3f}"
        self.violations.append(f"{invariant}, at {at} s: {words}")

    def check(self) -> None:
        """Raises ViolationError with all that was seen."""
        if self.exchange.exchange.failure.done():
            error = self.exchange.exchange.failure.exception()
            raise ViolationError(f"the exchange itself failed: {error!r}") from error
        if self.violations:
            raise ViolationError("; ".join(self.violations))

    # -- the exchange's changes ----------------------------------------------------------------

    def on_order(self, order: Order) -> None:
        new = order.id not in self.latest
        self.latest[order.id] = order
        if found := OURS.match(order.client_order_id):
            step = found["plan"], int(found["step"])
            self.of_step.setdefault(step, {})[order.id] = order
            self._within_its_step(step)
        if not new or order.parent_id is not None:
            return
        if found or PROTECTION.match(order.client_order_id):
            self._accepted_once(order)
            self._sells_what_is_held(order)
            if found:
                self.counts["orders accepted"] += 1
                self._sells_come_first(order, found["plan"])
                if order.side is Side.BUY:
                    self._cash_is_there(order)
            else:
                self.counts["protective orders accepted"] += 1

    def on_account(self, account: Account) -> None:
        pass

    def on_activity(self, activity: Activity) -> None:
        if isinstance(activity, Fill):
            self.counts["fills"] += 1

    # -- what is judged there ------------------------------------------------------------------

    def _accepted_once(self, order: Order) -> None:
        self.judged("2 one order under one id")
        if order.client_order_id in self.by_client_id:
            self.bad("invariant 2", f"{order.client_order_id} was accepted twice")
        self.by_client_id[order.client_order_id] = order.id

    def _within_its_step(self, step: tuple[str, int]) -> None:
        """Filled and still open, over every attempt and replacement (invariants 3, 9, 13)."""
        self.judged("13 no step is exceeded")
        orders = self.of_step[step].values()
        most = sum((order.filled_qty + order.leaves_qty for order in orders), ZERO)
        allowed = self.approved.get(step)
        if allowed is None and self.flattening:
            allowed = self.approved[step] = most  # typed as a list of what is held, not as a plan
        if allowed is None:
            self.bad("invariant 23", f"an order of {step}, which nobody approved")
        elif most > allowed:
            told = [f"{o.client_order_id} {o.status} {o.filled_qty}/{o.qty}" for o in orders]
            self.bad("invariant 13", f"{step} of {allowed} may reach {most}: {told}")

    def _sells_come_first(self, order: Order, plan: str) -> None:
        of_plan = [
            other
            for (name, _), orders in self.of_step.items()
            if name == plan
            for other in orders.values()
            if other.id != order.id
        ]
        if order.side is Side.BUY:
            self.judged("15 sells before buys")
            late = [o for o in of_plan if o.side is Side.SELL and o.is_open]
        else:
            late = [o for o in of_plan if o.side is Side.BUY]
        if late:
            names = [f"{o.client_order_id} {o.status}" for o in late]
            self.bad("invariant 15", f"{order.client_order_id} while {names}")

    def _cash_is_there(self, order: Order) -> None:
        """Cash at the exchange, less all that open buys may cost, against the policy's buffer."""
        self.judged("16 cash for a buy")
        account = self.exchange.account
        buys = [o for o in self.latest.values() if o.side is Side.BUY and o.is_open]
        if not any(o.id == order.id for o in buys):
            buys.append(order)
        reserved = sum((o.leaves_qty * self._worst(o) for o in buys), ZERO)
        floor = self.exchange.exchange.venue.floor
        equity = dict(floor.equities())[account.name] if callable(floor.equities) else ZERO
        slack = self._recent_outside(None) + equity * Decimal("0.0005")
        if self._lately(self.jumped_at):
            slack += equity * BUFFER
        left = account.cash - reserved
        if left < equity * BUFFER - slack:
            self.bad(
                "invariant 16",
                f"{order.client_order_id} leaves {left:.2f} of {account.cash:.2f} for a buffer of "
                f"{equity * BUFFER:.2f}",
            )

    def _worst(self, order: Order) -> Decimal:
        if order.limit_price is not None:
            return order.limit_price
        board = self.exchange.exchange.market.boards[order.symbol]
        return board.quote.ask * (1 + BAND)

    def _sells_what_is_held(self, order: Order) -> None:
        if order.side is not Side.SELL:
            return
        self.judged("19 no more is sold than held")
        if order.intent == "sell_to_open" and not self._recent_outside(order.symbol):
            self.bad("invariant 19", f"{order.client_order_id} opens a short position")
        open_qty = self.open_sells(order.symbol)
        held = self.held(order.symbol)
        if open_qty > held and not self._recent_outside(order.symbol):
            self.bad(
                "invariant 19", f"{order.client_order_id}: {open_qty} to be sold of {held} held"
            )

    def open_sells(self, symbol: str) -> Decimal:
        """A pair counts once: by its target, or by the leg that is left of it."""
        total = ZERO
        for order in self.latest.values():
            if order.symbol == symbol and order.side is Side.SELL and order.is_open:
                parent = self.latest.get(order.parent_id or "")
                if parent is None or not parent.is_open:
                    total += order.leaves_qty
        return total

    def held(self, symbol: str) -> Decimal:
        ledger = self.exchange.exchange.venue.floor.ledger
        position = ledger.positions.get((self.exchange.account.name, symbol))
        return position.qty if position is not None else ZERO

    def _recent_outside(self, symbol: str | None) -> Decimal:
        """Cash that others took lately; with a symbol, anything but zero if they traded it."""
        lately = [t for t in self.traded_outside if self._lately(t[0])]
        if symbol is not None:
            return Decimal(sum(1 for t in lately if t[1] == symbol))
        return sum((t[2] for t in lately), ZERO)

    def _lately(self, when: float) -> bool:
        return self.exchange.loop.time() - when < RECENT

    # -- what leaves the desk ------------------------------------------------------------------

    def on_leave(self, method: str, path: str, data: Mapping[str, Any] | None) -> None:
        """In the last instant before the bytes are the network's."""
        self.counts["requests"] += 1
        if (method, path) != ("POST", "/orders") or data is None:
            return
        name = str(data["client_order_id"])
        self._nothing_of_a_resting_plan(name)
        self._nothing_after_a_halt(name, data)
        self._sent_again_only_with_proof(name)
        self._no_attempt_beside_another(name)
        self.left.setdefault(name, []).append(self.exchange.loop.time())

    def _nothing_of_a_resting_plan(self, name: str) -> None:
        self.judged("paused and aborted plans rest")
        found = OURS.match(name)
        if found and found["plan"] in self.resting:
            self.bad("spec 5", f"{name} left, and its plan had been paused or aborted")

    def _nothing_after_a_halt(self, name: str, data: Mapping[str, Any]) -> None:
        assert self.latches is not None
        halted, reducing = self.latches
        self.judged("26 nothing leaves after a halt")
        if self.halted or halted.exists():
            self.bad("invariant 26", f"{name} left while trading was halted")
        elif reducing.exists():
            self.judged("27 only what reduces")
            grows = data["side"] == "buy" and self.held(str(data["symbol"])) >= 0
            if grows:
                self.bad("invariant 27", f"{name} left while trading was REDUCING")

    def _sent_again_only_with_proof(self, name: str) -> None:
        """The same id twice: the exchange itself must have said twice, two seconds apart, that it
        has no such order."""
        before = self.left.get(name)
        if not before:
            return
        self.judged("3 sent again with proof")
        said = [
            moment(line["at"]).timestamp()
            for line in self.exchange.requests.lines
            if line["path"] == "/v2/orders:by_client_order_id"
            and line["query"].get("client_order_id") == name
            and line["status"] == 404
        ]
        if len(said) < 2 or max(said) - min(said) < LOOK_UPS_APART - 0.1:
            self.bad("invariant 3", f"{name} left again after {len(said)} answers of not found")

    def _no_attempt_beside_another(self, name: str) -> None:
        found = OURS.match(name)
        if found is None:
            return
        self.judged("3 one attempt at a time")
        orders = self.of_step.get((found["plan"], int(found["step"])), {}).values()
        for other in orders:
            if other.is_open and other.client_order_id != name:
                self.bad("invariant 3", f"{name} left while {other.client_order_id} is open")


Judge = Callable[[], None]
