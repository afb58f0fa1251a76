"""alpaca.md §9: the error table, and what every request meets (§2, §13)."""

from conformance.row import (
    UUID,
    Call,
    Client,
    Is,
    Row,
    Stage,
    cancel,
    fault,
    get,
    has,
    like,
    order,
    post,
    refused,
)

INVALID = (422, 40010001)
UNPROCESSABLE = (422, 42210000)
FORBIDDEN = (403, 40310000)
REST = order(type="limit", limit_price="45")
NOBODY = "3f0c7c6e-52b1-4c0e-9d1b-0a6f4a5c7712"
OWN_POST = {"times": 1, "account": "{own.account}", "method": "POST"}
UNAUTHORIZED = {"message": "unauthorized."}


def bad(rule: str, says: str, body: object, message: object, *, code: int = 40010001) -> Row:
    return Row(
        f"9-{rule}",
        says,
        (Call("POST", "/v2/orders", body, 422, {"code": code, "message": message}),),
    )


KEYS = (
    Row(
        "9-malformed",
        "malformed JSON is 400 40010000",
        (
            Call("POST", "/v2/orders", "{", 400, {"code": 40010000}),
            Call("POST", "/v2/orders", "[]", 400, {"code": 40010000}),
            Call("POST", "/v2/orders", '{"qty": NaN}', 400, {"code": 40010000}),
        ),
    ),
    *(
        Row(
            f"9-unauthorized-{name}",
            f"401 with a message and no code: {says}",
            (
                get("/v2/account", Is("just the message", lambda got: got == UNAUTHORIZED),
                    status=401, keys=keys),
            ),
        )
        for name, says, keys in (
            ("none", "no keys", {}),
            ("wrong", "a wrong secret",
             {"APCA-API-KEY-ID": "{own.key}", "APCA-API-SECRET-KEY": "no"}),
            ("basic", "basic authentication that is none", {"Authorization": "Basic !"}),
        )
    ),
    Row(
        "9-unauthorized-first",
        "401 comes before anything else",
        (
            Call("POST", "/v2/orders", "{", 401, UNAUTHORIZED, keys={}),
            get("/v2/nonsense", UNAUTHORIZED, status=401, keys={}),
            get("/v2/stocks/bars?timeframe=no", status=401, keys={}),
        ),
    ),
    Row(
        "9-basic",
        "basic authentication is the other way",
        (get("/v2/account", {"status": "ACTIVE"}, keys={"Authorization": "Basic {own.basic}"}),),
    ),
)  # fmt: skip
FORBIDDEN_ROWS = (
    Row(
        "9-blocked",
        "a blocked account is not authorized to trade",
        (
            fault("restrict", account="{own.account}", to="blocked"),
            refused(order(), *FORBIDDEN, has("not authorized to trade")),
            get("/v2/account", {"trading_blocked": True}),
        ),
    ),
    Row(
        "9-liquidation-only",
        "an account restricted to liquidation may only close",
        (
            fault("restrict", account="{own.account}", to="liquidation_only"),
            refused(order(symbol="ABC"), *FORBIDDEN, has("restricted to liquidation only")),
            post(order(side="sell")),
        ),
        holds={"XYZ": "10"},
    ),
    Row(
        "9-opg-time",
        "opg orders must be submitted after 7:00pm and before 9:28am",
        (
            refused(order(time_in_force="opg"), *FORBIDDEN,
                    "opg orders must be submitted after 7:00pm and before 9:28am"),
        ),
    ),
)  # fmt: skip
MISSING = (
    Row(
        "9-no-order",
        "404 order not found for {id}",
        (
            get(f"/v2/orders/{NOBODY}", {"code": 40410000, "message": f"order not found for {NOBODY}"},
                status=404),
            get("/v2/orders:by_client_order_id?client_order_id=nobody", {"code": 40410000}, status=404),
            Call("PATCH", f"/v2/orders/{NOBODY}", {"qty": 1}, 404, {"code": 40410000}),
        ),
    ),
    Row(
        "9-others-order",
        "another account's order is not found either",
        (get("/v2/orders?status=all", []),),
    ),
    Row(
        "9-no-endpoint",
        "404 endpoint not found",
        (
            get("/v2/nonsense", {"code": 40410000, "message": "endpoint not found"}, status=404),
            Call("PUT", "/v2/orders", {}, 404, {"code": 40410000}),
        ),
    ),
    Row(
        "9-slash",
        "symbols are not escaped in the path: a slash in one is no other route",
        (get("/v2/positions/BTC/USD", {"code": 40410000}, status=404),),
    ),
    Row(
        "9-no-position",
        "404 position does not exist",
        (
            Call("DELETE", "/v2/positions/XYZ", status=404,
                 expect={"code": 40410000, "message": "position does not exist"}),
            Client(lambda a, s: a.trading.get_open_position("XYZ"), fails=(404, 40410000)),
        ),
    ),
)  # fmt: skip
INVALID_ROWS = (
    Row(
        "9-client-id-unique",
        "client_order_id must be unique, also after a cancel",
        (
            post(REST | {"client_order_id": "once"}),
            refused(REST | {"client_order_id": "once"}, *INVALID, "client_order_id must be unique"),
            cancel(),
            refused(REST | {"client_order_id": "once"}, *INVALID, "client_order_id must be unique"),
        ),
    ),
    Row(
        "9-client-id-retention",
        "how long it stays taken is a setting; by default for ever",
        (
            post(REST | {"client_order_id": "once"}),
            Stage("clock_at", {"at": "12:00", "days_on": 40}),
            refused(REST | {"client_order_id": "once"}, *INVALID, "client_order_id must be unique"),
        ),
        setting="client_id_retention",
        otherwise=(
            post(REST | {"client_order_id": "once"}),
            Stage("clock_at", {"at": "12:00", "days_on": 40}),
            post(REST | {"client_order_id": "once"}),
        ),
    ),
    bad("client-id-long", "a client_order_id has at most 128 characters",
        REST | {"client_order_id": "x" * 129}, "client_order_id must be no more than 128 characters"),
    Row(
        "9-client-id-longest",
        "128 characters are fine",
        (post(REST | {"client_order_id": "x" * 128}, {"client_order_id": "x" * 128}),),
    ),
    Row(
        "9-client-id-empty",
        "an empty one is as none: the server gives one",
        (post(REST | {"client_order_id": ""}, {"client_order_id": UUID}),),
    ),
    bad("qty-zero", "qty must be > 0", order(qty="0"), "qty must be > 0"),
    bad("qty-negative", "qty must be > 0", order(qty=-3), "qty must be > 0"),
    bad("qty-missing", "qty or notional is required", order(qty=None), "qty or notional is required"),
    bad("qty-and-notional", "only one of them", order(notional="5"),
        "only one of qty or notional is accepted"),
    bad("side", "invalid side", order(side="short"), "invalid side"),
    bad("type", "invalid order type", order(type="iceberg"), "invalid order type"),
    bad("time-in-force", "invalid time_in_force", order(time_in_force="gtd"), "invalid time_in_force"),
    bad("limit-price", "limit orders require a limit price", order(type="limit"),
        "limit orders require a limit price"),
    bad("stop-price", "stop orders require a stop price", order(type="stop"),
        "stop orders require a stop price"),
    bad("market-price", "market orders require no stop or limit price", order(limit_price="45"),
        "market orders require no stop or limit price"),
    bad("market-stop-price", "market orders require no stop or limit price", order(stop_price="55"),
        "market orders require no stop or limit price"),
    bad("unknown-asset", "an unknown asset", order(symbol="NOSUCH"), 'asset "NOSUCH" not found',
        code=42210000),
    bad("not-tradable", "an asset that is not tradable", order(symbol="DED"), has("tradable"),
        code=42210000),
    bad("qty-text", "a quantity that is no number", order(qty="many"), has("qty")),
    bad("qty-true", "true is no number", order(qty=True), has("qty")),
    bad("limit-negative", "a negative price", order(type="limit", limit_price="-1"), has("price")),
)  # fmt: skip
SERVER = (
    Row(
        "9-504-after-accept",
        "after a 504 the outcome is unknown: the order may exist",
        (
            fault("gateway_timeout", when=OWN_POST),
            Call("POST", "/v2/orders", REST | {"client_order_id": "lost"}, 504, json=False),
            get("/v2/orders:by_client_order_id?client_order_id=lost", {"client_order_id": "lost"}),
        ),
    ),
    Row(
        "9-500",
        "a 500 is a page of HTML",
        (
            fault("server_error", when=OWN_POST),
            Call("POST", "/v2/orders", REST, 500, json=False),
        ),
    ),
    Row(
        "9-503",
        "so is a 503",
        (
            fault("unavailable", when=OWN_POST),
            Call("POST", "/v2/orders", REST, 503, json=False),
        ),
    ),
    Row(
        "9-wash-trade-fault",
        "a wash trade can be refused where there is none",
        (
            fault("refuse", cause="wash_trade", when=OWN_POST),
            Call("POST", "/v2/orders", REST, 403, {"code": 40310000}),
        ),
    ),
)
RATE = (
    Row(
        "9-rate-limit",
        "200 requests a minute and account, then 429; the code is a setting",
        (
            Call("GET", "/v2/clock", times=200),
            get("/v2/clock", {"code": 42910000, "message": has("rate limit exceeded")}, status=429,
                headers={"x-ratelimit-remaining": "0"}),
        ),
        setting="rate_limit_code",
        otherwise=(
            Call("GET", "/v2/clock", times=200),
            get("/v2/clock", {"code": 42900000}, status=429),
        ),
    ),
    Row(
        "9-rate-headers",
        "every answer of the trading API tells limit, what remains and when it is reset",
        (
            get("/v2/clock", headers={"x-ratelimit-limit": "200", "x-ratelimit-remaining": "199",
                                      "x-ratelimit-reset": like(r"\d{10}")}),
            get("/v2/nonsense", status=404, headers={"x-ratelimit-remaining": "198"}),
        ),
    ),
    Row(
        "9-market-closed",
        "a closed market is no error for shares: orders queue",
        (post(order(), {"status": "accepted"}),),
        at="21:00",
    ),
)  # fmt: skip
ROWS = KEYS + FORBIDDEN_ROWS + MISSING + INVALID_ROWS + SERVER + RATE
