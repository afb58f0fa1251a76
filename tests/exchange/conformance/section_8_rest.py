"""alpaca.md §8.10 to §8.12: day trades, paper fills, options."""

from conformance.row import (
    SOME,
    Call,
    Is,
    Row,
    Stage,
    clock,
    fault,
    get,
    has,
    now,
    order,
    post,
    price,
)

FORBIDDEN = (403, 40310000)
PDT_FIELDS = ("pattern_day_trader", "daytrade_count", "daytrading_buying_power")
CONTRACT = "{page.option_contracts.0.symbol}"
PUT = "{puts.option_contracts.0.symbol}"
OPTION = order(symbol=CONTRACT, qty="1")


def contracts(kind: str = "call", save: str = "page") -> Call:
    return get(f"/v2/options/contracts?underlying_symbols=SPY&type={kind}&limit=1", save=save)


def round_trip() -> tuple[Call, Call]:
    return post(order(qty="1")), post(order(qty="1", side="sell"))


DAY_TRADES = (
    Row(
        "8.10-fields-absent",
        "by default the day-trade fields are absent",
        (get("/v2/account", Is("without them", lambda got: not set(PDT_FIELDS) & set(got))),),
        setting="day_trades",
        otherwise=(
            get("/v2/account", {"pattern_day_trader": False, "daytrade_count": 0,
                                "daytrading_buying_power": SOME}),
        ),
    ),
    Row(
        "8.10-counted",
        "by default nothing is counted; in the legacy regime the fourth day trade is refused",
        (*round_trip(), *round_trip(), *round_trip(), *round_trip()),
        cash="10000",
        setting="day_trades",
        otherwise=(
            *round_trip(),
            *round_trip(),
            *round_trip(),
            get("/v2/account", {"daytrade_count": 3}),
            post(order(qty="1")),
            Call("POST", "/v2/orders", order(qty="1", side="sell"), 403,
                 {"code": 40310100, "message": "trade denied due to pattern day trading protection"}),
        ),
    ),
    Row(
        "8.10-large-account",
        "in the legacy regime $25,000 of equity are enough",
        (*round_trip(), *round_trip()),
        cash="30000",
        setting="day_trades",
        otherwise=(*round_trip(), *round_trip(), *round_trip(), *round_trip()),
    ),
)  # fmt: skip

PAPER = (
    Row(
        "8.11-touch",
        "fills are at the touch: a buy pays the ask, a sell gets the bid",
        (
            post(order(), save="buy"),
            now("buy", filled_avg_price="50.01"),
            post(order(side="sell"), save="sell"),
            now("sell", filled_avg_price="49.99"),
        ),
    ),
    Row(
        "8.11-size-ignored",
        "size is ignored",
        (post(order(qty="1900")), now(status="filled", filled_avg_price="50.01")),
    ),
    Row(
        "8.11-limit-marketable",
        "a limit fills when the ask is at it or under it",
        (
            post(order(type="limit", limit_price="49")),
            price("XYZ", "48.99", "49.01"),
            now(status="new"),
            price("XYZ", "48.98", "49.00"),
            now(status="filled", filled_avg_price="49"),
        ),
    ),
    Row(
        "8.11-improvement",
        "and at the ask, when that is better",
        (post(order(type="limit", limit_price="55")), now(filled_avg_price="50.01")),
    ),
    Row(
        "8.11-partials",
        "one fill in ten is a random part, and goes on",
        (
            post(order(qty="100"), times=60),
            price("XYZ", "49.99", "50.01"),
            price("XYZ", "49.99", "50.01"),
            price("XYZ", "49.99", "50.01"),
            get(
                "/v2/account/activities?page_size=100",
                Is("some partial", lambda got: 1 <= sum(x["type"] == "partial_fill" for x in got) <= 25),
            ),
            get("/v2/orders?status=open", []),
        ),
        world="partials",
        cash="10000000",
    ),
    Row(
        "8.11-no-fees",
        "there are no fees: cash changes by what was filled",
        (post(order()), get("/v2/account", {"cash": "99499.9", "accrued_fees": "0"})),
    ),
    Row(
        "8.11-halt",
        "whether a market order in a halted symbol is rejected or waits is a setting",
        (
            fault("halt", symbol="BIG"),
            post(order(symbol="BIG")),
            now(status="rejected"),
            fault("resume", symbol="BIG"),
        ),
        setting="halt_rejects",
        otherwise=(
            fault("halt", symbol="BIG"),
            post(order(symbol="BIG")),
            now(status="new", filled_qty="0"),
            fault("resume", symbol="BIG"),
            price("BIG", "499.90", "500.10"),
            now(status="filled"),
        ),
    ),
)  # fmt: skip

OPTIONS = (
    Row(
        "8.12-bought",
        "an option is bought by its OCC symbol, a hundred times its price",
        (
            contracts(),
            post(OPTION, {"symbol": CONTRACT, "asset_class": "us_option",
                          "position_intent": "buy_to_open"}),
            now(status="filled"),
            get(f"/v2/positions/{CONTRACT}", {"qty": "1", "asset_class": "us_option"}),
            get(
                "/v2/account",
                {"cash": Is("less a hundred premiums", lambda cash: float(cash) < 100000)},
            ),
        ),
    ),
    Row(
        "8.12-whole",
        "contracts are whole",
        (contracts(), Call("POST", "/v2/orders", OPTION | {"qty": "1.5"}, 422)),
    ),
    Row(
        "8.12-no-notional",
        "there are no options for dollars",
        (contracts(), Call("POST", "/v2/orders", order(symbol=CONTRACT, qty=None, notional="500"), 422)),
    ),
    Row(
        "8.12-no-extended",
        "options have no extended hours",
        (
            contracts(),
            Call("POST", "/v2/orders",
                 OPTION | {"type": "limit", "limit_price": "1", "extended_hours": True}, 422),
        ),
    ),
    Row(
        "8.12-no-bracket",
        "options have no brackets",
        (
            contracts(),
            Call("POST", "/v2/orders",
                 OPTION | {"order_class": "bracket", "take_profit": {"limit_price": "900"},
                           "stop_loss": {"stop_price": "0.01"}}, 422),
        ),
    ),
    Row(
        "8.12-market-hours",
        "market orders in options are for market hours",
        (
            contracts(),
            Call("POST", "/v2/orders", OPTION, 422,
                 {"code": 42210000,
                  "message": "options market orders are only allowed during market hours"}),
        ),
        at="21:00",
    ),
    Row(
        "8.12-intent",
        "a wrong position_intent is refused",
        (
            contracts(),
            Call("POST", "/v2/orders", OPTION | {"position_intent": "buy_to_close"}, 422,
                 {"code": 42210000,
                  "message": "position intent mismatch, inferred: buy_to_open, specified: buy_to_close"}),
        ),
    ),
    Row(
        "8.12-buying-power",
        "options are paid in full, from options buying power",
        (
            contracts(),
            Call("POST", "/v2/orders", OPTION | {"qty": "10000"}, 403,
                 {"code": 40310000, "message": "insufficient options buying power",
                  "options_buying_power": SOME, "cost_basis": SOME}),
        ),
    ),
    Row(
        "8.12-covered-call",
        "a call is written against a hundred shares",
        (
            contracts(),
            Call("POST", "/v2/orders", OPTION | {"side": "sell"}, 403,
                 {"code": 40310000, "message": "insufficient underlying qty available for covered call"
                  " (required: 100, available: 0)"}),
        ),
    ),
    Row(
        "8.12-covered-call-held",
        "and is accepted with them",
        (contracts(), post(OPTION | {"side": "sell"}, {"position_intent": "sell_to_open"})),
        holds={"SPY": "100"},
    ),
    Row(
        "8.12-inactive",
        "a contract that does not exist is not active",
        (Call("POST", "/v2/orders", order(symbol="SPY200117C00300000", qty="1"), 422,
              {"code": 42210000}),),
    ),
    Row(
        "8.12-expiry-day",
        "on the day of expiry nothing is opened from 15:30",
        (
            contracts(),
            Stage("clock_on", {"day": "{page.option_contracts.0.expiration_date}", "at": "15:29"}),
            post(OPTION),
            clock("15:30"),
            Call("POST", "/v2/orders", OPTION, 422, {"code": 42210000}),
        ),
    ),
    Row(
        "8.12-auto-exercise",
        "what is a cent in the money at expiry is exercised",
        (
            contracts(),
            post(OPTION),
            Stage("clock_on", {"day": "{page.option_contracts.0.expiration_date}", "at": "12:00"}),
            clock("23:00"),
            get(f"/v2/positions/{CONTRACT}", status=404),
            get("/v2/positions/SPY", {"qty": "100"}),
        ),
    ),
    Row(
        "8.12-level",
        "levels gate strategies: no spread at level 2",
        (
            contracts(),
            Stage("change", {"account": "{own.account}", "options_approved_level": 1}),
            Call("POST", "/v2/orders", OPTION, 403,
                 {"code": 40310000, "message": has("account not eligible for level")}),
        ),
    ),
    Row(
        "8.12-mleg",
        "a spread has no symbol, side and asset of its own, its legs have",
        (
            get("/v2/options/contracts?underlying_symbols=SPY&type=call&limit=2", save="page"),
            post(
                {"order_class": "mleg", "qty": "1", "type": "limit", "limit_price": "5",
                 "time_in_force": "day", "legs": [
                     {"symbol": CONTRACT, "ratio_qty": "1", "side": "buy",
                      "position_intent": "buy_to_open"},
                     {"symbol": "{page.option_contracts.1.symbol}", "ratio_qty": "1", "side": "sell",
                      "position_intent": "sell_to_open"}]},
                {"symbol": "", "asset_id": "", "asset_class": "", "side": "", "position_intent": "",
                 "order_class": "mleg", "legs": [{"symbol": CONTRACT, "ratio_qty": "1"},
                                                 {"side": "sell", "ratio_qty": "1"}]},
            ),
        ),
    ),
)  # fmt: skip
ROWS = DAY_TRADES + PAPER + OPTIONS
