"""Ours against the broker's: at start, after each plan, every minute, on reconnect and on key."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from db.clock import Clock
from db.model.event import Event, EventDraft
from db.model.order import BrokerOrder
from db.model.portfolio import Portfolio
from db.model.reconciliation import Mismatch, Reconciliation
from services.brokers.port import Broker
from services.desk.facts import FactsSource
from services.desk.looking import Looking, Ours
from services.desk.settle import Settling, Signature
from services.execution.book import NotPossibleError
from services.execution.engine import Engine
from services.reconciliation import expected, impossible, signed
from services.reconciliation.compare import Mismatches, Theirs, compare, confirmed, first_seen
from services.reconciliation.expected import Books, BroughtForward
from services.reconciliation.money import cash_differs
from services.reconciliation.positions import Story
from services.reconciliation.signed import Signatures

SETTLE_SECONDS = 1.0
"""A fill may be on its way: a difference counts when it is still there after this."""
LOOKS = 3
"""At most, until two agree."""

log = logging.getLogger(__name__)


class Reconciler:
    """Keeps what the journal expects, and the result of the last comparison."""

    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        broker: Broker,
        clock: Clock,
        rows: Callable[[str], Awaitable[tuple[dict[str, Any], ...]]],
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._clock = clock
        self._rows = rows
        self._books = Books()
        self._adopted: frozenset[str] = frozenset()
        """Accounts that journals of before had adopted."""
        self._signatures = Signatures()
        self._impossible: Mapping[str, Mismatch] = {}
        self._since: dict[str, datetime | None] = {}
        """Key → when it was first found, from before the restart."""
        self._looking = Looking(engine, facts, broker, lambda: self._books, lambda: self._adopted)
        self._settling = Settling(engine, broker, lambda: self._books)
        self._busy = asyncio.Lock()
        self._compared: Mismatches | None = None
        self._doubts, self._agreed = 1, 0
        """How often the books came into doubt, and up to which doubt they were compared since."""
        self._doubt = "the books were not compared with the broker's yet"
        self._unsigned: frozenset[str] = frozenset()
        """Differences found at the first comparison after a doubt, by `standing`."""
        self.last: Reconciliation | None = None
        self.clean_at: Reconciliation | None = None

    def recover(self, events: Collection[Event], past: BroughtForward) -> None:
        """`past`: fills that are not among the events any more."""
        self.apply(events)
        self._books = expected.brought_forward(self._books, past)

    def apply(self, events: Collection[Event]) -> None:
        """Fold journalled events, at start and as they come."""
        self._books = expected.after(self._books, events)
        self._signatures = signed.after(self._signatures, events)
        self._impossible = impossible.after(self._impossible, events)
        for event in events:
            if event.kind == "Reconciled":
                self._adopted |= frozenset(event.payload.get("accounts", ()))
                found = map(Mismatch.model_validate, event.payload.get("mismatches", ()))
                self._since = {m.key: m.found_at for m in found}

    # --- what the last comparison found -------------------------------------------------------

    @property
    def clean(self) -> bool:
        return self.last is not None and not self.open

    @property
    def open(self) -> Mismatches:
        """Mismatches that nobody has settled, with the notes of who investigates them."""
        return tuple(
            found.model_copy(update={"note": self._signatures.note(found)})
            for found in self._all
            if not self._signatures.ignores(found)
        )

    @property
    def _all(self) -> Mismatches:
        """What was compared, and what has been reported since that can't be."""
        return (*(self._compared or ()), *self._impossible.values())

    @property
    def locked_symbols(self) -> frozenset[str]:
        """While a mismatch is open on a symbol no plan trades it (spec 6)."""
        return frozenset(
            found.symbol
            for found in self._all
            if found.symbol and not self._signatures.ignores(found)
        )

    def expects(self, account: str, symbol: str) -> Decimal:
        """Shares that our journal says are held, negative when short."""
        held = self._books.held.get((account, symbol))
        return held.qty if held is not None else Decimal(0)

    def obstacle(self) -> str | None:
        """Why trading may not be resumed, or None."""
        if self.last is None:
            return "the books were not compared with the broker's yet"
        if found := self.open:
            return f"{len(found)} differences to the broker are open: {found[0].explanation}"
        return None

    # --- whether the books may be relied on ---------------------------------------------------

    def distrust(self, why: str) -> None:
        """Something may have happened unseen: nothing is sent until the books were compared again
        and the trader has signed what is different (invariant 29)."""
        self._doubts += 1
        self._doubt = why

    @property
    def in_doubt(self) -> bool:
        """A comparison is due, at once."""
        return self._agreed < self._doubts

    def disagreement(self) -> str | None:
        """Why nothing may be sent before the books agree, or None."""
        if self.in_doubt:
            return self._doubt
        for found in self._all if self._unsigned else ():
            if found.standing in self._unsigned and not self._is_signed(found):
                return f"the books differ, and nobody has signed it: {found.explanation}"
        return None

    def _is_signed(self, found: Mismatch) -> bool:
        return self._signatures.ignores(found) or bool(self._signatures.note(found))

    # --- comparing ----------------------------------------------------------------------------

    async def reconcile(self) -> Reconciliation:
        """Compare now. A difference is looked at again before it counts: a fill may be on its way.

        Raises BrokerUnavailableError: then nothing was learnt, and nothing changed."""
        async with self._busy:
            doubts = self._doubts
            theirs, found, settled = await self._settled_look(whole_day=self.in_doubt)
            return await self._note(found, theirs.portfolio, doubts if settled else self._agreed)

    async def _settled_look(self, *, whole_day: bool) -> tuple[Theirs, Mismatches, bool]:
        """The differences that two looks agree on, and whether the books stood still for that."""
        theirs, found = await self._look(whole_day)
        before: Mismatches = ()
        for _ in range(LOOKS - 1):
            if _standings(found) <= _standings(self._compared or ()):
                return theirs, found, True  # nothing new: known differences were looked at twice
            before = found
            await self._clock.sleep(SETTLE_SECONDS)
            theirs, found = await self._look(whole_day)
            if _standings(found) == _standings(before):
                return theirs, found, True
        return theirs, confirmed(before, found), not found

    async def _look(self, whole_day: bool) -> tuple[Theirs, Mismatches]:
        theirs = await self._looking.look(whole_day=whole_day)
        policy, portfolio = self._facts.policy, theirs.portfolio
        found = self._compare(theirs, Story())
        cash = any(
            cash_differs(self._books, account, policy.cash_tolerance)
            for account in portfolio.accounts
        )
        if cash or not all(self._signatures.ignores(one) for one in found):
            activities = await self._looking.book_activities()
            history = expected.history(await self._rows("positions"))
            found = self._compare(theirs, Story(history, activities))
        return theirs, found

    def _compare(self, theirs: Theirs, story: Story) -> Mismatches:
        orders = Ours(self._engine).orders
        return compare(self._books, orders, theirs, self._facts.policy, story)

    async def _note(self, found: Mismatches, portfolio: Portfolio, agreed: int) -> Reconciliation:
        """Journal a comparison when it says something new, not once a minute for ever."""
        since = {**self._since, **{m.key: m.found_at for m in self._compared or ()}}
        found = first_seen(found, since, self._clock.now())
        before = self._compared
        self._compared = found
        standings = sorted(_standings(self._all))
        shown = self.open
        left = tuple(m for m in self._all if self._signatures.ignores(m))
        self.last = Reconciliation(at=self._clock.now(), mismatches=shown, ignored=left)
        if self.last.clean:
            self.clean_at = self.last
        if agreed > self._agreed:
            self._agreed = agreed
            self._unsigned = _standings(shown)
        else:
            self._unsigned &= frozenset(standings)
        if before is None or _standings(before) != _standings(found):
            payload = {
                "clean": self.last.clean,
                "mismatches": [m.to_json() for m in shown],
                "standings": standings,
                "accounts": sorted(a.name for a in portfolio.accounts),
                "market_at": portfolio.as_of.isoformat(),
            }
            await self._engine.book.record(EventDraft(kind="Reconciled", payload=payload))
        return self.last

    async def settle(self, key: str, action: str, reason: str, by: str) -> Reconciliation:
        """The trader signs one difference. Raises NotPossibleError, BrokerUnavailableError."""
        signature = Signature(by, reason)
        found = next((m for m in self.open if m.key == key), None)
        if found is None:
            raise NotPossibleError(f"There is no open mismatch {key}.")
        chosen = self._settling.action(found, action)
        async with self._busy:
            theirs = await self._looking.look(whole_day=False)
            await self._settling.sign(found, chosen, signature, theirs)
        return await self.reconcile()


def _standings(found: Iterable[Mismatch]) -> frozenset[str]:
    return frozenset(one.standing for one in found)


def foreign_orders(orders: Iterable[BrokerOrder], engine: Engine) -> tuple[BrokerOrder, ...]:
    """Open orders that this desk never sent."""
    return tuple(order for order in orders if not engine.book.knows(order))
