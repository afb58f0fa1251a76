"""ManualBroker: the port to a broker that only the trader can reach. Nothing of an order leaves this
machine: submitting shows a ticket, cancelling asks for it, and what became of it is typed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from db.clock import Clock
from db.errors import JournalError
from db.model.activity import Activity
from db.model.base import plain
from db.model.event import Event, EventDraft
from db.model.instrument import UNCLASSIFIED, Instrument
from db.model.market import Bar, Close, MarketClock, Quote
from db.model.order import BrokerOrder, Fill, OrderRequest, OrderState
from db.model.portfolio import Account, Position
from db.model.ticket import Claim, Statement, Ticket
from services.brokers.manual.ledger import Ledger, after, order_of
from services.brokers.manual.prices import NoPrices, Prices
from services.brokers.port import (
    BrokerMessage,
    BrokerUnavailableError,
    CancelOutcome,
    Confirmed,
    Denied,
    OrderUpdate,
    RequestBudget,
    StreamState,
    SubmitOutcome,
    Unresolved,
)

POLL_SECONDS = 2.0
"""Between two looks at prices."""

log = logging.getLogger(__name__)


class Recorder(Protocol):
    """The journal, as far as a broker without a memory of its own needs it."""

    async def append(self, *drafts: EventDraft) -> tuple[Event, ...]: ...

    def on_append(self, callback: Callable[[tuple[Event, ...]], None]) -> Callable[[], None]: ...


class ManualBroker:
    """One account, kept by the trader. Its memory is the journal: whatever it says is on disk first."""

    def __init__(
        self,
        account_name: str,
        number: str | None,
        journal: Recorder,
        events: Sequence[Event],
        clock: Clock,
        prices: Prices | None = None,
    ) -> None:
        """`events` are the journal's so far; from here on it is followed. `number` is the account's
        at the broker, None when the trader did not say."""
        self._name = account_name
        self._number = number or account_name
        self._journal = journal
        self._clock = clock
        self._prices = prices or NoPrices()
        self._watched: tuple[str, ...] = ()
        self._closed = asyncio.Event()
        self._steps: dict[str, tuple[str | None, int | None]] = {}
        """Our id → plan and step that it is of."""
        self.ledger = Ledger()
        self._apply(tuple(events))
        journal.on_append(self._apply)

    def _apply(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.kind == "OrderIntended" and event.client_order_id is not None:
                self._steps[event.client_order_id] = (event.plan_id, event.step)
        self.ledger = after(self.ledger, events)

    # Reads

    async def account(self) -> Account:
        ledger = self._known()
        equity = ledger.cash
        for position in ledger.positions(self._name):
            if (value := position.market_value) is None:
                raise BrokerUnavailableError(f"Nobody told a price of {position.symbol} yet.")
            equity += value
        return Account(
            name=self._name,
            number=self._number,
            cash=ledger.cash,
            equity=equity,
            buying_power=max(ledger.cash, Decimal(0)),
        )

    async def positions(self) -> tuple[Position, ...]:
        return self._known().positions(self._name)

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        return tuple(order_of(ticket) for ticket in self.ledger.open_tickets)

    async def orders_since(self, after: datetime) -> tuple[BrokerOrder, ...]:
        shown = self.ledger.tickets.values()
        return tuple(order_of(ticket) for ticket in shown if ticket.shown_at > after)

    async def order(self, client_order_id: str) -> BrokerOrder | None:
        ticket = self.ledger.tickets.get(client_order_id)
        return None if ticket is None else order_of(ticket)

    async def order_by_id(self, order_id: str) -> BrokerOrder | None:
        ticket = self.ledger.by_id(order_id)
        return None if ticket is None else order_of(ticket)

    async def fills_since(self, after: datetime) -> tuple[Fill, ...]:
        return tuple(c.fill for c in self.ledger.claims if c.fill.at > after)

    async def activities_since(self, after: datetime) -> tuple[Activity, ...]:
        """The fees that were typed with fills: they moved cash besides the executions."""
        return tuple(
            Activity(
                activity_id=f"fee:{claim.fill.execution_id}",
                account=self._name,
                kind="FEE",
                net_amount=-claim.fee,
                symbol=claim.fill.symbol,
                at=claim.fill.at,
                description=f"fee of {plain(claim.fill.qty)} {claim.fill.symbol}",
            )
            for claim in self.ledger.claims
            if claim.fee and claim.fill.at > after
        )

    async def clock(self) -> MarketClock:
        return await self._prices.clock()

    async def instruments(self) -> tuple[Instrument, ...]:
        """What the source of prices lists, and what the trader holds."""
        listed = {one.symbol: one for one in await self._prices.instruments()}
        sectors = self.ledger.sectors()
        for symbol in (*self.ledger.held, *self.ledger.prices):
            known = listed.setdefault(symbol, Instrument(symbol=symbol))
            if known.sector == UNCLASSIFIED and symbol in sectors:
                listed[symbol] = known.model_copy(update={"sector": sectors[symbol]})
        return tuple(listed.values())

    async def closes(self, symbols: Sequence[str]) -> dict[str, Close]:
        """No source tells them."""
        return {}

    async def bars(self, symbols: Sequence[str], since: datetime) -> dict[str, tuple[Bar, ...]]:
        """No source tells them."""
        return {}

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """From the source; where it has none, what was typed, as old as it is. Else absent."""
        found = await self._prices.quotes(symbols)
        for symbol in symbols:
            if symbol not in found and symbol in self.ledger.prices:
                price, at = self.ledger.prices[symbol]
                found[symbol] = Quote(symbol=symbol, bid=price, ask=price, at=at, source="typed")
        return found

    def budget(self) -> RequestBudget:
        return self._prices.budget()

    # Writes: into the journal, and onto the trader's screen

    async def submit(
        self, request: OrderRequest, *, permit: Callable[[], str | None]
    ) -> SubmitOutcome:
        """Show the ticket. Confirmed means that it is shown, in state `sent`: whether the broker has
        the order, only the trader can say."""
        if request.account != self._name:
            return Denied(reason=f"this is not the desk of account {request.account!r}")
        if request.qty is None:
            return Denied(reason="a ticket needs a quantity")
        if (why := permit()) is not None:
            return Denied(reason=why)
        name = request.client_order_id
        if name not in self.ledger.tickets:
            plan_id, step = self._steps.get(name, (None, None))
            payload = {"order_id": f"ticket-{name}", "request": request.to_json()}
            draft = EventDraft(
                kind="TicketShown",
                plan_id=plan_id,
                step=step,
                client_order_id=name,
                account=request.account,
                symbol=request.symbol,
                payload=payload,
            )
            try:
                await self._journal.append(draft)
            except JournalError as error:
                return Unresolved(reason=str(error))
        return Confirmed(order=order_of(self.ledger.tickets[name]))

    async def cancel(self, order_id: str) -> CancelOutcome:
        """Ask the trader. `BY_HAND` until he says that it is done."""
        ticket = self.ledger.by_id(order_id)
        if ticket is None:
            return CancelOutcome.NOT_FOUND
        if not ticket.open:
            return CancelOutcome.ALREADY_CLOSED
        if not ticket.cancel_by_hand:
            try:
                await self._tell(ticket, "TicketToCancel", {})
            except JournalError:
                return CancelOutcome.UNRESOLVED
        return CancelOutcome.BY_HAND

    async def cancel_all(self) -> dict[str, CancelOutcome]:
        return {t.order_id: await self.cancel(t.order_id) for t in self.ledger.open_tickets}

    # What the trader says

    async def enter_statement(self, statement: Statement) -> None:
        """From now on this is what the broker holds, with the fills that are claimed after it."""
        payload = {"statement": statement.to_json()}
        draft = EventDraft(kind="StatementEntered", account=self._name, payload=payload)
        await self._journal.append(draft)

    async def type_price(self, symbol: str, price: Decimal) -> None:
        payload = {"price": plain(price)}
        await self._journal.append(EventDraft(kind="PriceTyped", symbol=symbol, payload=payload))

    async def claim(self, ticket: Ticket, claim: Claim) -> OrderUpdate:
        """A fill as typed, on disk; what an order stream would have said of it."""
        told = claim.model_dump(mode="json", exclude={"typed_at", "matched"})
        return await self._told(ticket, "TicketFilled", {"claim": told}, "fill", claim.fill)

    async def end(self, ticket: Ticket, state: OrderState, reason: str) -> OrderUpdate:
        """Not done (`canceled`) or refused (`rejected`): nothing more of it will fill."""
        payload = {"state": state.value, "reason": reason}
        return await self._told(ticket, "TicketEnded", payload, state.value)

    async def enter(self, ticket: Ticket) -> OrderUpdate:
        """The trader placed the order: the broker has it."""
        return await self._told(ticket, "TicketEntered", {}, "new")

    async def tick(self, ticket: Ticket, item: str, ticked: bool) -> None:
        await self._tell(ticket, "TicketTicked", {"item": item, "ticked": ticked})

    async def _told(
        self,
        ticket: Ticket,
        kind: str,
        payload: Mapping[str, object],
        event: str,
        fill: Fill | None = None,
    ) -> OrderUpdate:
        await self._tell(ticket, kind, payload)
        told = self.ledger.tickets[ticket.request.client_order_id]
        return OrderUpdate(event=event, at=self._clock.now(), order=order_of(told), fill=fill)

    async def _tell(self, ticket: Ticket, kind: str, payload: Mapping[str, object]) -> None:
        await self._journal.append(
            EventDraft(
                kind=kind,
                plan_id=ticket.plan_id or None,
                step=ticket.step or None,
                client_order_id=ticket.request.client_order_id,
                account=ticket.request.account,
                symbol=ticket.request.symbol,
                payload=dict(payload),
            )
        )

    # Streams

    def watch(self, symbols: Sequence[str]) -> None:
        self._watched = tuple(symbols)

    async def messages(self) -> AsyncIterator[BrokerMessage]:
        """Prices, where there is a source of them. What becomes of orders is typed, not streamed."""
        yield StreamState(stream="orders", connected=True, reason="orders are typed by hand")
        yield StreamState(stream="quotes", connected=True, reason=self._prices.says)
        failing = False
        while not self._closed.is_set():
            try:
                for quote in (await self._prices.quotes(self._watched)).values():
                    yield quote.model_copy(update={"source": "stream"})
                if failing:
                    yield StreamState(stream="quotes", connected=True, reason=self._prices.says)
                failing = False
            except BrokerUnavailableError as error:
                if not failing:
                    yield StreamState(stream="quotes", connected=False, reason=str(error))
                failing = True
            await self._clock.sleep(POLL_SECONDS)

    async def close(self) -> None:
        self._closed.set()
        await self._prices.close()

    def _known(self) -> Ledger:
        if self.ledger.statement is None:
            raise BrokerUnavailableError("Your portfolio is not known yet.")
        return self.ledger
