"""What market data look like on the streams, in both codecs (alpaca.md §6.2)."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgpack
import pytest
from aiohttp import WSMsgType
from exchange_world import TUESDAY_NOON
from hypothesis import given
from hypothesis import strategies as st
from stream_talk import MSGPACK, heard, subscribed

from services.exchange.market.boards import Update
from services.exchange.market.quotes import (
    Bands,
    Bar,
    Cancel,
    Correction,
    Quote,
    Trade,
    TradingStatus,
)
from services.exchange.streams.codec import JSON, frames
from services.exchange.streams.codec import MSGPACK as PACKED
from services.exchange.streams.data_hub import MOST_BYTES
from services.exchange.streams.messages import OPTIONS, STOCKS, items

AT = datetime(2026, 3, 3, 14, 31, 2, 118204, tzinfo=UTC)
PRICE = Decimal("45.48")
QUOTE = Quote("XYZ", Decimal("45.47"), 300, Decimal("45.49"), 500, AT)
TRADE = Trade("XYZ", 71294, PRICE, 100, AT, PRICE, PRICE, PRICE)
RIGHT = TRADE._replace(id=71299, price=Decimal("45.47"))
BAR = Bar.begun(TRADE, AT)
STATUS = TradingStatus("XYZ", "H", "Trading Halt", "T1", "Halt News Pending", AT)
BANDS = Bands("XYZ", Decimal("47.75"), Decimal("43.2"), AT)
BAR_FIELDS = {
    "o": 45.48, "h": 45.48, "l": 45.48, "c": 45.48, "v": 100, "n": 1, "vw": 45.48
}  # fmt: skip

TABLE = [
    (
        "ticks", TRADE, "trades", "t",
        {"i": 71294, "x": "V", "p": 45.48, "s": 100, "c": ["@"], "z": "C"},
    ),
    (
        "ticks", QUOTE, "quotes", "q",
        {"bx": "V", "bp": 45.47, "bs": 300, "ax": "V", "ap": 45.49, "as": 500, "c": ["R"], "z": "C"},
    ),
    ("bars", BAR, "bars", "b", BAR_FIELDS),
    ("updated", BAR, "updatedBars", "u", BAR_FIELDS),
    ("days", BAR, "dailyBars", "d", BAR_FIELDS),
    (
        "statuses", STATUS, "statuses", "s",
        {"sc": "H", "sm": "Trading Halt", "rc": "T1", "rm": "Halt News Pending", "z": "C"},
    ),
    ("lulds", BANDS, "lulds", "l", {"u": 47.75, "d": 43.2, "i": "B", "z": "C"}),
    (
        "corrections", Correction(TRADE, RIGHT, AT), "trades", "c",
        {
            "x": "V", "oi": 71294, "op": 45.48, "os": 100, "oc": ["@"],
            "ci": 71299, "cp": 45.47, "cs": 100, "cc": ["@"], "z": "C",
        },
    ),
    (
        "cancels", Cancel(RIGHT, "C", AT), "trades", "x",
        {"i": 71299, "x": "V", "p": 45.47, "s": 100, "a": "C", "z": "C"},
    ),
]  # fmt: skip
OPTION_TABLE = [
    ("ticks", TRADE, "trades", "t", {"x": "V", "p": 45.48, "s": 100, "c": "@"}),
    (
        "ticks", QUOTE, "quotes", "q",
        {"bx": "V", "bp": 45.47, "bs": 300, "ax": "V", "ap": 45.49, "as": 500, "c": "R"},
    ),
]  # fmt: skip
ROWS = [(STOCKS, *row) for row in TABLE] + [(OPTIONS, *row) for row in OPTION_TABLE]


def update(part: str, noun: object) -> Update:
    return Update(**{"ticks": [], "bars": [], "days": [], part: [noun]})


@pytest.mark.parametrize(("kinds", "part", "noun", "channel", "letter", "fields"), ROWS)
def test_each_kind_has_its_fields_in_both_codecs(kinds, part, noun, channel, letter, fields):
    for codec, read, at in (
        (PACKED, msgpack.unpackb, msgpack.Timestamp.from_unix_nano(1772548262118204000)),
        (JSON, json.loads, "2026-03-03T14:31:02.118204Z"),
    ):
        (item,) = items(update(part, noun), kinds, codec, {channel})
        message = read(item.data)
        assert (item.channel, item.symbol) == (channel, "XYZ")
        assert list(message)[:2] == ["T", "S"]
        assert message == {"T": letter, "S": "XYZ", **fields, "t": at}


@pytest.mark.parametrize(("kinds", "part", "noun", "channel", "letter", "fields"), ROWS)
def test_nothing_is_encoded_for_channels_nobody_wants(kinds, part, noun, channel, letter, fields):
    others = {row[3] for row in ROWS} - {channel}
    assert list(items(update(part, noun), kinds, PACKED, others)) == []


def test_every_part_of_an_update_has_its_row():
    """A new kind of news that no stream tells of fails here; contracts are looked up instead."""
    parts = set(Update.__dataclass_fields__)
    assert {part for _, part, *_ in ROWS} == parts & set(STOCKS)
    assert parts - set(STOCKS) == {"options"}


@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(40, 200))
def test_frames_keep_order_and_stay_within_their_size(said, most):
    encoded = [PACKED.item({"b": piece}) for piece in said]
    built = list(frames(PACKED, encoded, most))
    assert [item["b"] for frame in built for item in msgpack.unpackb(frame)] == said
    assert all(len(frame) <= most + 5 for frame in built)


@pytest.mark.parametrize("codec", [PACKED, JSON], ids=["msgpack", "json"])
def test_a_great_tick_is_sent_in_frames_under_a_megabyte(codec):
    ticks = [QUOTE._replace(symbol=f"S{number}") for number in range(20_000)]
    encoded = [item.data for item in items(Update(ticks, [], []), STOCKS, codec, {"quotes"})]
    built = list(frames(codec, encoded, MOST_BYTES))
    assert len(built) > 1
    assert max(map(len, built)) < 1 << 20


async def test_msgpack_clients_get_binary_frames_and_bars_of_finished_minutes(served):
    socket = await subscribed(served, headers=MSGPACK, quotes=["NEM"], bars=["*"])
    served.opened.turn()
    message = await socket.receive(timeout=5)
    assert message.type is WSMsgType.BINARY
    (quote,) = msgpack.unpackb(message.data)
    assert (quote["T"], quote["S"], quote["bp"], quote["ap"]) == ("q", "NEM", 79.99, 80.01)
    assert quote["t"] == msgpack.Timestamp.from_datetime(served.clock.at)
    served.clock.pass_(minutes=1)
    served.opened.turn()
    bars = {item["S"]: item for item in await heard(socket) if item["T"] == "b"}
    assert "NEM" in bars
    assert bars["NEM"]["t"] == msgpack.Timestamp.from_datetime(TUESDAY_NOON)


async def test_json_clients_get_text_frames(served):
    socket = await subscribed(served, quotes=["NEM"])
    served.opened.turn()
    message = await socket.receive(timeout=5)
    assert message.type is WSMsgType.TEXT
    assert json.loads(message.data)[0]["t"] == "2026-03-03T17:00:00Z"
