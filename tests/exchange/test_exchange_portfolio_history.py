"""What an account was worth: noted each minute, kept with the state, cut into windows."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from exchange_world import HandClock

from services.exchange.engine.activities import Entry
from services.exchange.equity import EquityCurve, EquityLog
from services.exchange.portfolio_history import Flow, Worth, day_windows, history, intraday_windows
from services.exchange.sessions import session_of

MINUTE = timedelta(minutes=1)
PATH = "/v2/account/portfolio/history"


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def epoch(text):
    return int(at(text).timestamp())


# -- noting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("2026-03-03T15:00:59", None),
        ("2026-03-03T15:01:00", 1),  # a minute's value is known when it ends
        ("2026-03-03T15:01:59", 1),
        ("2026-03-03T15:02:00", 2),
        ("2026-03-03T15:08:59", 2),  # a gap is bridged
        ("2026-03-03T15:09:00", 3),
        ("2027-01-01T00:00:00", 3),
    ],
)
def test_a_curve_knows_the_last_value_of_a_finished_minute(asked, value):
    curve = EquityCurve()
    for minute, worth in (("15:00", 1), ("15:01", 2), ("15:08", 3)):
        curve.add(at(f"2026-03-03T{minute}:00"), Decimal(worth))
    assert curve.at(at(asked)) == (None if value is None else Decimal(value))


def test_a_minute_is_noted_once_at_its_end_and_only_in_a_trading_day():
    facts = {}
    log = EquityLog({}, facts.__setitem__)
    worth = iter(range(1, 100))

    def equities():
        return [("main", Decimal(next(worth)))]

    for moment in (
        "2026-03-03T14:30:05",  # nothing has ended yet
        "2026-03-03T14:30:55",
        "2026-03-03T14:31:00",
        "2026-03-03T14:31:30",
        "2026-03-03T14:34:00",
        "2026-03-04T02:00:00",  # after the trading day: the minute before is noted, no other
        "2026-03-04T02:01:00",
    ):
        log.note(at(moment), equities)
    assert facts == {
        "equity main 2026-03-03T14:30:00+00:00": "1",
        "equity main 2026-03-03T14:31:00+00:00": "2",
        "equity main 2026-03-03T14:34:00+00:00": "3",
    }
    again = EquityLog(facts, facts.__setitem__)
    assert again.curves == log.curves


def test_a_new_account_begins_with_what_it_had_at_the_last_close():
    log = EquityLog({}, lambda name, value: None)
    log.begin("main", Decimal(100), at("2026-03-09T15:00:00"))  # a Monday
    assert log.curves["main"].at(session_of(date(2026, 3, 6)).closes) == 100
    log.begin("main", Decimal(200), at("2026-03-10T15:00:00"))
    assert log.curves["main"].values == [100]


# -- cutting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "first", "last", "count"),
    [
        ("market_hours", "2026-11-27T14:30:00", "2026-11-27T17:30:00", 4),  # a half day
        ("extended_hours", "2026-11-27T09:00:00", "2026-11-27T21:00:00", 13),
        ("continuous", "2026-11-27T05:00:00", "2026-11-28T03:00:00", 23),
    ],
)
def test_windows_follow_the_hours_asked_for(hours, first, last, count):
    start, end = at("2026-11-27T05:00:00"), at("2026-11-28T04:00:00")
    windows = intraday_windows(start, end, timedelta(hours=1), hours, at("2026-12-01T00:00:00"))
    assert (windows[0].begins, windows[-1].begins, len(windows)) == (at(first), at(last), count)
    assert all(window.begins < window.ends for window in windows)


def test_what_has_not_begun_has_no_window():
    now = at("2026-03-03T14:32:30")
    windows = intraday_windows(now - timedelta(hours=5), now, MINUTE, "market_hours", now)
    assert [window.begins.minute for window in windows] == [30, 31, 32]
    assert windows[-1].ends == now
    assert [w.day.day for w in day_windows(date(2026, 3, 1), date(2026, 3, 9), now)] == [2, 3]


def entry(moment, kind, amount):
    return Entry(
        sequence=1,
        id=moment,
        account="main",
        kind=kind,
        at=at(moment),
        date=at(moment).date(),
        net_amount=Decimal(amount),
    )


def three_days():
    """100 at first; 110 on Monday, 90 on Tuesday with 30 of them paid in, 95 now on Wednesday."""
    curve = EquityCurve()
    for day, worth in (("2026-02-27", 100), ("2026-03-02", 110), ("2026-03-03", 90)):
        curve.add(at(f"{day}T20:59:00"), Decimal(worth))
    entries = [
        entry("2026-03-03T16:00:00", "CSD", "30"),
        entry("2026-03-03T16:00:00", "FEE", "-1"),
        entry("2026-03-04T15:00:00", "FEE", "-2"),
    ]
    return Worth(curve, entries, at("2026-03-04T16:00:00"), Decimal(95))


def test_profit_is_counted_from_the_base_without_what_was_paid_in():
    worth = three_days()
    windows = day_windows(date(2026, 3, 2), date(2026, 3, 4), worth.now)
    assert history(worth, windows, per_day=False, cashflow=["CSD", "DIV", "FEE"]) == {
        "timestamp": [epoch(f"2026-03-0{day}T14:30:00") for day in (2, 3, 4)],
        "equity": [110.0, 90.0, 95.0],
        "profit_loss": [10.0, -40.0, -35.0],
        "profit_loss_pct": [0.1, -0.4, -0.35],
        "base_value": 100.0,
        "base_value_asof": "2026-02-27",
        "cashflow": {"CSD": [0.0, 30.0, 0.0], "FEE": [0.0, -1.0, -2.0]},
    }


def test_profit_may_begin_anew_each_day():
    worth = three_days()
    hour = timedelta(hours=1)
    start = at("2026-03-04T05:00:00")
    windows = intraday_windows(start, worth.now, hour, "market_hours", worth.now)
    assert history(worth, windows, per_day=True, cashflow=[])["profit_loss"] == [0.0, 5.0]
    assert history(worth, windows, per_day=True, cashflow=[])["base_value"] == 90.0


def test_money_is_added_up_after_one_time_and_up_to_another():
    flow = Flow(
        [entry("2026-03-03T16:00:00", "CSD", "30"), entry("2026-03-02T16:00:00", "CSD", "1")]
    )
    assert flow.between(at("2026-03-01T00:00:00"), at("2026-03-03T16:00:00")) == 31
    assert flow.between(at("2026-03-02T16:00:00"), at("2026-03-03T15:59:59")) == 0
    assert flow.between(at("2026-03-03T16:00:00"), at("2026-03-09T00:00:00")) == 0


# -- answering ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "timeframe"),
    [
        ("", "1D"),
        ("?period=1D", "1Min"),
        ("?period=6D", "1Min"),
        ("?period=1W", "15Min"),
        ("?period=4W", "15Min"),
        ("?period=1M", "1D"),
        ("?period=100A", "1D"),
        ("?period=9999A", "1D"),
        ("?period=9999D", "1D"),
        ("?period=1D&timeframe=1D", "1D"),
        ("?period=1M&timeframe=1H&extended_hours=True", "1H"),
        ("?start=2026-03-03T12:00:00Z", "1Min"),
        ("?start=2026-03-02T12:00:00Z&end=2026-03-03T00:00:00Z", "1Min"),
        ("?start=2026-01-02&period=1W", "15Min"),
        ("?start=2026-01-31&period=1M", "1D"),
        ("?date_end=2026-03-03&period=1D", "1Min"),
        ("?date_end=1900-01-01&period=1A", "1D"),
        ("?start=0001-01-01&period=9999A", "1D"),
        ("?cashflow_types=ALL&pnl_reset=no_reset&intraday_reporting=continuous", "1D"),
    ],
)
async def test_every_form_is_answered_without_a_null_and_with_lists_of_one_length(
    served, query, timeframe
):
    status, body, _ = await served.call("GET", PATH + query)
    assert (status, body.get("timeframe")) == (200, timeframe), body
    lists = [body[name] for name in ("timestamp", "equity", "profit_loss", "profit_loss_pct")]
    assert len({len(one) for one in lists}) == 1
    assert all(isinstance(value, int | float) for one in lists[:3] for value in one)
    assert body["base_value"] == 100_000


async def test_the_running_day_ends_with_what_the_account_is_worth_now(serve):
    clock = HandClock(at("2026-03-03T14:30:00"))
    served = await serve(clock=clock)
    for _ in range(4):
        clock.pass_(minutes=1)
        served.opened.turn()
    served.opened.exchange.venue.dividend("NEM", Decimal(1))  # 150 are held
    clock.pass_(seconds=10)
    _, minutes, _ = await served.call("GET", f"{PATH}?period=1D")
    assert minutes["timestamp"] == [epoch(f"2026-03-03T14:3{n}:00") for n in range(5)]
    assert minutes["equity"] == [100_000] * 4 + [100_150]
    assert minutes["profit_loss"] == [0] * 4 + [150]
    assert minutes["profit_loss_pct"] == [0] * 4 + [0.0015]
    _, days, _ = await served.call("GET", f"{PATH}?cashflow_types=DIV,FEE")
    assert (days["timestamp"], days["equity"]) == ([epoch("2026-03-03T14:30:00")], [100_150])
    assert days["cashflow"] == {"DIV": [150]}


async def test_days_go_on_from_the_sessions_that_were_noted(serve):
    clock = HandClock(at("2026-03-03T20:58:00"))
    served = await serve(clock=clock)
    for _ in range(3):
        clock.pass_(minutes=1)
        served.opened.turn()
    served.opened.exchange.venue.dividend("NEM", Decimal(1))
    clock.pass_(minutes=1)
    served.opened.turn()
    clock.pass_(days=1, hours=-4)
    _, days, _ = await served.call("GET", f"{PATH}?period=1M")
    assert days["timestamp"] == [epoch(f"2026-03-0{day}T14:30:00") for day in (3, 4)]
    assert days["equity"] == [100_150, 100_150]
    assert days["base_value_asof"] == "2026-03-02"
