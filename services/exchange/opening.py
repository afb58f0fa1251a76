"""From settings and the state file to an exchange that is ready to serve."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.exchange import sessions
from services.exchange.book import Book, Listing, parse_book, read_book, with_accounts
from services.exchange.clock import Clock, OpenClock, StartedClock, WallClock, open_start
from services.exchange.engine.accounts import Account, Position, credentials
from services.exchange.engine.day_end import FACT as DAY_ENDED
from services.exchange.engine.floor import Floor
from services.exchange.engine.ledger import Ledger
from services.exchange.engine.matching import symbols_of
from services.exchange.engine.orders import is_contract
from services.exchange.engine.trading_models import MODELS, TradingModel
from services.exchange.engine.venue import Venue
from services.exchange.equity import FACT as EQUITY
from services.exchange.equity import EquityLog
from services.exchange.exchange import Exchange
from services.exchange.ids import Ids
from services.exchange.market.boards import Market
from services.exchange.market.catalogue import catalogue
from services.exchange.market.options import Contract
from services.exchange.market.quotes import CENT, PriceSource
from services.exchange.market.tape import Tape, TapePlayer
from services.exchange.market.walk import Walk
from services.exchange.rate_limit import RateLimit
from services.exchange.request_log import RequestLog
from services.exchange.scenarios.play import prepared
from services.exchange.settings import Settings
from services.exchange.store import VERSION, Standstill, StateError, Store
from services.exchange.streams.data_hubs import DataHubs
from services.exchange.streams.trade_hub import TradeHub
from services.exchange.watchlists import FACT as WATCHLISTS
from services.exchange.watchlists import Watchlists

SAVE_EVERY = 5.0  # true seconds between two notes of where prices and time stand
TEST_LISTING = Listing(symbol="FAKEPACA", price=Decimal(100))


@dataclass(frozen=True)
class Opened:
    """An exchange with the things that move it."""

    exchange: Exchange
    walk: Walk
    test_market: Market
    player: TapePlayer | None = None

    def turn(self) -> None:
        """One tick of everything: prices, matching, then who watches."""
        exchange = self.exchange
        exchange.director.turn()
        now = exchange.clock.now()
        update = exchange.market.advance(now)
        exchange.venue.turn(update)
        exchange.equity.note(now, exchange.venue.floor.equities)
        exchange.data_hubs.publish(now, update, exchange.market.find)
        exchange.data_hubs.publish_test(self.test_market.advance(now))

    def note_standstill(self) -> None:
        now = self.exchange.clock.now()
        still = Standstill(now, self.walk.step, self.walk.mids)
        self.exchange.store.put_fact("standstill", still.as_text())
        lasting = self.exchange.market.memory()
        if self.player is not None:
            lasting["factors"] = {s: str(factor) for s, factor in self.player.factors.items()}
        self.exchange.store.put_fact("market", json.dumps(lasting))


def open_exchange(
    settings: Settings,
    store: Store,
    requests: RequestLog,
    wall: Callable[[], float] = time.time,
    clock: Clock | None = None,
) -> Opened:
    """Raises BookError, TapeError or StateError with one sentence. `clock` overrides the
    settings' own.

    Must run in the event loop that will serve: what is delayed is delayed there.
    """
    model = _trading_model(settings)
    tape = Tape.of(settings.tape) if settings.tape else None
    book = _book(settings, store)
    noted, noted_day = store.fact("standstill"), store.fact(DAY_ENDED)
    still = Standstill.parsed(noted) if noted else None
    clock = clock or _clock(settings, tape, still)
    now = clock.now()
    ledger = _ledger(book, store, now)
    listings = _listings(book, tape)
    named = {listing.symbol for listing in listings}
    quiet = [listing for listing in catalogue() if listing.symbol not in named]
    taped = set((store.fact("taped") or "").split())
    _check_listed(ledger, listings + [other for other in quiet if other.symbol not in taped])
    store.put_fact("taped", " ".join(tape.symbols) if tape else "")
    walk = Walk(
        [listing for listing in listings if not tape or listing.symbol not in tape.symbols],
        quiet=[listing for listing in quiet if listing.active],
        stride=max(round(1 / settings.tick), 1),
        seconds=Decimal(settings.tick) * Decimal(settings.speed),
        seed=settings.seed,
        step_deviation=_step_deviation(settings),
        trading=lambda at: sessions.phase_at(at) is not sessions.Phase.CLOSED,
        mids=still.mids if still else None,
        step=still.step if still else 0,
    )
    lasting = json.loads(store.fact("market") or "null")
    player = TapePlayer(tape, _factors(lasting)) if tape else None
    sources: list[PriceSource] = [walk] + ([player] if player else [])
    delisted = [one for one in catalogue() if not one.active and one.symbol not in named]
    market = Market(
        listings + quiet + delisted,
        sources,
        quiet={listing.symbol for listing in quiet},
        seed=settings.seed,
        begun=_begun(store, now),
        pauses=model.pauses,
    )
    market.take(walk.opening(now), now)
    if lasting:
        market.recall(lasting)
    trade_hub = TradeHub()
    store.publish = trade_hub.publish
    venue = Venue(
        Floor(ledger, market, clock, settings.rules, _ids(settings, store)),
        store,
        model.fills,
        model.delay,
        asyncio.get_running_loop().call_later,
        model.costs,
        model.overnight,
        day_ended=date.fromisoformat(noted_day) if noted_day else None,
    )
    play = prepared(venue, market, clock, settings.seed, settings.scenarios)
    exchange = Exchange(
        venue,
        market,
        clock,
        store,
        requests,
        RateLimit(settings.rate_limit, wall),
        trade_hub,
        DataHubs(),
        asyncio.get_running_loop().create_future(),
        play.director,
        play.past,
        play.connections,
        Watchlists(store.fact(WATCHLISTS), store.put_fact),
        EquityLog(store.facts(EQUITY), store.put_fact),
    )
    for account in ledger.accounts.values():
        exchange.equity.begin(account.name, account.last_equity, now)
    opened = Opened(exchange, walk, _test_market(settings, now), player)
    market.on_change = opened.note_standstill
    opened.note_standstill()
    opened.turn()
    venue.resume()
    return opened


def _book(settings: Settings, store: Store) -> Book:
    """The book the state was begun with; another one asked for is refused, never mixed in."""
    version, kept = store.fact("version"), store.fact("book")
    if kept is None:
        book = with_accounts(read_book(settings.book), settings.accounts)
        store.put_fact("version", VERSION)
        store.put_fact("book", book.model_dump_json())
        return book
    if version != VERSION:
        raise StateError(f"State {settings.state} is of version {version}, not {VERSION}.")
    book = parse_book(kept, "of the state file")
    if with_accounts(book, settings.accounts) != book:
        raise StateError(
            f"State {settings.state} was begun with other accounts than these:"
            " leave --account away or take another --state."
        )
    if settings.book and with_accounts(read_book(settings.book), book.accounts) != book:
        raise StateError(
            f"State {settings.state} was begun with another book than {settings.book}:"
            " leave --book away or take another --state."
        )
    return book


def _ledger(book: Book, store: Store, now: datetime) -> Ledger:
    accounts = {account.name: account for account in store.accounts()}
    if accounts:
        return Ledger(
            accounts,
            {(held.account, held.symbol): held for held in store.positions()},
            {order.id: order for order in store.orders()},
            store.activities(),
        )
    ledger = Ledger(_accounts(book, now))
    for account in ledger.accounts.values():
        store.put_account(account)
    for line in book.positions:
        held = Position(
            account=line.account,
            symbol=line.symbol,
            qty=line.qty,
            cost=line.qty * line.avg_entry_price,
        )
        ledger.positions[held.account, held.symbol] = held
        store.put_position(held)
    return ledger


def _accounts(book: Book, now: datetime) -> dict[str, Account]:
    prices = {listing.symbol: listing.price for listing in book.market}
    accounts = {}
    for index, (name, line) in enumerate(book.accounts.items(), start=1):
        key, secret = credentials(name)
        held = sum(p.qty * prices[p.symbol] for p in book.positions if p.account == name)
        accounts[name] = Account(
            name=name,
            id=str(uuid5(NAMESPACE_URL, f"simulated exchange account {name}")),
            account_number=f"SIM{index:06d}",
            key=key,
            secret=secret,
            cash=line.cash,
            multiplier=Decimal(line.multiplier),
            last_equity=line.cash + held if line.equity_at_open is None else line.equity_at_open,
            last_position_value=held,
            created_at=now,
        )
    return accounts


def _listings(book: Book, tape: Tape | None) -> list[Listing]:
    """The book's instruments, as far as it tells them, else as the catalogue does; what only
    the tape knows comes after."""
    known = {listing.symbol: listing for listing in catalogue()}
    listed = {}
    for listing in book.market:
        told = listing.model_dump(exclude_defaults=True)
        listed[listing.symbol] = known.get(listing.symbol, listing).model_copy(update=told)
    for symbol, mid in (tape.first_mids() if tape else {}).items():
        price = mid.quantize(CENT)
        taped = listed.get(symbol) or known.get(symbol) or Listing(symbol=symbol, price=price)
        listed[symbol] = taped.model_copy(update={"price": price})
    return list(listed.values())


def _begun(store: Store, now: datetime) -> date:
    """New York's day on which this state's prices began; history before it is made up."""
    noted = store.fact("begun")
    if noted is None:
        noted = now.astimezone(sessions.NEW_YORK).date().isoformat()
        store.put_fact("begun", noted)
    return date.fromisoformat(noted)


def _factors(lasting: dict[str, Any] | None) -> dict[str, Decimal]:
    """What scenarios multiplied the tape's prices with before the restart."""
    return {s: Decimal(text) for s, text in (lasting or {}).get("factors", {}).items()}


def _check_listed(ledger: Ledger, listings: list[Listing]) -> None:
    """What was bought from a tape has no price without it."""
    symbols = {listing.symbol for listing in listings}
    held = [position.symbol for position in ledger.positions.values() if position.qty]
    asked = [s for order in ledger.orders.values() if order.is_open for s in symbols_of(order)]
    for symbol in [*held, *asked]:
        share = Contract.parsed(symbol).underlying if is_contract(symbol) else symbol
        if share not in symbols:
            raise StateError(
                f"The state holds {symbol}, which has no price: start with its --tape again."
            )


def _clock(settings: Settings, tape: Tape | None, still: Standstill | None) -> Clock:
    """A restart goes on after the last time anybody can have seen."""
    noted = still.at + timedelta(seconds=SAVE_EVERY * settings.speed) if still else None
    if tape is not None:
        first = settings.clock if isinstance(settings.clock, datetime) else tape.session.opens
        return StartedClock(noted or first, settings.speed)
    if isinstance(settings.clock, datetime):
        return StartedClock(noted or settings.clock, settings.speed)
    if settings.clock == "real":
        return WallClock()
    first = open_start(datetime.now(UTC).astimezone(sessions.NEW_YORK).date())
    return OpenClock(max(first, noted) if noted else first, settings.speed)


def _ids(settings: Settings, store: Store) -> Ids:
    """Going on after the last id that was kept; a reset begins a new generation."""
    generation, counter = store.fact("generation") or "0", store.fact("ids") or "0"
    return Ids(settings.seed, int(generation), int(counter))


def _step_deviation(settings: Settings) -> Decimal:
    """Of one step, as a fraction: variance grows with the exchange time of a tick."""
    seconds = Decimal(settings.tick) * Decimal(settings.speed)
    return (settings.volatility / 10_000 * seconds.sqrt()).quantize(Decimal("1e-9"))


def _trading_model(settings: Settings) -> TradingModel:
    model = MODELS[settings.fill_model](settings.seed, settings.fill_delay)
    return model.in_parts(settings.seed) if settings.partials else model


def _test_market(settings: Settings, now: datetime) -> Market:
    """What /v2/test streams: one made-up symbol, at all hours."""
    walk = Walk(
        [TEST_LISTING],
        seed=settings.seed,
        step_deviation=Decimal("0.0001"),
        trading=lambda at: True,
    )
    market = Market([TEST_LISTING], [walk])
    market.take(walk.opening(now), now)
    return market
