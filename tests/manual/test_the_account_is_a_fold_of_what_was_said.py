"""Statements and claims: positions, cash, what is matched. Pure, and the adapter on a list of events."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.clock import SystemClock
from db.errors import JournalError
from db.model.event import KINDS, Event, EventDraft
from db.model.order import Fill, OrderRequest, OrderState, Side
from db.model.ticket import Claim, StatedHolding, Statement
from services.brokers.manual.adapter import ManualBroker
from services.brokers.manual.prices import NoPrices
from services.brokers.port import (
    BrokerUnavailableError,
    CancelOutcome,
    Confirmed,
    Denied,
    Unresolved,
)

AT = datetime(2026, 1, 5, 15, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Memory:
    """A journal in a list, as the adapter needs it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = AT
        self.broken = False
        self._followers: list[Callable[[tuple[Event, ...]], None]] = []

    async def append(self, *drafts: EventDraft) -> tuple[Event, ...]:
        if self.broken:
            raise JournalError("The journal can't be written: the disk is full.")
        assert all(draft.kind in KINDS for draft in drafts)
        new = tuple(
            Event(
                **draft.model_dump(),
                seq=len(self.events) + n,
                at=self.now,
                prev_hash="",
                hash="",
            )
            for n, draft in enumerate(drafts, start=1)
        )
        self.events += new
        for follower in self._followers:
            follower(new)
        return new

    def on_append(self, callback: Callable[[tuple[Event, ...]], None]) -> Callable[[], None]:
        self._followers.append(callback)
        return lambda: self._followers.remove(callback)


def broker_on(journal: Memory) -> ManualBroker:
    return ManualBroker("main", "U-77", journal, tuple(journal.events), SystemClock(), NoPrices())


def statement(at: datetime = AT, cash: str = "1000", **held: int) -> Statement:
    holdings = tuple(
        StatedHolding(symbol=s, qty=Decimal(q), avg_entry_price=Decimal(10), price=Decimal(20))
        for s, q in held.items()
    )
    return Statement(account="main", as_of=at, cash=Decimal(cash), holdings=holdings)


def request(n: int, side: Side = Side.SELL, qty: int = 10, symbol: str = "NEM") -> OrderRequest:
    return OrderRequest(
        client_order_id=f"qd-3f9a-s{n:02d}-c1-a1",
        account="main",
        symbol=symbol,
        side=side,
        qty=Decimal(qty),
    )


async def shown(broker: ManualBroker, order: OrderRequest) -> str:
    outcome = await broker.submit(order, permit=lambda: None)
    assert isinstance(outcome, Confirmed)
    assert outcome.order.state is OrderState.SENT
    return order.client_order_id


async def fill(broker: ManualBroker, name: str, qty: int, price: str, **more: Any) -> None:
    ticket = broker.ledger.tickets[name]
    order, at = ticket.request, more.pop("at", AT + MINUTE)
    done = Fill(
        execution_id=f"typed:{name}:{len(ticket.claims)}",
        account="main",
        order_id=ticket.order_id,
        client_order_id=name,
        symbol=order.symbol,
        side=order.side,
        qty=Decimal(qty),
        price=Decimal(price),
        at=at,
    )
    await broker.claim(ticket, Claim(fill=done, typed_at=at, **more))


async def test_before_a_statement_nothing_is_known() -> None:
    broker = broker_on(Memory())
    with pytest.raises(BrokerUnavailableError):
        await broker.account()
    with pytest.raises(BrokerUnavailableError):
        await broker.positions()


async def test_cash_and_shares_follow_the_claims_and_their_fees() -> None:
    broker = broker_on(Memory())
    await broker.enter_statement(statement(NEM=10))
    name = await shown(broker, request(1))
    await fill(broker, name, 4, "21", fee=Decimal(2))
    account, (position,) = await broker.account(), await broker.positions()
    assert account.cash == 1000 + 4 * 21 - 2
    assert (position.qty, position.qty_available) == (6, 0), "the rest is on its way out"
    assert account.equity == account.cash + 6 * 21
    (order,) = await broker.open_orders()
    assert (order.state, order.filled_qty) == (OrderState.PARTIALLY_FILLED, 4)
    (fee,) = await broker.activities_since(AT)
    assert fee.net_amount == -2
    assert [one.qty for one in await broker.fills_since(AT)] == [4]


async def test_shown_twice_is_one_ticket() -> None:
    """Invariant 2: the same id is the same order."""
    journal = Memory()
    broker = broker_on(journal)
    await broker.enter_statement(statement(NEM=10))
    await shown(broker, request(1))
    await shown(broker, request(1))
    assert [e.kind for e in journal.events].count("TicketShown") == 1


async def test_what_is_not_written_down_is_not_shown() -> None:
    """Invariant 1."""
    journal = Memory()
    broker = broker_on(journal)
    await broker.enter_statement(statement(NEM=10))
    journal.broken = True
    assert isinstance(await broker.submit(request(1), permit=lambda: None), Unresolved)
    assert await broker.order(request(1).client_order_id) is None
    journal.broken = False
    name = await shown(broker, request(2))
    journal.broken = True
    order = await broker.order(name)
    assert order is not None
    assert await broker.cancel(order.order_id) is CancelOutcome.UNRESOLVED


async def test_a_halt_denies_at_the_last_moment() -> None:
    """Invariant 26."""
    broker = broker_on(Memory())
    await broker.enter_statement(statement(NEM=10))
    outcome = await broker.submit(request(1), permit=lambda: "trading is halted")
    assert outcome == Denied(reason="trading is halted")
    assert await broker.open_orders() == ()


async def test_a_cancel_is_the_traders_to_make() -> None:
    """Invariant 14: asked for is not done."""
    broker = broker_on(Memory())
    await broker.enter_statement(statement(NEM=10))
    name = await shown(broker, request(1))
    (order,) = await broker.open_orders()
    assert await broker.cancel(order.order_id) is CancelOutcome.BY_HAND
    (order,) = await broker.open_orders()
    assert order.state is OrderState.PENDING_CANCEL
    await fill(broker, name, 3, "20")
    await broker.end(broker.ledger.tickets[name], OrderState.CANCELED, "cancelled there")
    assert await broker.open_orders() == ()
    found = await broker.order(name)
    assert found is not None
    assert (found.state, found.filled_qty) == (OrderState.CANCELED, 3)
    assert await broker.cancel(order.order_id) is CancelOutcome.ALREADY_CLOSED


async def test_a_statement_that_agrees_matches_what_was_claimed() -> None:
    broker = broker_on(Memory())
    await broker.enter_statement(statement(NEM=10, FCX=5))
    one = await shown(broker, request(1))
    two = await shown(broker, request(2, symbol="FCX", qty=5))
    await fill(broker, one, 10, "20")
    await fill(broker, two, 5, "20")
    assert broker.ledger.tickets[one].claimed
    await broker.enter_statement(statement(AT + 2 * MINUTE, cash="1300", FCX=2))
    assert not broker.ledger.tickets[one].claimed
    assert broker.ledger.tickets[two].claimed, "the broker still holds 2 of it"
    assert {p.symbol: p.qty for p in await broker.positions()} == {"FCX": 2}


async def test_a_fill_typed_late_is_in_the_statement_already() -> None:
    broker = broker_on(Memory())
    await broker.enter_statement(statement(NEM=10))
    name = await shown(broker, request(1))
    await broker.enter_statement(statement(AT + 5 * MINUTE, cash="1200"))
    await fill(broker, name, 10, "20", at=AT + MINUTE)
    assert await broker.positions() == ()
    assert (await broker.account()).cash == 1200, "not counted twice"


async def test_the_adopted_figure_ends_the_claim() -> None:
    journal = Memory()
    broker = broker_on(journal)
    await broker.enter_statement(statement(NEM=10))
    name = await shown(broker, request(1))
    await fill(broker, name, 10, "20")
    payload = {"qty": "0", "avg_entry_price": "0", "reason": "as the broker says"}
    await journal.append(
        EventDraft(kind="PositionAdopted", account="main", symbol="NEM", payload=payload)
    )
    assert not broker.ledger.tickets[name].claimed


TRADES = st.lists(
    st.tuples(
        st.sampled_from(["NEM", "FCX"]), st.booleans(), st.integers(1, 50), st.integers(1, 90)
    ),
    max_size=12,
)


@given(TRADES)
def test_a_restart_knows_the_same(trades: list[tuple[str, bool, int, int]]) -> None:
    """Invariant 4, and value is kept: shares and cash move by exactly what was typed."""

    async def run() -> None:
        journal = Memory()
        broker = broker_on(journal)
        await broker.enter_statement(statement(NEM=500, FCX=500))
        cash, held = Decimal(1000), {"NEM": Decimal(500), "FCX": Decimal(500)}
        for n, (symbol, buys, qty, price) in enumerate(trades, start=1):
            side = Side.BUY if buys else Side.SELL
            name = await shown(broker, request(n, side, qty, symbol))
            await fill(broker, name, qty, str(price), at=AT + n * MINUTE)
            sign = 1 if buys else -1
            cash -= sign * qty * price
            held[symbol] += sign * qty
        assert broker.ledger.cash == cash
        assert {p.symbol: p.qty for p in await broker.positions()} == {
            symbol: qty for symbol, qty in held.items() if qty
        }
        again = broker_on(journal)
        assert again.ledger == broker.ledger

    asyncio.run(run())
