"""A real exchange process whose clock and prices are moved by hand, for the rows of a table.

`python -m tests.exchange.conformance.stage` reads its settings as one line of JSON, answers with its port, and serves until
its stdin ends. Beside the exchange's own surface it has one more path, `POST /stage`, which takes
`{"deed": name, ...}`: see `Stage`. Nothing happens here by the passing of time.
"""

import asyncio
import json
import sys
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from traceback import format_exc
from typing import Any

from aiohttp import web

from services.exchange import sessions
from services.exchange.book import read_book
from services.exchange.engine.rules import Rules
from services.exchange.market.quotes import Quote, Trade
from services.exchange.opening import Opened, open_exchange
from services.exchange.request_log import RequestLog
from services.exchange.scenarios.reading import step_of
from services.exchange.server import build_app
from services.exchange.sessions import NEW_YORK
from services.exchange.settings import HOST, Settings
from services.exchange.store import Store
from services.exchange.streams.limits import DataLimits, TradeLimits

FIRST = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)  # a Tuesday at noon in New York
TURNS = 5  # of the event loop: acceptance, acknowledgement, fill and what a fill releases


class HandClock:
    def __init__(self) -> None:
        self.at = FIRST

    def now(self) -> datetime:
        return self.at


class Stage:
    """What a row may do to the world; every deed ends with the exchange at rest."""

    def __init__(self, opened: Opened, clock: HandClock, symbols: Iterable[str]) -> None:
        """`symbols` are those whose prices every row begins with."""
        self.opened, self.clock = opened, clock
        self.exchange, self.market = opened.exchange, opened.exchange.market
        boards = ((symbol, self.market.boards[symbol]) for symbol in symbols)
        self.prices = {symbol: (board.quote, board.trade) for symbol, board in boards}

    async def begin(self, at: str) -> None:
        """Every price back, and a full session whose clock stands at `at`, New York."""
        local = self.clock.at.astimezone(NEW_YORK)
        hour = time.fromisoformat(at)
        day = local.date() + timedelta(days=0 if local.time() <= hour else 1)
        while not _is_full(day):
            day += timedelta(days=1)
        self.clock.at = datetime.combine(day, hour, NEW_YORK).astimezone(UTC)
        for symbol, (quote, trade) in self.prices.items():
            self._take(symbol, quote, trade)
        await self._rest()

    async def clock_at(self, at: str, sessions_on: int = 0, days_on: int = 0) -> None:
        """The same day at `at`, or so many sessions or calendar days later."""
        day = self.clock.at.astimezone(NEW_YORK).date() + timedelta(days=days_on)
        for _ in range(sessions_on):
            day += timedelta(days=1)
            while sessions.session_of(day) is None:
                day += timedelta(days=1)
        moment = datetime.combine(day, time.fromisoformat(at), NEW_YORK).astimezone(UTC)
        if moment < self.clock.at:
            raise ValueError(f"the clock cannot go back to {moment}")
        self.clock.at = moment
        self._publish([])
        await self._rest()

    async def clock_on(self, day: str, at: str) -> None:
        """A later day, with the day's prices."""
        moment = datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=NEW_YORK)
        self.clock.at = max(self.clock.at, moment.astimezone(UTC))
        for symbol, (quote, trade) in self.prices.items():
            self._take(symbol, quote, trade)
        await self._rest()

    async def price(self, symbol: str, bid: str, ask: str, last: str | None = None) -> None:
        """A quote, and a trade at `last` or in the middle."""
        now = self.clock.at
        low, high = Decimal(bid), Decimal(ask)
        at = Decimal(last) if last else ((low + high) / 2).quantize(Decimal("0.01"))
        old = self.market.boards[symbol].trade
        trade = Trade(symbol, (old.id if old else 0) + 1, at, 100, now, at, at, at)
        self._take(symbol, Quote(symbol, low, 500, high, 500, now), trade)
        await self._rest()

    async def fault(self, **step: Any) -> None:
        """A fault as in a scenario's file."""
        self.exchange.director.inject(step_of(step))
        self.exchange.director.turn()
        self._publish([])
        await self._rest()

    async def change(self, account: str, **fields: Any) -> None:
        """What only the broker can set of an account."""
        self.exchange.venue.change_account(account, **fields)
        await self._rest()

    async def late_trade(self, symbol: str, price: str) -> None:
        """A print of the minute before."""
        old = self.market.boards[symbol].trade
        at, value = self.clock.at - timedelta(seconds=30), Decimal(price)
        self._publish(
            [Trade(symbol, (old.id if old else 0) + 1, value, 100, at, value, value, value)]
        )
        await self._rest()

    async def test_tick(self) -> None:
        """A tick of the permanent test stream."""
        update = self.opened.test_market.advance(self.clock.at)
        self.exchange.data_hubs.publish_test(update)
        await self._rest()

    async def settle(self) -> None:
        """Until nothing is under way any more."""
        await self._rest()

    def _take(self, symbol: str, quote: Quote | None, trade: Trade | None) -> None:
        now = self.clock.at
        ticks: list[Quote | Trade] = []
        if trade is not None:
            ticks.append(trade._replace(at=now))
        if quote is not None:
            ticks.append(quote._replace(at=now))
        self._publish(ticks)

    def _publish(self, ticks: list[Quote | Trade]) -> None:
        """A tick of everything but the price sources: see `Opened.turn`."""
        update = self.market.take(ticks, self.clock.at)
        self.exchange.venue.turn(update)
        self.exchange.data_hubs.publish(self.clock.at, update, self.market.find)

    async def _rest(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
            await self.exchange.store.durable()


def _is_full(day: Any) -> bool:
    session = sessions.session_of(day)
    return session is not None and session.closes.astimezone(NEW_YORK).hour == 16


def chosen(asked: dict[str, Any]) -> Settings:
    """Settings from JSON; `rules` and `data_limits` are parts of their own."""
    kinds = {rule.name: type(rule.default) for rule in fields(Rules)}
    rules = {
        name: time.fromisoformat(value) if kinds[name] is time else kinds[name](value)
        for name, value in asked.pop("rules", {}).items()
    }
    limits = asked.pop("data_limits", {})
    for names in ("not_subscribed", "unscoped"):
        limits[names] = frozenset(limits.get(names, ()))
    trades = TradeLimits(**asked.pop("trade_limits", {}))
    book = Path(asked.pop("book"))
    return Settings(
        book=book,
        volatility=Decimal(0),
        fill_delay=0.0,
        rules=Rules(**rules),
        data_limits=DataLimits(**limits),
        trade_limits=trades,
        **asked,
    )


async def serve(settings: Settings) -> None:
    clock, store = HandClock(), Store(None)
    opened = open_exchange(settings, store, RequestLog(None), clock=clock)
    await store.commit()
    committing = asyncio.create_task(store.run())
    listed = [listing.symbol for listing in read_book(settings.book).market]
    stage = Stage(opened, clock, listed)

    async def staged(request: web.Request) -> web.Response:
        deed = await request.json()
        try:
            await getattr(stage, deed.pop("deed"))(**deed)
        except Exception:  # said where the row is judged
            return web.Response(text=format_exc(), status=500)
        return web.Response(status=204)

    app = build_app(opened.exchange, settings)
    outer = web.Application()
    outer.router.add_post("/stage", staged)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    hand = web.AppRunner(outer, access_log=None, shutdown_timeout=0.1)
    await hand.setup()
    await web.TCPSite(hand, HOST, 0).start()
    accounts = {
        name: (account.key, account.secret)
        for name, account in opened.exchange.venue.floor.ledger.accounts.items()
    }
    hello = {"port": runner.addresses[0][1], "stage": hand.addresses[0][1], "accounts": accounts}
    sys.stdout.write(json.dumps(hello) + "\n")
    sys.stdout.flush()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait({ended, committing, opened.exchange.failure}, return_when="FIRST_COMPLETED")
    if opened.exchange.failure.done():
        opened.exchange.failure.result()
    committing.cancel()
    await hand.cleanup()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(chosen(json.loads(sys.stdin.readline()))))
