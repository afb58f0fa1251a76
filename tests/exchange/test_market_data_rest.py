"""Market data over REST: every path, its pages and its complaints (alpaca.md §7)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from exchange_world import TUESDAY_NOON, HandClock

from services.exchange.rest.routes import ROUTES

CALL = "AAPL260320C00250000"
STOCKS, OPTIONS = "/v2/stocks", "/v1beta1/options"
FEBRUARY = "start=2026-02-02&end=2026-02-27"
PATHS = [
    f"{STOCKS}/bars?symbols=AAPL&timeframe=1Day&{FEBRUARY}",
    f"{STOCKS}/AAPL/bars?timeframe=1Day&{FEBRUARY}",
    f"{STOCKS}/trades?symbols=AAPL&start=2026-03-02T15:00:00Z&limit=3",
    f"{STOCKS}/AAPL/trades?start=2026-03-02T15:00:00Z&limit=3",
    f"{STOCKS}/quotes?symbols=AAPL&start=2026-03-02T15:00:00Z&limit=3",
    f"{STOCKS}/AAPL/quotes?start=2026-03-02T15:00:00Z&limit=3",
    f"{STOCKS}/bars/latest?symbols=AAPL",
    f"{STOCKS}/trades/latest?symbols=AAPL",
    f"{STOCKS}/quotes/latest?symbols=AAPL&feed=iex",
    f"{STOCKS}/AAPL/bars/latest",
    f"{STOCKS}/AAPL/trades/latest",
    f"{STOCKS}/AAPL/quotes/latest",
    f"{STOCKS}/snapshots?symbols=AAPL",
    f"{STOCKS}/AAPL/snapshot",
    f"{STOCKS}/meta/exchanges",
    f"{STOCKS}/meta/conditions/trade?tape=A",
    f"{OPTIONS}/bars?symbols={CALL}&timeframe=1Day&{FEBRUARY}",
    f"{OPTIONS}/trades?symbols={CALL}&start=2026-03-02T15:00:00Z&limit=3",
    f"{OPTIONS}/quotes/latest?symbols={CALL}&feed=indicative",
    f"{OPTIONS}/trades/latest?symbols={CALL}",
    f"{OPTIONS}/snapshots?symbols={CALL}",
    f"{OPTIONS}/snapshots/AAPL?limit=3",
    f"{OPTIONS}/meta/exchanges",
]


def nulls(body: object) -> list[str]:
    """Names of what is null, but for the token, which is null at the end."""
    if isinstance(body, dict):
        here = [k for k, v in body.items() if v is None and k != "next_page_token"]
        return here + [name for value in body.values() for name in nulls(value)]
    return [name for value in body for name in nulls(value)] if isinstance(body, list) else []


async def test_every_path_answers_and_says_nothing_with_null(served):
    for path in PATHS:
        status, body, _ = await served.call("GET", path)
        assert status == 200, path
        assert body, path
        assert not nulls(body), path


def test_every_path_is_asked_above():
    asked = {path.partition("?")[0] for path in PATHS}
    names = {"{symbol}": "AAPL", "{underlying}": "AAPL", "{kind}": "trade"}
    for _, path, _ in ROUTES:
        if path.startswith((STOCKS, OPTIONS)):
            for name, value in names.items():
                path = path.replace(name, value)
            assert path in asked


async def test_without_keys_every_path_is_401_without_a_code(served):
    for path in PATHS:
        status, body, _ = await served.call("GET", path, headers={})
        assert (status, body) == (401, {"message": "unauthorized."})


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        (f"{STOCKS}/bars?timeframe=1Day", "symbols is required"),
        (f"{STOCKS}/bars?symbols=AAPL", "timeframe is required"),
        (f"{STOCKS}/bars?symbols=AAPL&timeframe=7Sec", "invalid timeframe: 7Sec"),
        (f"{STOCKS}/bars?symbols=AAPL&timeframe=1Day&start=soon", "invalid start: soon"),
        (f"{STOCKS}/bars?symbols=AAPL&timeframe=1Day&end=2026-13-01", "invalid end: 2026-13-01"),
        (
            f"{STOCKS}/bars?symbols=AAPL&timeframe=1Day&start=2026-03-02&end=2026-03-01",
            "end should not be before start",
        ),
        (
            f"{STOCKS}/trades?symbols=AAPL&limit=10001",
            "invalid limit, must be between 1 and 10000",
        ),
        (f"{STOCKS}/trades?symbols=AAPL&limit=0", "invalid limit, must be between 1 and 10000"),
        (f"{STOCKS}/trades?symbols=AAPL&sort=up", "invalid sort"),
        (f"{STOCKS}/trades?symbols=AAPL&page_token=%25", "invalid page_token"),
        (f"{STOCKS}/trades?symbols=AAPL&page_token=QUFQTA==", "invalid page_token"),
        (f"{STOCKS}/quotes/latest?symbols=AAPL&feed=cnn", "invalid feed"),
        (f"{STOCKS}/quotes/latest?symbols=AAPL&currency=EUR", "invalid currency"),
        (
            f"{STOCKS}/bars?symbols=AAPL&timeframe=1Day&adjustment=some",
            "invalid adjustment",
        ),
        (f"{STOCKS}/NOSUCH/snapshot", "invalid symbol: NOSUCH"),
        (f"{STOCKS}/meta/conditions/weather", "invalid ticktype: weather"),
        (f"{OPTIONS}/snapshots/AAPL?type=straddle", "invalid type"),
        (f"{OPTIONS}/snapshots/AAPL?expiration_date=friday", "invalid expiration_date: friday"),
        (f"{OPTIONS}/snapshots/AAPL?strike_price_gte=much", "invalid strike_price_gte"),
        (f"{OPTIONS}/snapshots/AAPL?limit=1001", "invalid limit, must be between 1 and 1000"),
    ],
)
async def test_what_is_wrong_is_a_message_without_a_code(served, path, complaint):
    status, body, _ = await served.call("GET", path)
    assert (status, body) == (400, {"message": complaint})


async def test_an_unknown_symbol_is_absent_from_many_and_404_alone(served):
    for kind in ("bars", "trades", "quotes"):
        _, body, _ = await served.call("GET", f"{STOCKS}/{kind}/latest?symbols=NOSUCH,AAPL")
        assert set(body[kind]) == {"AAPL"}
        status, body, _ = await served.call("GET", f"{STOCKS}/NOSUCH/{kind}/latest")
        assert (status, body) == (404, {"message": f"no {kind[:-1]} found for NOSUCH"})
        path = f"{STOCKS}/{kind}?symbols=NOSUCH&timeframe=1Day&{FEBRUARY}"
        assert (await served.call("GET", path))[1] == {kind: {}, "next_page_token": None}
    unlisted = "AAPL260321C00250000"  # a Saturday
    for path in ("quotes/latest", "trades/latest", "snapshots"):
        _, body, _ = await served.call("GET", f"{OPTIONS}/{path}?symbols={unlisted},NOSUCH,AAPL")
        assert next(iter(body.values())) == {}


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("kind", ["bars", "trades", "quotes"])
async def test_pages_together_are_the_whole_in_order_and_limit_counts_all_symbols(
    served, kind, sort
):
    span = "start=2026-03-02T20:50:00Z&end=2026-03-03T17:00:00Z&timeframe=1Min"
    ask = f"{STOCKS}/{kind}?symbols=MSFT,CF,MSFT&sort={sort}&{span}"
    _, whole, _ = await served.call("GET", f"{ask}&limit=10000")
    assert whole["next_page_token"] is None
    assert list(whole[kind]) == ["CF", "MSFT"]
    count = sum(map(len, whole[kind].values()))
    limit = count // 3 + 1
    pages, token = [], ""
    while token is not None:
        _, page, _ = await served.call("GET", f"{ask}&limit={limit}&page_token={token}")
        token = page["next_page_token"]
        pages.append(page[kind])
    assert [sum(map(len, page.values())) for page in pages] == [limit, limit, count - 2 * limit]
    joined: dict[str, list[object]] = {}
    for page in pages:
        for symbol, points in page.items():
            joined.setdefault(symbol, []).extend(points)
    assert joined == whole[kind]
    for points in joined.values():
        times = [point["t"] for point in points]
        assert times == sorted(times, reverse=sort == "desc")


async def test_a_date_alone_is_new_yorks_and_both_ends_count(served):
    path = f"{STOCKS}/AAPL/bars?timeframe=1Day&start=2026-02-26&end=2026-03-02"
    _, body, _ = await served.call("GET", path)
    days = [bar["t"] for bar in body["bars"]]
    assert days == ["2026-02-26T05:00:00Z", "2026-02-27T05:00:00Z", "2026-03-02T05:00:00Z"]


async def test_without_a_span_today_is_meant(serve):
    served = await serve(volatility=Decimal(1))
    clock = served.clock
    for _ in range(130):
        clock.pass_(seconds=1)
        served.opened.turn()
    _, body, _ = await served.call("GET", f"{STOCKS}/AAPL/bars?timeframe=1Min")
    assert [bar["t"] for bar in body["bars"]] == ["2026-03-03T17:00:00Z", "2026-03-03T17:01:00Z"]
    _, snapshot, _ = await served.call("GET", f"{STOCKS}/AAPL/snapshot")
    assert snapshot["prevDailyBar"]["c"] == 250.0
    assert snapshot["prevDailyBar"]["t"] == "2026-03-02T05:00:00Z"
    assert snapshot["dailyBar"]["t"] == "2026-03-03T05:00:00Z"


async def test_market_data_has_no_part_in_the_rate_limit(serve):
    served = await serve(rate_limit=1)
    for _ in range(3):
        for path in (PATHS[6], f"{OPTIONS}/snapshots?symbols={CALL}"):
            status, _, headers = await served.call("GET", path)
            assert (status, "X-Ratelimit-Limit" in headers) == (200, False)


async def test_a_chain_is_filtered_and_paged_by_symbol(served):
    found, token = [], ""
    while token is not None:
        path = (
            f"{OPTIONS}/snapshots/AAPL?type=put&strike_price_gte=240&strike_price_lte=260"
            f"&expiration_date_gte=2026-03-10&expiration_date_lte=2026-03-20&limit=4"
            f"&page_token={token}"
        )
        _, body, _ = await served.call("GET", path)
        token = body["next_page_token"]
        assert 0 < len(body["snapshots"]) <= 4
        found += body["snapshots"]
    assert found == sorted(
        f"AAPL{day}P{strike:05d}000"
        for day in ("260313", "260320")
        for strike in range(240, 261, 5)
    )


async def test_the_catalogue_trades_beside_the_book(served):
    boards = served.opened.exchange.market.boards
    assert len(boards) > 500
    _, body, _ = await served.call("GET", f"{STOCKS}/snapshots?symbols=TSLA,NEM")
    assert set(body) == {"TSLA", "NEM"}
    assert boards["NEM"].price == 80  # the book's own price goes before the catalogue's


async def test_a_short_tick_moves_the_catalogue_no_oftener_than_a_long_one(serve):
    served = await serve(tick=0.01, volatility=Decimal(1))
    market, clock = served.opened.exchange.market, served.clock
    quotes = 0
    for _ in range(100):
        clock.pass_(seconds=0.01)
        quotes += len(market.advance(clock.now()).quoted)
    others = sum(1 for board in market.boards.values() if board.listing.active) - 17
    assert quotes == 17 * 100 + others


async def test_jumps_halts_and_drifts_outlive_a_restart(serve, tmp_path):
    state = tmp_path / "state.db"
    first = await serve(state=state)
    market = first.opened.exchange.market
    market.jump("NEM", Decimal("0.5"))
    market.halt("FCX", "T1")
    market.drift("LIN", Decimal(2), timedelta(seconds=100))
    first.clock.pass_(seconds=50)
    first.opened.turn()
    first.opened.note_standstill()
    await first.opened.exchange.store.commit()
    first.opened.exchange.store._db.close()
    second = await serve(clock=HandClock(first.clock.at + timedelta(seconds=100)), state=state)
    boards = second.opened.exchange.market.boards
    mids = {s: (boards[s].quote.bid + boards[s].quote.ask) / 2 for s in ("NEM", "LIN")}
    assert mids == {"NEM": 40, "LIN": 900}
    assert boards["FCX"].halted
    assert not boards["LIN"].halted


async def test_history_of_a_state_does_not_move_with_its_restart(serve, tmp_path):
    state, ask = tmp_path / "state.db", f"{STOCKS}/NEM/bars?timeframe=1Day&{FEBRUARY}"
    first = await serve(state=state)
    _, before, _ = await first.call("GET", ask)
    await first.opened.exchange.store.commit()
    first.opened.exchange.store._db.close()
    later = HandClock(TUESDAY_NOON + timedelta(days=7))
    second = await serve(clock=later, state=state)
    assert (await second.call("GET", ask))[1] == before
