"""Prices: exact, on the tick, repeatable; walked or replayed."""

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.exchange.book import Listing
from services.exchange.market.boards import Market
from services.exchange.market.quotes import Quote, Trade
from services.exchange.market.tape import Tape, TapeError, TapePlayer
from services.exchange.market.walk import Walk, quote_around

NOW = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
TAPE = Path(__file__).parent.parent / "data" / "tape" / "20131008"
LISTINGS = [
    Listing(symbol="XYZ", price=Decimal("80"), spread_bps=Decimal(2)),
    Listing(symbol="LOW", price=Decimal("0.52"), spread_bps=Decimal(40)),
]


def walk(seed: int = 7, deviation: str = "0.01", **more) -> Walk:
    return Walk(
        LISTINGS, seed=seed, step_deviation=Decimal(deviation), trading=lambda at: True, **more
    )


def steps(source: Walk, count: int) -> list[Quote | Trade]:
    return [tick for n in range(count) for tick in source.due(NOW + timedelta(seconds=n))]


def test_the_same_seed_gives_the_same_sequence_and_another_one_does_not():
    assert steps(walk(), 50) == steps(walk(), 50)
    assert steps(walk(), 50) != steps(walk(seed=8), 50)


def test_a_walk_goes_on_after_a_restart_as_if_it_had_not_stopped():
    whole, first = walk(), walk()
    expected = [whole.due(NOW) for _ in range(40)]
    started = [first.due(NOW) for _ in range(15)]
    second = walk(mids=dict(first.mids), step=first.step)
    assert started + [second.due(NOW) for _ in range(25)] == expected


@settings(max_examples=30)
@given(st.integers(), st.sampled_from(["0.001", "0.05", "0.5"]))
def test_every_quote_is_on_the_tick_with_the_bid_below_the_ask(seed, deviation):
    for tick in steps(walk(seed, deviation), 30):
        if isinstance(tick, Quote):
            assert 0 < tick.bid < tick.ask
            assert tick.bid % (Decimal("0.01") if tick.bid > 1 else Decimal("0.0001")) == 0
            assert tick.bid_size > 0 < tick.ask_size


@pytest.mark.parametrize(
    ("price", "spread", "bid", "ask"),
    [
        ("80", "2", "79.99", "80.01"),
        ("420", "1", "419.98", "420.02"),
        ("800", "2", "799.92", "800.08"),
        ("40", "3", "39.99", "40.01"),
        ("0.5", "40", "0.499", "0.501"),
        ("0.0001", "0", "0.0001", "0.0002"),
    ],
)
def test_the_spread_lies_around_the_mid(price, spread, bid, ask):
    listing = Listing(symbol="X", price=Decimal(price), spread_bps=Decimal(spread))
    quote = quote_around(listing, listing.price, NOW, 1, 1)
    assert (quote.bid, quote.ask) == (Decimal(bid), Decimal(ask))


def test_without_volatility_prices_stand_still_at_the_books():
    market = Market(LISTINGS, [walk(deviation="0")])
    for n in range(200):
        market.advance(NOW + timedelta(seconds=n))
    assert [board.price for board in market.boards.values()] == [Decimal(80), Decimal("0.52")]


def test_no_quotes_while_the_market_is_closed():
    closed = Walk(LISTINGS, seed=1, step_deviation=Decimal(1), trading=lambda at: False)
    assert steps(closed, 10) == []
    assert closed.step == 0


def test_a_tape_is_played_as_recorded_without_locked_quotes_and_only_up_to_now():
    tape = Tape.of(TAPE)
    assert tape.symbols == ("AIG",)
    assert tape.session.opens == datetime(2013, 10, 8, 13, 30, tzinfo=UTC)
    player = TapePlayer(tape)
    early = player.due(tape.session.opens - timedelta(milliseconds=1))
    assert {type(tick) for tick in early} == {Quote}
    first = player.due(tape.session.opens)
    assert Trade in {type(tick) for tick in first}
    assert next(tick for tick in first if isinstance(tick, Trade)).price == Decimal("48.82")
    everything = early + first + player.due(tape.session.closes)
    assert [tick.at for tick in everything] == sorted(tick.at for tick in everything)
    with gzip.open(TAPE / "AIG.quotes.csv.gz", "rt") as file:
        rows = [line.strip().split(",")[1:] for line in file][1:]
    recorded = [row for row in rows if row[0] != row[2]]
    quotes = [tick for tick in everything if isinstance(tick, Quote)]
    assert [[str(q.bid), str(q.bid_size), str(q.ask), str(q.ask_size)] for q in quotes] == recorded


def test_a_locked_second_leaves_the_quote_before_it_standing(tmp_path):
    folder = tmp_path / "20131008"
    folder.mkdir()
    rows = ["09:30:00,10,100,10.01,100", "09:30:01,10.01,100,10.01,100.0", "09:30:02,10,1.0,0,0"]
    lines = ["time_et,bid,bid_size,ask,ask_size", *rows]
    (folder / "X.quotes.csv").write_text("\n".join(lines))
    quotes = TapePlayer(Tape.of(folder)).due(NOW)
    assert [(str(q.bid), str(q.ask)) for q in quotes] == [("10", "10.01"), ("10", "0")]


def test_bars_are_made_of_the_trades_of_their_minute():
    tape = Tape.of(TAPE)
    market = Market([Listing(symbol="AIG", price=Decimal(49))], [TapePlayer(tape)])
    update = market.advance(tape.session.opens + timedelta(minutes=2))
    trades = [tick for tick in update.ticks if isinstance(tick, Trade)]
    first, second = update.bars
    minute = [trade for trade in trades if trade.at < first.at + timedelta(minutes=1)]
    assert (first.at, second.at - first.at) == (tape.session.opens, timedelta(minutes=1))
    assert (first.open, first.close) == (minute[0].open, minute[-1].price)
    assert (first.high, first.low) == (max(t.high for t in minute), min(t.low for t in minute))
    assert (first.volume, first.trades) == (sum(t.size for t in minute), len(minute))


@pytest.mark.parametrize(
    ("folder", "name", "content", "complaint"),
    [
        ("today", "X.quotes.csv", "", "is not named by its date"),
        ("20131006", "X.quotes.csv", "", "is of a day without a session"),
        ("20131008", "readme.txt", "", "holds no SYMBOL.quotes.csv"),
        ("20131008", "X.quotes.csv", "a,b\n", "does not start with time_et,bid"),
        (
            "20131008",
            "X.quotes.csv",
            "time_et,bid,bid_size,ask,ask_size\n09:30:00,1,1,NaN,1\n",
            "malformed at line 2",
        ),
        (
            "20131008",
            "X.quotes.csv",
            "time_et,bid,bid_size,ask,ask_size\n09:30:00,1,1,2,1\nlunch,1,1,2,1\n",
            "malformed at line 3",
        ),
    ],
)
def test_a_bad_tape_is_refused_in_one_sentence(tmp_path, folder, name, content, complaint):
    place = tmp_path / folder
    place.mkdir()
    (place / name).write_text(content)
    with pytest.raises(TapeError, match=complaint):
        list(Tape.of(place).ticks())
