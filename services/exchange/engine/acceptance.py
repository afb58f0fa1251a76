"""From terms to an accepted order: every check of an account and a market, then the order itself."""

from decimal import Decimal
from typing import Any, NamedTuple

from services.exchange.engine import option_rules, pre_trade
from services.exchange.engine.activities import Fill
from services.exchange.engine.day_trades import FREE_EQUITY, DayTrades, day_trades, would_be_fourth
from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.engine.floor import Floor
from services.exchange.engine.hours import works_in
from services.exchange.engine.legs import contract_terms, contracts_of, exits_of
from services.exchange.engine.order_types import expiry
from services.exchange.engine.orders import (
    ZERO,
    Order,
    Side,
    Status,
    Terms,
    is_contract,
    units,
)
from services.exchange.engine.permission import check_account, check_opening, check_window
from services.exchange.engine.pre_trade import Asked, Prices
from services.exchange.engine.reserves import Reserve, expected_price, reserve_for, spread_debit
from services.exchange.engine.triggers import trailing_stop
from services.exchange.market.boards import Board
from services.exchange.market.options import OCC
from services.exchange.sessions import phase_at


class Accepted(NamedTuple):
    """An order and, for bracket, oco, oto and mleg, its legs: HELD, to be kept with it.

    The parent of an oco is its take-profit, the leg its stop; a bracket's legs are take-profit
    and stop, in that order; an oto's is one of the two; a mleg's are its contracts. `parent_id`
    and `leg_ids` tie them. A stop with a sibling is `covered_by` it: the pair reserves once.
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
    """The order as accepted, not yet kept; raises the RefusedError of the first rule broken.

    A replacement takes over the old order's place in its group, and brings no legs.
    """
    check_account(floor.ledger.accounts[account])
    if terms.order_class == "mleg":
        return _spread(floor, account, terms, instead_of)
    asked = _asked(floor, account, terms, instead_of, tell_related=tell_related)
    _check_id(floor, account, terms)
    order = _order(floor, account, asked, _checked(floor, asked), asked.intent)
    legs = exits_of(order, floor.ids) if instead_of is None else ()
    order = _tied(order, legs)
    if floor.rules.day_trades == "legacy_pdt":
        _check_day_trade(floor, asked, order)
    return Accepted(order, legs)


def trades_of_days(floor: Floor, account: str) -> DayTrades:
    """An account's day trades, as mode legacy_pdt counts them."""
    fills = (a for a in floor.ledger.activities(account) if isinstance(a, Fill))
    held = {position.symbol: position.qty for position in floor.positions(account)}
    return day_trades(fills, held, floor.clock.now())


def _asked(
    floor: Floor,
    account: str,
    terms: Terms,
    replaced: Order | None = None,
    *,
    tell_related: bool = True,
) -> Asked:
    """What may speak against an order that opens is on the other side: the rest is not looked at."""
    position = floor.ledger.positions.get((account, terms.symbol))
    held = position.qty if position else ZERO
    intent = pre_trade.intent_of(terms, held, replaced)
    opens = intent.endswith("_to_open")
    board = _board(floor, terms.symbol)
    side = terms.side.opposite if opens else None
    return Asked(
        terms=terms,
        board=board,
        prices=Prices.of(board),
        held=held,
        intent=intent,
        opens=opens,
        others=_others(floor, account, replaced, terms.symbol, side),
        now=floor.standing(account, without=replaced),
        rules=floor.rules,
        at=floor.stamp(),
        replaced=replaced,
        tell_related=tell_related,
    )


def _others(
    floor: Floor,
    account: str,
    replaced: Order | None,
    symbol: str | None = None,
    side: Side | None = None,
) -> list[Order]:
    """Open orders, without the one replaced."""
    orders = floor.open_orders(account, symbol, side)
    return [order for order in orders if replaced is None or order.id != replaced.id]


def _board(floor: Floor, symbol: str) -> Board:
    board = floor.market.find(symbol)
    if board is None and OCC.fullmatch(symbol):
        option_rules.check_expired(symbol, floor.clock.now())
    if board is None or board.listing.symbol != symbol:
        raise RefusedError(Cause.UNKNOWN_ASSET, {"symbol": symbol})
    return board


def _check_id(floor: Floor, account: str, terms: Terms) -> None:
    if terms.client_order_id and floor.is_taken(account, terms.client_order_id):
        raise RefusedError(Cause.CLIENT_ID_TAKEN)


def _checked(floor: Floor, asked: Asked) -> Reserve:
    """What the order keeps, once nothing speaks against it."""
    terms, contract = asked.terms, is_contract(asked.terms.symbol)
    pre_trade.check_asset(asked)
    check_window(terms.time_in_force, asked.at, asked.rules)
    pre_trade.check_class(asked)
    pre_trade.check_intent(asked, enforced=contract or asked.rules.intent_enforced)
    pre_trade.check_prices(asked)
    pre_trade.check_base_price(asked)
    if contract:
        option_rules.check_contract(terms.symbol, asked.at, opens=asked.opens)
        option_rules.check_hours(terms.type, asked.at)
    else:
        pre_trade.check_side(asked)
    if asked.opens:
        check_opening(asked.now.account)
    reserve = reserve_for(asked)
    filled = asked.replaced.filled_qty if asked.replaced else ZERO
    if not asked.opens and (asked.replaced is None or asked.replaced.kept_qty):
        pre_trade.check_available(asked, reserve.qty - filled)
    pre_trade.check_wash_trade(asked)
    if not asked.opens:
        return reserve
    if contract:
        others = _others(floor, asked.now.account.name, asked.replaced)
        return _option_reserve(asked, others, reserve.qty - filled, reserve.qty)
    spent = asked.replaced.filled_cost if asked.replaced else ZERO
    notional = terms.notional
    cost = reserve.price * (reserve.qty - filled) if notional is None else notional - spent
    pre_trade.check_cost(asked, cost)
    return reserve


def _option_reserve(asked: Asked, others: list[Order], to_come: Decimal, qty: Decimal) -> Reserve:
    """Of an opening order in one contract, once its level and the dollars are there."""
    terms = asked.terms
    option_rules.check_level(asked.now.account, option_rules.level_of(terms.side))
    signed = to_come if terms.side is Side.BUY else -to_come
    debit = signed * expected_price(asked) * units(terms.symbol)
    before = option_rules.Coverage(asked.now.holdings, others)
    cost = option_rules.tied_up(before, {terms.symbol: signed}, debit)
    option_rules.check_cost(cost, asked.now)
    return Reserve(cost / to_come, qty)


def _spread(floor: Floor, account: str, terms: Terms, replaced: Order | None) -> Accepted:
    """A multi-leg order: its legs are judged alone, its cost as a whole."""
    parts = [_asked(floor, account, contract_terms(terms, leg)) for leg in terms.option_legs]
    _check_id(floor, account, terms)
    first = parts[0]
    check_window(terms.time_in_force, first.at, first.rules)
    option_rules.check_hours(terms.type, first.at)
    for part in parts:
        pre_trade.check_intent(part, enforced=True)
        option_rules.check_contract(part.terms.symbol, part.at, opens=part.opens)
        pre_trade.check_one_way(part)
        if not part.opens and replaced is None:
            pre_trade.check_available(part, part.terms.qty or ZERO)
    qty, cost = terms.qty or ZERO, ZERO
    if any(part.opens for part in parts):
        now = floor.standing(account, without=replaced)
        check_opening(now.account)
        option_rules.check_level(now.account, option_rules.SPREADS)
        gone = (replaced.id, replaced.replaces) if replaced else ()
        others = [o for o in _others(floor, account, replaced) if o.parent_id not in gone]
        before = option_rules.Coverage(now.holdings, others)
        signed = {p.terms.symbol: _signed(p.terms) for p in parts}
        debit = spread_debit(terms, {p.terms.symbol: p.prices for p in parts}) * qty
        cost = option_rules.tied_up(before, signed, debit)
        option_rules.check_cost(cost, now)
    whole = first._replace(terms=terms, replaced=replaced)
    order = _order(floor, account, whole, Reserve(cost / qty, qty), "")
    order = order.model_copy(update={"asset_id": "", "asset_class": "us_option"})
    if replaced is not None:
        return Accepted(order)
    intents = [part.intent for part in parts]
    legs = contracts_of(order, intents, [part.board.asset_id for part in parts], floor.ids)
    return Accepted(_tied(order, legs), legs)


def _signed(terms: Terms) -> Decimal:
    qty = terms.qty or ZERO
    return qty if terms.side is Side.BUY else -qty


def _order(floor: Floor, account: str, asked: Asked, reserve: Reserve, intent: str) -> Order:
    terms, at = asked.terms, asked.at
    working = works_in(terms, phase_at(at))
    contract = is_contract(terms.symbol)
    fields: dict[str, Any] = {
        **vars(terms),
        "client_order_id": terms.client_order_id or floor.ids(),
        "id": floor.ids(),
        "account": account,
        "sequence": len(floor.ledger.orders) + 1,
        "asset_id": asked.board.asset_id,
        "asset_class": "us_option" if contract else "us_equity",
        "intent": intent,
        "status": Status.PENDING_NEW if working else Status.ACCEPTED,
        "created_at": at,
        "submitted_at": at,
        "updated_at": at,
        "expires_at": expiry(terms.time_in_force, at, extended_hours=terms.extended_hours),
        "reserved_price": reserve.price,
        "reserved_qty": reserve.qty,
    }
    if asked.replaced is not None:
        fields |= _taken_over(asked.replaced, keeps_fills=asked.rules.replace_keeps_fills)
    order = Order.model_validate(fields)
    if order.hwm is not None:
        return order.model_copy(update={"stop_price": trailing_stop(order, order.hwm)})
    return order


def _taken_over(old: Order, *, keeps_fills: bool) -> dict[str, Any]:
    """What a replacement has from the order it replaces: its place in a group, how far it is."""
    names = ["parent_id", "leg_ids", "covered_by", "ratio_qty", "hwm", "elected_at"]
    if keeps_fills:
        names += ["filled_qty", "filled_cost"]
    taken = {name: getattr(old, name) for name in names}
    held = {"status": Status.HELD} if old.status is Status.HELD else {}
    return {**taken, **held, "replaces": old.id}


def _tied(order: Order, legs: tuple[Order, ...]) -> Order:
    return order.model_copy(update={"leg_ids": tuple(leg.id for leg in legs)}) if legs else order


def _check_day_trade(floor: Floor, asked: Asked, order: Order) -> None:
    account = asked.now.account
    if account.last_equity >= FREE_EQUITY:
        return
    others = _others(floor, account.name, asked.replaced)
    if would_be_fourth(trades_of_days(floor, account.name), order, others):
        raise RefusedError(Cause.DAY_TRADE)
