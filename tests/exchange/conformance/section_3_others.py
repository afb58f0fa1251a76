"""alpaca.md §3: positions, account, history, reference data (§3.2, §3.3)."""

from datetime import date

from alpaca.trading.enums import AssetClass
from alpaca.trading.models import Asset, OptionContract, Position, TradeAccount
from alpaca.trading.requests import (
    ClosePositionRequest,
    CreateWatchlistRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOptionContractsRequest,
    GetPortfolioHistoryRequest,
    UpdateWatchlistRequest,
)

from conformance.row import (
    ANY,
    DECIMAL,
    NUMBER,
    SOME,
    UTC,
    UUID,
    Call,
    Client,
    Is,
    Row,
    clock,
    get,
    has,
    like,
    one_of,
    order,
    post,
)

HELD = {"XYZ": "20", "ABC": "30"}
CONFIGURATION = {
    "dtbp_check": None, "fractional_trading": None, "max_margin_multiplier": None, "no_shorting": None,
    "pdt_check": None, "suspend_trade": None, "trade_confirm_email": None,
    "ptp_no_exception_entry": None, "max_options_trading_level": None,
}  # fmt: skip
NEW_YORK_TIME = like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?-0[45]:00")
ACTIVITIES = "/v2/account/activities"


def long(count: int) -> Is:
    return Is(f"a list of {count} or more", lambda got: isinstance(got, list) and len(got) >= count)


POSITIONS = (
    Row(
        "3-get-positions",
        "GET /v2/positions lists what is held",
        (
            get("/v2/positions", [{"symbol": one_of("XYZ", "ABC")}] * 2),
            Client(lambda a, s: a.trading.get_all_positions(), [{"qty": SOME}] * 2),
        ),
        holds=HELD,
    ),
    Row(
        "3-get-position",
        "a position is found by symbol and by asset id",
        (
            get("/v2/positions/XYZ", {"symbol": "XYZ", "qty": "20"}, save="held"),
            get("/v2/positions/{held.asset_id}", {"symbol": "XYZ"}),
            Client(lambda a, s: a.trading.get_open_position("XYZ"), {"qty": "20"}),
        ),
        holds=HELD,
    ),
    Row(
        "3-get-position-flat",
        "404 when flat",
        (get("/v2/positions/XYZ", {"code": 40410000, "message": "position does not exist"}, status=404),),
    ),
    Row(
        "3-close-position",
        "DELETE /v2/positions/{symbol} sells all of it at the market and gives the Order",
        (
            Call(
                "DELETE", "/v2/positions/XYZ",
                expect={"side": "sell", "type": "market", "qty": "20", "time_in_force": "day"},
            ),
            get("/v2/positions/XYZ", status=404),
        ),
        holds=HELD,
    ),
    Row(
        "3-close-position-qty",
        "qty closes a part",
        (
            Client(
                lambda a, s: a.trading.close_position("XYZ", ClosePositionRequest(qty="5")),
                {"qty": "5", "side": "sell"},
            ),
            get("/v2/positions/XYZ", {"qty": "15"}),
        ),
        holds=HELD,
    ),
    Row(
        "3-close-position-percentage",
        "percentage closes a part",
        (
            Client(
                lambda a, s: a.trading.close_position("XYZ", ClosePositionRequest(percentage="25")),
                {"qty": "5", "side": "sell"},
            ),
            get("/v2/positions/XYZ", {"qty": "15"}),
        ),
        holds=HELD,
    ),
    Row(
        "3-close-all-positions",
        "DELETE /v2/positions answers 207 with symbol, status and the order as body",
        (
            Call(
                "DELETE", "/v2/positions", status=207,
                expect=[{"symbol": SOME, "status": 200, "body": {"side": "sell", "id": UUID}}] * 2,
            ),
            get("/v2/positions", []),
        ),
        holds=HELD,
    ),
    Row(
        "3-close-all-positions-cancels",
        "with cancel_orders=True open orders are cancelled first",
        (
            post(order(side="sell", qty="20", type="limit", limit_price="70")),
            Client(
                lambda a, s: a.trading.close_all_positions(cancel_orders=True), [{"status": 200}] * 2
            ),
            get("/v2/positions", []),
            get("/v2/orders/{order.id}", {"status": "canceled"}),
        ),
        holds=HELD,
    ),
    Row(
        "3.3-close-all-refused",
        "what cannot be closed is an item with its own status and error body",
        (
            post(order(side="sell", qty="20", type="limit", limit_price="70")),
            Call(
                "DELETE", "/v2/positions", status=207,
                expect=[
                    {
                        "symbol": "XYZ", "status": 403,
                        "body": {
                            "code": 40310000, "available": "0", "existing_qty": "20",
                            "held_for_orders": "20", "symbol": "XYZ",
                            "message": "insufficient qty available for order"
                            " (requested: 20, available: 0)",
                        },
                    }
                ],
            ),
        ),
        holds={"XYZ": "20"},
    ),
    Row(
        "3.2-close-position-model",
        "close_all_positions parses as ClosePositionResponse",
        (Client(lambda a, s: a.trading.close_all_positions(), [{"symbol": "XYZ", "status": 200}]),),
        holds={"XYZ": "20"},
    ),
    Row(
        "3.2-position-model",
        "a Position has all its fields, every number a string",
        (
            get(
                "/v2/positions/XYZ",
                dict.fromkeys(
                    ["qty", "qty_available", "avg_entry_price", "market_value", "cost_basis", "unrealized_pl", "unrealized_plpc", "unrealized_intraday_pl", "unrealized_intraday_plpc", "current_price", "lastday_price", "change_today"],
                    DECIMAL,
                )
                | {"asset_id": UUID, "symbol": "XYZ", "exchange": ANY, "asset_class": "us_equity",
                   "side": "long", "asset_marginable": True},
            ),
            Client(lambda a, s: [isinstance(p, Position) for p in a.trading.get_all_positions()], [True]),
        ),
        holds={"XYZ": "20"},
    ),
    Row(
        "3.3-position-figures",
        "market value, cost basis and profit follow from quantity and prices",
        (
            get(
                "/v2/positions/XYZ",
                {"qty": "20", "avg_entry_price": "40", "cost_basis": "800", "current_price": "50",
                 "market_value": "1000", "unrealized_pl": "200", "unrealized_plpc": "0.25"},
            ),
        ),
        holds={"XYZ": "20"},
    ),
    Row(
        "3.3-short-position",
        "of a short quantities and values are negative",
        (
            post(order(symbol="ABC", side="sell", qty="40")),
            get(
                "/v2/positions/ABC",
                {"qty": "-40", "side": "short", "avg_entry_price": "19.99", "cost_basis": "-799.6",
                 "market_value": "-800", "unrealized_pl": "-0.4"},
            ),
        ),
    ),
    Row(
        "3-exercise",
        "POST /v2/positions/{contract}/exercise answers 200",
        (
            get("/v2/options/contracts?underlying_symbols=SPY&type=call&limit=1", save="found",
                expect={"option_contracts": [{"symbol": SOME}]}),
            post(order(symbol="{found.option_contracts.0.symbol}", qty="1")),
            Call("POST", "/v2/positions/{found.option_contracts.0.symbol}/exercise"),
        ),
        cash="1000000",
    ),
)  # fmt: skip

ACCOUNT = (
    Row(
        "3-get-account",
        "GET /v2/account answers 200",
        (Client(lambda a, s: [isinstance(a.trading.get_account(), TradeAccount)], [True]),),
    ),
    Row(
        "3.3-account-fields",
        "an account has all fields, its money as decimal strings",
        (
            get(
                "/v2/account",
                dict.fromkeys(
                    ["cash", "equity", "last_equity", "portfolio_value", "long_market_value", "short_market_value", "position_market_value", "initial_margin", "maintenance_margin", "last_maintenance_margin", "sma", "multiplier", "buying_power", "regt_buying_power", "non_marginable_buying_power", "options_buying_power", "accrued_fees", "pending_transfer_in", "pending_reg_taf_fees", "intraday_adjustments"],
                    DECIMAL,
                )
                | dict.fromkeys(
                    ["trading_blocked", "transfers_blocked", "account_blocked", "trade_suspended_by_user"],
                    False,
                )
                | {"id": UUID, "account_number": has("SIM"), "status": "ACTIVE", "currency": "USD",
                   "shorting_enabled": True, "options_approved_level": NUMBER,
                   "options_trading_level": NUMBER, "created_at": UTC,
                   "balance_asof": like(r"\d{4}-\d\d-\d\d"), "crypto_status": SOME},
            ),
        ),
    ),
    Row(
        "3.3-account-figures",
        "equity is cash and positions, the margins follow from them",
        (
            get(
                "/v2/account",
                {"cash": "100000", "long_market_value": "1000", "equity": "101000",
                 "portfolio_value": "101000", "initial_margin": "500", "maintenance_margin": "300",
                 "multiplier": "2", "buying_power": "201000"},
            ),
        ),
        holds={"XYZ": "20"},
    ),
    Row(
        "3-get-configurations",
        "GET /v2/account/configurations answers 200 with all that the model requires",
        (
            get(
                "/v2/account/configurations",
                {"fractional_trading": True, "max_margin_multiplier": like(r"[124]"),
                 "no_shorting": False, "suspend_trade": False, "trade_confirm_email": SOME,
                 "ptp_no_exception_entry": False},
            ),
            Client(lambda a, s: a.trading.get_account_configurations(), {"suspend_trade": False}),
        ),
    ),
    Row(
        "3-set-configurations",
        "PATCH sets what is given and leaves what is null",
        (
            Call("PATCH", "/v2/account/configurations", CONFIGURATION | {"no_shorting": True},
                 expect={"no_shorting": True, "suspend_trade": False}),
            Call("PATCH", "/v2/account/configurations", CONFIGURATION | {"suspend_trade": True},
                 expect={"no_shorting": True, "suspend_trade": True}),
        ),
    ),
    Row(
        "3-suspend-trade",
        "suspend_trade is honoured: nothing is accepted until it is taken back",
        (
            Call("PATCH", "/v2/account/configurations", {"suspend_trade": True}),
            get("/v2/account", {"trade_suspended_by_user": True}),
            Call("POST", "/v2/orders", order(), 403, {"code": 40310000}),
            Call("PATCH", "/v2/account/configurations", {"suspend_trade": False}),
            post(order()),
        ),
    ),
    Row(
        "3-no-shorting",
        "no_shorting is honoured",
        (
            Call("PATCH", "/v2/account/configurations", {"no_shorting": True}),
            Call("POST", "/v2/orders", order(side="sell"), 403,
                 {"code": 40310000, "message": "account is not allowed to short"}),
            get("/v2/account", {"shorting_enabled": False}),
        ),
    ),
    Row(
        "3-portfolio-history",
        "GET /v2/account/portfolio/history gives equally long columns without nulls",
        (
            get(
                "/v2/account/portfolio/history?period=1D&timeframe=1D",
                {"timestamp": long(1), "equity": long(1), "profit_loss": long(1),
                 "profit_loss_pct": long(1), "base_value": NUMBER, "timeframe": "1D"},
            ),
            Client(
                lambda a, s: a.trading.get_portfolio_history(
                    GetPortfolioHistoryRequest(period="1M", timeframe="1D")
                ),
                {"timeframe": "1D", "equity": long(1)},
            ),
        ),
    ),
    Row(
        "3-activities",
        "GET /v2/account/activities lists fills with their fields",
        (
            post(order()),
            get(
                f"{ACTIVITIES}",
                [{"activity_type": "FILL", "type": "fill", "transaction_time": UTC, "price": "50.01",
                  "qty": "10", "cum_qty": "10", "leaves_qty": "0", "side": "buy", "symbol": "XYZ",
                  "order_id": "{order.id}", "order_status": "filled",
                  "id": like(r"\d{17}::[0-9a-f-]{36}")}],
            ),
            Client(lambda a, s: a.trading.get("/account/activities/FILL"), [{"symbol": "XYZ"}]),
        ),
    ),
    Row(
        "3.3-activities-paging",
        "page_token is the last id seen, direction desc by default",
        (
            post(order(), times=3),
            get(f"{ACTIVITIES}?page_size=2", [SOME, SOME], save="page"),
            get(f"{ACTIVITIES}?page_size=2&page_token={{page.1.id}}", [SOME]),
            get(f"{ACTIVITIES}?direction=asc", [SOME, SOME, {"id": "{page.0.id}"}]),
        ),
    ),
    Row(
        "3.3-activities-page-size",
        "page_size is at most 100",
        (get(f"{ACTIVITIES}?page_size=101", status=422), get(f"{ACTIVITIES}?page_size=100", [])),
    ),
)  # fmt: skip

REFERENCE = (
    Row(
        "3.3-clock",
        "the clock's times have New York's offset",
        (
            get("/v2/clock", {"timestamp": NEW_YORK_TIME, "is_open": True, "next_open": NEW_YORK_TIME,
                              "next_close": like(r"[-\d]+T16:00:00-0[45]:00")}),
            Client(lambda a, s: a.trading.get_clock(), {"is_open": True}),
            clock("16:00"),
            get("/v2/clock", {"is_open": False, "next_open": like(r"[-\d]+T09:30:00-0[45]:00")}),
        ),
    ),
    Row(
        "3.3-calendar",
        "a half day closes at 13:00 and its session at 17:00",
        (
            get(
                "/v2/calendar?start=2026-11-27&end=2026-11-27",
                [{"date": "2026-11-27", "open": "09:30", "close": "13:00", "session_open": "0400",
                  "session_close": "1700", "settlement_date": "2026-11-30"}],
            ),
            get("/v2/calendar?start=2026-11-26&end=2026-11-26", []),
            Client(
                lambda a, s: a.trading.get_calendar(
                    GetCalendarRequest(start=date(2026, 11, 23), end=date(2026, 11, 29))
                ),
                [{"date": f"2026-11-{day}"} for day in (23, 24, 25, 27)],
            ),
        ),
    ),
    Row(
        "3-clock-v3",
        "the generic call of the v3 clock and calendar works",
        (
            Client(lambda a, s: a.trading.get("/clock", {}, api_version="v3"), SOME),
            Client(lambda a, s: a.trading.get("/calendar/NYSE", {}, api_version="v3"), SOME),
        ),
    ),
    Row(
        "3-assets",
        "GET /v2/assets lists at least 500 that all parse, inactive ones too",
        (
            Client(
                lambda a, s: a.trading.get_all_assets(GetAssetsRequest(asset_class=AssetClass.US_EQUITY)),
                long(500),
            ),
            get("/v2/assets",
                Is("some inactive", lambda got: {"active", "inactive"} == {x["status"] for x in got})),
        ),
    ),
    Row(
        "3.2-asset-model",
        "an Asset has all that the model requires",
        (
            get(
                "/v2/assets/XYZ",
                {"id": UUID, "class": "us_equity", "exchange": SOME, "symbol": "XYZ",
                 "status": "active", "tradable": True, "marginable": True, "shortable": True,
                 "easy_to_borrow": True, "fractionable": True},
                save="asset",
            ),
            get("/v2/assets/{asset.id}", {"symbol": "XYZ"}),
            Client(lambda a, s: [isinstance(a.trading.get_asset("XYZ"), Asset)], [True]),
        ),
    ),
    Row(
        "3-asset-unknown",
        "an unknown asset is 404",
        (get("/v2/assets/QQQQQ", {"code": 40410000, "message": has("asset not found")}, status=404),),
    ),
    Row(
        "3-watchlists",
        "watchlists are made, read, changed, added to and deleted",
        (
            Client(
                lambda a, s: a.trading.create_watchlist(
                    CreateWatchlistRequest(name="mine", symbols=["XYZ", "ABC"])
                ),
                {"name": "mine", "assets": [{"symbol": "XYZ"}, {"symbol": "ABC"}]},
                save="list",
            ),
            Client(lambda a, s: a.trading.get_watchlists(), [{"name": "mine"}]),
            Client(
                lambda a, s: a.trading.update_watchlist_by_id(
                    s["list"]["id"], UpdateWatchlistRequest(name="ours", symbols=["XYZ"])
                ),
                {"name": "ours", "assets": [{"symbol": "XYZ"}]},
            ),
            Client(
                lambda a, s: a.trading.add_asset_to_watchlist_by_id(s["list"]["id"], "BIG"),
                {"assets": [{"symbol": "XYZ"}, {"symbol": "BIG"}]},
            ),
            Client(
                lambda a, s: a.trading.remove_asset_from_watchlist_by_id(s["list"]["id"], "XYZ"),
                {"assets": [{"symbol": "BIG"}]},
            ),
            Call("DELETE", "/v2/watchlists/{list.id}", status=204),
            get("/v2/watchlists/{list.id}", status=404),
        ),
    ),
    Row(
        "3-watchlists-by-name",
        "a watchlist is found by name too",
        (
            Call("POST", "/v2/watchlists", {"name": "n", "symbols": ["XYZ"]}),
            get("/v2/watchlists:by_name?name=n", {"name": "n", "assets": [{"symbol": "XYZ"}]}),
            Call("DELETE", "/v2/watchlists:by_name?name=n", status=204),
        ),
    ),
    Row(
        "3-option-contracts",
        "option contracts come in pages that the caller follows, and parse",
        (
            get("/v2/options/contracts?underlying_symbols=SPY&limit=2", save="page",
                expect={"option_contracts": [SOME, SOME], "next_page_token": SOME}),
            get("/v2/options/contracts?underlying_symbols=SPY&limit=2&page_token={page.next_page_token}",
                {"option_contracts": [SOME, SOME]}),
            Client(
                lambda a, s: a.trading.get_option_contracts(
                    GetOptionContractsRequest(underlying_symbols=["SPY"], limit=3)
                ),
                {"option_contracts": [{"underlying_symbol": "SPY", "size": "100"}] * 3},
            ),
        ),
    ),
    Row(
        "3.2-option-contract-model",
        "a contract is found by symbol and by id",
        (
            get("/v2/options/contracts?underlying_symbols=SPY&limit=1", save="page"),
            get(
                "/v2/options/contracts/{page.option_contracts.0.symbol}",
                {"id": UUID, "symbol": SOME, "name": SOME, "status": "active", "tradable": True,
                 "expiration_date": like(r"\d{4}-\d\d-\d\d"), "root_symbol": "SPY",
                 "underlying_symbol": "SPY", "underlying_asset_id": UUID,
                 "type": one_of("call", "put"), "style": "american", "strike_price": SOME,
                 "size": "100"},
            ),
            Client(
                lambda a, s: [isinstance(
                    a.trading.get_option_contract(s["page"]["option_contracts"][0]["id"]), OptionContract
                )],
                [True],
            ),
        ),
    ),
    Row(
        "3-corporate-announcements",
        "announcements answer a list, of at most 90 days",
        (
            get("/v2/corporate_actions/announcements?ca_types=dividend&since=2026-01-01&until=2026-03-01",
                Is("a list", lambda got: isinstance(got, list))),
            get("/v2/corporate_actions/announcements?ca_types=dividend&since=2026-01-01&until=2026-06-01",
                status=422),
        ),
    ),
)  # fmt: skip

ROWS = POSITIONS + ACCOUNT + REFERENCE
