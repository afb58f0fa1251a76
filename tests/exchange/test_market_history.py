"""History: made up before the exchange began, the same for ever, consistent in all lengths."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain, groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchange.book import Listing
from services.exchange.market.boards import Board, Market
from services.exchange.market.history import Span
from services.exchange.market.quotes import Bar, Quote, Trade
from services.exchange.market.timeframes import UNITS, Timeframe
from services.exchange.market.walk import Walk
from services.exchange.sessions import NEW_YORK, session_of

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
XYZ = Listing(symbol="XYZ", price=Decimal("80.25"), adv=3_000_000, sector="Tech")
PENNY = Listing(symbol="PENNY", price=Decimal("1.10"), adv=20_000, sector="Energy")
MINUTE = timedelta(minutes=1)


def market(seed: int = 7, *listings: Listing) -> Market:
    shop = Market(listings or (XYZ, PENNY), [], seed=seed, begun=NOON.date())
    shop.take([], NOON)
    return shop


MARKET = market()


def bars(
    timeframe: str, start: datetime, end: datetime, symbol: str = "XYZ", *, descending: bool = False
) -> list[Bar]:
    span = Span(start, end, descending)
    return list(MARKET.history.bars(MARKET.boards[symbol], Timeframe.parsed(timeframe), span))


def same_but_for_rounded_vwap(one: Bar, other: Bar) -> None:
    for name in ("symbol", "at", "open", "high", "low", "close", "volume", "trades"):
        assert getattr(one, name) == getattr(other, name), name
    assert float(one.vwap) == pytest.approx(float(other.vwap), rel=1e-4, abs=1e-3)


def fold(some: list[Bar], at: datetime) -> Bar:
    return Bar(
        some[0].symbol,
        at,
        some[0].open,
        max(bar.high for bar in some),
        min(bar.low for bar in some),
        some[-1].close,
        sum(bar.volume for bar in some),
        sum(bar.trades for bar in some),
        sum((bar.turnover for bar in some), Decimal(0)),
    )


def test_the_same_seed_symbol_and_day_give_the_same_whoever_else_is_listed_and_was_asked():
    span = Span(LONG_AGO, NOON)
    alone = market(7, XYZ)
    week = Span(datetime(2024, 5, 6, tzinfo=UTC), datetime(2024, 5, 11, tzinfo=UTC))
    minute, day = Timeframe(1, "Min"), Timeframe(1, "Day")
    board, other = alone.boards["XYZ"], MARKET.boards["XYZ"]
    early = list(alone.history.bars(board, minute, week))
    assert early == list(MARKET.history.bars(other, minute, week))
    assert list(alone.history.bars(board, day, span)) == bars("1Day", LONG_AGO, NOON)
    strange = market(8, XYZ)
    assert list(strange.history.bars(strange.boards["XYZ"], minute, week)) != early


def test_days_are_the_sessions_since_2016_and_end_at_the_listings_price():
    found = bars("1Day", LONG_AGO, NOON)
    days = [bar.at.astimezone(NEW_YORK) for bar in found]
    assert {(day.hour, day.minute) for day in days} == {(0, 0)}
    assert (days[0].date(), days[-1].date()) == (date(2016, 1, 4), date(2026, 3, 2))
    every = (
        date(2016, 1, 4) + timedelta(days=n) for n in range((NOON.date() - date(2016, 1, 4)).days)
    )
    assert [day.date() for day in days] == [day for day in every if session_of(day)]
    assert found[-1].close == XYZ.price == MARKET.boards["XYZ"].previous_close
    assert MARKET.history.day_before(MARKET.boards["XYZ"]) == found[-1]


def test_days_move_as_stocks_do():
    found = bars("1Day", LONG_AGO, NOON)
    moves = [float(after.close / before.close) - 1 for before, after in pairwise(found)]
    spread = (sum(move * move for move in moves) / len(moves)) ** 0.5
    assert 0.008 < spread < 0.03
    assert 0.9e6 * 2 < sum(bar.volume for bar in found) / len(found) < 1.2e6 * 3


@pytest.mark.parametrize("symbol", ["XYZ", "PENNY"])
@pytest.mark.parametrize("day", [date(2026, 3, 2), date(2025, 11, 28), date(2016, 1, 4)])
def test_a_day_is_the_fold_of_its_minutes_and_they_of_their_trades(symbol, day):
    session = session_of(day)
    midnight = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    end = midnight + timedelta(hours=23)
    minutes = bars("1Min", midnight, end, symbol)
    assert [bar.at for bar in minutes] == [
        session.opens + n * MINUTE for n in range((session.closes - session.opens) // MINUTE)
    ]
    (whole,) = bars("1Day", midnight, end, symbol)
    same_but_for_rounded_vwap(whole, fold(minutes, whole.at))
    assert all(before.close == after.open for before, after in pairwise(minutes))
    board = MARKET.boards[symbol]
    for bar in (minutes[0], minutes[100], minutes[-1]):
        trades = list(
            MARKET.history.trades(board, Span(bar.at, bar.at + MINUTE - timedelta.resolution))
        )
        assert (trades[0].price, trades[-1].price) == (bar.open, bar.close)
        assert (max(t.price for t in trades), min(t.price for t in trades)) == (bar.high, bar.low)
        assert (sum(t.size for t in trades), len(trades)) == (bar.volume, bar.trades)
        assert all(before.at < after.at for before, after in pairwise(trades))
        assert all(trade.size > 0 for trade in trades)


@pytest.mark.parametrize("length", ["2Min", "5Min", "7Min", "30Min", "59Min", "1Hour", "4Hour"])
def test_longer_bars_within_a_day_are_folds_of_minutes(length):
    start = datetime(2026, 2, 24, tzinfo=UTC)
    frame = Timeframe.parsed(length)
    seconds = frame.amount * (60 if frame.unit == "Min" else 3600)
    midnight = datetime(2026, 2, 24, tzinfo=NEW_YORK)

    def begins(bar: Bar) -> datetime:
        since = int((bar.at - midnight).total_seconds())
        return midnight + timedelta(seconds=since // seconds * seconds)

    end = midnight + timedelta(hours=23)
    groups = groupby(bars("1Min", start, end), key=begins)
    expected = [fold(list(some), at) for at, some in groups]
    found = bars(length, start, end)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        same_but_for_rounded_vwap(one, other)


@pytest.mark.parametrize(
    ("length", "first_of"),
    [
        ("1Week", lambda day: day - timedelta(days=day.weekday())),
        ("1Month", lambda day: day.replace(day=1)),
        ("3Month", lambda day: day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1)),
        ("12Month", lambda day: day.replace(day=1, month=1)),
    ],
)
def test_longer_bars_are_exact_folds_of_days(length, first_of):
    days = bars("1Day", datetime(2020, 1, 1, tzinfo=NEW_YORK), NOON)
    groups = groupby(days, key=lambda bar: first_of(bar.at.astimezone(NEW_YORK)))
    expected = [fold(list(some), at.astimezone(UTC)) for at, some in groups]
    found = bars(length, datetime(2020, 1, 1, tzinfo=NEW_YORK), NOON)
    if length == "1Week":  # 2020 began on a Wednesday: that week's bar began before
        expected = expected[1:]
    assert found == expected


FEBRUARY, YESTERDAY = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 2, 14, tzinfo=UTC)
STARTS = st.timedeltas(timedelta(0), timedelta(days=31)).map(lambda since: FEBRUARY + since)
SPANS = st.tuples(STARTS, st.timedeltas(timedelta(0), timedelta(days=4)))


@given(SPANS, st.sampled_from(["1Min", "15Min", "1Hour", "1Day", "1Week"]))
def test_bars_begin_in_the_span_and_descending_turns_them_around(span, length):
    start, end = span[0], span[0] + span[1]
    found = bars(length, start, end)
    assert all(start <= bar.at <= end for bar in found)
    assert bars(length, start, end, descending=True) == found[::-1]
    wider = bars(length, start - timedelta(days=8), end + timedelta(days=8))
    assert [bar for bar in wider if start <= bar.at <= end] == found


@given(
    st.timedeltas(timedelta(0), timedelta(hours=7)),
    st.timedeltas(timedelta(0), timedelta(minutes=3)),
)
def test_trades_and_quotes_happened_in_the_span_and_turn_around(since, length):
    start = YESTERDAY + since
    board = MARKET.boards["PENNY"]
    for ask in (MARKET.history.trades, MARKET.history.quotes):
        found = list(ask(board, Span(start, start + length)))
        assert all(start <= tick.at <= start + length for tick in found)
        assert list(ask(board, Span(start, start + length, True))) == found[::-1]
        assert len({tick.at for tick in found}) == len(found)


def test_past_quotes_lie_around_the_minutes_prices():
    board, session = MARKET.boards["XYZ"], session_of(date(2026, 3, 2))
    for minute in bars("1Min", session.opens, session.opens + 5 * MINUTE):
        span = Span(minute.at, minute.at + MINUTE - timedelta.resolution)
        for quote in MARKET.history.quotes(board, span):
            assert 0 < quote.bid < quote.ask
            assert minute.low - quote.ask < 0 < minute.high - quote.bid + 1


def test_what_was_seen_follows_what_was_made_up():
    source = Walk([XYZ], seed=7, step_deviation=Decimal("0.0005"), trading=lambda at: True)
    shop = Market([XYZ], [source], seed=7, begun=NOON.date())
    ticks: list[Quote | Trade] = []
    for n in range(600):
        ticks += shop.advance(NOON + timedelta(seconds=n)).ticks
    board, now = shop.boards["XYZ"], NOON + timedelta(seconds=600)
    shop.take([], now)
    yesterday = datetime(2026, 3, 2, 20, 59, tzinfo=UTC)
    trades = list(shop.history.trades(board, Span(NOON, now)))
    assert trades == [tick for tick in ticks if isinstance(tick, Trade)]
    assert list(shop.history.quotes(board, Span(NOON, now))) == [
        tick for tick in ticks if isinstance(tick, Quote)
    ]
    minutes = list(shop.history.bars(board, Timeframe(1, "Min"), Span(yesterday, now)))
    assert [bar.at for bar in minutes] == [yesterday, *(NOON + n * MINUTE for n in range(10))]
    for bar in minutes[1:]:
        mine = [trade for trade in trades if bar.at <= trade.at < bar.at + MINUTE]
        assert (bar.volume, bar.close) == (sum(t.size for t in mine), mine[-1].price)
    days = list(
        shop.history.bars(board, Timeframe(1, "Day"), Span(yesterday - timedelta(days=1), now))
    )
    assert [bar.at.date() for bar in days] == [date(2026, 3, 2), date(2026, 3, 3)]
    assert days[1] == board.day
    assert days[1].volume == sum(trade.size for trade in trades)


def test_a_lived_day_is_remembered_and_becomes_the_day_before():
    shop = Market([XYZ], [], begun=NOON.date())
    board = shop.boards["XYZ"]
    for days, price in ((0, Decimal(81)), (1, Decimal(82))):
        at = NOON + timedelta(days=days)
        shop.take([Trade("XYZ", days, price, 100, at, price, price, price)], at)
        before = shop.history.day_before(board)
        assert before is not None
        assert before.close == board.previous_close == (XYZ.price, Decimal(81))[days]


def test_after_a_split_everything_is_in_new_shares_but_raw_history():
    shop = market()
    board = shop.boards["XYZ"]
    price = Decimal("80.25")
    tick = Quote("XYZ", Decimal("80.20"), 100, Decimal("80.30"), 100, NOON)
    shop.take([tick, Trade("XYZ", 1, price, 100, NOON, price, price, price)], NOON)
    shop.split("XYZ", 4, 1)
    assert board.quote is not None
    assert (board.quote.bid, board.quote.ask) == (Decimal("20.05"), Decimal("20.08"))
    assert (board.price, board.previous_close) == (Decimal("20.06"), Decimal("20.0625"))
    assert board.day is not None
    assert (board.day.volume, board.day.turnover) == (400, price * 100)
    for length in ("1Day", "1Week", "30Min"):
        frame, span = Timeframe.parsed(length), Span(NOON - timedelta(days=9), NOON)
        raw = list(shop.history.bars(board, frame, span))
        told = list(shop.history.bars(board, frame, span, shop.splits("XYZ")))
        before = [one for one in zip(raw, told, strict=True) if one[0].at.date() < date(2026, 3, 2)]
        assert before
        for old, new in before:
            assert (new.close, new.volume) == (old.close / 4, old.volume * 4)
            assert new.turnover == old.turnover
    restarted = market()
    restarted.recall(shop.memory())
    assert restarted.splits("XYZ") == shop.splits("XYZ")


def test_the_running_day_outlives_a_restart_and_is_yesterday_the_day_after():
    def printed(shop: Market, at: datetime, price: int) -> Board:
        exact = Decimal(price)
        shop.take([Trade("XYZ", price, exact, 100, at, exact, exact, exact)], at)
        return shop.boards["XYZ"]

    first, later, tomorrow = market(), NOON + MINUTE, NOON + timedelta(days=1)
    printed(first, NOON, 81)
    same_day, next_day = market(), market()
    board = printed(same_day, later, 82)
    same_day.recall(first.memory())
    assert board.day is not None
    assert (board.day.open, board.day.close, board.day.volume) == (81, 82, 200)
    assert board.previous_close == XYZ.price
    board = printed(next_day, tomorrow, 83)
    next_day.recall(first.memory())
    assert board.day is not None
    assert (board.day.open, board.previous_close) == (83, 81)
    assert next_day.history.day_before(board).close == 81


def test_memory_of_what_was_seen_is_bounded_and_shorter_for_the_quiet():
    shop = Market([XYZ, PENNY], [], quiet={"PENNY"}, begun=NOON.date())
    price = Decimal(80)
    for n in range(5_000):
        at = NOON + timedelta(seconds=n)
        trades = [Trade(s, n, price, 1, at, price, price, price) for s in ("XYZ", "PENNY")]
        shop.take([*trades], at)
    held = {
        symbol: len(list(shop.history.trades(board, Span(NOON, NOON + timedelta(days=1)))))
        for symbol, board in shop.boards.items()
    }
    assert held == {"XYZ": 4_000, "PENNY": 100}


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("1Min", (1, "Min")),
        ("59Min", (59, "Min")),
        ("15T", (15, "Min")),
        ("23Hour", (23, "Hour")),
        ("1Day", (1, "Day")),
        ("1D", (1, "Day")),
        ("1Week", (1, "Week")),
        ("12Month", (12, "Month")),
    ],
)
def test_timeframes_are_read(text, frame):
    assert Timeframe.parsed(text) == Timeframe(*frame)


@pytest.mark.parametrize(
    "text",
    ["", "Min", "0Min", "60Min", "24Hour", "2Day", "2Week", "5Month", "7Sec", "1Mins", "-1Min"],
)
def test_what_is_no_timeframe_is_refused(text):
    with pytest.raises(ValueError, match="no such timeframe"):
        Timeframe.parsed(text)


def test_every_unit_has_a_form_of_its_own():
    shorts = list(chain.from_iterable((unit, short) for unit, (short, _) in UNITS.items()))
    assert len(set(shorts)) == len(shorts)
