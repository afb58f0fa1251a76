"""What a halt can do by hand when no desk answers: say what is to be cancelled at the broker."""

from contextlib import closing
from datetime import datetime

from db.connection import existing
from db.errors import JournalError, in_one_sentence
from db.home import Home
from db.model.trading import HaltedOrder, HaltReport
from db.rows import SELECT_EVENTS, event_of
from services.brokers.manual.ledger import Ledger, after
from services.brokers.port import BrokerUnavailableError


def listed(home: Home, by: str, reason: str, at: datetime) -> HaltReport:
    """Every ticket that the journal has open, as orders to cancel by hand; protective ones stay.

    Raises BrokerUnavailableError when the journal can't be read."""
    if not home.journal.exists():
        return HaltReport(at=at, by=by, reason=reason, complete=True)
    try:
        with in_one_sentence(home.journal), closing(existing(home.journal)) as db:
            events = [event_of(row) for row in db.execute(f"{SELECT_EVENTS} ORDER BY seq")]
    except (JournalError, OSError, ValueError) as error:
        raise BrokerUnavailableError(str(error)) from error
    tickets = after(Ledger(), events).open_tickets
    orders = tuple(
        HaltedOrder(
            order_id=ticket.order_id,
            client_order_id=ticket.request.client_order_id,
            symbol=ticket.request.symbol,
            side=ticket.request.side.value,
            outcome="protective, kept" if ticket.protective else "cancel by hand",
        )
        for ticket in tickets
    )
    left = sum(not ticket.protective for ticket in tickets)
    return HaltReport(at=at, by=by, reason=reason, orders=orders, remaining=left, complete=not left)
