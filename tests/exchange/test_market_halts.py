"""Halts, limit-up limit-down bands and the pause after, jumps and drifts."""

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.exchange.book import Listing
from services.exchange.market.boards import Market
from services.exchange.market.limits import bands_around, is_tier_1
from services.exchange.market.quotes import Quote, Trade
from services.exchange.market.tape import Tape, TapeError, TapePlayer
from services.exchange.market.walk import Walk
from services.exchange.sessions import session_of

SESSION = session_of(datetime(2026, 3, 3, tzinfo=UTC).date())
assert SESSION is not None
NOON = SESSION.opens + timedelta(hours=3)
LARGE = Listing(symbol="LARGE", price=Decimal(100), adv=5_000_000)
SMALL = Listing(symbol="SMALL", price=Decimal(100), adv=10_000)
TAPE = Path(__file__).parent.parent / "data" / "tape" / "20131008"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Shop:
    """A market whose two symbols are quoted and traded by hand."""

    def __init__(self, *, pauses: bool = True) -> None:
        self.market = Market([LARGE, SMALL], [], pauses=pauses)

    def tell(self, symbol: str, mid: str, seconds: float):
        price, now = Decimal(mid), at(seconds)
        quote = Quote(symbol, price - Decimal("0.01"), 100, price + Decimal("0.01"), 100, now)
        trade = Trade(symbol, int(seconds), price, 100, now, price, price, price)
        return self.market.take([quote, trade], now)


def test_a_halted_symbol_is_silent_until_it_resumes_and_both_are_told_once():
    shop = Shop()
    shop.tell("LARGE", "100", 0)
    shop.market.halt("LARGE", "T1")
    shop.market.halt("LARGE", "T2")
    update = shop.tell("LARGE", "90", 1)
    assert (update.ticks, update.quoted) == ([], set())
    (status,) = update.statuses
    assert status[:5] == ("LARGE", "H", "Trading Halt", "T1", "Halt News Pending")
    board = shop.market.boards["LARGE"]
    assert (board.halted, board.price) == (True, Decimal(100))
    assert shop.tell("SMALL", "100", 2).quoted == {"SMALL"}
    shop.market.resume("LARGE")
    shop.market.resume("LARGE")
    update = shop.tell("LARGE", "90", 3)
    assert [status.code for status in update.statuses] == ["T"]
    assert (board.halted, board.price) == (False, Decimal(90))


def test_halts_and_drifts_outlive_a_restart():
    first = Shop()
    first.tell("LARGE", "100", 0)
    first.market.halt("LARGE", "T1")
    first.market.halt("SMALL", "LUDP", until=at(100))
    first.market.drift("SMALL", Decimal("0.5"), timedelta(seconds=10))
    second = Shop()
    second.market.recall(first.market.memory())
    assert second.market.memory() == first.market.memory()
    assert all(board.halted for board in second.market.boards.values())
    assert second.market.advance(at(99)).statuses == []
    (status,) = second.market.advance(at(100)).statuses
    assert (status.symbol, status.code) == ("SMALL", "T")
    assert second.market.boards["LARGE"].halted


def test_every_change_a_restart_must_know_of_is_told_at_once():
    shop, told = Shop(), []
    shop.market.on_change = lambda: told.append(shop.market.memory())
    shop.tell("LARGE", "100", 0)
    shop.market.halt("LARGE")
    shop.market.drift("SMALL", Decimal(2), timedelta(seconds=5))
    shop.market.jump("SMALL", Decimal(2))
    shop.market.resume("LARGE")
    assert [len(memory["halts"]) for memory in told] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("reference", "tier_1", "late", "up", "down"),
    [
        ("100", True, False, "105.00", "95.00"),
        ("100", False, False, "110.00", "90.00"),
        ("100", True, True, "110.00", "90.00"),
        ("100", False, True, "110.00", "90.00"),
        ("3.01", True, False, "3.16", "2.86"),
        ("3", True, False, "3.60", "2.40"),
        ("3", False, False, "3.60", "2.40"),
        ("2", False, True, "2.80", "1.20"),
        ("0.75", False, False, "0.90", "0.60"),
        ("0.74", False, False, "0.89", "0.59"),
        ("0.10", False, False, "0.18", "0.03"),
        ("0.10", False, True, "0.25", "0.01"),
    ],
)
def test_the_bands_of_the_plan(reference, tier_1, late, up, down):
    bands = bands_around(Decimal(reference), tier_1=tier_1, late=late)
    assert bands == (Decimal(up), Decimal(down))


def test_what_trades_much_is_tier_1():
    assert is_tier_1(LARGE)
    assert not is_tier_1(SMALL)


def test_bands_lie_around_the_mean_of_five_minutes_and_move_at_most_every_thirty_seconds():
    shop = Shop(pauses=False)
    (first,) = shop.tell("LARGE", "100", 0).lulds
    assert (first.symbol, first.up, first.down) == ("LARGE", Decimal(105), Decimal(95))
    assert shop.tell("LARGE", "104", 29).lulds == []
    (second,) = shop.tell("LARGE", "104", 30).lulds  # mean of 100, 104, 104
    assert second.up == Decimal("107.80")
    assert shop.tell("LARGE", "102.70", 60).lulds == []  # the mean moved less than a percent
    (third,) = shop.tell("LARGE", "110", 60 + 301).lulds  # what is older is forgotten
    assert third.up == Decimal("115.50")
    assert shop.market.boards["LARGE"].bands == third


def test_there_are_no_bands_outside_the_regular_session():
    shop = Shop()
    shop.tell("LARGE", "100", 0)
    shop.market.take([], SESSION.closes + timedelta(minutes=1))
    assert shop.market.boards["LARGE"].bands is None


def test_fifteen_seconds_at_a_band_pause_for_five_minutes_then_the_price_is_free():
    shop = Shop()
    shop.tell("LARGE", "100", 0)
    for seconds in range(1, 15):
        assert shop.tell("LARGE", "120", seconds).statuses == []
    board = shop.market.boards["LARGE"]
    assert board.quote is not None
    assert (board.quote.ask, board.price) == (Decimal(105), Decimal(105))
    shop.tell("LARGE", "100", 15)
    for seconds in range(16, 31):
        assert not shop.tell("LARGE", "120", seconds).statuses
    (status,) = shop.tell("LARGE", "120", 31).statuses
    assert board.halted
    assert (status.code, status.reason) == ("P", "LUDP")
    assert shop.market.advance(at(31 + 299)).statuses == []
    assert [s.code for s in shop.market.advance(at(31 + 300)).statuses] == ["T"]
    shop.tell("LARGE", "120", 332)
    assert board.price == Decimal(120)


def test_without_pauses_a_price_passes_its_band():
    shop = Shop(pauses=False)
    shop.tell("LARGE", "100", 0)
    for seconds in range(1, 40):
        shop.tell("LARGE", "120", seconds)
    assert shop.market.boards["LARGE"].price == 120
    assert not shop.market.boards["LARGE"].halted


def test_a_flash_crash_is_a_jump_down_and_back():
    source = Walk([LARGE], seed=1, step_deviation=Decimal(0), trading=lambda at: True)
    market = Market([LARGE], [source])
    market.take(source.opening(at(0)), at(0))

    def mid(seconds: float) -> Decimal:
        market.advance(at(seconds))
        quote = market.boards["LARGE"].quote
        assert quote is not None
        return (quote.bid + quote.ask) / 2

    market.jump("LARGE", Decimal("0.8"))
    assert mid(1) == 80
    market.drift("LARGE", Decimal("1.25"), timedelta(seconds=10))
    assert [mid(seconds) for seconds in (6, 11, 60)] == [Decimal(90), Decimal(100), Decimal(100)]


def test_a_drift_takes_some_time():
    with pytest.raises(ValueError, match="takes some time"):
        Shop().market.drift("LARGE", Decimal(2), timedelta(0))


def write_tape(folder: Path) -> Tape:
    folder.mkdir()
    (folder / "XYZ.quotes.csv").write_text(
        "time_et,bid,bid_size,ask,ask_size\n"
        "09:30:00,10.00,100,10.01,200\n09:30:01,10.00,100,10.02,200\n09:30:02,0,0,10.04,200\n"
    )
    with gzip.open(folder / "ABC.quotes.csv.gz", "wt") as file:
        file.write("time_et,bid,bid_size,ask,ask_size\n09:30:01,5.00,1,5.01,1\n")
    (folder / "XYZ.trades.csv").write_text(
        "time_et,open,high,low,close,volume\n09:30:01,10.00,10.02,10.00,10.01,300\n"
    )
    return Tape.of(folder)


def test_several_symbols_of_a_tape_plain_or_packed_are_jumped_each_for_itself(tmp_path):
    tape = write_tape(tmp_path / "20131008")
    player = TapePlayer(tape)
    opens = tape.session.opens
    player.jump("XYZ", Decimal(2))
    player.jump("NOBODY", Decimal(2))
    ticks = player.due(opens + timedelta(seconds=2))
    quotes = [(t.symbol, str(t.bid), str(t.ask)) for t in ticks if isinstance(t, Quote)]
    assert quotes == [
        ("XYZ", "20.00", "20.02"),
        ("ABC", "5.00", "5.01"),
        ("XYZ", "20.00", "20.04"),
        ("XYZ", "0", "20.08"),
    ]
    (trade,) = (t for t in ticks if isinstance(t, Trade))
    assert (str(trade.price), str(trade.high), str(trade.low)) == ("20.02", "20.04", "20.00")
    again = TapePlayer(tape, player.factors)
    assert again.due(opens + timedelta(seconds=2)) == ticks


def test_a_jumped_quote_keeps_its_bid_below_its_ask(tmp_path):
    player = TapePlayer(write_tape(tmp_path / "20131008"))
    player.jump("XYZ", Decimal("0.101"))
    for tick in player.due(at(0)):
        if isinstance(tick, Quote):
            assert tick.bid < tick.ask


def test_a_tape_can_be_halted_and_its_silence_is_not_made_up_for(tmp_path):
    tape = write_tape(tmp_path / "20131008")
    market = Market(
        [Listing(symbol=s, price=Decimal(10)) for s in tape.symbols], [TapePlayer(tape)]
    )
    opens = tape.session.opens
    market.advance(opens)
    market.halt("XYZ", "T1")
    assert market.advance(opens + timedelta(seconds=1)).quoted == {"ABC"}
    market.resume("XYZ")
    update = market.advance(opens + timedelta(seconds=2))
    assert [tick.at for tick in update.ticks] == [opens + timedelta(seconds=2)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_wrong_header_names_its_file(tmp_path, packed):
    folder = tmp_path / "20131008"
    write_tape(folder)
    if packed:
        (folder / "ABC.quotes.csv.gz").write_bytes(gzip.compress(b"time,bid\n"))
    else:
        (folder / "XYZ.trades.csv").write_text("time,price\n")
    with pytest.raises(TapeError, match="ABC.quotes.csv" if packed else "XYZ.trades.csv"):
        TapePlayer(Tape.of(folder)).due(at(0))
