"""Assets, clocks, calendars, watchlists, contracts, corporate actions and activities by REST."""

from decimal import Decimal

import pytest
from exchange_world import HandClock

NOBODY = "00000000-0000-4000-8000-000000000000"
OCC = "AAPL260320C00250000"


async def got(served, path):
    status, body, _ = await served.call("GET", path)
    assert status == 200, body
    return body


# -- assets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "has", "has_not"),
    [
        ("", {"AAPL", "TWTR", "SPY", "NSRGY"}, set()),
        ("?status=active", {"AAPL", "NSRGY"}, {"TWTR"}),
        ("?status=inactive", {"TWTR"}, {"AAPL"}),
        ("?exchange=ARCA", {"SPY"}, {"AAPL", "NVDA"}),
        ("?asset_class=us_equity&exchange=NASDAQ", {"AAPL"}, {"JPM"}),
        ("?asset_class=crypto", set(), {"AAPL"}),
        ("?attributes=has_options", {"AAPL"}, {"GORO"}),
        ("?attributes=ipo,fractional_eh_enabled", {"AAPL"}, {"GORO", "TWTR"}),
    ],
)
async def test_assets_are_filtered(served, query, has, has_not):
    symbols = {asset["symbol"] for asset in await got(served, f"/v2/assets{query}")}
    assert has <= symbols
    assert not has_not & symbols


async def test_assets_carry_their_flags_and_the_books_own_listing_wins(served):
    by_symbol = {asset["symbol"]: asset for asset in await got(served, "/v2/assets")}
    assert len(by_symbol) > 540
    flags = ("status", "tradable", "shortable", "easy_to_borrow", "fractionable", "marginable")
    for symbol, said in {
        "AAPL": ("active", True, True, True, True, True),
        "TWTR": ("inactive", False, True, True, True, True),
        "GME": ("active", True, True, False, True, True),
        "GORO": ("active", True, False, False, False, False),
        "NSRGY": ("active", False, False, False, False, False),
    }.items():
        assert tuple(by_symbol[symbol][flag] for flag in flags) == said, symbol
    assert by_symbol["NEM"]["average_daily_volume"] == 9_000_000  # the catalogue says another
    assert by_symbol["VST"]["sector"] == "Utilities"


async def test_an_asset_is_found_by_symbol_and_by_id(served):
    by_symbol = await got(served, "/v2/assets/brk.b")
    assert by_symbol["symbol"] == "BRK.B"
    assert await got(served, f"/v2/assets/{by_symbol['id']}") == by_symbol


async def test_an_order_in_what_is_delisted_or_not_tradable_is_refused(served):
    order = {"symbol": "TWTR", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    status, body, _ = await served.call("POST", "/v2/orders", order)
    assert (status, body["message"]) == (422, 'asset "TWTR" is not active')
    status, body, _ = await served.call("POST", "/v2/orders", {**order, "symbol": "NSRGY"})
    assert (status, body["code"]) == (422, 42210000)


# -- clock and calendar ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "days"),
    [
        (
            "start=2026-11-25&end=2026-11-30",
            [
                ("2026-11-25", "09:30", "16:00", "0400", "2000", "2026-11-27"),
                ("2026-11-27", "09:30", "13:00", "0400", "1700", "2026-11-30"),
                ("2026-11-30", "09:30", "16:00", "0400", "2000", "2026-12-01"),
            ],
        ),
        ("start=2026-11-28&end=2026-11-29", []),
        (  # Columbus Day is traded on, but nothing settles
            "start=2026-10-09T00:00:00Z&end=2026-10-12",
            [
                ("2026-10-09", "09:30", "16:00", "0400", "2000", "2026-10-13"),
                ("2026-10-12", "09:30", "16:00", "0400", "2000", "2026-10-13"),
            ],
        ),
        (
            "start=2026-12-31&end=2026-12-31&date_type=TRADING",
            [("2026-12-31", "09:30", "16:00", "0400", "2000", "2027-01-04")],
        ),
        (
            "start=2027-01-04&end=2027-01-04&date_type=SETTLEMENT",
            [("2026-12-31", "09:30", "16:00", "0400", "2000", "2027-01-04")],
        ),
        (
            "start=1970-01-01&end=1970-01-02",
            [("1970-01-02", "09:30", "16:00", "0400", "2000", "1970-01-09")],
        ),
        (  # the last days of T+3 and of T+2
            "start=2017-09-01&end=2017-09-01",
            [("2017-09-01", "09:30", "16:00", "0400", "2000", "2017-09-07")],
        ),
        (
            "start=2024-05-24&end=2024-05-24",
            [("2024-05-24", "09:30", "16:00", "0400", "2000", "2024-05-29")],
        ),
        ("start=9999-01-01&end=9999-12-31", []),
    ],
)
async def test_the_calendar_says_when_days_begin_end_and_settle(served, query, days):
    found = await got(served, f"/v2/calendar?{query}")
    assert [tuple(day.values()) for day in found] == days


async def test_the_calendar_without_ends_is_alpacas_whole_one(served):
    found = await got(served, "/v2/calendar")
    assert (found[0]["date"], found[-1]["date"]) == ("1970-01-02", "2029-12-31")
    assert len(found) == len({day["date"] for day in found})


@pytest.mark.parametrize(
    ("at", "phase", "until", "market_day"),
    [
        ("2026-03-03T08:00:00Z", "closed", "2026-03-03T04:00:00-05:00", True),
        ("2026-03-03T10:00:00Z", "pre", "2026-03-03T09:30:00-05:00", True),
        ("2026-03-03T17:00:00Z", "core", "2026-03-03T16:00:00-05:00", True),
        ("2026-03-03T21:30:00Z", "post", "2026-03-03T20:00:00-05:00", True),
        ("2026-03-07T17:00:00Z", "closed", "2026-03-09T04:00:00-04:00", False),
    ],
)
async def test_the_v3_clock_knows_the_phases_of_each_market(served, at, phase, until, market_day):
    clocks = (await got(served, f"/v3/clock?markets=NYSE,xnas&time={at}"))["clocks"]
    assert [clock["market"]["mic"] for clock in clocks] == ["XNYS", "XNAS"]
    for clock in clocks:
        assert (clock["phase"], clock["phase_until"]) == (phase, until)
        assert clock["is_market_day"] is market_day


async def test_the_v3_calendar_gives_the_parts_of_each_day(served):
    found = await got(served, "/v3/calendar/NYSE?start=2026-11-26&end=2026-11-27")
    assert found["market"]["acronym"] == "NYSE"
    [day] = found["calendar"]
    assert (day["date"], day["core_end"]) == ("2026-11-27", "2026-11-27T13:00:00-05:00")
    assert (day["pre_start"], day["post_end"]) == (
        "2026-11-27T04:00:00-05:00",
        "2026-11-27T17:00:00-05:00",
    )


# -- watchlists -----------------------------------------------------------------------------------


async def made(served, name="mine", *symbols):
    _, body, _ = await served.call("POST", "/v2/watchlists", {"name": name, "symbols": symbols})
    return body


def names(watchlist):
    return [asset["symbol"] for asset in watchlist["assets"]]


@pytest.mark.parametrize("by_name", [False, True])
async def test_a_watchlist_lives_by_id_and_by_name(served, by_name):
    first = await made(served, "mine", "AAPL", "spy")
    path = "/v2/watchlists:by_name" if by_name else f"/v2/watchlists/{first['id']}"
    query = "?name=mine" if by_name else ""
    assert names(first) == ["AAPL", "SPY"]
    assert await got(served, path + query) == first
    _, added, _ = await served.call("POST", path + query, {"symbol": "NVDA"})
    assert names(added) == ["AAPL", "SPY", "NVDA"]
    _, left, _ = await served.call("DELETE", f"{path}/SPY{query}")
    assert names(left) == ["AAPL", "NVDA"]
    _, renamed, _ = await served.call("PUT", path + query, {"name": "ours", "symbols": ["JPM"]})
    assert (renamed["name"], names(renamed)) == ("ours", ["JPM"])
    query = "?name=ours" if by_name else ""
    assert (await served.call("DELETE", path + query))[:2] == (204, None)
    assert (await served.call("GET", path + query))[0] == 404
    assert await got(served, "/v2/watchlists") == []


async def test_the_list_of_watchlists_is_without_assets(served):
    first, second = await made(served, "a", "AAPL"), await made(served, "b")
    assert await got(served, "/v2/watchlists") == [
        {key: value for key, value in one.items() if key != "assets"} for one in (first, second)
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "message"),
    [
        ("POST", "", {}, 422, 40010001, "name is required"),
        ("POST", "", {"name": "  "}, 422, 40010001, "name is required"),
        ("POST", "", {"name": 7}, 422, 40010001, "name is required"),
        ("POST", "", {"name": "x" * 65}, 422, 40010001, "name must be no more than 64 characters"),
        ("POST", "", {"name": "mine"}, 422, 40010001, "watchlist name must be unique"),
        ("POST", "", {"name": "n", "symbols": "AAPL"}, 422, 40010001, "invalid symbols"),
        ("POST", "", {"name": "n", "symbols": [{}]}, 422, 40010001, "invalid symbols"),
        ("POST", "", {"name": "n", "symbols": ["ZZZZ"]}, 404, 40410000, "asset not found for ZZZZ"),
        (
            "POST",
            "",
            {"name": "n", "symbols": ["A", "a"]},
            422,
            40010001,
            "a symbol is named twice",
        ),
        ("POST", "", b"[", 400, 40010000, "request body format is invalid"),
        ("POST", "", b"[]", 400, 40010000, "request body format is invalid"),
        ("GET", f"/{NOBODY}", None, 404, 40410000, "watchlist not found"),
        ("PUT", f"/{NOBODY}", {"name": "n"}, 404, 40410000, "watchlist not found"),
        ("DELETE", f"/{NOBODY}", None, 404, 40410000, "watchlist not found"),
        ("DELETE", f"/{NOBODY}/AAPL", None, 404, 40410000, "watchlist not found"),
        ("GET", ":by_name?name=none", None, 404, 40410000, "watchlist not found"),
        ("GET", ":by_name", None, 422, 40010001, "name is required"),
        ("POST", ":by_name?name=mine", {}, 422, 40010001, "invalid symbols"),
        (
            "POST",
            ":by_name?name=mine",
            {"symbol": "aapl"},
            422,
            40010001,
            "AAPL is already in the watchlist",
        ),
        ("DELETE", ":by_name/SPY?name=mine", None, 404, 40410000, "asset not found for SPY"),
    ],
)
async def test_a_wrong_watchlist_request_is_said_so(
    served, method, path, body, status, code, message
):
    before = await made(served, "mine", "AAPL")
    answer = await served.call(method, f"/v2/watchlists{path}", body)
    assert answer[:2] == (status, {"code": code, "message": message})
    assert await got(served, "/v2/watchlists:by_name?name=mine") == before


# -- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("", lambda c: c["expiration_date"] <= "2026-03-08"),
        ("&expiration_date=2026-03-20", lambda c: c["expiration_date"] == "2026-03-20"),
        ("&expiration_date_gte=2026-03-20", lambda c: c["expiration_date"] >= "2026-03-20"),
        ("&type=put", lambda c: c["type"] == "put"),
        (
            "&strike_price_gte=240&strike_price_lte=250",
            lambda c: 240 <= float(c["strike_price"]) <= 250,
        ),
        ("&root_symbol=AAPL", lambda c: c["root_symbol"] == "AAPL"),
    ],
)
async def test_contracts_are_filtered(served, query, holds):
    path = f"/v2/options/contracts?underlying_symbols=AAPL&limit=10000{query}"
    found = (await got(served, path))["option_contracts"]
    assert found
    assert all(holds(contract) for contract in found)
    assert {contract["underlying_symbol"] for contract in found} == {"AAPL"}


@pytest.mark.parametrize(
    "query", ["status=inactive", "style=european", "underlying_symbols=GORO,ZZZZ,TWTR"]
)
async def test_what_there_is_none_of_is_an_empty_page(served, query):
    empty = {"option_contracts": [], "next_page_token": None}
    assert await got(served, f"/v2/options/contracts?{query}") == empty


async def test_contracts_come_in_pages_without_gap_or_overlap(served):
    path = "/v2/options/contracts?underlying_symbols=AAPL,A,MSFT&expiration_date_gte=2026-03-20"
    everything = (await got(served, f"{path}&limit=10000"))["option_contracts"]
    assert len(everything) > 300
    pages, token = [], ""
    while token is not None:
        page = await got(served, f"{path}&limit=97&page_token={token}")
        pages += page["option_contracts"]
        token = page["next_page_token"]
    assert pages == everything
    assert len((await got(served, path))["option_contracts"]) == 100


async def test_one_contract_is_found_by_symbol_and_by_id(served):
    one = await got(served, f"/v2/options/contracts/{OCC.lower()}")
    assert (one["strike_price"], one["type"], one["size"]) == ("250", "call", "100")
    assert one["deliverables"][0]["symbol"] == "AAPL"
    await served.call("GET", f"/v2/options/snapshots?symbols={OCC}")
    served.opened.exchange.market.find(OCC)
    assert await got(served, f"/v2/options/contracts/{one['id']}") == one
    assert (await served.call("GET", f"/v2/assets/{OCC}"))[0] == 404


@pytest.mark.parametrize("verb", ["exercise", "do-not-exercise"])
async def test_only_what_is_held_can_be_exercised_or_not(served, verb):
    for symbol in (OCC, "NEM", "ZZZZ"):  # a contract and nothing held, shares, nothing at all
        status, body, _ = await served.call("POST", f"/v2/positions/{symbol}/{verb}")
        assert (status, body["code"]) == (404, 40410000)


async def test_a_held_contract_is_exercised_into_shares(served):
    order = {"symbol": OCC, "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    served.opened.exchange.venue.change_account("main", cash=100_000)
    status, body, _ = await served.call("POST", "/v2/orders", order)
    assert status == 200, body
    served.opened.turn()
    assert (await got(served, f"/v2/positions/{OCC}"))["qty"] == "1"
    assert (await served.call("POST", f"/v2/positions/{OCC}/do-not-exercise"))[0] == 200
    assert (await served.call("POST", f"/v2/positions/{OCC}/exercise"))[:2] == (200, None)
    assert (await served.call("GET", f"/v2/positions/{OCC}"))[0] == 404
    kinds = [a["activity_type"] for a in await got(served, "/v2/account/activities")]
    assert "OPEXC" in kinds


# -- corporate actions ----------------------------------------------------------------------------

RANGE = "since=2026-02-01&until=2026-04-01"


async def test_what_did_not_happen_is_an_empty_and_valid_answer(served):
    path = f"/v2/corporate_actions/announcements?ca_types=dividend,split&{RANGE}"
    assert await got(served, path) == []
    empty = {"corporate_actions": {}, "next_page_token": None}
    assert await got(served, "/v1/corporate-actions?symbols=AAPL&start=2026-01-01") == empty


async def test_a_split_and_a_dividend_are_listed(served):
    venue = served.opened.exchange.venue
    venue.split("NEM", 2, 1)
    venue.dividend("LIN", Decimal("1.5"))
    path = f"/v2/corporate_actions/announcements?ca_types=dividend,split&{RANGE}"
    split, dividend = await got(served, path)
    assert (split["ca_sub_type"], split["new_rate"], split["old_rate"]) == ("stock_split", "2", "1")
    assert (dividend["initiating_symbol"], dividend["cash"]) == ("LIN", "1.5")
    by_id = f"/v2/corporate_actions/announcements/{split['id']}"
    assert await got(served, by_id) == split
    assert await got(served, f"{path}&symbol=LIN") == [dividend]
    data = await got(served, "/v1/corporate-actions?limit=1")
    assert [row["symbol"] for row in data["corporate_actions"]["forward_splits"]] == ["NEM"]
    more = await got(served, f"/v1/corporate-actions?page_token={data['next_page_token']}")
    assert more["next_page_token"] is None
    assert [row["rate"] for row in more["corporate_actions"]["cash_dividends"]] == [1.5]


# -- activities -----------------------------------------------------------------------------------


async def test_activities_are_chosen_by_type_category_and_day(served):
    buy = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    await served.call("POST", "/v2/orders", buy)
    await served.call("GET", "/v2/account")
    served.opened.exchange.venue.dividend("LIN", Decimal(1))

    async def kinds(query):
        return [a["activity_type"] for a in await got(served, f"/v2/account/activities{query}")]

    assert await kinds("") == ["DIV", "FILL"]
    assert await kinds("?direction=asc") == ["FILL", "DIV"]
    assert await kinds("?category=trade_activity") == ["FILL"]
    assert await kinds("?category=non_trade_activity") == ["DIV"]
    assert await kinds("?activity_types=FEE,DIV") == ["DIV"]
    assert await kinds("/fill") == ["FILL"]
    assert await kinds("?date=2026-03-03") == ["DIV", "FILL"]
    assert await kinds("?date=2026-03-02") == []
    [newest] = await got(served, "/v2/account/activities?page_size=1")
    rest = await got(served, f"/v2/account/activities?page_token={newest['id']}")
    assert [newest["activity_type"], *(a["activity_type"] for a in rest)] == ["DIV", "FILL"]


# -- what is wrong is never a 500 -----------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v2/assets?status=x",
        "/v2/assets?asset_class=x",
        "/v2/assets?exchange=LSE",
        "/v2/assets?attributes=x",
        "/v2/calendar?start=x",
        "/v2/calendar?start=2026-03-04&end=2026-03-03",
        "/v2/calendar?date_type=x",
        "/v3/clock?time=x",
        "/v3/clock?time=9999-12-31T23:59:59Z",
        "/v3/clock?time=0001-01-01T00:00:00%2B10:00",
        "/v3/calendar/NYSE?start=1990-01-01&end=2020-01-01",
        "/v2/options/contracts?limit=0",
        "/v2/options/contracts?limit=" + "9" * 5000,
        "/v2/options/contracts?type=x",
        "/v2/options/contracts?style=x",
        "/v2/options/contracts?strike_price_gte=x",
        "/v2/options/contracts?expiration_date=x",
        "/v2/options/contracts?expiration_date=2026-03-20&expiration_date_gte=2026-03-20",
        "/v2/options/contracts?ppind=x",
        "/v2/corporate_actions/announcements",
        "/v2/corporate_actions/announcements?ca_types=x&since=2026-01-01&until=2026-01-02",
        "/v2/corporate_actions/announcements?ca_types=split",
        "/v2/corporate_actions/announcements?ca_types=split&since=2026-01-01&until=2026-04-02",
        "/v2/corporate_actions/announcements?ca_types=split&since=2026-01-02&until=2026-01-01",
        "/v1/corporate-actions?types=x",
        "/v1/corporate-actions?ids=x&symbols=AAPL",
        "/v1/corporate-actions?page_token=x",
        "/v1/corporate-actions?start=2026-03-04&end=2026-03-03",
        "/v2/account/activities?activity_types=X",
        "/v2/account/activities/X",
        "/v2/account/activities?category=x",
        "/v2/account/activities?category=trade_activity&activity_types=FILL",
        "/v2/account/activities?page_size=101",
        "/v2/account/activities?page_token=x",
        "/v2/account/activities?direction=x",
        "/v2/account/activities?date=2026-03-03&after=2026-03-02",
        "/v2/account/portfolio/history?period=x",
        "/v2/account/portfolio/history?period=0D",
        "/v2/account/portfolio/history?timeframe=2Min",
        "/v2/account/portfolio/history?timeframe=1Min&period=1M",
        "/v2/account/portfolio/history?timeframe=15Min&period=1A",
        "/v2/account/portfolio/history?period=1D&start=2026-03-01&end=2026-03-02",
        "/v2/account/portfolio/history?date_end=2026-03-01&end=2026-03-02",
        "/v2/account/portfolio/history?start=2026-03-03T12:00:00Z&end=2026-03-02",
        "/v2/account/portfolio/history?intraday_reporting=x",
        "/v2/account/portfolio/history?pnl_reset=x",
        "/v2/account/portfolio/history?cashflow_types=x",
        "/v2/account/portfolio/history?extended_hours=x",
    ],
)
async def test_a_wrong_parameter_is_422_with_a_body(served, path):
    status, body, _ = await served.call("GET", path)
    assert (status, body["code"]) == (422, 40010001), body
    assert body["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/assets/ZZZZ",
        f"/v2/assets/{NOBODY}",
        "/v2/options/contracts/ZZZZ",
        "/v2/options/contracts/AAPL260320C00250001",
        "/v2/options/contracts/AAPL269999C00250000",
        f"/v2/options/contracts/{NOBODY}",
        f"/v2/corporate_actions/announcements/{NOBODY}",
        "/v3/clock?markets=LSE",
        "/v3/calendar/LSE",
        "/v2/watchlists/x/y/z",
    ],
)
async def test_what_is_not_there_is_404(served, path):
    status, body, _ = await served.call("GET", path)
    assert (status, body["code"]) == (404, 40410000)


@pytest.mark.parametrize(
    ("told", "kind", "shares"), [(False, "OPEXC", "100"), (True, "OPEXP", None)]
)
async def test_at_expiry_money_is_exercised_unless_the_holder_said_no(serve, told, kind, shares):
    clock = HandClock()
    served = await serve(clock=clock)
    served.opened.exchange.venue.change_account("main", cash=Decimal(100_000))
    symbol = "MSFT260306C00380000"  # deep in the money
    order = {"symbol": symbol, "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    assert (await served.call("POST", "/v2/orders", order))[0] == 200
    served.opened.turn()
    before = (await served.call("GET", "/v2/positions/MSFT"))[1].get("qty", "0")
    if told:
        path = f"/v2/positions/{symbol}/do-not-exercise"
        assert (await served.call("POST", path))[0] == 200
    clock.pass_(days=4)
    served.opened.turn()
    assert (await served.call("GET", f"/v2/positions/{symbol}"))[0] == 404
    after = (await served.call("GET", "/v2/positions/MSFT"))[1].get("qty", "0")
    assert Decimal(after) - Decimal(before) == Decimal(shares or 0)
    kinds = {a["activity_type"] for a in await got(served, "/v2/account/activities")}
    assert kind in kinds
    assert kinds & {"OPEXC", "OPEXP"} == {kind}
