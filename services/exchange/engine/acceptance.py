"""From terms to an accepted order: every check of an account and a market, then the order itself."""

from decimal import Decimal
from typing import NamedTuple

from services.exchange import sessions
from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.engine.floor import Floor
from services.exchange.engine.order_entry import inferred_intent
from services.exchange.engine.order_types import expiry
from services.exchange.engine.orders import ZERO, Order, Side, Status, Terms, new_id
from services.exchange.engine.pre_trade import check_order, reserve_for
from services.exchange.market.boards import Board


class Accepted(NamedTuple):
    """An order and, for bracket, oco, oto and mleg, its legs: HELD, to be kept with it.

    The parent of an oco is its take-profit, the leg its stop; a bracket's legs are take-profit
    and stop, in that order; an oto's is one of the two; a mleg's are its contracts. `parent_id`
    and `leg_ids` tie them. A stop with a sibling is `covered_by` it: the pair reserves once.
    What is HELD keeps no shares by itself.
    """

    order: Order
    legs: tuple[Order, ...] = ()


def accepted(
    floor: Floor,
    account: str,
    terms: Terms,
    *,
    instead_of: Order | None = None,
    tell_related: bool = True,
) -> Accepted:
    """The order as accepted, not yet kept; raises the RefusedError of the first rule broken."""
    board = floor.market.boards.get(terms.symbol)
    if board is None:
        raise RefusedError(Cause.UNKNOWN_ASSET, {"symbol": terms.symbol})
    if floor.is_taken(account, terms.client_order_id):
        raise RefusedError(Cause.CLIENT_ID_TAKEN)
    at = floor.stamp()
    opened = sessions.is_open(at)
    reserve = reserve_for(terms, _far_side(board, terms.side, opened=opened))
    others = [o for o in floor.open_orders(account) if not instead_of or o.id != instead_of.id]
    held = floor.ledger.positions.get((account, terms.symbol))
    now = floor.standing(account, without=instead_of)
    filled = instead_of.filled_qty if instead_of else ZERO
    to_come = reserve._replace(qty=reserve.qty - filled)
    check_order(terms, to_come, held, others, now, tell_related=tell_related)
    order = Order(
        **terms.model_dump(),
        id=new_id(),
        account=account,
        sequence=len(floor.ledger.orders) + 1,
        asset_id=board.asset_id,
        intent=inferred_intent(terms.side),
        status=Status.PENDING_NEW if opened else Status.ACCEPTED,
        created_at=at,
        submitted_at=at,
        updated_at=at,
        expires_at=expiry(terms.time_in_force, at),
        reserved_price=reserve.price,
        reserved_qty=reserve.qty,
        filled_qty=filled,
        filled_cost=instead_of.filled_cost if instead_of else ZERO,
        replaces=instead_of.id if instead_of else None,
    )
    return Accepted(order)


def _far_side(board: Board, side: Side, *, opened: bool) -> Decimal:
    quote = board.quote
    if quote is None or not opened:
        return board.price
    return (quote.ask if side is Side.BUY else quote.bid) or board.price
