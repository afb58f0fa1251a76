"""The feeds beside the stocks' own: test, delayed, options, news (alpaca.md §6.1)."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from exchange_world import TUESDAY_NOON
from stream_talk import MSGPACK, heard, say, subscribed

from services.exchange.market.quotes import Quote, Trade
from services.exchange.streams.data_hubs import Contracts

CALL, PUT = "NEM260320C00080000", "NEM260320P00080000"


async def test_the_test_stream_has_its_one_symbol_at_all_hours(served):
    served.clock.at = datetime(2026, 3, 7, 3, 0, tzinfo=UTC)
    socket = await subscribed(served, "/v2/test", quotes=["*"])
    served.opened.turn()
    (quote,) = await heard(socket)
    assert quote["S"] == "FAKEPACA"


async def test_the_delayed_feed_is_a_quarter_of_an_hour_behind(served):
    socket = await subscribed(served, "/v2/delayed_sip", quotes=["NEM"])
    for _ in range(2):
        served.opened.turn()
        served.clock.pass_(minutes=15)
    (quote,) = await heard(socket)
    assert quote["t"] == "2026-03-03T17:00:00Z"
    served.opened.turn()
    (quote,) = await heard(socket)
    assert quote["t"] == "2026-03-03T17:15:00Z"


async def test_the_news_feed_subscribes_and_is_silent(served):
    socket = await subscribed(served, "/v1beta1/news", news=["*"])
    served.opened.turn()
    await say(socket, {"action": "unsubscribe", "news": ["*"]})
    assert await heard(socket) == [{"T": "subscription", "news": []}]


def quote(symbol: str, bid: str) -> Quote:
    return Quote(symbol, Decimal(bid), 1, Decimal(bid) + 1, 1, TUESDAY_NOON)


def trade(symbol: str, number: int) -> Trade:
    one = Decimal(1)
    return Trade(symbol, number, one, 1, TUESDAY_NOON, one, one, one)


@pytest.fixture
def board(world):
    return replace(world.market.boards["XYZ"], quote=None, trade=None)


def test_contracts_tell_what_is_new_of_those_looked_at(board):
    boards = {CALL: board}
    contracts = Contracts()

    def told(*symbols: str) -> list[Quote | Trade]:
        return contracts.update(boards.get, symbols).ticks

    board.quote, board.trade = quote(CALL, "1"), trade(CALL, 1)
    assert told(CALL, PUT) == []  # that was before anybody looked
    assert told(CALL, PUT) == []
    board.quote = quote(CALL, "2")
    assert told(CALL, PUT) == [board.quote]
    board.trade = trade(CALL, 2)
    assert told(CALL, PUT) == [board.trade]
    assert told() == []


@pytest.mark.parametrize("path", ["/v1beta1/indicative", "/v1beta1/opra"])
async def test_options_are_streamed_from_their_boards(served, board, path, monkeypatch):
    board.quote = quote(CALL, "1")
    market = served.opened.exchange.market
    found = market.find
    monkeypatch.setattr(market, "find", lambda name: board if name == CALL else found(name))
    socket = await subscribed(served, path, MSGPACK, quotes=[CALL], trades=["*"])
    served.opened.turn()
    board.quote = quote(CALL, "2")
    served.opened.turn()
    (told,) = await heard(socket)
    assert (told["T"], told["S"], told["bp"], told["c"]) == ("q", CALL, 2.0, "R")
