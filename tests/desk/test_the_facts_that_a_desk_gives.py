"""What the running desk tells planning and checks beside the broker's account: tax lots of its journal,
trading halts of its stream, trades of other desks; and what it knows without asking anybody."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from risk_world import NOW, OPEN, STANDARD, StandingClock, working, world

from db.model.event import Event
from db.model.instrument import Instrument
from db.model.market import Bar, MarketClock, Quote, TradingStatus
from db.model.order import BrokerOrder, Fill, Side
from db.model.portfolio import Account, Position
from db.model.record import TradeRecord
from services.brokers.port import Broker
from services.desk.facts import FactsSource
from services.desk.past import KEPT_SECONDS
from services.market.board import PriceBoard
from services.risk.facts import Facts

WORLD = world(held={"AAA": "30"})


class CountingBroker:
    """Answers everything from one small world, and counts the questions."""

    def __init__(self) -> None:
        self.asked = 0

    def _ask(self) -> None:
        self.asked += 1

    async def clock(self) -> MarketClock:
        self._ask()
        return OPEN

    async def account(self) -> Account:
        self._ask()
        (account,) = WORLD.portfolio.accounts
        return account.model_copy(update={"multiplier": Decimal(2)})

    async def positions(self) -> tuple[Position, ...]:
        self._ask()
        return WORLD.portfolio.positions

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        self._ask()
        return ()

    async def quotes(self, symbols: list[str]) -> dict[str, Quote]:
        self._ask()
        return {symbol: WORLD.quotes[symbol] for symbol in symbols}

    async def fills_since(self, _: datetime) -> tuple[Fill, ...]:
        self._ask()
        return ()

    async def bars(self, *_: object) -> dict[str, tuple[Bar, ...]]:
        self._ask()
        return {}

    async def instruments(self) -> tuple[Instrument, ...]:
        self._ask()
        return tuple(WORLD.instruments.values())


def bought(qty: str, price: str, days: int) -> Event:
    fill = Fill(
        execution_id=f"x{days}", account="main", order_id="b", symbol="AAA", side=Side.BUY,
        qty=Decimal(qty), price=Decimal(price), at=NOW - timedelta(days=days),
    )  # fmt: skip
    return Event(
        kind="FillReceived", account="main", symbol="AAA", payload={"fill": fill.to_json()},
        seq=1, at=NOW, prev_hash="", hash="",
    )  # fmt: skip


def told(facts: Facts) -> dict[str, Any]:
    """Everything that must not depend on whether the broker was asked."""
    kept = (
        "instruments",
        "policy",
        "now",
        "lots",
        "halted",
        "halted_before",
        "halts_told",
        "stops",
    )
    return {name: getattr(facts, name) for name in kept}


async def test_lots_halts_and_other_desks_reach_the_checks_and_asking_is_not_needed_for_the_last() -> (
    None
):
    broker = CountingBroker()
    source = FactsSource(cast(Broker, broker), PriceBoard(lambda: 0.0), StandingClock(), STANDARD)
    assert source.at_hand(STANDARD) is None, "nothing was read yet"
    source.apply((bought("20", "90", 400), bought("10", "110", 3)))
    source.halts.connected(told=True)
    halt = TradingStatus(symbol="AAA", code="H", message="Halt", reason="news", at=NOW)
    source.halts.hear(halt)
    since = NOW - timedelta(days=2)

    async def other(_: datetime) -> tuple[TradeRecord, ...]:
        return (TradeRecord(since=since, why="the journal of manual begins then"),)

    source.past.elsewhere = other
    await source.refresh_instruments()
    facts = await source.fresh()
    lots = [
        (lot.qty, lot.price, (NOW.date() - lot.acquired).days) for lot in facts.lots["main", "AAA"]
    ]
    assert lots == [(20, 90, 400), (10, 110, 3)]
    assert facts.halted == {"AAA": "news"}
    assert facts.record is not None
    assert (facts.record.since, facts.record.why) == (since, "the journal of manual begins then")
    questions = broker.asked
    known = source.at_hand(STANDARD)
    assert known is not None
    assert broker.asked == questions, "what is at hand asks nobody"
    assert told(known) == told(facts)
    assert known.portfolio == source.portfolio
    assert known.clock is not None
    assert (known.clock.is_open, known.quotes["AAA"]) == (True, facts.quotes["AAA"])


async def test_a_position_that_the_broker_counts_otherwise_has_no_known_lot() -> None:
    source = FactsSource(
        cast(Broker, CountingBroker()), PriceBoard(lambda: 0.0), StandingClock(), STANDARD
    )
    source.apply((bought("20", "90", 400),))  # the broker says 30
    assert (await source.fresh()).lots == {}


async def test_our_own_fill_is_no_news_from_other_desks() -> None:
    """The books of others are files, read beside the gate of a buy."""
    clock, looks = StandingClock(), 0
    source = FactsSource(cast(Broker, CountingBroker()), PriceBoard(lambda: 0.0), clock, STANDARD)

    async def other(_: datetime) -> tuple[TradeRecord, ...]:
        nonlocal looks
        looks += 1
        return ()

    source.past.elsewhere = other
    for seconds, expected in ((0, 1), (1, 1), (KEPT_SECONDS, 2)):
        clock.seconds = seconds
        source.past.apply([bought("1", "90", 0)])
        await source.past.record(clock.now(), WORLD.portfolio.positions)
        assert looks == expected


async def test_what_another_hand_buys_during_the_look_is_paid_for_or_spoken_for_invariant_16() -> (
    None
):
    """Its order is in no book of ours: the account before the fill and the orders after it would show
    cash that is gone."""
    open_order = working("buy 10 BBB")

    class Filling(CountingBroker):
        filled = False

        async def open_orders(self) -> tuple[BrokerOrder, ...]:
            found = () if self.filled else (open_order,)
            await asyncio.sleep(0)
            self.filled = True
            return found

        async def account(self) -> Account:
            account = await super().account()
            paid = Decimal(1000) if self.filled else Decimal(0)
            return account.model_copy(update={"cash": account.cash - paid})

    broker = Filling()
    source = FactsSource(cast(Broker, broker), PriceBoard(lambda: 0.0), StandingClock(), STANDARD)
    portfolio = await source.refresh_portfolio()
    (account,) = portfolio.accounts
    (before,) = WORLD.portfolio.accounts
    assert portfolio.orders == (open_order,)
    assert account.cash == before.cash - 1000
