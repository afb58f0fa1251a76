"""The manual account: statements of the broker and what the trader said since. A fold of the journal.

Pure. The broker's side of the books is the last statement with the fills claimed after it; ours is
the engine's. Where the two differ, reconciliation says so, as with any broker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from db.model.event import Event
from db.model.order import BrokerOrder, OrderRequest, OrderState, Side
from db.model.portfolio import Position
from db.model.ticket import ITEMS, Claim, StatedHolding, Statement, Ticket

ZERO = Decimal(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATUS = {
    OrderState.SENT: "shown",
    OrderState.ACKNOWLEDGED: "entered",
    OrderState.PARTIALLY_FILLED: "partially_filled",
    OrderState.PENDING_CANCEL: "cancel by hand",
    OrderState.FILLED: "filled",
    OrderState.CANCELED: "not done",
    OrderState.REJECTED: "refused",
}
"""What stands in for the broker's own word."""


@dataclass(frozen=True)
class Held:
    qty: Decimal
    cost: Decimal
    """Of a share, on average."""


@dataclass(frozen=True)
class Ledger:
    """`statement` is None before the trader's portfolio is known."""

    statement: Statement | None = None
    tickets: Mapping[str, Ticket] = field(default_factory=lambda: MappingProxyType({}))
    """By client order id, in the order they were shown."""
    prices: Mapping[str, tuple[Decimal, datetime]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Typed: symbol → price and when."""

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Every fill typed, by its time."""
        every = (claim for ticket in self.tickets.values() for claim in ticket.claims)
        return tuple(sorted(every, key=lambda claim: (claim.fill.at, claim.fill.execution_id)))

    def since(self) -> tuple[Claim, ...]:
        """Fills that the last statement can't have in it yet."""
        start = self.statement.as_of if self.statement is not None else _EPOCH
        return tuple(claim for claim in self.claims if claim.fill.at > start)

    @property
    def cash(self) -> Decimal:
        stated = self.statement.cash if self.statement is not None else ZERO
        return stated + sum((_cash(claim) for claim in self.since()), ZERO)

    @property
    def held(self) -> dict[str, Held]:
        """Symbol → shares and their cost; what is flat is absent."""
        book = {h.symbol: Held(h.qty, h.avg_entry_price) for h in self._stated if h.qty}
        for claim in self.since():
            symbol = claim.fill.symbol
            book[symbol] = _after(book.get(symbol, Held(ZERO, ZERO)), claim)
        return {symbol: held for symbol, held in book.items() if held.qty}

    def last_price(self, symbol: str) -> Decimal | None:
        """The newest price that anybody told: statement, typed, or paid."""
        told = [(f.at, f.price) for f in (c.fill for c in self.claims) if f.symbol == symbol]
        if symbol in self.prices:
            price, at = self.prices[symbol]
            told.append((at, price))
        if self.statement is not None:
            told += [(self.statement.as_of, h.price) for h in self._stated if h.symbol == symbol]
        return max(told, default=(None, None))[1]

    def positions(self, account: str) -> tuple[Position, ...]:
        """Shares that no open ticket sells are free; protection's own are told apart by the desk."""
        return tuple(
            Position(
                account=account,
                symbol=symbol,
                qty=held.qty,
                qty_available=max(held.qty - self._selling(symbol), ZERO)
                if held.qty > 0
                else held.qty,
                avg_entry_price=held.cost,
                current_price=self.last_price(symbol),
            )
            for symbol, held in sorted(self.held.items())
        )

    def sectors(self) -> dict[str, str]:
        """As the trader's own portfolio calls them."""
        return {h.symbol: h.sector for h in self._stated if h.sector}

    @property
    def _stated(self) -> tuple[StatedHolding, ...]:
        return self.statement.holdings if self.statement is not None else ()

    def _selling(self, symbol: str) -> Decimal:
        sales = (
            ticket.left
            for ticket in self.tickets.values()
            if ticket.open and ticket.request.side is Side.SELL and ticket.request.symbol == symbol
        )
        return sum(sales, ZERO)

    @property
    def open_tickets(self) -> tuple[Ticket, ...]:
        return tuple(ticket for ticket in self.tickets.values() if ticket.open)

    def by_id(self, order_id: str) -> Ticket | None:
        return next((t for t in self.tickets.values() if t.order_id == order_id), None)


def order_of(ticket: Ticket) -> BrokerOrder:
    """The ticket as any broker would report its order."""
    request = ticket.request
    return BrokerOrder(
        order_id=ticket.order_id,
        client_order_id=request.client_order_id,
        account=request.account,
        symbol=request.symbol,
        side=request.side,
        type=request.type.value,
        order_class="oco" if request.oco else "",
        qty=request.qty,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        time_in_force=request.time_in_force.value,
        status=STATUS[ticket.state],
        state=ticket.state,
        filled_qty=ticket.filled_qty,
        filled_avg_price=ticket.filled_avg_price,
        submitted_at=ticket.shown_at,
        updated_at=ticket.updated_at,
        reason=ticket.reason,
    )


def after(ledger: Ledger, events: Iterable[Event]) -> Ledger:
    """The ledger once `events` count."""
    for event in events:
        if event.kind == "StatementEntered":
            ledger = _stated(ledger, Statement.model_validate(event.payload["statement"]))
        elif event.kind == "PriceTyped" and event.symbol is not None:
            price = (Decimal(event.payload["price"]), event.at)
            ledger = replace(ledger, prices={**ledger.prices, event.symbol: price})
        elif event.kind == "TicketShown":
            ledger = _with(ledger, _shown(event))
        elif event.kind == "PositionAdopted" and event.symbol is not None:
            ledger = _settled(ledger, event.symbol)
        elif event.kind in _TOLD:
            if (ticket := ledger.tickets.get(event.client_order_id or "")) is None:
                continue
            changed = _TOLD[event.kind](ticket, event.payload, event.at)
            ledger = _with(ledger, ticket.model_copy(update={**changed, "updated_at": event.at}))
    return ledger


def _with(ledger: Ledger, ticket: Ticket) -> Ledger:
    name = ticket.request.client_order_id
    return replace(ledger, tickets={**ledger.tickets, name: ticket})


def _shown(event: Event) -> Ticket:
    return Ticket(
        order_id=event.payload["order_id"],
        request=OrderRequest.model_validate(event.payload["request"]),
        plan_id=event.plan_id or "",
        step=event.step or 0,
        shown_at=event.at,
        updated_at=event.at,
    )


def _entered(ticket: Ticket, _: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    ticked = tuple(dict.fromkeys((*ticket.ticked, "entered")))
    return {"entered_at": ticket.entered_at or at, "ticked": ticked}


def _filled(ticket: Ticket, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    claim = Claim.model_validate({**payload["claim"], "typed_at": at})
    names = ["entered", *(["confirmation"] if claim.confirmation else [])]
    whole = ticket.filled_qty + claim.fill.qty >= ticket.qty
    ticked = dict.fromkeys((*ticket.ticked, *names, *(["fill"] if whole else [])))
    return {
        "claims": (*ticket.claims, claim),
        "entered_at": ticket.entered_at or at,
        "ticked": tuple(ticked),
    }


def _ended(ticket: Ticket, payload: Mapping[str, Any], _: datetime) -> dict[str, Any]:
    state = OrderState(payload["state"])
    done = ["fill", *(["cancelled"] if ticket.cancel_by_hand else [])]
    ticked = tuple(dict.fromkeys((*ticket.ticked, *done)))
    return {"ended": state, "reason": payload["reason"], "ticked": ticked}


def _cancel_wanted(_: Ticket, __: Mapping[str, Any], ___: datetime) -> dict[str, Any]:
    return {"cancel_by_hand": True}


def _ticked(ticket: Ticket, payload: Mapping[str, Any], _: datetime) -> dict[str, Any]:
    name = payload["item"]
    others = tuple(one for one in ticket.ticked if one != name)
    return {"ticked": (*others, name) if payload["ticked"] and name in ITEMS else others}


_TOLD = {
    "TicketEntered": _entered,
    "TicketFilled": _filled,
    "TicketEnded": _ended,
    "TicketToCancel": _cancel_wanted,
    "TicketTicked": _ticked,
}


def _stated(ledger: Ledger, statement: Statement) -> Ledger:
    """A statement matches the fills of every symbol on which it agrees with the books before."""
    before = replace(ledger, tickets=_until(ledger, statement.as_of)).held
    stated = {h.symbol: h.qty for h in statement.holdings if h.qty}
    agreed = {
        symbol
        for symbol in {claim.fill.symbol for claim in ledger.claims}
        if stated.get(symbol, ZERO) == (before[symbol].qty if symbol in before else ZERO)
    }
    matched = {
        name: ticket.model_copy(
            update={
                "claims": tuple(
                    claim.model_copy(update={"matched": True})
                    if claim.fill.symbol in agreed and claim.fill.at <= statement.as_of
                    else claim
                    for claim in ticket.claims
                )
            }
        )
        for name, ticket in ledger.tickets.items()
    }
    return replace(ledger, statement=statement, tickets=matched)


def _until(ledger: Ledger, moment: datetime) -> dict[str, Ticket]:
    """The tickets with the fills up to then."""
    return {
        name: ticket.model_copy(
            update={"claims": tuple(c for c in ticket.claims if c.fill.at <= moment)}
        )
        for name, ticket in ledger.tickets.items()
    }


def _settled(ledger: Ledger, symbol: str) -> Ledger:
    """The trader took the broker's figure: nothing of the symbol is claimed any more."""
    tickets = {
        name: ticket.model_copy(
            update={"claims": tuple(c.model_copy(update={"matched": True}) for c in ticket.claims)}
        )
        if ticket.request.symbol == symbol
        else ticket
        for name, ticket in ledger.tickets.items()
    }
    return replace(ledger, tickets=tickets)


def _cash(claim: Claim) -> Decimal:
    worth = claim.fill.qty * claim.fill.price
    return (worth if claim.fill.side is Side.SELL else -worth) - claim.fee


def _after(held: Held, claim: Claim) -> Held:
    """Buying more averages the cost, selling keeps it, going through flat begins anew."""
    fill = claim.fill
    signed = fill.qty if fill.side is Side.BUY else -fill.qty
    qty = held.qty + signed
    if held.qty and (held.qty > 0) == (signed > 0):
        return Held(qty, (held.qty * held.cost + signed * fill.price) / qty)
    if not held.qty or (qty and (qty > 0) != (held.qty > 0)):
        return Held(qty, fill.price)
    return Held(qty, held.cost)
