"""One look at the broker: everything read, or nothing learnt; what is a fact in it is booked."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from db.model.activity import Activity
from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder, Fill
from db.model.portfolio import Portfolio
from db.model.run import ChildOrder
from services.brokers.port import Broker, BrokerUnavailableError
from services.brokers.resync import merged
from services.desk.facts import FactsSource
from services.execution.chain import as_leg
from services.execution.engine import Engine
from services.reconciliation.compare import Theirs, adoptions
from services.reconciliation.expected import Books
from services.reconciliation.missed import day_start, missed

OVERLAP = timedelta(seconds=60)
"""Executions may be listed later than younger ones: each look reads this much again."""
LOOKBACK = timedelta(days=7)
"""Activities are dated by the day they belong to, which may be some days before they are booked."""
TRIES = 3

log = logging.getLogger(__name__)


class Looking:
    """Reads orders and executions first, positions and cash last: those are never older."""

    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        broker: Broker,
        books: Callable[[], Books],
        adopted: Callable[[], frozenset[str]],
    ) -> None:
        """`adopted`: accounts whose positions became ours in a journal of before."""
        self._engine = engine
        self._facts = facts
        self._broker = broker
        self._books = books
        self._adopted = adopted
        self._read_until: datetime | None = None

    async def look(self, *, whole_day: bool) -> Theirs:
        """Raises BrokerUnavailableError: then nothing is known of what was not read. `whole_day`:
        orders of any status and executions since the start of the last day that our books know of,
        not only what is new."""
        for _ in range(TRIES):
            since = self._since(whole_day)
            orders = await self._broker.orders_since(since) if whole_day else ()
            fills = await self._broker.fills_since(since)
            await self._apply_missed(orders, fills)
            if self._engine.book.working_orders():
                await self._engine.tracker.poll()
            await self._book_strangers(orders, fills)
            portfolio = await self._facts.refresh_portfolio()
            if await self._opened(portfolio, since, fills):
                self._read_until = max([self._read_until or since, *(fill.at for fill in fills)])
                return self._theirs(portfolio, orders, fills, whole_day)
        raise BrokerUnavailableError(
            "The broker's figures do not stand still: nothing was compared."
        )

    def _since(self, whole_day: bool) -> datetime:
        if whole_day or self._read_until is None:
            return day_start(self._books().until, self._facts.market_now())
        return self._read_until - OVERLAP

    # --- what is ours to book -----------------------------------------------------------------

    async def _apply_missed(self, orders: Iterable[BrokerOrder], fills: Sequence[Fill]) -> None:
        """Executions of our orders that nobody told us of (spec 5, Crash and restart)."""
        by_order = _by_order(fills)
        known = Ours(self._engine)
        for report in orders:
            order = known.of(report)
            if order is None:
                continue
            if order.state.terminal and order.filled_qty == report.filled_qty:
                continue
            for step, fill in missed(order, report, by_order.get(report.order_id, ())):
                await self._engine.sender.absorb(step, fill)
            await self._engine.sender.absorb(report)

    async def _book_strangers(self, orders: Iterable[BrokerOrder], fills: Iterable[Fill]) -> None:
        """Executions of orders that are not ours: of one that the trader adopted they are booked,
        of any other they are written down, once, as what they are."""
        strange = _by_order(fill for fill in fills if self._is_news(fill))
        known = Ours(self._engine)
        listed = {order.order_id: order for order in orders}
        drafts = []
        for order_id, executions in strange.items():
            if order_id in known.ids:
                continue
            report = listed.get(order_id) or await self._broker.order_by_id(order_id)
            if report is not None and known.of(report) is not None:
                await self._engine.sender.absorb(report)  # ours, and we had not learnt its id
                continue
            name = "" if report is None else report.client_order_id
            kind = "FillReceived" if order_id in self._books().external else "OutsideFillSeen"
            drafts += [booking(fill, kind, name) for fill in executions]
        if drafts:
            await self._engine.book.record(*drafts)

    def _is_news(self, fill: Fill) -> bool:
        books = self._books()
        opening = books.openings.get(fill.account)
        if opening is None or fill.at <= opening.fills_from:
            return False
        return fill.execution_id not in books.taken and fill.execution_id not in books.outside

    async def _opened(self, portfolio: Portfolio, since: datetime, fills: Sequence[Fill]) -> bool:
        """What an account holds when it is first looked at is where our books of it begin. False
        when something was executed while we looked: then nobody knows on which side it is."""
        books = self._books()
        new = [a for a in portfolio.accounts if a.name not in books.openings]
        if not new:
            return True
        if _ids(await self._broker.fills_since(since)) != _ids(fills):
            return False
        fills_from = max((fill.at for fill in fills), default=since)
        activities = await self._broker.activities_since(fills_from - LOOKBACK)
        names = {account.name for account in new} - self._adopted()
        drafts = list(adoptions(Books(), (p for p in portfolio.positions if p.account in names)))
        for account in new:
            payload = {
                "cash": plain(account.cash),
                "fills_from": fills_from.isoformat(),
                "market_at": portfolio.as_of.isoformat(),
                "activities": [a.activity_id for a in activities],
            }
            drafts.append(EventDraft(kind="BooksOpened", account=account.name, payload=payload))
        await self._engine.book.record(*drafts)
        return True

    async def book_activities(self) -> tuple[Activity, ...]:
        """Fees, interest, dividends, deposits that are not booked yet are; returns all since the
        books began."""
        books = self._books()
        if not books.openings:
            return ()
        began = min(opening.fills_from for opening in books.openings.values())
        found = await self._broker.activities_since(began - LOOKBACK)
        after = tuple(a for a in found if not a.void and not self._before_the_books(a))
        news = [a for a in after if a.activity_id not in books.activities]
        if news:
            await self._engine.book.record(*map(_activity, news))
        return after

    def _before_the_books(self, activity: Activity) -> bool:
        opening = self._books().openings.get(activity.account)
        return opening is None or activity.activity_id in opening.activities

    # --- what it comes to ---------------------------------------------------------------------

    def _theirs(
        self,
        portfolio: Portfolio,
        orders: Sequence[BrokerOrder],
        fills: Sequence[Fill],
        whole_day: bool,
    ) -> Theirs:
        known = Ours(self._engine)
        reports = {}
        for report in merged((*orders, *portfolio.orders), (), ()).orders.values():
            mine = known.of(report)
            told = None if mine is None else as_leg(mine, report)
            if mine is not None and told is not None:
                reports[mine.client_order_id] = told
        return Theirs(portfolio, reports, _executed(orders, fills) if whole_day else None)


class Ours:
    """All orders of ours, found at once by either id."""

    def __init__(self, engine: Engine) -> None:
        self.orders = tuple(o for run in engine.book.runs.values() for o in run.all_orders)
        self._by_name = {order.client_order_id: order for order in self.orders}
        self._by_id = {order.order_id: order for order in self.orders if order.order_id}
        self.ids = frozenset(self._by_id).union(*(order.chain for order in self.orders))
        """The broker's ids, of earlier links of a chain too."""

    def of(self, report: BrokerOrder) -> ChildOrder | None:
        return self._by_name.get(report.client_order_id) or self._by_id.get(report.order_id)


def booking(fill: Fill, kind: str, name: str = "", **signed: object) -> EventDraft:
    """An execution of an order that is not ours, as an event; `signed`: by whom and why."""
    named = fill.model_copy(update={"client_order_id": fill.client_order_id or name})
    return EventDraft(
        kind=kind,
        client_order_id=named.client_order_id or None,
        account=fill.account,
        symbol=fill.symbol,
        payload={"fill": named.to_json(), **signed},
    )


def _activity(activity: Activity) -> EventDraft:
    return EventDraft(
        kind="ActivityBooked",
        account=activity.account,
        symbol=activity.symbol or None,
        payload={"activity": activity.to_json()},
    )


def _by_order(fills: Iterable[Fill]) -> dict[str, list[Fill]]:
    found: dict[str, list[Fill]] = defaultdict(list)
    for fill in fills:
        found[fill.order_id].append(fill)
    return found


def _executed(orders: Iterable[BrokerOrder], fills: Iterable[Fill]) -> Mapping[str, Decimal]:
    """Of orders that were submitted since the fills were read: those are all of theirs."""
    found = {order.order_id: Decimal(0) for order in orders}
    for fill in fills:
        if fill.order_id in found:
            found[fill.order_id] += fill.qty
    return found


def _ids(fills: Iterable[Fill]) -> frozenset[str]:
    return frozenset(fill.execution_id for fill in fills)
