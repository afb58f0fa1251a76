"""alpaca.md §3: the calls about orders, and what an order looks like (§3.1, §3.2)."""

from typing import Any

from alpaca.trading.requests import (
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)

from conformance.row import (
    SOME,
    UTC,
    UUID,
    Call,
    Client,
    Events,
    Is,
    Row,
    cancel,
    get,
    now,
    order,
    post,
)

REST = order(type="limit", limit_price="45")  # rests under the market
SHORT_REST = order(type="limit", limit_price="55", side="sell")
BRACKET = order(
    type="limit",
    limit_price="49",
    time_in_force="gtc",
    order_class="bracket",
    take_profit={"limit_price": "60"},
    stop_loss={"stop_price": "44.10", "limit_price": 44.0},
)
EMPTY = dict.fromkeys(
    [
        "filled_at",
        "expired_at",
        "canceled_at",
        "failed_at",
        "replaced_at",
        "replaced_by",
        "replaces",
        "notional",
        "filled_avg_price",
        "stop_price",
        "legs",
        "trail_percent",
        "trail_price",
        "hwm",
        "subtag",
        "source",
    ]
)
FILLED_IN: dict[str, Any] = {
    **dict.fromkeys(("id", "asset_id"), UUID),
    "client_order_id": SOME,
    "asset_class": "us_equity",
    "symbol": "XYZ",
    "qty": "10",
    "filled_qty": "0",
    "order_class": "",
    "order_type": "limit",
    "type": "limit",
    "side": "buy",
    "position_intent": "buy_to_open",
    "time_in_force": "day",
    "limit_price": "45",
    "status": "pending_new",
    "extended_hours": False,
}


def ids(*names: str) -> list[dict[str, str]]:
    return [{"id": f"{{{name}.id}}"} for name in names]


def three() -> tuple[Call, ...]:
    """A cancelled order, a resting buy and one in another symbol."""
    return (
        post(REST, save="a"),
        cancel("a"),
        post(REST, save="b"),
        post(order(symbol="ABC", type="limit", limit_price="15"), save="c"),
    )


ROWS = (
    Row(
        "3-submit-order",
        "POST /v2/orders answers 200 with the Order",
        (
            Client(
                lambda a, s: a.trading.submit_order(
                    LimitOrderRequest(
                        symbol="XYZ", qty=10, side="buy", time_in_force="day", limit_price=45
                    )
                ),
                {"symbol": "XYZ", "qty": "10", "limit_price": "45"},
            ),
        ),
    ),
    Row(
        "3-get-orders-open",
        "get_orders lists open orders by default",
        (*three(), get("/v2/orders", ids("c", "b"))),
    ),
    Row(
        "3-get-orders-closed",
        "status=closed lists those that have ended",
        (*three(), get("/v2/orders?status=closed", ids("a"))),
    ),
    Row(
        "3-get-orders-all",
        "status=all lists both, direction is desc unless asc is asked for",
        (
            *three(),
            get("/v2/orders?status=all", ids("c", "b", "a")),
            get("/v2/orders?status=all&direction=asc", ids("a", "b", "c")),
        ),
    ),
    Row(
        "3-get-orders-limit",
        "limit is 50 by default",
        (
            post(REST, times=52),
            Client(lambda a, s: [len(a.trading.get_orders())], [50]),
            Client(lambda a, s: [len(a.trading.get_orders(GetOrdersRequest(limit=500)))], [52]),
        ),
        cash="10000000",
    ),
    Row(
        "3-get-orders-most",
        "limit is at most 500",
        (get("/v2/orders?limit=501", status=422),),
    ),
    Row(
        "3-get-orders-after",
        "after is exclusive on the submission time",
        (*three(), get("/v2/orders?status=all&after={b.submitted_at}", ids("c"))),
    ),
    Row(
        "3-get-orders-until",
        "until is exclusive on the submission time",
        (*three(), get("/v2/orders?status=all&until={b.submitted_at}", ids("a"))),
    ),
    Row(
        "3-get-orders-nested",
        "nested rolls legs under their parent, otherwise they are rows of their own",
        (
            post(BRACKET, save="parent"),
            get("/v2/orders?nested=True", [{"id": "{parent.id}", "legs": [SOME, SOME]}]),
            get("/v2/orders", [SOME, SOME, SOME]),
        ),
    ),
    Row(
        "3-get-orders-nested-counts",
        "legs that are not nested count towards limit",
        (
            post(BRACKET, save="parent"),
            get("/v2/orders?limit=2", [SOME, SOME]),
            get("/v2/orders?limit=2&nested=true", [{"legs": [SOME, SOME]}]),
        ),
    ),
    Row(
        "3-get-orders-symbols",
        "symbols is a comma-joined list",
        (
            *three(),
            get("/v2/orders?symbols=ABC", ids("c")),
            get("/v2/orders?symbols=ABC%2CXYZ", ids("c", "b")),
        ),
    ),
    Row(
        "3-get-orders-side",
        "side filters",
        (
            post(order(symbol="ABC", type="limit", limit_price="15"), save="bought"),
            post(SHORT_REST, save="sold"),
            get("/v2/orders?side=buy", ids("bought")),
            get("/v2/orders?side=sell", ids("sold")),
        ),
        holds={"XYZ": "10"},
    ),
    Row(
        "3-get-orders-asset-class",
        "asset_class is a filter of the server",
        (
            *three(),
            get("/v2/orders?asset_class=us_equity", ids("c", "b")),
            get("/v2/orders?asset_class=us_option", []),
        ),
    ),
    Row(
        "3-get-orders-before-id",
        "before_order_id is a filter of the server",
        (*three(), get("/v2/orders?status=all&before_order_id={b.id}", ids("a"))),
    ),
    Row(
        "3-get-orders-after-id",
        "after_order_id is a filter of the server",
        (*three(), get("/v2/orders?status=all&after_order_id={b.id}", ids("c"))),
    ),
    Row(
        "3-get-order-by-id",
        "GET /v2/orders/{uuid}?nested=True gives the order with its legs",
        (
            post(BRACKET, save="parent"),
            get("/v2/orders/{parent.id}?nested=True", {"id": "{parent.id}", "legs": [SOME, SOME]}),
            Client(
                lambda a, s: a.trading.get_order_by_id(
                    s["parent"]["id"], GetOrderByIdRequest(nested=True)
                ),
                {"legs": [{"status": "held"}, {"status": "held"}]},
            ),
        ),
    ),
    Row(
        "3-get-order-by-client-id",
        "the path has a colon: /v2/orders:by_client_order_id?client_order_id=",
        (
            post(order(**{**REST, "client_order_id": "con-1"})),
            get("/v2/orders:by_client_order_id?client_order_id=con-1", {"id": "{order.id}"}),
            Client(lambda a, s: a.trading.get_order_by_client_id("con-1"), {"id": "{order.id}"}),
        ),
    ),
    Row(
        "3-replace-order",
        "PATCH /v2/orders/{uuid} answers 200 with a new Order",
        (
            post(REST),
            Client(
                lambda a, s: a.trading.replace_order_by_id(
                    s["order"]["id"], ReplaceOrderRequest(qty=7, limit_price=44)
                ),
                {"replaces": "{order.id}", "qty": "7", "limit_price": "44"},
            ),
        ),
    ),
    Row(
        "3-cancel-order",
        "DELETE /v2/orders/{uuid} answers an empty 204",
        (post(REST), cancel(), now(status="canceled")),
    ),
    Row(
        "3-cancel-orders",
        "DELETE /v2/orders answers 207 with an id and a status each",
        (
            post(REST, save="a"),
            post(REST, save="b"),
            Call("DELETE", "/v2/orders", status=207, expect=[{"id": UUID, "status": 200}] * 2),
            get("/v2/orders", []),
        ),
    ),
    Row(
        "3-cancel-orders-none",
        "the answer is [] when nothing is open",
        (
            Call("DELETE", "/v2/orders", status=207, expect=[]),
            Client(lambda a, s: a.trading.cancel_orders(), []),
        ),
    ),
    Row(
        "3.1-every-field",
        "an Order has all its fields; those without a value are null, never missing",
        (post(REST, EMPTY | FILLED_IN),),
    ),
    Row(
        "3.1-simple-class",
        "the order_class of a simple order is the empty string",
        (post(REST, {"order_class": ""}), post(order(order_class="simple"), {"order_class": ""})),
    ),
    Row(
        "3.1-trimmed-numbers",
        "numbers are strings without trailing zeros",
        (
            post(
                order(type="limit", limit_price="45.50", qty="10.000"),
                {"limit_price": "45.5", "qty": "10", "filled_qty": "0"},
            ),
        ),
    ),
    Row(
        "3.1-times",
        "timestamps are UTC with a Z and up to nine decimals",
        (
            post(
                REST, dict.fromkeys(("created_at", "updated_at", "submitted_at", "expires_at"), UTC)
            ),
        ),
    ),
    Row(
        "3.1-json-numbers",
        "what alpaca-py sends as JSON numbers is taken as what strings say",
        (
            post(
                '{"symbol":"XYZ","qty":10.0,"side":"buy","type":"limit","time_in_force":"gtc",'
                '"limit_price":45.5}',
                {"qty": "10", "limit_price": "45.5"},
            ),
        ),
    ),
    Row(
        "3.1-bracket-request",
        "alpaca-py's bracket gives a parent that works and two held legs",
        (
            Client(
                lambda a, s: a.trading.submit_order(
                    LimitOrderRequest(
                        symbol="XYZ",
                        qty=12,
                        side="buy",
                        time_in_force="gtc",
                        order_class="bracket",
                        client_order_id="con-2",
                        limit_price=45.5,
                        take_profit=TakeProfitRequest(limit_price=48.6),
                        stop_loss=StopLossRequest(stop_price=44.1, limit_price=44.0),
                    )
                ),
                {
                    "client_order_id": "con-2",
                    "order_class": "bracket",
                    "status": "pending_new",
                    "legs": [
                        {
                            "type": "limit",
                            "side": "sell",
                            "qty": "12",
                            "limit_price": "48.6",
                            "status": "held",
                            "order_class": "bracket",
                        },
                        {
                            "type": "stop_limit",
                            "side": "sell",
                            "qty": "12",
                            "stop_price": "44.1",
                            "limit_price": "44",
                            "status": "held",
                            "order_class": "bracket",
                        },
                    ],
                },
            ),
        ),
    ),
    Row(
        "3.1-legs-are-orders",
        "legs have all the fields of an Order, an id of the server and no legs",
        (
            post(
                BRACKET,
                {
                    "legs": [{"client_order_id": SOME, "legs": None, "id": UUID, "expires_at": UTC}]
                    * 2
                },
            ),
        ),
    ),
    Row(
        "3.1-cancel-requested-at",
        "stream copies of an order carry cancel_requested_at",
        (
            post(REST),
            cancel(),
            Events(
                "order",
                ("pending_new", "new", "canceled"),
                {
                    0: {"order": {"cancel_requested_at": None}},
                    2: {"order": {"cancel_requested_at": UTC}},
                },
            ),
        ),
    ),
    Row(
        "3.1-filled-average",
        "a filled order shows what was filled and at which average",
        (
            post(order()),
            now(status="filled", filled_qty="10", filled_avg_price="50.01", filled_at=UTC),
        ),
    ),
    Row(
        "3.1-notional",
        "of an order for dollars qty is null and notional a string",
        (post(order(qty=None, notional=250.5), {"qty": None, "notional": "250.5"}),),
    ),
    Row(
        "3.2-order-model",
        "notional, hwm, trail_price and trail_percent are strings or null",
        (
            post(
                order(side="sell", type="trailing_stop", trail_percent=2.5),
                {
                    "trail_percent": "2.5",
                    "trail_price": None,
                    "notional": None,
                    "hwm": Is("string or null", lambda got: got is None or isinstance(got, str)),
                },
            ),
            Client(
                lambda a, s: a.trading.get_order_by_id(s["order"]["id"]), {"trail_percent": "2.5"}
            ),
        ),
        holds={"XYZ": "10"},
    ),
    Row(
        "3.1-exponents",
        "exponents occur on the wire, and are numbers",
        (
            post(
                '{"symbol":"XYZ","qty":1e1,"side":"buy","type":"market","time_in_force":"day"}',
                {"qty": "10"},
            ),
        ),
    ),
)
