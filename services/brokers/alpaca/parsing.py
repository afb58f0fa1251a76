"""Alpaca's rows → our nouns. Pure.

Tolerant where nothing is lost by it (unknown status, class or event; missing optional fields;
numbers as text or JSON numbers; nine digits of a second), strict where a guess would be a wrong
number: a row without its id, quantity or status raises UnreadableError."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgpack
from pydantic import ValidationError

from db.model.activity import Activity
from db.model.instrument import Instrument
from db.model.market import Bar, Close, MarketClock, Quote, TradingStatus
from db.model.order import BrokerOrder, Fill, OrderState, Side
from db.model.portfolio import Account, Position
from services.brokers.alpaca.answer import UnreadableError
from services.brokers.port import OrderUpdate

Row = Mapping[str, Any]

STATES: Mapping[str, OrderState] = {
    "pending_new": OrderState.ACKNOWLEDGED,
    "accepted": OrderState.ACKNOWLEDGED,
    "accepted_for_bidding": OrderState.ACKNOWLEDGED,
    "pending_review": OrderState.ACKNOWLEDGED,
    "new": OrderState.ACKNOWLEDGED,
    "stopped": OrderState.ACKNOWLEDGED,
    "pending_replace": OrderState.ACKNOWLEDGED,
    "partially_filled": OrderState.PARTIALLY_FILLED,
    "filled": OrderState.FILLED,
    "pending_cancel": OrderState.PENDING_CANCEL,
    "canceled": OrderState.CANCELED,
    "replaced": OrderState.REPLACED,
    "expired": OrderState.EXPIRED,
    "done_for_day": OrderState.DONE_FOR_DAY,
    "calculated": OrderState.DONE_FOR_DAY,
    "held": OrderState.HELD,
    "suspended": OrderState.SUSPENDED,
    "rejected": OrderState.REJECTED,
}
"""The broker's word → ours (alpaca.md §8.1). A word that is not here has no state."""

_SIDES: Mapping[str, Side] = {
    "buy": Side.BUY,
    "sell": Side.SELL,
    "sell_short": Side.SELL,
    "buy_minus": Side.BUY,
    "sell_plus": Side.SELL,
}

_EXECUTIONS = frozenset({"fill", "partial_fill"})


def state_of(status: str, filled_qty: Decimal) -> OrderState | None:
    """Our state for the broker's word; a working order with fills is partially filled."""
    state = STATES.get(status)
    if state is OrderState.ACKNOWLEDGED and filled_qty > 0:
        return OrderState.PARTIALLY_FILLED
    return state


def an_object(body: Any) -> Row:
    """An object, or UnreadableError."""
    if not isinstance(body, dict):
        raise UnreadableError("it is not an object")
    return body


def rows(body: Any, what: str) -> Sequence[Row]:
    """A list of objects, or UnreadableError: an error body is not an empty list."""
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise UnreadableError(f"the broker's list of {what} is not a list of objects")
    return body


def number(row: Row, key: str) -> Decimal | None:
    """An exact decimal from text or number; None when absent, null or empty."""
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise UnreadableError(f"{key} is {value!r}, not a number")
    try:
        parsed = Decimal(str(value))
    except InvalidOperation as error:
        raise UnreadableError(f"{key} is {value!r}, not a number") from error
    if not parsed.is_finite():
        raise UnreadableError(f"{key} is {value!r}, not a number")
    return parsed


def required_number(row: Row, key: str) -> Decimal:
    if (value := number(row, key)) is None:
        raise UnreadableError(f"{key} is missing")
    return value


def text(row: Row, key: str) -> str:
    """Text, or "" when absent or null."""
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableError(f"{key} is {value!r}, not text")
    return value


def required_text(row: Row, key: str) -> str:
    if not (value := text(row, key)):
        raise UnreadableError(f"{key} is missing")
    return value


def moment(row: Row, key: str) -> datetime | None:
    """RFC 3339 (nine digits are cut to six) or a msgpack timestamp; None when absent."""
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, msgpack.Timestamp):
        found: datetime = value.to_datetime()
        return found
    if not isinstance(value, str):
        raise UnreadableError(f"{key} is {value!r}, not a time")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise UnreadableError(f"{key} is {value!r}, not a time") from error
    if parsed.tzinfo is None:
        raise UnreadableError(f"{key} is {value!r}, a time without an offset")
    return parsed.astimezone(UTC)


def required_moment(row: Row, key: str) -> datetime:
    if (value := moment(row, key)) is None:
        raise UnreadableError(f"{key} is missing")
    return value


def flag(row: Row, key: str) -> bool:
    return row.get(key) is True


def account(body: Any, name: str) -> Account:
    row = an_object(body)
    return Account(
        name=name,
        number=required_text(row, "account_number"),
        status=text(row, "status"),
        cash=required_number(row, "cash"),
        equity=required_number(row, "equity"),
        last_equity=number(row, "last_equity"),
        buying_power=required_number(row, "buying_power"),
        multiplier=number(row, "multiplier") or Decimal(1),
        trading_blocked=any(
            flag(row, key)
            for key in ("trading_blocked", "account_blocked", "trade_suspended_by_user")
        ),
        shorting_enabled=flag(row, "shorting_enabled"),
        maintenance_margin=number(row, "maintenance_margin"),
        day_trades=_count(row, "daytrade_count"),
    )


def _count(row: Row, key: str) -> int | None:
    value = number(row, key)
    return None if value is None else int(value)


def position(row: Row, account_name: str) -> Position:
    """A holding, signed: short is negative whatever sign the broker used, by the sign alone where it
    names no side."""
    amount, side = required_number(row, "qty"), text(row, "side")
    sign = -1 if side == "short" or (not side and amount < 0) else 1
    qty = abs(amount) * sign
    return Position(
        account=account_name,
        symbol=required_text(row, "symbol"),
        qty=qty,
        qty_available=abs(required_number(row, "qty_available")) * sign,
        avg_entry_price=required_number(row, "avg_entry_price"),
        current_price=number(row, "current_price"),
    )


def order(body: Any, account_name: str) -> BrokerOrder:
    row = an_object(body)
    status = required_text(row, "status")
    filled = required_number(row, "filled_qty")
    qty, notional = number(row, "qty"), number(row, "notional")
    if qty is None and notional is None:
        raise UnreadableError("qty is missing")
    return BrokerOrder(
        order_id=required_text(row, "id"),
        client_order_id=required_text(row, "client_order_id"),
        account=account_name,
        symbol=text(row, "symbol"),
        side=_SIDES.get(text(row, "side")),
        type=text(row, "type") or text(row, "order_type"),
        order_class=text(row, "order_class"),
        qty=qty,
        notional=notional,
        limit_price=number(row, "limit_price"),
        stop_price=number(row, "stop_price"),
        time_in_force=text(row, "time_in_force"),
        status=status,
        state=state_of(status, filled),
        filled_qty=filled,
        filled_avg_price=number(row, "filled_avg_price"),
        submitted_at=moment(row, "submitted_at") or moment(row, "created_at"),
        updated_at=moment(row, "updated_at"),
        replaced_by=text(row, "replaced_by") or None,
        replaces=text(row, "replaces") or None,
        position_intent=text(row, "position_intent"),
        legs=tuple(order(leg, account_name) for leg in rows(row.get("legs") or [], "legs")),
    )


def family(row: Row, account_name: str) -> tuple[BrokerOrder, ...]:
    """An order and the legs nested in it, each once, the parent first."""
    return _members(order(row, account_name))


def _members(parent: BrokerOrder) -> tuple[BrokerOrder, ...]:
    return (parent, *(member for leg in parent.legs for member in _members(leg)))


def activity_fill(row: Row, account_name: str) -> Fill:
    """A FILL activity. The part of its id after `::` is the execution's own id."""
    return _fill(
        row,
        execution_id=required_text(row, "id").rpartition("::")[2],
        account_name=account_name,
        order_id=required_text(row, "order_id"),
        client_order_id="",
        symbol=required_text(row, "symbol"),
        side=text(row, "side"),
        at=required_moment(row, "transaction_time"),
    )


def activity(row: Row, account_name: str) -> Activity:
    """An activity that is no execution. Only its id and kind must be there."""
    return Activity(
        activity_id=required_text(row, "id"),
        account=account_name,
        kind=required_text(row, "activity_type"),
        net_amount=number(row, "net_amount"),
        symbol=text(row, "symbol"),
        qty=number(row, "qty"),
        at=moment(row, "created_at") or moment(row, "transaction_time"),
        date=text(row, "date"),
        description=text(row, "description"),
        void=text(row, "status") == "canceled",
    )


def update(envelope: Any, account_name: str) -> OrderUpdate:
    """A whole `trade_updates` message, as the raw stream hands it over (alpaca.md §5.2)."""
    data = an_object(an_object(envelope).get("data"))
    order_row = an_object(data.get("order"))
    seen = order(order_row, account_name)
    at = moment(data, "timestamp") or moment(data, "at") or seen.updated_at
    if at is None:
        raise UnreadableError("timestamp is missing")
    event = required_text(data, "event")
    fill = None
    if event in _EXECUTIONS and text(data, "execution_id"):
        fill = _fill(
            data,
            execution_id=text(data, "execution_id"),
            account_name=account_name,
            order_id=seen.order_id,
            client_order_id=seen.client_order_id,
            symbol=seen.symbol,
            side=text(order_row, "side"),
            at=at,
        )
    return OrderUpdate(
        event=event, at=at, order=seen, fill=fill, position_qty=number(data, "position_qty")
    )


def _fill(
    row: Row,
    *,
    execution_id: str,
    account_name: str,
    order_id: str,
    client_order_id: str,
    symbol: str,
    side: str,
    at: datetime,
) -> Fill:
    if side not in _SIDES:
        raise UnreadableError(f"side is {side!r}")
    try:
        return Fill(
            execution_id=execution_id,
            account=account_name,
            order_id=order_id,
            client_order_id=client_order_id,
            symbol=symbol,
            side=_SIDES[side],
            qty=required_number(row, "qty"),
            price=required_number(row, "price"),
            at=at,
        )
    except ValidationError as error:
        raise UnreadableError(f"execution {execution_id}: {sentence(error)}") from error


def market_clock(body: Any) -> MarketClock:
    row = an_object(body)
    if not isinstance(row.get("is_open"), bool):
        raise UnreadableError("is_open is missing")
    return MarketClock(
        at=required_moment(row, "timestamp"),
        is_open=row["is_open"],
        next_open=required_moment(row, "next_open"),
        next_close=required_moment(row, "next_close"),
    )


def instrument(row: Row) -> Instrument:
    return Instrument(
        symbol=required_text(row, "symbol"),
        name=text(row, "name"),
        tradable=flag(row, "tradable") and text(row, "status") in ("active", ""),
        fractionable=flag(row, "fractionable"),
        shortable=flag(row, "shortable"),
    )


def quote(body: Any, symbol: str, source: str) -> Quote:
    """A quote from REST or the stream (same keys). A side of 0 becomes None in the noun."""
    row = an_object(body)
    return Quote(
        symbol=symbol,
        bid=number(row, "bp"),
        ask=number(row, "ap"),
        bid_size=number(row, "bs"),
        ask_size=number(row, "as"),
        at=required_moment(row, "t"),
        source=source,
    )


def trading_status(body: Any) -> TradingStatus:
    """A status message of the stream (alpaca.md §6.2)."""
    row = an_object(body)
    return TradingStatus(
        symbol=required_text(row, "S"),
        code=required_text(row, "sc"),
        message=text(row, "sm"),
        reason=text(row, "rm"),
        at=required_moment(row, "t"),
    )


NEW_YORK = ZoneInfo("America/New_York")


def close(body: Any) -> Close | None:
    """The day's bar of a snapshot; None when there was no trade."""
    bar = an_object(body).get("dailyBar")
    if not bar:
        return None
    row = an_object(bar)
    at = required_moment(row, "t").astimezone(NEW_YORK)
    return Close(date=at.date(), price=required_number(row, "c"))


def bars(body: Any) -> tuple[dict[str, tuple[Bar, ...]], str | None]:
    """A page of daily bars by symbol, and the token of the next; None on the last."""
    answer = an_object(body)
    told = an_object(answer.get("bars") or {})
    found = {symbol: tuple(map(_bar, rows(of, "bars"))) for symbol, of in told.items()}
    return found, text(answer, "next_page_token") or None


def _bar(row: Row) -> Bar:
    return Bar(
        date=required_moment(row, "t").astimezone(NEW_YORK).date(),
        high=required_number(row, "h"),
        low=required_number(row, "l"),
        close=required_number(row, "c"),
    )


def sentence(error: ValidationError) -> str:
    """The first thing wrong, without the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
