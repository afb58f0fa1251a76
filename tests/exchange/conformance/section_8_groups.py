"""alpaca.md §8.6 to §8.9: shorts, wash trades, groups of orders, replacing and cancelling."""

from conformance.row import (
    SOME,
    UUID,
    Call,
    Events,
    Row,
    Stage,
    cancel,
    clock,
    fault,
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
UNPROCESSABLE = (422, 42210000)
FORBIDDEN = (403, 40310000)
HELD = {"XYZ": "12"}
BRACKET = order(
    type="limit",
    limit_price="51",
    time_in_force="gtc",
    order_class="bracket",
    take_profit={"limit_price": "60"},
    stop_loss={"stop_price": "44"},
)
RESTING = BRACKET | {"limit_price": "49"}
OCO = order(
    side="sell",
    type="limit",
    qty="12",
    time_in_force="gtc",
    order_class="oco",
    take_profit={"limit_price": "60"},
    stop_loss={"stop_price": "44"},
)
BASE_PRICE = "stop_loss.stop_price must be <= base_price - 0.01"
LEGS = (
    Call("GET", "/v2/orders/{order.legs.0.id}", save="profit"),
    Call("GET", "/v2/orders/{order.legs.1.id}", save="stop"),
)

SHORTS = (
    Row(
        "8.6-short",
        "a sell when flat opens a short",
        (
            post(order(side="sell"), {"position_intent": "sell_to_open"}),
            get("/v2/positions/XYZ", {"qty": "-10", "side": "short"}),
        ),
    ),
    Row(
        "8.6-short-increased",
        "a sell when short increases it",
        (
            post(order(side="sell")),
            post(order(side="sell", qty="5")),
            get("/v2/positions/XYZ", {"qty": "-15"}),
        ),
    ),
    Row(
        "8.6-short-covered",
        "a buy when short closes it",
        (
            post(order(side="sell")),
            post(order(), {"position_intent": "buy_to_close"}),
            get("/v2/positions/XYZ", status=404),
        ),
    ),
    Row(
        "8.6-not-allowed",
        "an account that may not short is refused",
        (
            Call("PATCH", "/v2/account/configurations", {"no_shorting": True}),
            refused(order(side="sell"), *FORBIDDEN, "account is not allowed to short"),
        ),
    ),
    Row(
        "8.6-not-shortable",
        "an asset that cannot be sold short is refused",
        (refused(order(symbol="NSH", side="sell"), *UNPROCESSABLE, 'asset "NSH" cannot be sold short'),),
    ),
    Row(
        "8.6-hard-to-borrow",
        "of a hard-to-borrow asset only day orders are allowed",
        (
            refused(
                order(symbol="HTB", side="sell", type="limit", limit_price="35", time_in_force="gtc"),
                *UNPROCESSABLE, 'only day orders are allowed for hard-to-borrow asset "HTB"',
            ),
        ),
    ),
    Row(
        "8.6-no-flip-to-short",
        "one order cannot flip long to short",
        (Call("POST", "/v2/orders", order(side="sell", qty="20"), 403, {"code": 40310000}),),
        holds=HELD,
    ),
    Row(
        "8.6-no-flip-to-long",
        "one order cannot flip short to long",
        (
            post(order(side="sell")),
            Call("POST", "/v2/orders", order(qty="20"), 403, {"code": 40310000}),
        ),
    ),
    Row(
        "8.6-sell-before-fill",
        "a protective sell sent before the buy fills is refused",
        (
            post(REST),
            refused(order(side="sell", type="limit", limit_price="60"), *FORBIDDEN,
                    "cannot open a short sell while a long buy order is open"),
        ),
    ),
    Row(
        "8.6-buy-before-fill",
        "and the mirror: a buy while a short sell is open",
        (
            post(order(side="sell", type="limit", limit_price="60")),
            refused(REST, *FORBIDDEN, "cannot open a long buy while a short sell order is open"),
        ),
    ),
    Row(
        "8.6-intent",
        "whether a wrong position_intent is refused is a setting",
        (
            Call("POST", "/v2/orders", order(side="sell", position_intent="sell_to_close"), 422,
                 {"code": 42210000, "message": "position intent mismatch, inferred: sell_to_open,"
                  " specified: sell_to_close"}),
        ),
        setting="intent_enforced",
        otherwise=(post(order(side="sell", position_intent="sell_to_close")),),
    ),
)  # fmt: skip

WASH = (
    Row(
        "8.7-market",
        "an open opposite market or stop order refuses the new one",
        (
            post(order(side="sell", type="stop", stop_price="44"), save="stop"),
            refused(order(), *FORBIDDEN, "potential wash trade detected. use complex orders",
                    reject_reason="opposite side market/stop order exists",
                    existing_order_id="{stop.id}"),
        ),
        holds=HELD,
    ),
    Row(
        "8.7-new-market",
        "a market order against an open limit is refused",
        (
            post(order(type="limit", limit_price="45"), save="buy"),
            refused(order(side="sell"), *FORBIDDEN, has("potential wash trade"),
                    existing_order_id="{buy.id}"),
        ),
        holds=HELD,
    ),
    Row(
        "8.7-limits-cross",
        "two limits are refused when the buy is at the sell or above",
        (
            post(order(side="sell", type="limit", limit_price="55"), save="sell"),
            refused(
                order(type="limit", limit_price="55"), *FORBIDDEN, has("potential wash trade"),
                existing_order_id="{sell.id}",
                reject_reason="opposite side limit order exists. use complex/limit/stop_limit orders",
            ),
        ),
        holds=HELD,
    ),
    Row(
        "8.7-limits-apart",
        "two limits that cannot meet are fine",
        (
            post(order(side="sell", type="limit", limit_price="55")),
            post(order(type="limit", limit_price="45")),
        ),
        holds=HELD,
    ),
    Row(
        "8.7-stop-limit",
        "a stop-limit counts with its limit",
        (
            post(order(side="sell", type="stop_limit", stop_price="48", limit_price="47")),
            post(order(type="limit", limit_price="46")),
            refused(order(type="limit", limit_price="47.50"), *FORBIDDEN, has("potential wash trade")),
        ),
        holds=HELD,
    ),
    Row(
        "8.7-trailing-exempt",
        "trailing stops are exempt",
        (post(order(side="sell", type="trailing_stop", trail_percent="5")), post(order())),
        holds=HELD,
    ),
    Row(
        "8.7-legs-exempt",
        "the legs of an OCO are exempt",
        (post(OCO), post(order())),
        holds=HELD,
    ),
    Row(
        "8.7-other-symbol",
        "another symbol's orders do not count",
        (post(order(side="sell", type="stop", stop_price="44")), post(order(symbol="ABC"))),
        holds=HELD,
    ),
    Row(
        "8.7-adding",
        "adding to a position that a plain stop protects is refused",
        (
            post(order(side="sell", type="stop", stop_price="44", qty="12")),
            refused(REST, *FORBIDDEN, has("potential wash trade")),
        ),
        holds=HELD,
    ),
)  # fmt: skip

GROUPS = (
    Row(
        "8.8-bracket-held",
        "the legs are held until the parent is filled",
        (
            post(RESTING, {"legs": [{"status": "held"}, {"status": "held"}]}),
            *LEGS,
            Events("profit", ("held",)),
            Events("stop", ("held",)),
        ),
    ),
    Row(
        "8.8-bracket-filled",
        "then the take-profit works, and the stop stays held",
        (
            post(BRACKET),
            *LEGS,
            now("profit", status="new"),
            now("stop", status="held"),
            Events("profit", ("held", "new")),
            Events("stop", ("held",)),
        ),
    ),
    Row(
        "8.8-bracket-profit",
        "the take-profit fills, the stop is cancelled",
        (
            post(BRACKET),
            *LEGS,
            price("XYZ", "60.10", "60.12"),
            now("profit", status="filled"),
            now("stop", status="canceled"),
            get("/v2/positions/XYZ", status=404),
            Events("profit", ("held", "new", "fill")),
            Events("stop", ("held", "canceled")),
        ),
    ),
    Row(
        "8.8-bracket-stop",
        "the stop is elected and fills, the take-profit is cancelled",
        (
            post(BRACKET),
            *LEGS,
            price("XYZ", "43", "43.02"),
            now("stop", status="filled", filled_avg_price="43"),
            now("profit", status="canceled"),
            get("/v2/positions/XYZ", status=404),
        ),
    ),
    Row(
        "8.8-bracket-partial-entry",
        "a partly filled parent leaves the legs held",
        (
            partial("0.4"),
            post(BRACKET),
            *LEGS,
            now(status="partially_filled"),
            now("profit", status="held"),
            now("stop", status="held"),
        ),
    ),
    Row(
        "8.8-bracket-entry-ends",
        "an entry that ends partly filled takes its legs with it: the shares are unprotected",
        (
            partial("0.4"),
            post(BRACKET),
            *LEGS,
            price("XYZ", "52", "52.02"),
            cancel(),
            now(status="canceled", filled_qty="4"),
            now("profit", status="canceled"),
            now("stop", status="canceled"),
            get("/v2/positions/XYZ", {"qty": "4", "qty_available": "4"}),
        ),
    ),
    Row(
        "8.8-bracket-cancel",
        "cancelling a member cancels the group",
        (
            post(BRACKET),
            *LEGS,
            cancel("profit"),
            now("profit", status="canceled"),
            now("stop", status="canceled"),
        ),
    ),
    Row(
        "8.8-legs-tell",
        "whether legs send events when their group is cancelled is a setting",
        (
            post(RESTING),
            *LEGS,
            cancel(),
            now("stop", status="canceled"),
            Events("stop", ("held", "canceled")),
        ),
        setting="legs_tell_of_cancel",
        otherwise=(
            post(RESTING),
            *LEGS,
            cancel(),
            now("stop", status="canceled"),
            Events("stop", ("held",)),
        ),
    ),
    Row(
        "8.8-partial-profit",
        "a partly filled take-profit reduces the stop's quantity",
        (
            post(BRACKET),
            *LEGS,
            partial("0.4"),
            price("XYZ", "60.10", "60.12"),
            now("profit", filled_qty="4"),
            now("stop", qty="6"),
        ),
    ),
    Row(
        "8.8-tif",
        "groups are day or gtc",
        (Call("POST", "/v2/orders", BRACKET | {"time_in_force": "ioc"}, 422),),
    ),
    Row(
        "8.8-no-extended",
        "groups have no extended hours",
        (Call("POST", "/v2/orders", BRACKET | {"extended_hours": True}, 422, {"code": 42210000}),),
    ),
    Row(
        "8.8-only-opens",
        "a bracket only opens: from flat",
        (refused(BRACKET, *UNPROCESSABLE, "bracket orders must be entry orders"),),
        holds=HELD,
    ),
    Row(
        "8.8-short-bracket",
        "a bracket may open a short",
        (
            post(
                order(side="sell", type="limit", limit_price="49", order_class="bracket",
                      take_profit={"limit_price": "40"}, stop_loss={"stop_price": "55"}),
                {"legs": [{"side": "buy"}, {"side": "buy"}]},
            ),
        ),
    ),
    Row(
        "8.8-profit-over-stop",
        "of a buy the take-profit lies over the stop",
        (
            refused(BRACKET | {"take_profit": {"limit_price": "43"}}, *UNPROCESSABLE,
                    "take_profit.limit_price must be > stop_loss.stop_price"),
        ),
    ),
    Row(
        "8.8-base-price-limit",
        "the stop lies a cent beyond the entry's limit",
        (
            refused(RESTING | {"stop_loss": {"stop_price": "49"}}, *UNPROCESSABLE, BASE_PRICE,
                    base_price="49"),
        ),
    ),
    Row(
        "8.8-base-price-market",
        "and beyond the current trade",
        (
            price("XYZ", "44.01", "44.03", "44.02"),
            refused(RESTING | {"stop_loss": {"stop_price": "44.02"}}, *UNPROCESSABLE, BASE_PRICE,
                    base_price="44.02"),
        ),
    ),
    Row(
        "8.8-oco-closes",
        "an OCO only closes",
        (Call("POST", "/v2/orders", OCO, 422, {"code": 42210000, "message": has("oco orders must be exit")}),),
    ),
    Row(
        "8.8-oco-limit",
        "an OCO is of type limit",
        (Call("POST", "/v2/orders", OCO | {"type": "market"}, 422),),
        holds=HELD,
    ),
    Row(
        "8.8-oco-parent",
        "the parent of an OCO is the take-profit, its stop the child",
        (
            post(OCO, {"limit_price": "60", "side": "sell", "legs": [
                {"status": "held", "stop_price": "44", "type": "stop"}]}),
            now(status="new"),
        ),
        holds=HELD,
    ),
    Row(
        "8.8-oco-other",
        "one fills, the other is cancelled",
        (
            post(OCO),
            Call("GET", "/v2/orders/{order.legs.0.id}", save="stop"),
            price("XYZ", "43", "43.02"),
            now("stop", status="filled"),
            now(status="canceled"),
        ),
        holds=HELD,
    ),
    Row(
        "8.8-oco-cancel",
        "cancelling the stop of an OCO cancels its take-profit",
        (
            post(OCO),
            Call("GET", "/v2/orders/{order.legs.0.id}", save="stop"),
            cancel("stop"),
            now(status="canceled"),
            now("stop", status="canceled"),
        ),
        holds=HELD,
    ),
    Row(
        "8.8-oto-replace",
        "of the leg of an OTO the price can be replaced, the quantity not",
        (
            post(order(type="limit", limit_price="51", order_class="oto", stop_loss={"stop_price": "44"})),
            Call("GET", "/v2/orders/{order.legs.0.id}", save="leg"),
            patch("leg", {"qty": "5"}, {"code": 42210000}, status=422),
            patch("leg", {"stop_price": "45"}, {"stop_price": "45"}),
        ),
    ),
    Row(
        "8.8-day",
        "a day bracket ends with its day",
        (
            post(RESTING | {"time_in_force": "day"}),
            *LEGS,
            clock("16:01"),
            now(status="expired"),
            now("profit", status=one_of("canceled", "expired")),
            now("stop", status=one_of("canceled", "expired")),
        ),
    ),
    Row(
        "8.8-oto",
        "an OTO is an entry and one leg",
        (
            post(
                order(type="limit", limit_price="51", order_class="oto", stop_loss={"stop_price": "44"}),
                {"legs": [{"type": "stop", "status": "held"}]},
            ),
            Call("GET", "/v2/orders/{order.legs.0.id}", expect={"status": "new"}, save="stop"),
        ),
    ),
    Row(
        "8.8-oto-both",
        "an OTO with both legs is refused",
        (Call("POST", "/v2/orders", BRACKET | {"order_class": "oto"}, 422),),
    ),
    Row(
        "8.8-bracket-both",
        "a bracket without one of its legs is refused",
        (Call("POST", "/v2/orders", {k: v for k, v in BRACKET.items() if k != "stop_loss"}, 422),),
    ),
    Row(
        "8.8-leg-ids",
        "legs get client order ids of the server",
        (
            post(BRACKET | {"client_order_id": "mine"}, {"client_order_id": "mine", "legs": [
                {"client_order_id": UUID}, {"client_order_id": UUID}]}),
        ),
    ),
    Row(
        "8.8-replace-leg",
        "a leg's price is replaced",
        (
            post(BRACKET),
            *LEGS,
            patch("profit", {"limit_price": "61"}, {"limit_price": "61", "replaces": "{profit.id}"}),
            price("XYZ", "61.10", "61.12"),
            now("new", status="filled"),
            now("stop", status="canceled"),
        ),
    ),
    Row(
        "8.8-replace-stop-leg",
        "a held stop's price is replaced",
        (
            post(BRACKET),
            *LEGS,
            patch("stop", {"stop_price": "45"}, {"stop_price": "45"}),
            price("XYZ", "44.50", "44.52"),
            now("new", status="filled"),
            now("profit", status="canceled"),
        ),
    ),
    Row(
        "8.8-replace-leg-qty",
        "a leg's quantity is not replaced",
        (
            post(BRACKET),
            *LEGS,
            patch("profit", {"qty": "5"}, {"code": 42210000}, status=422),
        ),
    ),
    Row(
        "8.8-marketable-profit",
        "a take-profit at a marketable price is the clean way out",
        (
            post(BRACKET),
            *LEGS,
            patch("profit", {"limit_price": "49"}),
            now("new", status="filled"),
            now("stop", status="canceled"),
        ),
    ),
)  # fmt: skip

CHANGES = (
    Row(
        "8.9-replaced",
        "the old order is replaced, with replaced_by; the new one replaces it",
        (
            post(REST, save="old"),
            patch("old", {"qty": 7, "limit_price": "44"}, {"replaces": "{old.id}", "qty": "7"}),
            now("old", status="replaced", replaced_by="{new.id}", replaced_at=SOME),
            now("new", status="new", limit_price="44"),
        ),
    ),
    Row(
        "8.9-replace-fields",
        "quantity, time in force, limit, stop, trail and client order id can be replaced",
        (
            post(order(side="sell", type="stop_limit", stop_price="44", limit_price="43", qty="5")),
            patch(
                "order",
                {"qty": "4", "time_in_force": "gtc", "limit_price": "42", "stop_price": "43",
                 "client_order_id": "renamed"},
                {"qty": "4", "time_in_force": "gtc", "limit_price": "42", "stop_price": "43",
                 "client_order_id": "renamed"},
            ),
        ),
        holds=HELD,
    ),
    Row(
        "8.9-replace-trail",
        "trail replaces the trail of a trailing stop",
        (
            post(order(side="sell", type="trailing_stop", trail_percent="5")),
            patch("order", {"trail": "7"}, {"trail_percent": "7"}),
        ),
        holds=HELD,
    ),
    Row(
        "8.9-chain",
        "a chain is followed by replaced_by to its tail",
        (
            post(REST, save="a"),
            patch("a", {"limit_price": "44"}, save="b"),
            patch("b", {"limit_price": "43"}, save="c"),
            now("a", replaced_by="{b.id}"),
            now("b", replaced_by="{c.id}", replaces="{a.id}"),
            now("c", status="new"),
        ),
    ),
    Row(
        "8.9-accepted",
        "an accepted order cannot be replaced",
        (
            post(REST),
            patch("order", {"limit_price": "44"},
                  {"code": 42210000, "message": "cannot replace order in accepted status"}, status=422),
        ),
        at="21:00",
    ),
    Row(
        "8.9-already-replaced",
        "an order is replaced once",
        (
            post(REST),
            patch("order", {"limit_price": "44"}),
            patch("order", {"limit_price": "43"},
                  {"code": 42210000, "message": "order already replaced"}, status=422),
        ),
    ),
    Row(
        "8.9-unchanged",
        "a replacement changes something",
        (
            post(REST),
            patch("order", {"limit_price": "45.00"},
                  {"code": 42210000, "message": "order parameters are not changed"}, status=422),
        ),
    ),
    Row(
        "8.9-qty-over-filled",
        "the new quantity is over what has filled",
        (
            partial("0.4"),
            post(order(type="limit", limit_price="51")),
            patch("order", {"qty": "4"}, {"code": 42210000, "message": "qty must be > filled_qty"},
                  status=422),
        ),
    ),
    Row(
        "8.9-not-open",
        "an order that has ended cannot be replaced",
        (
            post(order()),
            patch("order", {"qty": "5"},
                  {"code": 42210000, "message": "unable to replace order, order is not open"},
                  status=422),
        ),
    ),
    Row(
        "8.9-no-stop-price",
        "a limit order gets no stop price",
        (
            post(REST),
            patch("order", {"stop_price": "44"}, {"message": "limit orders must not have stop_price"},
                  status=422),
        ),
    ),
    Row(
        "8.9-whole-qty",
        "the new quantity is whole",
        (post(REST), patch("order", {"qty": "1.5"}, status=422)),
    ),
    Row(
        "8.9-keeps-fills",
        "whether a replacement carries its old order's fills is a setting",
        (
            partial("0.4"),
            post(order(type="limit", limit_price="51")),
            patch("order", {"limit_price": "49"}, {"qty": "10", "filled_qty": "4"}),
        ),
        setting="replace_keeps_fills",
        otherwise=(
            partial("0.4"),
            post(order(type="limit", limit_price="51")),
            patch("order", {"limit_price": "49"}, {"filled_qty": "0"}),
        ),
    ),
    Row(
        "8.9-cancel-filled",
        "a filled order cannot be cancelled",
        (
            post(order()),
            cancel("order", 422, {"code": 42210000, "message": 'order is already in "filled" state'}),
        ),
    ),
    Row(
        "8.9-cancel-unknown",
        "an unknown order cannot be cancelled",
        (
            Call("DELETE", "/v2/orders/3f0c7c6e-52b1-4c0e-9d1b-0a6f4a5c7712", status=404,
                 expect={"code": 40410000}),
        ),
    ),
    Row(
        "8.9-replace-rejected",
        "a replace may be rejected after its 200: the old order works on, the new one is rejected",
        (
            post(REST, save="old"),
            fault("replace_rejected", when={"times": 1, "account": "{own.account}"}),
            patch("old", {"limit_price": "44"}),
            now("old", status="new", limit_price="45"),
            now("new", status="rejected"),
        ),
    ),
    Row(
        "8.9-cancel-again",
        "what cancelling a cancelled order answers is a setting",
        (post(REST), cancel(), Stage("settle"), cancel()),
        setting="repeated_cancel",
        otherwise=(
            post(REST),
            cancel(),
            Stage("settle"),
            cancel("order", 422, {"code": 42210000, "message": 'order is already in "canceled" state'}),
        ),
    ),
)  # fmt: skip
ROWS = SHORTS + WASH + GROUPS + CHANGES
