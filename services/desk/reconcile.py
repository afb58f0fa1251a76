"""Ours against the broker's: at start, after each plan, every minute, on reconnect and on key."""

import asyncio
import logging
from collections.abc import Collection, Iterable
from decimal import Decimal

from db.clock import Clock
from db.model.base import plain
from db.model.event import Event, EventDraft
from db.model.order import BrokerOrder
from db.model.portfolio import Portfolio
from db.model.reconciliation import Mismatch, MismatchKind, Reconciliation
from services.desk.facts import FactsSource
from services.execution.book import NotPossibleError
from services.execution.engine import Engine
from services.reconciliation import expected, impossible
from services.reconciliation.compare import adoptions, compare, confirmed

SETTLE_SECONDS = 1.0
"""A fill may be on its way: a difference counts when it is still there after this."""

_OF_ORDERS = frozenset(
    {MismatchKind.EXTERNAL_ORDER, MismatchKind.LOST_ORDER, MismatchKind.IMPOSSIBLE_REPORT}
)

log = logging.getLogger(__name__)


class Reconciler:
    """Keeps what the journal expects, and the result of the last comparison."""

    def __init__(self, engine: Engine, facts: FactsSource, clock: Clock) -> None:
        self._engine = engine
        self._facts = facts
        self._clock = clock
        self._holdings: dict[tuple[str, str], Decimal] = {}
        self._adopted: set[str] = set()
        """Accounts that were looked at before."""
        self._ignored: set[str] = set()
        self._impossible: dict[str, Mismatch] = {}
        self._busy = asyncio.Lock()
        self.last: Reconciliation | None = None
        self.clean_at: Reconciliation | None = None

    def apply(self, events: Collection[Event]) -> None:
        """Fold journalled events, at start and as they come."""
        self._holdings = expected.after(self._holdings, events)
        self._impossible = impossible.after(self._impossible, events)
        for event in events:
            if event.kind == "Reconciled":
                self._adopted.update(event.payload.get("accounts", ()))
            elif event.kind == "MismatchIgnored":
                self._ignored.add(event.payload["key"])

    @property
    def clean(self) -> bool:
        return self.last is not None and not self.open

    @property
    def open(self) -> tuple[Mismatch, ...]:
        """Mismatches that nobody has settled."""
        compared = self.last.mismatches if self.last is not None else ()
        impossible = (m for key, m in self._impossible.items() if key not in self._ignored)
        return (*compared, *impossible)

    @property
    def locked_symbols(self) -> frozenset[str]:
        """While a mismatch is open on a symbol no plan trades it (spec 6)."""
        return frozenset(mismatch.symbol for mismatch in self.open)

    def expects(self, account: str, symbol: str) -> Decimal:
        """Shares that our journal says are held, negative when short."""
        return self._holdings.get((account, symbol), Decimal(0))

    def obstacle(self) -> str | None:
        """Why trading may not be resumed or started, or None."""
        if self.last is None:
            return "the books were not compared with the broker's yet"
        if self.open:
            return (
                f"{len(self.open)} differences to the broker are open: {self.open[0].explanation}"
            )
        return None

    async def reconcile(self) -> Reconciliation:
        """Compare now. A difference is looked at again before it counts: a fill may be on its way.

        Raises BrokerUnavailableError: then nothing was learnt, and nothing changed."""
        async with self._busy:
            portfolio, found = await self._look()
            if not found.clean:
                await self._clock.sleep(SETTLE_SECONDS)
                portfolio, again = await self._look()
                found = confirmed(found, again)
            return await self._record(found, portfolio)

    async def _look(self) -> tuple[Portfolio, Reconciliation]:
        if self._engine.book.working_orders():
            await self._engine.tracker.poll()
        portfolio = await self._facts.refresh_portfolio()
        await self._adopt_first_look(portfolio)
        return portfolio, self._compare(portfolio)

    def _compare(self, portfolio: Portfolio) -> Reconciliation:
        orders = (order for run in self._engine.book.runs.values() for order in run.orders)
        return compare(
            self._holdings,
            portfolio.positions,
            orders,
            portfolio.orders,
            self._clock.now(),
            ignored=self._ignored,
        )

    async def _adopt_first_look(self, portfolio: Portfolio) -> None:
        """What an account holds when it is first looked at is where the journal begins."""
        new = [a.name for a in portfolio.accounts if a.name not in self._adopted]
        if not new:
            return
        drafts = adoptions({}, (held for held in portfolio.positions if held.account in new))
        if drafts:
            await self._engine.book.record(*drafts)
        self._adopted.update(new)

    async def _record(self, found: Reconciliation, portfolio: Portfolio) -> Reconciliation:
        """Journal a comparison when it says something new, not once a minute for ever."""
        news = self.last is None or found.mismatches != self.last.mismatches
        self.last = found
        if found.clean:
            self.clean_at = found
        if news:
            await self._engine.book.record(
                EventDraft(
                    kind="Reconciled",
                    payload={
                        "clean": found.clean,
                        "mismatches": [m.to_json() for m in found.mismatches],
                        "accounts": sorted(a.name for a in portfolio.accounts),
                    },
                )
            )
        return found

    async def settle(self, key: str, action: str, reason: str) -> Reconciliation:
        """Adopt the broker's figure, or leave the difference alone for a reason (spec 6)."""
        mismatch = next((m for m in self.open if m.key == key), None)
        if mismatch is None:
            raise NotPossibleError(f"There is no open mismatch {key}.")
        if not reason.strip():
            raise NotPossibleError("Settling a difference needs a reason.")
        if action == "adopt":
            await self._adopt(mismatch, reason)
        elif action == "ignore":
            payload = {"key": key, "reason": reason}
            await self._engine.book.record(
                EventDraft(
                    kind="MismatchIgnored",
                    account=mismatch.account,
                    symbol=mismatch.symbol,
                    payload=payload,
                )
            )
        else:
            raise NotPossibleError(f"A difference is adopted or ignored, not {action!r}.")
        return await self.reconcile()

    async def _adopt(self, mismatch: Mismatch, reason: str) -> None:
        """The broker wins: its figure becomes ours."""
        if mismatch.kind in _OF_ORDERS:
            raise NotPossibleError(
                "An order can't be adopted: cancel it at the broker, or ignore it with a reason."
            )
        portfolio = await self._facts.refresh_portfolio()
        position = portfolio.position(mismatch.symbol, mismatch.account)
        await self._engine.book.record(
            EventDraft(
                kind="PositionAdopted",
                account=mismatch.account,
                symbol=mismatch.symbol,
                payload={
                    "qty": plain(position.qty) if position else "0",
                    "avg_entry_price": plain(position.avg_entry_price) if position else "0",
                    "reason": reason,
                },
            )
        )


def foreign_orders(orders: Iterable[BrokerOrder], engine: Engine) -> tuple[BrokerOrder, ...]:
    """Open orders that this desk never sent."""
    return tuple(o for o in orders if engine.book.known(o) is None)
