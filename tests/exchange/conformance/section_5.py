"""alpaca.md §5: trade_updates."""

from typing import Any

from conformance.row import (
    SOME,
    UTC,
    UUID,
    Call,
    Events,
    Hear,
    Row,
    Say,
    Socket,
    Stage,
    cancel,
    clock,
    fault,
    order,
    partial,
    patch,
    post,
    price,
)

AUTHENTICATE = {
    "action": "authenticate",
    "data": {"key_id": "{own.key}", "secret_key": "{own.secret}"},
}
AUTHORIZED = {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}
LISTENING = {"stream": "listening", "data": {"streams": ["trade_updates"]}}
SILENT = {"action": "listen", "data": {"streams": []}}
REST = order(type="limit", limit_price="45")
BRACKET = order(
    type="limit",
    limit_price="51",
    order_class="bracket",
    take_profit={"limit_price": "60"},
    stop_loss={"stop_price": "44.10"},
)
EVERY_EVENT = {"timestamp": UTC, "execution_id": UUID, "event_id": SOME, "at": UTC}


def update(event: str, **data: Any) -> dict[str, Any]:
    return {"stream": "trade_updates", "data": {"event": event, **data}}


TALK = (
    Row(
        "5.1-authenticate",
        "authenticate is answered with an authorization, listen with what is listened to",
        (Socket("/stream"), Say(AUTHENTICATE, (AUTHORIZED,)), Say(LISTEN, (LISTENING,))),
    ),
    Row(
        "5.1-trailing-slash",
        "older clients ask for /stream/",
        (Socket("/stream/"), Say(AUTHENTICATE, (AUTHORIZED,))),
    ),
    Row(
        "5.1-binary",
        "JSON is sent in binary frames",
        (Socket("/stream"), Say(AUTHENTICATE), Hear((AUTHORIZED,), binary=True)),
    ),
    Row(
        "5.1-text",
        "or, as an option of the server, in text frames",
        (Socket("/stream"), Say(AUTHENTICATE), Hear((AUTHORIZED,), binary=False)),
        world="limits",
    ),
    Row(
        "5.5-one-connection",
        "one connection an account, when the server is set so: others get 429",
        (Socket("/stream", keys=True), Socket("/stream", name="second", keys=True, refused=429)),
        world="limits",
    ),
    Row(
        "5.6-no-replay",
        "nothing is replayed: what happened before listening is gone",
        (
            post(order()),
            Stage("settle"),
            Socket("/stream"),
            Say(AUTHENTICATE, (AUTHORIZED,)),
            Say(LISTEN, (LISTENING,)),
            Say(LISTEN, (LISTENING,)),
        ),
    ),
    Row(
        "5.1-wrong-keys",
        "wrong keys are unauthorized",
        (
            Socket("/stream"),
            Say(
                {"action": "authenticate", "data": {"key_id": "{own.key}", "secret_key": "no"}},
                ({"stream": "authorization", "data": {"status": "unauthorized"}},),
            ),
        ),
    ),
    Row(
        "5.1-newer-auth",
        "the newer form with action auth is accepted, too",
        (
            Socket("/stream"),
            Say(
                {"action": "auth", "key": "{own.key}", "secret": "{own.secret}"},
                ({"stream": "authorization", "data": {"status": "authorized"}},),
            ),
            Say(LISTEN, (LISTENING,)),
        ),
    ),
    Row(
        "5.1-listen-first",
        "listen before authenticate is unauthorized",
        (
            Socket("/stream"),
            Say(
                LISTEN,
                (
                    {
                        "stream": "authorization",
                        "data": {"status": "unauthorized", "action": "listen"},
                    },
                ),
            ),
        ),
    ),
    Row(
        "5.1-listen-replaces",
        "listen is a full replacement: with no streams nothing comes any more",
        (
            Socket("/stream"),
            Say(AUTHENTICATE, (AUTHORIZED,)),
            Say(LISTEN, (LISTENING,)),
            Say(SILENT, ({"stream": "listening", "data": {"streams": []}},)),
            post(order()),
            Stage("settle"),
            Say(LISTEN, (LISTENING,)),
        ),
    ),
    Row(
        "5.1-listen-unavailable",
        "streams that do not exist are left out of the acknowledgement",
        (
            Socket("/stream"),
            Say(AUTHENTICATE, (AUTHORIZED,)),
            Say(
                {"action": "listen", "data": {"streams": ["trade_updates", "weather"]}},
                (LISTENING,),
            ),
        ),
    ),
    Row(
        "5.1-only-own",
        "an account hears of its own orders only",
        (
            Socket("/stream"),
            Say(AUTHENTICATE, (AUTHORIZED,)),
            Say(LISTEN, (LISTENING,)),
            post(order(), save="mine"),
            Hear((update("pending_new", order={"id": "{mine.id}"}),)),
        ),
    ),
    Row(
        "5.2-shape",
        "every event has timestamp, execution id, event id and the full order",
        (
            post(order()),
            Events(
                "order",
                ("pending_new", "new", "fill"),
                {n: EVERY_EVENT | {"order": {"id": "{order.id}", "qty": "10"}} for n in range(3)},
            ),
        ),
    ),
    Row(
        "5.2-fill",
        "price and qty are this execution's, position_qty is the position after it",
        (
            post(order(side="sell", qty="15")),
            Events(
                "order",
                ("pending_new", "new", "fill"),
                {2: {"price": "49.99", "qty": "15", "position_qty": "5", "execution_id": UUID}},
            ),
        ),
        holds={"XYZ": "20"},
    ),
    Row(
        "5.2-position-signed",
        "position_qty is negative after a short sale",
        (
            post(order(side="sell")),
            Events("order", ("pending_new", "new", "fill"), {2: {"position_qty": "-10"}}),
        ),
    ),
    Row(
        "5.2-no-price-without-fill",
        "an event that is no execution has the order, and no price of one",
        (
            post(REST),
            Events(
                "order",
                ("pending_new", "new"),
                {1: {"order": {"status": "new", "filled_qty": "0", "filled_avg_price": None}}},
            ),
        ),
    ),
)
KINDS = (
    Row(
        "5.3-pending-new",
        "pending_new: routed, status pending_new",
        (
            post(REST),
            Events("order", ("pending_new", "new"), {0: {"order": {"status": "pending_new"}}}),
        ),
    ),
    Row(
        "5.3-accepted",
        "accepted: outside hours an order is queued",
        (post(REST), Events("order", ("accepted",), {0: {"order": {"status": "accepted"}}})),
        at="21:00",
    ),
    Row(
        "5.3-new",
        "new: working",
        (
            post(REST),
            Events("order", ("pending_new", "new"), {1: {"order": {"status": "new"}}}),
        ),
    ),
    Row(
        "5.3-held",
        "held: the stop of a bracket is never new, it is held",
        (
            post(BRACKET, {"legs": [{"type": "limit"}, {"type": "stop"}]}, save="parent"),
            Call("GET", "/v2/orders/{parent.legs.1.id}", save="stop"),
            Events("stop", ("held",), {0: {"order": {"status": "held"}}}),
        ),
    ),
    Row(
        "5.3-partial-fill",
        "partial_fill: with price, qty and position_qty of the part",
        (
            partial("0.4"),
            post(order()),
            price("XYZ", "49.99", "50.01"),
            Events(
                "order",
                ("pending_new", "new", "partial_fill", "fill"),
                {
                    2: {
                        "qty": "4",
                        "price": "50.01",
                        "position_qty": "4",
                        "order": {"status": "partially_filled", "filled_qty": "4"},
                    },
                    3: {"qty": "6", "position_qty": "10", "order": {"filled_qty": "10"}},
                },
            ),
        ),
    ),
    Row(
        "5.3-fill",
        "fill: status filled",
        (
            post(order()),
            Events(
                "order",
                ("pending_new", "new", "fill"),
                {2: {"order": {"status": "filled", "filled_qty": "10", "filled_at": UTC}}},
            ),
        ),
    ),
    Row(
        "5.3-canceled",
        "canceled: with canceled_at",
        (
            post(REST),
            cancel(),
            Events(
                "order",
                ("pending_new", "new", "canceled"),
                {2: {"order": {"status": "canceled", "canceled_at": UTC}}},
            ),
        ),
    ),
    Row(
        "5.3-expired",
        "expired: the day has ended",
        (
            post(REST),
            clock("16:01"),
            Events(
                "order",
                ("pending_new", "new", "expired"),
                {2: {"order": {"status": "expired", "expired_at": UTC, "filled_qty": "0"}}},
            ),
        ),
    ),
    Row(
        "5.3-replaced",
        "replaced: the payload is the old order with replaced_by; the new one sends its own new",
        (
            post(REST, save="old"),
            patch("old", {"limit_price": "44"}, save="new"),
            Events(
                "old",
                ("pending_new", "new", "replaced"),
                {
                    2: {
                        "order": {
                            "status": "replaced",
                            "replaced_by": "{new.id}",
                            "limit_price": "45",
                            "replaced_at": UTC,
                        }
                    }
                },
            ),
            Events("new", ("new",), {0: {"order": {"replaces": "{old.id}", "limit_price": "44"}}}),
        ),
    ),
    Row(
        "5.3-restated",
        "restated: a split changes a resting order",
        (
            post(order(type="limit", limit_price="10", symbol="SPL", time_in_force="gtc")),
            fault("split", symbol="SPL", new=2, old=1),
            Events(
                "order",
                ("pending_new", "new", "restated"),
                {2: {"order": {"status": "new", "qty": "20", "limit_price": "5"}}},
            ),
        ),
    ),
)
FAULTS = (
    Row(
        "5.3-pending-cancel",
        "pending_cancel: told of when it lasts, often skipped",
        (
            post(REST),
            fault("cancel_stuck", when={"times": 1, "account": "{own.account}"}, seconds=60),
            cancel(),
            Events(
                "order",
                ("pending_new", "new", "pending_cancel"),
                {2: {"order": {"status": "pending_cancel", "cancel_requested_at": UTC}}},
            ),
        ),
    ),
    Row(
        "5.3-order-cancel-rejected",
        "order_cancel_rejected: the order is back to working, with a reason",
        (
            post(REST),
            fault("cancel_rejected", when={"times": 1, "account": "{own.account}"}),
            cancel(),
            Events(
                "order",
                ("pending_new", "new", "order_cancel_rejected"),
                {2: {"reason": SOME, "order": {"status": "new"}}},
            ),
        ),
    ),
    Row(
        "5.3-order-replace-rejected",
        "order_replace_rejected: the old order is back to working, with a reason",
        (
            post(REST, save="old"),
            fault("replace_rejected", when={"times": 1, "account": "{own.account}"}),
            patch("old", {"limit_price": "44"}),
            Events(
                "old",
                ("pending_new", "new", "order_replace_rejected"),
                {2: {"reason": SOME, "order": {"status": "new"}}},
            ),
        ),
    ),
    Row(
        "5.3-rejected",
        "rejected: after a 200 for the POST, with failed_at",
        (
            fault("venue_reject", when={"times": 1, "account": "{own.account}"}),
            post(REST),
            Events(
                "order",
                ("pending_new", "rejected"),
                {1: {"order": {"status": "rejected", "failed_at": UTC}}},
            ),
        ),
    ),
)
ROWS = TALK + KINDS + FAULTS
