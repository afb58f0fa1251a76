"""Keeps what was bought protected: looks whenever something changes and every minute, and does what
`protection.due` says. Each lot by itself: one that hangs keeps no other bare."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

from db.clock import Clock
from db.errors import JournalError
from db.model.base import plain
from db.model.event import Event, EventDraft
from db.model.order import Side
from db.model.run import PlanState
from services.execution import lots
from services.execution.book import NotPossibleError, RunBook
from services.execution.lots import ZERO, Holding, Key, LotKey
from services.execution.protection import (
    Cancel,
    Due,
    Held,
    Later,
    Place,
    Send,
    Withdraw,
    due,
    held_lots,
    reserved_by_sales,
    unsettled,
)
from services.execution.safety import Safety
from services.execution.sender import Sender
from services.execution.tracker import Tracker
from services.execution.unprotected import Bare, bare

AUDIT_SECONDS = 60.0
BARE_SECONDS = 2.0
"""Protection that is on its way for longer than this is none: an alert says so."""
FORBIDDEN_AGAIN = timedelta(seconds=1)
"""Between two looks whether it may be sent by now."""
SETTLED_SECONDS = 10.0
"""A plan does not wait longer for its protection: the desk watches with an alert, and goes on trying."""

log = logging.getLogger(__name__)


class Protector:
    """One per engine. Protecting goes on whatever becomes of the plan that bought."""

    def __init__(
        self, book: RunBook, sender: Sender, tracker: Tracker, safety: Safety, clock: Clock
    ) -> None:
        self._book = book
        self._sender = sender
        self._tracker = tracker
        self._safety = safety
        self._clock = clock
        self._holdings: dict[Key, Holding] = {}
        self._holds: dict[str, tuple[Key, Decimal]] = {}
        """Our id of a sale → what it takes, while protection makes room for it."""
        self._aside: frozenset[Key] = frozenset()
        """Somebody else closes these: nothing is done about them."""
        self._tasks: dict[LotKey, asyncio.Task[None]] = {}
        self._bare_since: dict[LotKey, float] = {}
        self._kicked = asyncio.Event()
        self.market_open: Callable[[], bool] = lambda: True

    # --- what is held -------------------------------------------------------------------------

    def apply(self, events: Iterable[Event]) -> None:
        """Fold fills and adoptions, at start and as they come."""
        self._holdings = lots.after(self._holdings, events)

    def holding(self, key: Key) -> Holding:
        return self._holdings.get(key, Holding())

    def lots(self) -> tuple[Held, ...]:
        runs = self._book.runs
        if not any(holding.lots for holding in self._holdings.values()):
            return ()
        return held_lots(runs, self._holdings, reserved_by_sales(runs, self._holds))

    def bare(self) -> tuple[Bare, ...]:
        """Shares that nothing at the broker protects, for long enough to say so."""
        now, found = self._clock.monotonic(), []
        seen: set[LotKey] = set()
        for held in self.lots():
            for one in bare(held, self._safety.forbids(reducing=True)):
                if one.by_desk:
                    found.append(one)
                    continue
                seen.add(held.key)
                if now - self._bare_since.setdefault(held.key, now) >= BARE_SECONDS:
                    found.append(one)
        self._bare_since = {key: at for key, at in self._bare_since.items() if key in seen}
        return tuple(found)

    # --- looking ------------------------------------------------------------------------------

    def kick(self) -> None:
        self._kicked.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._kicked.clear()
                change = asyncio.ensure_future(self._book.changed())
                kick = asyncio.ensure_future(self._kicked.wait())
                pause = asyncio.ensure_future(self._clock.sleep(await self.look()))
                try:
                    await asyncio.wait({change, kick, pause}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for waiting in (change, kick, pause):
                        waiting.cancel()
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def look(self) -> float:
        """Begin whatever is due; how many seconds the next look may wait."""
        self._tasks = {key: task for key, task in self._tasks.items() if not task.done()}
        wait = AUDIT_SECONDS
        now = self._clock.now()
        buying = self._buying()
        for held in self.lots():
            if held.key in self._tasks or _key(held) in self._aside:
                continue
            wait = min(wait, await self._settle(held))
            action = self._due(held, now, held.step.symbol in buying)
            if isinstance(action, Later):
                wait = min(wait, _seconds(action.at, now))
            elif action is not None:
                task = asyncio.create_task(self._safely(held, action), name=f"protect {held.key}")
                self._tasks[held.key] = task
        await self._settle_sold()
        return wait

    def _due(self, held: Held, now: datetime, buying: bool) -> Due | None:
        action = due(held, now, buying=buying, open_market=self.market_open())
        if isinstance(action, Place | Send) and self._sender.permit(action.order) is not None:
            # What is forbidden now uses up no attempt; the alert says why there is none.
            return Later(now + FORBIDDEN_AGAIN, "")
        return action

    def _buying(self) -> frozenset[str]:
        """Symbols that a working buy is of."""
        return frozenset(
            order.symbol
            for run in self._book.runs.values()
            for order in run.orders
            if order.side is Side.BUY and order.state.working
        )

    async def _safely(self, held: Held, action: Due) -> None:
        try:
            await self._perform(held, action)
        except JournalError as error:
            log.warning("protecting %s: %s", held.step.symbol, error)
            await self._clock.sleep(1.0)
        except Exception:  # the next look tries again; the alert stands until it works
            log.exception("protecting %s", held.step.symbol)
            await self._clock.sleep(1.0)
        finally:
            self.kick()

    async def _perform(self, held: Held, action: Due) -> None:
        match action:
            case Place(order):
                await self._sender.place((order,), set_draft(held))
            case Send(order):
                await self._sender.send((order,))
            case Withdraw(order):
                await self._sender.deny(order, "its shares are not there to protect any more")
            case Cancel(order, reason):
                await self._sender.cancel(order, reason, f"protection: {reason.value}")
                self._tracker.kick()

    # --- what plans wait for ------------------------------------------------------------------

    async def _settle(self, held: Held) -> float:
        """Tell a plan that waits for its protection how it stands."""
        run = held.run
        if run.state is not PlanState.PROTECTING or held.step not in unsettled(run):
            return AUDIT_SECONDS
        if held.covered >= held.wanted and not held.by_desk:
            payload = {"qty": plain(held.covered)}
            await self._book.record(of_lot(held, "ProtectionConfirmed", payload))
            return AUDIT_SECONDS
        waited = (self._clock.now() - (run.phase_opened_at or self._clock.now())).total_seconds()
        if not held.by_desk and waited < SETTLED_SECONDS:
            return SETTLED_SECONDS - waited
        whys = [one.why for one in bare(held, self._safety.forbids(reducing=True))]
        reason = {"reason": "; ".join(whys) or "the desk watches it"}
        await self._book.record(set_draft(held), of_lot(held, "ProtectionWatched", reason))
        return AUDIT_SECONDS

    async def _settle_sold(self) -> None:
        """What is sold again before its protection was acknowledged needs none."""
        kept = {held.key for held in self.lots()}
        for run in self._book.working_runs():
            if run.state is not PlanState.PROTECTING:
                continue
            for step in unsettled(run):
                if (run.plan.plan_id, step.n) not in kept:
                    await self._book.record(
                        EventDraft(
                            kind="ProtectionWatched",
                            plan_id=run.plan.plan_id,
                            step=step.n,
                            account=step.account,
                            symbol=step.symbol,
                            payload={"reason": "nothing of it is held any more"},
                        )
                    )

    # --- making room --------------------------------------------------------------------------

    @contextmanager
    def making_room(self, sale: str, key: Key, qty: Decimal) -> Iterator[None]:
        """While it is entered, `qty` shares are left free for the sale with this id; the rest stays
        protected, or becomes so again. On leaving, whatever the sale does not take is restored."""
        self._holds[sale] = (key, qty)
        self.kick()
        try:
            yield
        finally:
            self._holds.pop(sale, None)
            self.kick()

    @contextmanager
    def standing_aside(self, keys: Collection[Key]) -> Iterator[None]:
        """Somebody closes these positions by himself, protection and all (flatten)."""
        self._aside |= frozenset(keys)
        try:
            yield
        finally:
            self._aside -= frozenset(keys)
            self.kick()

    def reserved(self, key: Key) -> Decimal:
        """Shares that sales under way take."""
        return reserved_by_sales(self._book.runs, self._holds).get(key, ZERO)

    def covering(self, key: Key) -> Decimal:
        """Shares that protective orders hold, or may hold."""
        return sum((h.covered + h.pending for h in self.lots() if _key(h) == key), ZERO)

    # --- what the trader says -----------------------------------------------------------------

    async def cancel(self, symbol: str, reason: str) -> int:
        """Take the protection of a symbol away, typed, with a reason (spec 5, Kill switch). It stays
        away until `restore`, and an alert says so. Raises NotPossibleError."""
        if not reason.strip():
            raise NotPossibleError("Taking protection away needs a reason.")
        found = [h for h in self.lots() if h.step.symbol == symbol and not h.by_desk]
        if not found:
            raise NotPossibleError(f"There is no protection of {symbol} at the broker.")
        payload = {"reason": reason.strip()}
        await self._book.record(*(of_lot(h, "ProtectionCancelled", payload) for h in found))
        self.kick()
        return len(found)

    async def restore(self, symbol: str) -> int:
        """Protect a symbol again. Raises NotPossibleError."""
        found = [
            h for h in self.lots() if h.step.symbol == symbol and h.step.n in h.run.unprotected
        ]
        if not found:
            raise NotPossibleError(f"There is no protection of {symbol} that was taken away.")
        await self._book.record(*(of_lot(h, "ProtectionRestored", {}) for h in found))
        self.kick()
        return len(found)


def _key(held: Held) -> Key:
    return held.step.account, held.step.symbol


def _seconds(at: datetime | None, now: datetime) -> float:
    return AUDIT_SECONDS if at is None else max((at - now).total_seconds(), 0.05)


def of_lot(held: Held, kind: str, payload: Mapping[str, object]) -> EventDraft:
    return EventDraft(
        kind=kind,
        plan_id=held.run.plan.plan_id,
        step=held.step.n,
        account=held.step.account,
        symbol=held.step.symbol,
        payload=dict(payload),
    )


def set_draft(held: Held) -> EventDraft:
    """The prices at which the lot should be left."""
    stop, target = held.run.plan.step(held.step.n).protection_at(
        held.run.filled_avg_price(held.step.n) or held.step.expected_price
    )
    return of_lot(
        held,
        "ProtectionSet",
        {
            "stop_price": None if stop is None else plain(stop),
            "target_price": None if target is None else plain(target),
            "qty": plain(held.qty),
        },
    )
