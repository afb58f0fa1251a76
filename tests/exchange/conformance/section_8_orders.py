"""alpaca.md §8.3 to §8.5: quantities and prices, reservation of shares, buying power."""

from conformance.row import (
    SOME,
    Call,
    Row,
    cancel,
    get,
    has,
    now,
    one_of,
    order,
    partial,
    patch,
    post,
    price,
    refused,
)

REST = order(type="limit", limit_price="45")
SELL = order(side="sell")
TRAIL = order(side="sell", type="trailing_stop", trail_price="2")
SUB_PENNY = "sub-penny increment does not fulfill minimum pricing criteria"
EXTENDED = "extended hours order must be DAY or GTC limit orders"
UNPROCESSABLE = (422, 42210000)
INVALID = (422, 40010001)
FORBIDDEN = (403, 40310000)
HELD = {"XYZ": "12"}

PRICES = (
    Row(
        "8.3-sub-penny-limit",
        "a limit from $1 has two decimals",
        (
            refused(order(type="limit", limit_price="45.123"), *UNPROCESSABLE,
                    f"invalid limit_price 45.123. {SUB_PENNY}"),
        ),
    ),
    Row(
        "8.3-sub-penny-stop",
        "a stop from $1 has two decimals",
        (
            refused(order(type="stop", stop_price="55.123"), *UNPROCESSABLE,
                    f"invalid stop_price 55.123. {SUB_PENNY}"),
        ),
    ),
    Row(
        "8.3-four-decimals",
        "under $1 a price has four decimals",
        (
            post(order(symbol="DIM", qty="100", type="limit", limit_price="0.4567"),
                 {"limit_price": "0.4567"}),
            refused(order(symbol="DIM", qty="100", type="limit", limit_price="0.45678"), *UNPROCESSABLE,
                    f"invalid limit_price 0.45678. {SUB_PENNY}"),
        ),
    ),
    Row(
        "8.3-truncated-qty",
        "more than nine decimals of a quantity are silently dropped",
        (post(order(qty="0.123456789012"), {"qty": "0.123456789"}),),
    ),
    Row(
        "8.3-truncated-notional",
        "more than nine decimals of a notional are silently dropped",
        (post(order(qty=None, notional="10.123456789012"), {"notional": "10.123456789"}),),
    ),
    Row(
        "8.3-fractional",
        "a fractional market order fills",
        (post(order(qty="1.5")), now(status="filled", filled_qty="1.5")),
    ),
    Row(
        "8.3-fractional-day",
        "fractional orders are day orders",
        (refused(order(qty="1.5", time_in_force="gtc"), *UNPROCESSABLE,
                 "fractional orders must be DAY orders"),),
    ),
    Row(
        "8.3-fractional-simple",
        "fractional orders are simple",
        (
            refused(
                order(qty="1.5", type="limit", limit_price="49", order_class="bracket",
                      take_profit={"limit_price": "60"}, stop_loss={"stop_price": "44"}),
                *UNPROCESSABLE, "fractional orders must be simple orders",
            ),
        ),
    ),
    Row(
        "8.3-fractional-no-short",
        "fractional orders cannot be sold short",
        (refused(order(qty="1.5", side="sell"), *UNPROCESSABLE, "fractional orders cannot be sold short"),),
    ),
    Row(
        "8.3-fractional-sell",
        "a fraction of what is held is sold",
        (post(order(qty="1.5", side="sell")), get("/v2/positions/XYZ", {"qty": "10.5"})),
        holds=HELD,
    ),
    Row(
        "8.3-not-fractionable",
        "the asset must be fractionable",
        (
            Call("POST", "/v2/orders", order(symbol="WHL", qty="1.5"), 403,
                 {"code": 40310000, "message": 'asset "WHL" is not fractionable'}),
        ),
    ),
    Row(
        "8.3-notional",
        "a notional order buys what its dollars buy",
        (
            post(order(qty=None, notional="500.10")),
            now(status="filled", filled_qty="10", filled_avg_price="50.01"),
        ),
    ),
    Row(
        "8.3-least-notional",
        "notional is at least $1",
        (refused(order(qty=None, notional="0.99"), *UNPROCESSABLE, "notional amount must be >= 1.00"),),
    ),
    Row(
        "8.3-least-cost",
        "the cost basis is at least $1",
        (refused(order(qty="0.01"), *FORBIDDEN, "cost basis must be >= minimal amount of order 1"),),
    ),
    *(
        Row(
            f"8.3-fractional-{kind}",
            f"fractional day orders of type {kind} are accepted",
            (post(order(qty="1.5", type=kind, **prices)),),
        )
        for kind, prices in (
            ("limit", {"limit_price": "45"}),
            ("stop", {"stop_price": "55"}),
            ("stop_limit", {"stop_price": "55", "limit_price": "56"}),
        )
    ),
    Row(
        "8.3-notional-replace",
        "notional orders cannot be replaced",
        (
            post(order(qty=None, notional="100", type="limit", limit_price="45")),
            patch("order", {"limit_price": "44"}, status=422, expect={"code": 42210000}),
        ),
    ),
    *(
        Row(f"8.3-extended-{name}", says, (refused(body, *UNPROCESSABLE, EXTENDED),))
        for name, says, body in (
            ("market", "no market order in extended hours", order(extended_hours=True)),
            ("stop", "no stop in extended hours", order(extended_hours=True, type="stop", stop_price="55")),
            ("ioc", "no ioc in extended hours", REST | {"extended_hours": True, "time_in_force": "ioc"}),
        )
    ),
    *(
        Row(
            f"8.3-extended-{tif}",
            f"limit orders that are {tif} may work in extended hours",
            (post(REST | {"extended_hours": "True", "time_in_force": tif}, {"extended_hours": True}),),
        )
        for tif in ("day", "gtc")
    ),
    Row(
        "8.3-sell-stop-below",
        "a sell stop lies below the market; the body says where that is",
        (
            refused(order(side="sell", type="stop", stop_price="55"), *UNPROCESSABLE,
                    "stop price must be less than current price", market_price=SOME),
        ),
        holds=HELD,
    ),
    Row(
        "8.3-buy-stop-above",
        "a buy stop lies above the market",
        (
            refused(order(type="stop", stop_price="45"), *UNPROCESSABLE,
                    "stop price must be greater than current price", market_price=SOME),
        ),
    ),
    Row(
        "8.3-trail-price",
        "the stop of a trailing stop is its high-water mark less the trail, and follows up only",
        (
            post(TRAIL, {"trail_price": "2", "trail_percent": None, "type": "trailing_stop"}),
            price("XYZ", "53.99", "54.01", "54"),
            now(hwm=one_of("54", "53.99"), stop_price=one_of("52", "51.99")),
            price("XYZ", "52.99", "53.01", "53"),
            now(hwm=one_of("54", "53.99"), status="new"),
            price("XYZ", "51.90", "51.92", "51.90"),
            now(status="filled", filled_avg_price="51.9"),
        ),
        holds=HELD,
    ),
    Row(
        "8.3-trail-percent",
        "the stop of a percentage is hwm × (1 − pct/100)",
        (
            post(order(side="sell", type="trailing_stop", trail_percent="10")),
            price("XYZ", "59.99", "60.01", "60"),
            now(hwm=one_of("60", "59.99"), stop_price=one_of("54", "53.99", "53.991")),
        ),
        holds=HELD,
    ),
    Row(
        "8.3-trail-buy",
        "of a buy it mirrors: it follows down only",
        (
            post(order(type="trailing_stop", trail_price="2")),
            price("XYZ", "45.99", "46.01", "46"),
            now(hwm=one_of("46", "46.01"), stop_price=one_of("48", "48.01")),
            price("XYZ", "48.08", "48.10", "48.10"),
            now(status="filled"),
        ),
    ),
    Row(
        "8.3-trail-least",
        "trail_percent is at least 0.1",
        (
            Call("POST", "/v2/orders", order(side="sell", type="trailing_stop", trail_percent="0.05"), 422,
                 {"code": one_of(40010001, 42210000)}),
        ),
        holds=HELD,
    ),
    Row(
        "8.3-trail-tif",
        "trailing stops are day or gtc",
        (
            post(TRAIL | {"time_in_force": "gtc"}),
            cancel(),
            Call("POST", "/v2/orders", TRAIL | {"time_in_force": "ioc"}, 422),
        ),
        holds=HELD,
    ),
    Row(
        "8.3-trail-single",
        "trailing stops are single orders",
        (
            Call(
                "POST", "/v2/orders",
                order(type="trailing_stop", trail_price="2", order_class="bracket",
                      take_profit={"limit_price": "60"}, stop_loss={"stop_price": "44"}), 422,
            ),
        ),
    ),
    Row(
        "8.3-limit-distance",
        "how far from the market a limit may be is a setting; by default any distance",
        (post(order(type="limit", limit_price="1")),),
        setting="limit_distance",
        otherwise=(Call("POST", "/v2/orders", order(type="limit", limit_price="1"), one_of(403, 422)),),
    ),
)  # fmt: skip

SHARES = (
    Row(
        "8.4-qty-available",
        "qty_available is what open closing orders leave",
        (
            post(order(side="sell", type="limit", limit_price="60", qty="5")),
            get("/v2/positions/XYZ", {"qty": "12", "qty_available": "7"}),
            cancel(),
            get("/v2/positions/XYZ", {"qty_available": "12"}),
        ),
        holds=HELD,
    ),
    Row(
        "8.4-insufficient-qty",
        "a closing order above it is refused, with all its figures",
        (
            post(order(side="sell", type="limit", limit_price="60", qty="12")),
            refused(
                order(side="sell", qty="12"), *FORBIDDEN,
                "insufficient qty available for order (requested: 12, available: 0)",
                symbol="XYZ", available="0", existing_qty="12", held_for_orders="12",
                related_orders=["{order.id}"],
            ),
        ),
        holds=HELD,
    ),
    Row(
        "8.4-more-than-held",
        "more than is held is refused the same way: one order cannot flip",
        (
            refused(order(side="sell", qty="13"), *FORBIDDEN,
                    "insufficient qty available for order (requested: 13, available: 12)",
                    existing_qty="12", held_for_orders="0"),
        ),
        holds=HELD,
    ),
    Row(
        "8.4-after-partial",
        "what has filled of a closing order holds nothing any more",
        (
            partial("0.3"),
            post(order(side="sell", type="limit", limit_price="49", qty="10")),
            get("/v2/positions/XYZ", {"qty": "9", "qty_available": "2"}),
        ),
        holds=HELD,
    ),
    Row(
        "8.4-pair-reserves-once",
        "an OCO pair reserves once",
        (
            post(
                order(side="sell", type="limit", time_in_force="gtc", order_class="oco", qty="12",
                      take_profit={"limit_price": "60"}, stop_loss={"stop_price": "44"}),
            ),
            get("/v2/positions/XYZ", {"qty_available": "0"}),
            refused(order(side="sell", qty="1"), *FORBIDDEN, has("insufficient qty"),
                    held_for_orders="12", available="0"),
        ),
        holds=HELD,
    ),
    Row(
        "8.4-close-position-held",
        "close_position cancels nothing: it is refused, without related_orders",
        (
            post(order(side="sell", type="stop", stop_price="44", qty="12")),
            Call("DELETE", "/v2/positions/XYZ", status=403,
                 expect={"code": 40310000, "held_for_orders": "12", "available": "0"}),
            now(status="new"),
        ),
        holds=HELD,
    ),
    Row(
        "8.4-cancel-then-sell",
        "after the cancel the shares are free",
        (
            post(order(side="sell", type="stop", stop_price="44", qty="12"), save="stop"),
            cancel("stop"),
            post(order(side="sell", qty="12")),
            now(status="filled"),
        ),
        holds=HELD,
    ),
    Row(
        "8.4-short-available",
        "the sign of a short's qty_available is a setting",
        (post(order(symbol="ABC", side="sell", qty="40")),
         get("/v2/positions/ABC", {"qty": "-40", "qty_available": "-40"})),
        setting="short_qty_available",
        otherwise=(post(order(symbol="ABC", side="sell", qty="40")),
                   get("/v2/positions/ABC", {"qty": "-40", "qty_available": "40"})),
    ),
    Row(
        "8.4-short-cover-reserved",
        "buys that close a short are reserved the same way",
        (
            post(order(symbol="ABC", side="sell", qty="40")),
            post(order(symbol="ABC", type="limit", limit_price="15", qty="30")),
            Call("POST", "/v2/orders", order(symbol="ABC", type="limit", limit_price="15", qty="11"), 403,
                 {"code": 40310000, "held_for_orders": "30"}),
        ),
    ),
)  # fmt: skip

POWER = (
    Row(
        "8.5-insufficient",
        "more than the buying power is refused, with both figures",
        (
            refused(order(type="limit", limit_price="45", qty="100"), *FORBIDDEN,
                    "insufficient buying power", buying_power="2000", cost_basis="4500"),
        ),
        cash="2000",
        multiplier="1",
    ),
    Row(
        "8.5-limit-value",
        "a buy limit is worth limit × quantity",
        (
            post(order(type="limit", limit_price="45")),
            get("/v2/account", {"buying_power": "199550", "cash": "100000"}),
        ),
    ),
    Row(
        "8.5-market-value",
        "a market buy is worth the ask in the session",
        (
            refused(order(qty="100"), *FORBIDDEN, "insufficient buying power", cost_basis="5001"),
        ),
        cash="2000",
        multiplier="1",
    ),
    Row(
        "8.5-market-value-closed",
        "a market buy is worth the last trade when closed",
        (
            refused(order(qty="100"), *FORBIDDEN, "insufficient buying power", cost_basis="5000"),
        ),
        cash="2000",
        multiplier="1",
        at="21:00",
    ),
    Row(
        "8.5-market-value-extended",
        "a market buy is worth the middle in extended hours",
        (
            price("XYZ", "50.10", "50.30", "49"),
            refused(order(qty="100"), *FORBIDDEN, "insufficient buying power", cost_basis="5020"),
        ),
        cash="2000",
        multiplier="1",
        at="17:00",
    ),
    Row(
        "8.5-given-back",
        "a cancelled buy gives its buying power back",
        (
            post(REST),
            cancel(),
            get("/v2/account", {"buying_power": "200000"}),
        ),
    ),
    Row(
        "8.5-closing-gives-nothing-yet",
        "an open sell gives no buying power before it is executed",
        (
            post(order(side="sell", type="limit", limit_price="60", qty="12")),
            get("/v2/account", {"buying_power": "200600"}),
        ),
        holds=HELD,
    ),
    Row(
        "8.5-cash-moves-with-fills",
        "cash moves with fills",
        (post(order()), get("/v2/account", {"cash": "99499.9", "long_market_value": "500"})),
    ),
    Row(
        "8.5-short-value",
        "a short is worth the larger of its limit and the ask with 3 % on it",
        (
            post(order(symbol="ABC", side="sell", type="limit", limit_price="25", qty="100")),
            get("/v2/account", {"buying_power": "197500"}),
            cancel(),
            post(order(symbol="ABC", side="sell", type="limit", limit_price="20.05", qty="100")),
            get("/v2/account", {"buying_power": "197938.97"}),
        ),
    ),
    Row(
        "8.5-replace-reserves-larger",
        "while replacing, the larger of old and new is reserved",
        (
            post(order(type="limit", limit_price="45")),
            patch("order", {"limit_price": "46"}),
            get("/v2/account", {"buying_power": "199540"}),
            patch("new", {"limit_price": "40"}, save="newer"),
            get("/v2/account", {"buying_power": "199600"}),
        ),
    ),
    Row(
        "8.5-multiplier-1",
        "multiplier 1: buying power is cash",
        (get("/v2/account", {"multiplier": "1", "buying_power": "100000"}),),
        multiplier="1",
    ),
    Row(
        "8.5-multiplier-2",
        "multiplier 2: twice what initial margin leaves of equity",
        (get("/v2/account", {"multiplier": "2", "buying_power": "200600", "initial_margin": "300"}),),
        holds=HELD,
    ),
    Row(
        "8.5-multiplier-4",
        "multiplier 4: four times what maintenance margin leaves of last equity",
        (get("/v2/account", {"multiplier": "4", "buying_power": "400000"}),),
        multiplier="4",
    ),
    Row(
        "8.5-small-account",
        "under $2,000 of equity the multiplier is 1, and nothing is sold short",
        (
            get("/v2/account", {"multiplier": "1", "buying_power": "1999"}),
            Call("POST", "/v2/orders", order(symbol="ABC", side="sell", qty="1"), 403, {"code": 40310000}),
        ),
        cash="1999",
    ),
    Row(
        "8.5-maintenance",
        "initial margin is 50 %, maintenance 30 % of what is held",
        (get("/v2/account", {"initial_margin": "300", "maintenance_margin": "180"}),),
        holds=HELD,
    ),
)  # fmt: skip
ROWS = PRICES + SHARES + POWER
