"""alpaca.md §8.1 and §8.2: the status machine and times in force."""

from conformance.row import (
    SOME,
    UTC,
    Call,
    Events,
    Row,
    cancel,
    clock,
    fault,
    has,
    like,
    now,
    one_of,
    order,
    partial,
    post,
    price,
    refused,
)

REST = order(type="limit", limit_price="45")
QUEUED = ("accepted", "new")
MACHINE = (
    Row(
        "8.1-pending-new",
        "in a session the answer of a POST is pending_new",
        (post(REST, {"status": "pending_new"}), now(status="new")),
    ),
    Row(
        "8.1-accepted",
        "when closed it is accepted: queued",
        (post(REST, {"status": "accepted"}), now(status="accepted")),
        at="18:00",
    ),
    Row(
        "8.1-released",
        "a queued order is released for the next session",
        (
            post(REST, {"status": "accepted"}),
            clock("09:31", sessions=1),
            now(status="new"),
            Events("order", QUEUED),
        ),
        at="18:00",
    ),
    Row(
        "8.1-filled",
        "new, then filled",
        (post(order()), now(status="filled"), Events("order", ("pending_new", "new", "fill"))),
    ),
    Row(
        "8.1-canceled",
        "cancelled while new",
        (post(REST), cancel(), now(status="canceled", canceled_at=UTC)),
    ),
    Row(
        "8.1-canceled-queued",
        "cancelled while queued",
        (post(REST), cancel(), now(status="canceled")),
        at="18:00",
    ),
    Row(
        "8.1-partial-then-canceled",
        "a partly filled order that is cancelled keeps what was filled",
        (
            partial("0.4"),
            post(order(type="limit", limit_price="50.02")),
            now(status="partially_filled", filled_qty="4", filled_avg_price="50.01"),
            price("XYZ", "51", "51.02"),
            cancel(),
            now(status="canceled", filled_qty="4"),
        ),
    ),
    Row(
        "8.1-cancel-lost",
        "a cancel may lose to a fill: the order is filled, and the cancel rejected",
        (
            post(REST),
            fault("cancel_lost", when={"times": 1, "account": "{own.account}"}),
            cancel(),
            now(status="filled"),
            Events("order", ("pending_new", "new", "fill", "order_cancel_rejected")),
        ),
    ),
    Row(
        "8.1-pending-cancel",
        "pending_cancel rejects a replace; it may still fill",
        (
            post(REST),
            fault("cancel_stuck", when={"times": 1, "account": "{own.account}"}, seconds=60),
            cancel(),
            now(status="pending_cancel"),
            Call(
                "PATCH",
                "/v2/orders/{order.id}",
                {"qty": "5"},
                422,
                {"code": 42210000, "message": "cannot replace order in pending_cancel status"},
            ),
            price("XYZ", "44.98", "45.00"),
            now(status="filled"),
        ),
    ),
    Row(
        "8.1-pending-new-replace",
        "an order that is pending_new cannot be replaced",
        (
            fault("slow_acknowledge", when={"times": 1, "account": "{own.account}"}, seconds=60),
            post(REST),
            now(status="pending_new"),
            Call(
                "PATCH",
                "/v2/orders/{order.id}",
                {"qty": "5"},
                422,
                {"code": 42210000, "message": "cannot replace order in pending_new status"},
            ),
        ),
    ),
    Row(
        "8.1-rejected",
        "pending_new may become rejected, after a 200",
        (
            fault("venue_reject", when={"times": 1, "account": "{own.account}"}),
            post(REST),
            now(status="rejected", failed_at=UTC),
        ),
    ),
    Row(
        "8.1-open-is-not-terminal",
        "status=open are the non-terminal, closed the terminal ones",
        (
            post(REST, save="a"),
            post(order(), save="b"),
            Call("GET", "/v2/orders?status=open", expect=[{"id": "{a.id}"}]),
            Call("GET", "/v2/orders?status=closed", expect=[{"id": "{b.id}"}]),
        ),
    ),
    Row(
        "8.1-updated-at-grows",
        "updated_at is monotonic",
        (
            post(REST),
            cancel(),
            now(updated_at=UTC),
            Events(
                "order", ("pending_new", "new", "canceled"), {2: {"order": {"updated_at": UTC}}}
            ),
        ),
    ),
)
TIMES = (
    Row(
        "8.2-day-expires",
        "an unfilled day order ends after the close: expired (or canceled)",
        (post(REST), clock("15:59"), now(status="new"), clock("16:01"), now(status="expired")),
        setting="day_end",
        otherwise=(post(REST), clock("16:01"), now(status="canceled")),
    ),
    Row(
        "8.2-day-queued",
        "a day order after the close waits for the next day and ends with it",
        (
            post(REST),
            clock("12:00", sessions=1),
            now(status="new"),
            clock("16:01"),
            now(status="expired"),
        ),
        at="17:00",
    ),
    Row(
        "8.2-day-no-fill-outside",
        "a day order does not fill outside 9:30 to 16:00",
        (
            post(order(type="limit", limit_price="55"), {"status": "accepted"}),
            clock("19:00"),
            price("XYZ", "49", "49.02"),
            now(status="accepted", filled_qty="0"),
        ),
        at="17:00",
    ),
    Row(
        "8.2-extended-fills",
        "with extended_hours it works from 4:00 to 20:00",
        (
            post(order(type="limit", limit_price="55", extended_hours=True)),
            now(status="filled"),
        ),
        at="17:00",
    ),
    Row(
        "8.2-extended-ends",
        "an extended day order ends at 20:00",
        (
            post(order(type="limit", limit_price="45", extended_hours=True)),
            clock("16:30"),
            now(status="new"),
            clock("20:01"),
            now(status="expired"),
        ),
    ),
    Row(
        "8.2-gtc-stays",
        "a gtc order stays over the night",
        (post(REST | {"time_in_force": "gtc"}), clock("12:00", sessions=1), now(status="new")),
    ),
    Row(
        "8.2-gtc-expires-at",
        "a gtc order's expires_at is 16:15 New York, 90 days on",
        (post(REST | {"time_in_force": "gtc"}, {"expires_at": like(r".*T2[01]:15:00Z")}),),
    ),
    Row(
        "8.2-gtc-90-days",
        "a gtc order is cancelled 90 days after its creation",
        (
            post(REST | {"time_in_force": "gtc"}),
            clock("12:00", days=89),
            now(status="new"),
            clock("16:16", days=1),
            now(status=one_of("canceled", "expired")),
        ),
    ),
    Row(
        "8.2-opg-fills-at-open",
        "an opg order fills in the opening auction",
        (
            post(order(time_in_force="opg"), {"status": "accepted"}),
            clock("09:30"),
            price("XYZ", "49.99", "50.01"),
            now(status="filled"),
        ),
        at="09:00",
    ),
    Row(
        "8.2-opg-only-auction",
        "what the opening auction does not fill ends with it",
        (
            post(order(time_in_force="opg", type="limit", limit_price="45")),
            clock("09:30"),
            price("XYZ", "49.99", "50.01"),
            clock("09:31"),
            now(status=one_of("canceled", "expired"), filled_qty="0"),
        ),
        at="09:00",
    ),
    *(
        Row(
            f"8.2-opg-refused-{at.replace(':', '')}",
            f"opg is refused from 9:28 to 19:00: at {at}",
            (refused(order(time_in_force="opg"), 403, 40310000, has("opg orders must be submitted")),),
            at=at,
        )
        for at in ("09:28", "12:00", "18:59")
    ),
    Row(
        "8.2-opg-evening",
        "opg is taken after 19:00",
        (post(order(time_in_force="opg")),),
        at="19:01",
    ),
    Row(
        "8.2-cls-fills-at-close",
        "a cls order fills in the closing auction",
        (
            post(order(time_in_force="cls")),
            clock("15:59"),
            now(filled_qty="0"),
            clock("16:00"),
            price("XYZ", "49.99", "50.01"),
            now(status="filled"),
        ),
    ),
    Row(
        "8.2-cls-refused",
        "cls is refused from 15:50 (or 15:55) to 19:00",
        (
            refused(order(time_in_force="cls"), 403, 40310000, has("cls orders must be submitted")),
            clock("18:59"),
            refused(order(time_in_force="cls"), 403, 40310000, has("cls")),
        ),
        at="15:50",
        setting="cls_cutoff",
        otherwise=(
            post(order(time_in_force="cls")),
            clock("15:55"),
            refused(order(time_in_force="cls"), 403, 40310000, has("cls orders must be submitted")),
        ),
    ),
    *(
        Row(
            f"8.2-{tif}-types",
            f"{tif} takes market and limit orders only",
            (
                refused(order(time_in_force=tif, type="stop", stop_price="55"), 422, one_of(40010001, 42210000), SOME),
            ),
            at=at,
        )
        for tif, at in (("opg", "09:00"), ("cls", "12:00"), ("ioc", "12:00"), ("fok", "12:00"))
    ),
    Row(
        "8.2-ioc",
        "ioc: what does not fill at once is cancelled",
        (
            post(order(time_in_force="ioc", type="limit", limit_price="45")),
            now(status="canceled", filled_qty="0"),
        ),
    ),
    Row(
        "8.2-ioc-remainder",
        "ioc: the remainder of a part is cancelled",
        (
            partial("0.4"),
            post(order(time_in_force="ioc", type="limit", limit_price="51")),
            now(status="canceled", filled_qty="4"),
        ),
    ),
    Row(
        "8.2-fok",
        "fok: all or nothing",
        (
            post(order(time_in_force="fok", type="limit", limit_price="45"), save="none"),
            now("none", status="canceled", filled_qty="0"),
            post(order(time_in_force="fok"), save="all"),
            now("all", status="filled", filled_qty="10"),
        ),
    ),
    *(
        Row(
            f"8.2-{tif}-whole",
            f"{tif} takes whole shares only",
            (refused(order(time_in_force=tif, qty="1.5"), 422, 42210000, has("fractional orders must be DAY")),),
        )
        for tif in ("ioc", "fok", "gtc")
    ),
    Row(
        "8.2-option-day",
        "options are day only (gtc limit options: a setting)",
        (
            Call("GET", "/v2/options/contracts?underlying_symbols=SPY&limit=1", save="page"),
            Call(
                "POST", "/v2/orders",
                order(symbol="{page.option_contracts.0.symbol}", qty="1", type="limit", limit_price="45",
                      time_in_force="gtc"), 422, {"code": 42210000},
            ),
        ),
        setting="option_gtc",
        otherwise=(
            Call("GET", "/v2/options/contracts?underlying_symbols=SPY&limit=1", save="page"),
            post(order(symbol="{page.option_contracts.0.symbol}", qty="1", type="limit",
                       limit_price="45", time_in_force="gtc")),
        ),
    ),
)  # fmt: skip

TRIGGERS = (
    Row(
        "8.2-market-collar",
        "an opening market buy is collared: it does not chase the ask",
        (
            price("XYZ", "49.99", "60", "50"),
            post(order()),
            now(status="new", filled_qty="0"),
            price("XYZ", "49.99", "50.50", "50"),
            now(status="filled", filled_avg_price="50.5"),
        ),
    ),
    Row(
        "8.2-stop-inside-quote",
        "a trade outside the quote elects no stop",
        (
            post(order(side="sell", type="stop", stop_price="48"), save="stop"),
            price("XYZ", "49.99", "50.01", "47.50"),
            now("stop", status="new", filled_qty="0"),
        ),
        holds={"XYZ": "10"},
    ),
    Row(
        "8.2-stop-elects",
        "a stop works when the market is at its price or through it",
        (
            post(order(side="sell", type="stop", stop_price="48"), save="stop"),
            price("XYZ", "48.50", "48.52"),
            now("stop", status="new", filled_qty="0"),
            price("XYZ", "47.90", "47.92"),
            now("stop", status="filled", filled_avg_price="47.9"),
        ),
        holds={"XYZ": "10"},
    ),
    Row(
        "8.2-stop-regular-hours",
        "stops trigger in regular hours only",
        (
            post(
                order(side="sell", type="stop", stop_price="48", time_in_force="gtc"), save="stop"
            ),
            clock("17:00"),
            price("XYZ", "40", "40.02"),
            now("stop", status="new", filled_qty="0"),
        ),
        holds={"XYZ": "10"},
    ),
    Row(
        "8.2-buy-stop-limit-below-50",
        "an elected buy stop under $50 becomes a stop-limit 4 % above",
        (
            post(order(symbol="ABC", type="stop", stop_price="22")),
            price("ABC", "22.98", "23"),
            now(filled_qty="0", status="new"),
            price("ABC", "22.80", "22.88"),
            now(status="filled", filled_avg_price="22.88"),
        ),
    ),
    Row(
        "8.2-buy-stop-limit-from-50",
        "an elected buy stop from $50 becomes a stop-limit 2.5 % above",
        (
            post(order(type="stop", stop_price="60")),
            price("XYZ", "61.50", "61.51"),
            now(filled_qty="0", status="new"),
            price("XYZ", "61.40", "61.50"),
            now(status="filled", filled_avg_price="61.5"),
        ),
    ),
    Row(
        "8.2-sell-stop-market",
        "a sell stop becomes a market order, however far the gap",
        (
            post(order(side="sell", type="stop", stop_price="48"), save="stop"),
            price("XYZ", "30", "30.02"),
            now("stop", status="filled", filled_avg_price="30"),
        ),
        holds={"XYZ": "10"},
    ),
    Row(
        "8.2-stop-limit",
        "an elected stop-limit is a limit order",
        (
            post(order(side="sell", type="stop_limit", stop_price="48", limit_price="47.50")),
            price("XYZ", "47", "47.02"),
            now(status="new", filled_qty="0"),
            price("XYZ", "47.60", "47.62"),
            now(status="filled", filled_avg_price="47.6"),
        ),
        holds={"XYZ": "10"},
    ),
)
ROWS = MACHINE + TIMES + TRIGGERS
