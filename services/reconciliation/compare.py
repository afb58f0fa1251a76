"""Ours against the broker's: every difference, each with what explains it (spec 6).

Pure: the same two sides always give the same answer. A difference seen once may be a fill on its
way to us; `confirmed` keeps what two looks agree on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder
from db.model.policy import Policy
from db.model.portfolio import Portfolio, Position
from db.model.reconciliation import Mismatch
from db.model.run import ChildOrder
from services.reconciliation.expected import ZERO, Books
from services.reconciliation.money import money_mismatches
from services.reconciliation.orders import fill_mismatches, order_mismatches
from services.reconciliation.positions import Story, position_mismatches

Mismatches = tuple[Mismatch, ...]


@dataclass(frozen=True)
class Theirs:
    """All that the broker said in one look. Nothing of it failed, or there is no look."""

    portfolio: Portfolio
    """Account, positions, open orders."""
    reports: Mapping[str, BrokerOrder] = field(default_factory=dict)
    """By our client order id: what it says of our orders, whole legs, open or closed."""
    executed: Mapping[str, Decimal] | None = None
    """Broker order id → shares executed, of orders whose executions were all read."""


def compare(
    books: Books,
    orders: Iterable[ChildOrder],
    theirs: Theirs,
    policy: Policy,
    story: Story | None = None,
) -> Mismatches:
    """All mismatches between our books and orders and the broker's, in a fixed order. `story` is
    what may explain them."""
    ours, portfolio = tuple(orders), theirs.portfolio
    found = (
        *position_mismatches(
            books, portfolio.positions, ours, policy.average_price_tolerance, story or Story()
        ),
        *order_mismatches(ours, portfolio.orders, books.external),
        *fill_mismatches(ours, theirs.reports, theirs.executed, portfolio.as_of),
        *money_mismatches(books, portfolio, policy),
    )
    return tuple(sorted(found, key=lambda one: one.key))


def confirmed(before: Mismatches, now: Mismatches) -> Mismatches:
    """What both looks found with the same difference: not a fill or cancel that was on its way."""
    seen = {one.standing for one in before}
    return tuple(one for one in now if one.standing in seen)


def first_seen(found: Mismatches, since: Mapping[str, datetime | None], at: datetime) -> Mismatches:
    """Each with the time at which a comparison first found it, by key, else `at`."""
    return tuple(one.model_copy(update={"found_at": since.get(one.key) or at}) for one in found)


def adoptions(books: Books, positions: Iterable[Position]) -> tuple[EventDraft, ...]:
    """What makes the broker's positions ours, where they differ: the broker wins."""
    broker = {(held.account, held.symbol): held for held in positions if held.qty}
    drafts = []
    for account, symbol in sorted(set(books.held) | set(broker)):
        held, ours = broker.get((account, symbol)), books.held.get((account, symbol))
        if (held.qty if held else ZERO) != (ours.qty if ours else ZERO):
            drafts.append(adoption(account, symbol, held))
    return tuple(drafts)


def adoption(account: str, symbol: str, held: Position | None, **signed: object) -> EventDraft:
    """The broker's position becomes ours; `signed`: by whom and why."""
    payload = {
        "qty": plain(held.qty) if held else "0",
        "avg_entry_price": plain(held.avg_entry_price) if held else None,
        **signed,
    }
    return EventDraft(kind="PositionAdopted", account=account, symbol=symbol, payload=payload)
