"""Bars as the stream makes them: by the time of the trade, sent at the minute's end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.exchange.book import Listing
from services.exchange.market.boards import Market, Update
from services.exchange.market.quotes import Trade

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def market() -> Market:
    return Market([Listing(symbol="XYZ", price=Decimal(50))], [])


def trade(price: str, size: int, after: float, number: int = 1) -> Trade:
    at, exact = NOON + timedelta(seconds=after), Decimal(price)
    return Trade("XYZ", number, exact, size, at, exact, exact, exact)


def take(market: Market, after: float, *trades: Trade) -> Update:
    return market.take(list(trades), NOON + timedelta(seconds=after))


PRINTS = st.lists(
    st.tuples(st.integers(1, 10_000), st.integers(1, 900), st.floats(0, 299, allow_nan=False)),
    min_size=1,
    max_size=40,
)


@given(PRINTS)
def test_bars_are_the_fold_of_the_trades_of_their_minute(prints):
    shop = market()
    trades = [
        trade(str(Decimal(cents) / 100), size, after, number)
        for number, (cents, size, after) in enumerate(sorted(prints, key=lambda p: p[2]))
    ]
    bars = [bar for one in trades for bar in take(shop, (one.at - NOON).total_seconds(), one).bars]
    last = take(shop, 300)
    bars += last.bars
    minutes = sorted({one.at.replace(second=0, microsecond=0) for one in trades})
    assert [bar.at for bar in bars] == minutes
    for bar in bars:
        mine = [one for one in trades if bar.at <= one.at < bar.at + MINUTE]
        assert (bar.open, bar.close) == (mine[0].price, mine[-1].price)
        assert (bar.high, bar.low) == (max(m.price for m in mine), min(m.price for m in mine))
        assert (bar.volume, bar.trades) == (sum(m.size for m in mine), len(mine))
        assert bar.turnover == sum(m.price * m.size for m in mine)
    day = last.days[0]
    assert (day.volume, day.trades) == (sum(b.volume for b in bars), len(trades))
    assert (day.open, day.close) == (bars[0].open, bars[-1].close)


def test_a_bar_is_sent_once_when_its_minute_is_over_and_its_day_with_it():
    shop = market()
    assert take(shop, 5, trade("50", 100, 5)).bars == []
    assert take(shop, 59.9).bars == []
    over = take(shop, 60)
    assert [bar.close for bar in over.bars] == [Decimal(50)]
    assert [day.volume for day in over.days] == [100]
    assert take(shop, 61).bars == []


def test_a_late_trade_is_told_half_a_minute_after_the_end_and_moves_no_close():
    shop = market()
    take(shop, 5, trade("50", 100, 5))
    assert len(take(shop, 60).bars) == 1
    assert take(shop, 70, trade("51", 30, 50)).updated == []
    assert take(shop, 89).updated == []
    (bar,) = take(shop, 90).updated
    assert (bar.high, bar.close, bar.volume, bar.trades) == (Decimal(51), Decimal(50), 130, 2)
    assert take(shop, 200).updated == []
    assert shop.boards["XYZ"].price == 50


def test_without_late_trades_no_bar_is_updated():
    shop = market()
    take(shop, 5, trade("50", 100, 5))
    assert [update.updated for update in (take(shop, 60), take(shop, 95), take(shop, 130))] == [
        [],
        [],
        [],
    ]


def test_a_correction_is_told_with_both_prints_and_changes_the_bar():
    shop = market()
    take(shop, 5, trade("50", 100, 5, 1), trade("55", 200, 6, 2))
    take(shop, 60)
    shop.correct("XYZ", Decimal("0.9"))
    update = take(shop, 62)
    (correction,) = update.corrections
    assert (correction.wrong.id, correction.wrong.price) == (2, Decimal(55))
    assert correction.right.price == Decimal("49.50")
    assert correction.right.id != 2
    (bar,) = take(shop, 90).updated
    assert (bar.high, bar.low, bar.close) == (Decimal(50), Decimal("49.50"), Decimal("49.50"))
    assert bar.turnover == 50 * 100 + Decimal("49.50") * 200
    board = shop.boards["XYZ"]
    assert board.price == Decimal("49.50")
    assert board.day is not None
    assert board.day.turnover == bar.turnover


def test_a_busted_print_never_was():
    shop = market()
    take(shop, 5, trade("50", 100, 5, 1), trade("99", 200, 6, 2))
    shop.bust("XYZ")
    (cancel,) = take(shop, 7).cancels
    assert (cancel.trade.id, cancel.trade.price, cancel.action) == (2, Decimal(99), "C")
    (bar,) = take(shop, 60).bars
    assert (bar.high, bar.volume, bar.trades) == (Decimal(50), 100, 1)
    board = shop.boards["XYZ"]
    assert board.price == 50
    assert board.day is not None
    assert (board.day.volume, board.day.trades) == (100, 1)


def test_a_day_is_of_the_regular_session_and_yesterdays_close_is_its_last_trade():
    shop = market()
    hours = 3600
    take(shop, 0, trade("50", 100, 0))
    take(shop, 5 * hours, trade("52", 100, 5 * hours))  # 17:00 in New York
    board = shop.boards["XYZ"]
    assert board.day is not None
    assert (board.day.close, board.day.volume) == (Decimal(50), 100)
    take(shop, 24 * hours, trade("53", 100, 24 * hours))
    assert (board.previous_close, board.day.open) == (Decimal(50), Decimal(53))


def test_what_is_printed_at_night_is_in_no_bar():
    shop = market()
    night = 14 * 3600  # two in the morning in New York
    take(shop, night, trade("48", 100, night))
    update = take(shop, night + 60)
    assert (update.bars, shop.boards["XYZ"].day, shop.boards["XYZ"].price) == ([], None, 48)
