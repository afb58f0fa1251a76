"""AlpacaBroker: the port spoken over Alpaca's REST and its two streams."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from db.clock import Clock
from db.model.activity import Activity
from db.model.base import plain
from db.model.instrument import Instrument
from db.model.market import Bar, Close, MarketClock, Quote
from db.model.order import BrokerOrder, Fill, OrderRequest
from db.model.portfolio import Account, Position
from services.brokers.alpaca import outcomes, parsing
from services.brokers.alpaca.answer import Answer, NoAnswerError, UnreadableError
from services.brokers.alpaca.client import Permit, Timeouts, WithdrawnError
from services.brokers.alpaca.courier import Courier
from services.brokers.alpaca.endpoints import Endpoints, checked
from services.brokers.alpaca.feeds import Streams
from services.brokers.alpaca.supervision import Backoff
from services.brokers.limiter import Lane
from services.brokers.port import (
    BrokerMessage,
    BrokerUnavailableError,
    CancelOutcome,
    Denied,
    RequestBudget,
    SubmitOutcome,
)

log = logging.getLogger(__name__)

ORDERS_PAGE = 500
ACTIVITIES_PAGE = 100
BARS_PAGE = 10_000
QUOTES_PAGE = 100
"""Symbols asked for in one request."""

LONG = 200_000
"""Characters of an answer that is read in a thread, so that the loop does not stall."""

_T = TypeVar("_T")


class AlpacaBroker:
    """One account at Alpaca. Reads may run side by side; see `services.brokers.port.Broker`."""

    def __init__(
        self,
        account_name: str,
        key: SecretStr,
        secret: SecretStr,
        endpoints: Endpoints,
        clock: Clock,
        timeouts: Timeouts | None = None,
        backoff: Backoff | None = None,
        requests_a_minute: int = 200,
    ) -> None:
        """Connects to nothing yet. Raises EndpointError for an address that must not get keys,
        ValueError for missing keys."""
        if not key.get_secret_value() or not secret.get_secret_value():
            raise ValueError("The API key and its secret are both needed.")
        self._name = account_name
        self._clock = clock
        limits = timeouts or Timeouts()
        self._courier = Courier(checked(endpoints), key, secret, clock, limits, requests_a_minute)
        self._streams = Streams(
            account_name, key, secret, endpoints, limits, self._market_open, backoff
        )
        self._market: tuple[MarketClock, float] | None = None
        """The broker's clock as last heard, and when that was on ours."""

    # Reads

    async def account(self) -> Account:
        return await self._get("/account", "the account", self._account)

    async def positions(self) -> tuple[Position, ...]:
        return await self._get("/positions", "positions", self._positions)

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        # Never held back: a halt has just spent the minute's requests when it reads back.
        found = await self._orders({"status": "open"}, Lane.URGENT)
        return tuple(order for order in found if order.state is None or not order.state.terminal)

    async def orders_since(self, after: datetime) -> tuple[BrokerOrder, ...]:
        return await self._orders({"status": "all", "after": after.isoformat()}, Lane.URGENT)

    async def order(self, client_order_id: str) -> BrokerOrder | None:
        what = f"order {client_order_id}"
        answer = await self._courier.read(
            "/orders:by_client_order_id",
            what,
            {"client_order_id": client_order_id},
            lane=Lane.URGENT,
        )
        if outcomes.says_not_found(answer):
            return None
        found = self._read(answer, what, self._order)
        if found.client_order_id != client_order_id:
            raise BrokerUnavailableError(f"The broker answered with another order for {what}.")
        return found

    async def order_by_id(self, order_id: str) -> BrokerOrder | None:
        what = f"order {order_id}"
        answer = await self._courier.read(
            f"/orders/{order_id}", what, {"nested": "true"}, lane=Lane.URGENT
        )
        if outcomes.says_not_found(answer):
            return None
        found = self._read(answer, what, self._order)
        if found.order_id != order_id:
            raise BrokerUnavailableError(f"The broker answered with another order for {what}.")
        return found

    async def fills_since(self, after: datetime) -> tuple[Fill, ...]:
        found = await self._activities("/account/activities/FILL", "fills", self._fills, after)
        once = {fill.execution_id: fill for fill in found.values()}
        return tuple(sorted(once.values(), key=lambda fill: fill.at))

    async def activities_since(self, after: datetime) -> tuple[Activity, ...]:
        path, only = "/account/activities", {"category": "non_trade_activity"}
        found = await self._activities(path, "activities", self._entries, after, only)
        return tuple(entry for entry in found.values() if entry.kind != "FILL")

    async def _activities(
        self,
        path: str,
        what: str,
        read: Callable[[Any], list[tuple[str, _T]]],
        after: datetime,
        more: Mapping[str, str] | None = None,
    ) -> dict[str, _T]:
        """All pages, oldest first, each row once by its id, which is the page token."""
        found: dict[str, _T] = {}
        query = {
            **(more or {}),
            "after": after.isoformat(),
            "direction": "asc",
            "page_size": str(ACTIVITIES_PAGE),
        }
        while True:
            page = await self._get(path, what, read, query)
            known = len(found)
            found |= dict(page)
            if len(page) < ACTIVITIES_PAGE:
                return found
            if len(found) == known:
                raise BrokerUnavailableError(f"The broker's pages of {what} do not end.")
            query["page_token"], _ = page[-1]

    async def clock(self) -> MarketClock:
        read = await self._get("/clock", "the clock", parsing.market_clock)
        self._market = (read, self._clock.monotonic())
        return read

    async def instruments(self) -> tuple[Instrument, ...]:
        """Active US equities. A row that can't be read is reported and left out."""
        query = {"status": "active", "asset_class": "us_equity"}
        return await self._get("/assets", "instruments", _instruments, query)

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Latest quotes by REST. One that can't be read is reported and absent."""
        wanted = sorted(set(symbols))
        found: dict[str, Quote] = {}
        for start in range(0, len(wanted), QUOTES_PAGE):
            page = ",".join(wanted[start : start + QUOTES_PAGE])
            query = {"symbols": page, "feed": "iex"}
            found |= await self._get("/stocks/quotes/latest", "quotes", _quotes, query, host="data")
        return found

    async def closes(self, symbols: Sequence[str]) -> dict[str, Close]:
        """From the day's bar of each symbol; one that can't be read is reported and absent."""
        query = {"symbols": ",".join(sorted(set(symbols))), "feed": "iex"}
        return await self._get("/stocks/snapshots", "closes", _closes, query, host="data")

    async def bars(self, symbols: Sequence[str], since: datetime) -> dict[str, tuple[Bar, ...]]:
        wanted = sorted(set(symbols))
        found: dict[str, list[Bar]] = {}
        for start in range(0, len(wanted), QUOTES_PAGE):
            query = {
                "symbols": ",".join(wanted[start : start + QUOTES_PAGE]),
                "timeframe": "1Day",
                "start": since.isoformat(),
                "adjustment": "split",
                "limit": str(BARS_PAGE),
                "feed": "iex",
            }
            seen: set[str] = set()
            while True:
                page, token = await self._get(
                    "/stocks/bars", "daily bars", parsing.bars, query, host="data"
                )
                for symbol, bars in page.items():
                    found.setdefault(symbol, []).extend(bars)
                if token is None:
                    break
                if token in seen:
                    raise BrokerUnavailableError("The broker's pages of daily bars do not end.")
                seen.add(token)
                query["page_token"] = token
        return {symbol: tuple(sorted(bars, key=lambda b: b.date)) for symbol, bars in found.items()}

    def budget(self) -> RequestBudget:
        return self._courier.budget()

    # Writes

    async def submit(self, request: OrderRequest, *, permit: Permit) -> SubmitOutcome:
        if request.account != self._name:
            return Denied(reason=f"this is not the broker of account {request.account!r}")
        if (request.qty is None) == (request.notional is None):
            return Denied(reason="an order needs either a quantity or an amount")
        try:
            answer = await self._courier.send(
                "trading", Lane.ORDER, "POST", "/orders", order_body(request), permit
            )
        except WithdrawnError as error:
            return Denied(reason=str(error))
        except NoAnswerError as error:
            return outcomes.of_silence(error)
        return outcomes.of_submit(answer, request.client_order_id, self._name)

    async def cancel(self, order_id: str) -> CancelOutcome:
        try:
            answer = await self._courier.send(
                "trading", Lane.URGENT, "DELETE", f"/orders/{order_id}"
            )
        except NoAnswerError:
            return CancelOutcome.UNRESOLVED
        return outcomes.of_cancel(answer)

    async def cancel_all(self) -> dict[str, CancelOutcome]:
        try:
            answer = await self._courier.send("trading", Lane.URGENT, "DELETE", "/orders")
        except NoAnswerError as error:
            raise BrokerUnavailableError(f"Cancelling all orders: {error}.") from error
        if answer.ok:
            return self._read(answer, "the bulk cancel", outcomes.of_bulk_cancel)
        if answer.status not in outcomes.DEFINITE:
            raise outcomes.of_failed_read(answer, "the bulk cancel")
        log.warning("bulk cancel answered %s: cancelling one by one", answer.status)
        ids = [order.order_id for order in await self.open_orders()]
        each = await asyncio.gather(*(self.cancel(order_id) for order_id in ids))
        return dict(zip(ids, each, strict=True))

    # Streams

    def watch(self, symbols: Sequence[str]) -> None:
        self._streams.watch(symbols)

    async def messages(self) -> AsyncIterator[BrokerMessage]:
        """One consumer at a time: RuntimeError for a second one."""
        mailbox = self._streams.start()
        try:
            while (message := await mailbox.get()) is not None:
                yield message
        finally:
            await self._streams.stop()

    async def close(self) -> None:
        """Answers under way are no longer waited for. Harmless when repeated."""
        await self._streams.stop()
        await self._courier.close()

    # How

    def _market_open(self) -> bool:
        """By the broker's clock as last heard; yes when it was never heard."""
        if self._market is None:
            return True
        heard, when = self._market
        now = heard.at + timedelta(seconds=self._clock.monotonic() - when)
        return now < heard.next_close if heard.is_open else now >= heard.next_open

    async def _orders(
        self, query: Mapping[str, str], lane: Lane = Lane.READ
    ) -> tuple[BrokerOrder, ...]:
        """All pages, newest first, each order and leg once. The next page starts a microsecond
        late, at the last row again, so that orders of one instant are not lost between two."""
        query = {**query, "limit": str(ORDERS_PAGE), "direction": "desc", "nested": "true"}
        found: dict[str, BrokerOrder] = {}
        while True:
            page = await self._get("/orders", "orders", self._families, query, lane=lane)
            known = len(found)
            for family in page:
                found |= {order.order_id: order for order in family}
            if sum(len(family) for family in page) < ORDERS_PAGE:
                return tuple(found.values())
            oldest = page[-1][0].submitted_at
            if len(found) == known or oldest is None:
                raise BrokerUnavailableError("The broker's pages of orders do not end.")
            query["until"] = (oldest + timedelta(microseconds=1)).isoformat()

    def _account(self, body: Any) -> Account:
        return parsing.account(body, self._name)

    def _positions(self, body: Any) -> tuple[Position, ...]:
        return tuple(parsing.position(row, self._name) for row in parsing.rows(body, "positions"))

    def _order(self, body: Any) -> BrokerOrder:
        return parsing.order(body, self._name)

    def _families(self, body: Any) -> list[tuple[BrokerOrder, ...]]:
        return [parsing.family(row, self._name) for row in parsing.rows(body, "orders")]

    def _fills(self, body: Any) -> list[tuple[str, Fill]]:
        """Activity id, which is the page token, and execution."""
        return [
            (parsing.required_text(row, "id"), parsing.activity_fill(row, self._name))
            for row in parsing.rows(body, "fills")
        ]

    def _entries(self, body: Any) -> list[tuple[str, Activity]]:
        found = [parsing.activity(row, self._name) for row in parsing.rows(body, "activities")]
        return [(entry.activity_id, entry) for entry in found]

    async def _get(
        self,
        path: str,
        what: str,
        read: Callable[[Any], _T],
        query: Mapping[str, str] | None = None,
        *,
        lane: Lane = Lane.READ,
        host: str = "trading",
    ) -> _T:
        answer = await self._courier.read(path, what, query, lane=lane, host=host)
        if len(answer.text) > LONG:
            return await asyncio.to_thread(self._read, answer, what, read)
        return self._read(answer, what, read)

    @staticmethod
    def _read(answer: Answer, what: str, read: Callable[[Any], _T]) -> _T:
        """All or nothing: a missing position or order would be worse than no list at all."""
        if not answer.ok:
            raise outcomes.of_failed_read(answer, what)
        try:
            return read(answer.json())
        except (UnreadableError, ValidationError) as error:
            raise BrokerUnavailableError(
                f"The broker's answer for {what} can't be read: {outcomes.said(error)}."
            ) from error


def order_body(request: OrderRequest) -> dict[str, Any]:
    """What is POSTed: numbers as exact decimal text (alpaca.md §12 item 6)."""
    numbers = {"qty": request.qty, "notional": request.notional}
    if not request.oco:
        numbers |= {"limit_price": request.limit_price, "stop_price": request.stop_price}
    return {
        "client_order_id": request.client_order_id,
        "symbol": request.symbol,
        "side": request.side.value,
        "type": request.type.value,
        "time_in_force": request.time_in_force.value,
        "extended_hours": request.extended_hours,
        **{name: plain(value) for name, value in numbers.items() if value is not None},
        **(_exits(request) if request.oco else {}),
    }


def _exits(request: OrderRequest) -> dict[str, Any]:
    """An OCO is its take-profit; the stop is its leg (alpaca.md §8.8)."""
    target, stop = request.limit_price, request.stop_price
    if target is None or stop is None:
        raise ValueError("an OCO needs a target and a stop")
    return {
        "order_class": "oco",
        "take_profit": {"limit_price": plain(target)},
        "stop_loss": {"stop_price": plain(stop)},
    }


def _instruments(body: Any) -> tuple[Instrument, ...]:
    return tuple(_readable((row, parsing.instrument) for row in parsing.rows(body, "instruments")))


def _quotes(body: Any) -> dict[str, Quote]:
    found = parsing.an_object(parsing.an_object(body).get("quotes"))
    read = _readable(
        (row, partial(parsing.quote, symbol=symbol, source="poll")) for symbol, row in found.items()
    )
    return {quote.symbol: quote for quote in read}


def _closes(body: Any) -> dict[str, Close]:
    found = parsing.an_object(body)
    read = _readable((row, partial(_named_close, symbol)) for symbol, row in found.items() if row)
    return {symbol: close for symbol, close in read if close is not None}


def _named_close(symbol: str, row: Any) -> tuple[str, Close | None]:
    return symbol, parsing.close(row)


def _readable(rows: Iterable[tuple[Any, Callable[[Any], _T]]]) -> Iterable[_T]:
    """Where a gap does no harm: what can't be read is reported and left out."""
    for row, read in rows:
        try:
            yield read(row)
        except (UnreadableError, ValidationError) as error:
            log.warning("left out a row that can't be read: %s", outcomes.said(error))
