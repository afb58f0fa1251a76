"""alpaca.md §6: the market data streams."""

from collections.abc import Mapping
from typing import Any

import msgpack

from conformance.row import (
    NUMBER,
    SOME,
    Hear,
    Is,
    Row,
    Say,
    Socket,
    Stage,
    fault,
    like,
    price,
)

IEX, OPTIONS, TEST = "/v2/iex", "/v1beta1/indicative", "/v2/test"
CONNECTED = [{"T": "success", "msg": "connected"}]
AUTHENTICATED = [{"T": "success", "msg": "authenticated"}]
AUTH = {"action": "auth", "key": "{own.key}", "secret": "{own.secret}"}
EXTENSION = Is("a msgpack timestamp", lambda got: isinstance(got, msgpack.Timestamp))
RFC_3339 = like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")
HUNDRED = [f"S{number}" for number in range(100)]


def open_feed(path: str = IEX, packed: bool = True, name: str = "socket") -> tuple[Socket, Say]:
    return (
        Socket(path, (CONNECTED,), name=name, msgpack=packed),
        Say(AUTH, (AUTHENTICATED,), name=name),
    )


def subscribe(action: str = "subscribe", **channels: list[str]) -> dict[str, Any]:
    return {"action": action, **channels}


def subscribed(**channels: list[str]) -> list[dict[str, Any]]:
    """The acknowledgement lists everything."""
    trades = channels.get("trades", [])
    return [
        {
            "T": "subscription",
            **{name: sorted(channels.get(name, [])) for name in CHANNELS},
            "corrections": trades,
            "cancelErrors": trades,
        }
    ]


def error(code: int, msg: str) -> list[dict[str, Any]]:
    return [{"T": "error", "code": code, "msg": msg}]


def message(kind: str, *names: str, **fields: Any) -> Is:
    """A frame whose only message of this kind has these names, T first."""

    def test(frame: Any) -> bool:
        if not isinstance(frame, list):
            return False
        mine = [item for item in frame if isinstance(item, Mapping) and item.get("T") == kind]
        return (
            len(mine) == 1
            and next(iter(mine[0])) == "T"
            and set(names) <= set(mine[0])
            and all(_meets(value, mine[0].get(name)) for name, value in fields.items())
        )

    return Is(f"{kind} with {names} {fields}", test)


def _meets(expected: Any, got: Any) -> bool:
    return expected.test(got) if isinstance(expected, Is) else bool(expected == got)


TALK = (
    Row(
        "6.1-connected",
        "the first message is success, connected",
        (Socket(IEX, (CONNECTED,), msgpack=True), Hear(binary=True)),
    ),
    Row("6.1-auth", "auth is answered with success, authenticated", open_feed()),
    Row(
        "6.1-msgpack",
        "who asks for application/msgpack gets it in binary frames",
        (
            Socket(IEX, msgpack=True),
            Hear((CONNECTED,), binary=True),
        ),
    ),
    Row(
        "6.1-json",
        "other clients get JSON in text frames, and RFC 3339 times",
        (
            Socket(IEX),
            Hear((CONNECTED,), binary=False),
            Say(AUTH, (AUTHENTICATED,)),
            Say(subscribe(quotes=["XYZ"]), (subscribed(quotes=["XYZ"]),)),
            price("XYZ", "49.90", "50.10"),
            Hear((message("q", t=RFC_3339, bp=49.9, ap=50.1),)),
        ),
    ),
    Row(
        "6.1-subscribe",
        "subscribe is acknowledged with everything subscribed, sorted",
        (
            *open_feed(),
            Say(
                subscribe(trades=["XYZ"], quotes=["XYZ"], bars=["XYZ", "ABC"], statuses=["*"]),
                (subscribed(trades=["XYZ"], quotes=["XYZ"], bars=["XYZ", "ABC"], statuses=["*"]),),
            ),
        ),
    ),
    Row(
        "6.1-subscribe-adds",
        "subscribe adds to what is subscribed",
        (
            *open_feed(),
            Say(subscribe(bars=["XYZ"]), (subscribed(bars=["XYZ"]),)),
            Say(subscribe(bars=["ABC"]), (subscribed(bars=["XYZ", "ABC"]),)),
        ),
    ),
    Row(
        "6.1-unsubscribe",
        "unsubscribe takes away",
        (
            *open_feed(),
            Say(subscribe(bars=["XYZ", "ABC"]), (subscribed(bars=["XYZ", "ABC"]),)),
            Say(subscribe("unsubscribe", bars=["ABC"]), (subscribed(bars=["XYZ"]),)),
        ),
    ),
    Row(
        "6.1-fragments",
        "a message in fragments is put together",
        (
            *open_feed(),
            Say(subscribe(trades=["XYZ"]), (subscribed(trades=["XYZ"]),), fragments=True),
        ),
    ),
    Row(
        "6.1-trades-bring-corrections",
        "subscribing to trades subscribes to corrections and cancels",
        (
            *open_feed(),
            Say(
                subscribe(trades=["XYZ"]),
                ([{"T": "subscription", "corrections": ["XYZ"], "cancelErrors": ["XYZ"]}],),
            ),
        ),
    ),
    Row(
        "6.1-timestamps",
        "t is a msgpack timestamp extension",
        (
            *open_feed(),
            Say(subscribe(quotes=["XYZ"]), (SOME,)),
            price("XYZ", "49.90", "50.10"),
            Hear((message("q", t=EXTENSION),)),
        ),
    ),
    Row(
        "6.1-star",
        "* is every symbol",
        (
            *open_feed(),
            Say(subscribe(quotes=["*"]), (SOME,)),
            price("ABC", "19.90", "20.10"),
            Hear((message("q", S="ABC"),)),
        ),
    ),
    Row(
        "6.1-headers",
        "keys among the headers of the upgrade authenticate at once",
        (Socket(IEX, (CONNECTED, AUTHENTICATED), msgpack=True, keys=True),),
    ),
    Row(
        "6.1-test-stream",
        "/v2/test streams FAKEPACA",
        (
            *open_feed(TEST),
            Say(subscribe(quotes=["FAKEPACA"]), (SOME,)),
            Stage("test_tick"),
            Hear((message("q", S="FAKEPACA"),)),
        ),
    ),
    Row(
        "6.1-sip",
        "/v2/sip is a feed, too",
        (*open_feed("/v2/sip"), Say(subscribe(quotes=["XYZ"]), (SOME,))),
    ),
)
MESSAGES = (
    Row(
        "6.2-trade",
        "t: S i x p s c z t",
        (
            *open_feed(),
            Say(subscribe(trades=["XYZ"]), (SOME,)),
            price("XYZ", "49.90", "50.10", "50.05"),
            Hear(
                (
                    message(
                        "t",
                        "z",
                        S="XYZ",
                        i=NUMBER,
                        x=SOME,
                        p=50.05,
                        s=100,
                        c=Is("a list", lambda c: isinstance(c, list)),
                        t=EXTENSION,
                    ),
                )
            ),
        ),
    ),
    Row(
        "6.2-quote",
        "q: S bx bp bs ax ap as c z t, sizes in shares",
        (
            *open_feed(),
            Say(subscribe(quotes=["XYZ"]), (SOME,)),
            price("XYZ", "49.90", "50.10"),
            Hear(
                (
                    message(
                        "q",
                        "c",
                        "z",
                        **{"as": 500},
                        S="XYZ",
                        bx=SOME,
                        bp=49.9,
                        bs=500,
                        ax=SOME,
                        ap=50.1,
                        t=EXTENSION,
                    ),
                )
            ),
        ),
    ),
    Row(
        "6.2-bar",
        "b: S o h l c v n vw t, when its minute has ended",
        (
            Stage("clock_at", {"at": "12:30"}),
            *open_feed(),
            price("XYZ", "49.90", "50.10", "50.00"),
            price("XYZ", "49.90", "50.10", "50.20"),
            price("XYZ", "49.90", "50.10", "49.90"),
            Say(subscribe(bars=["XYZ"]), (SOME,)),
            Stage("clock_at", {"at": "12:31"}),
            Hear(
                (
                    message(
                        "b",
                        S="XYZ",
                        o=50.0,
                        h=50.2,
                        l=49.9,
                        c=49.9,
                        v=300,
                        n=3,
                        vw=Is("the mean", lambda vw: abs(vw - 50.0333) < 0.001),
                        t=EXTENSION,
                    ),
                )
            ),
        ),
    ),
    Row(
        "6.2-daily-bar",
        "d: the day so far, of the same fields",
        (
            Stage("clock_at", {"at": "12:40"}),
            *open_feed(),
            price("XYZ", "49.90", "50.10", "50.00"),
            Say(subscribe(dailyBars=["XYZ"]), (SOME,)),
            Stage("clock_at", {"at": "12:41"}),
            Hear((message("d", "o", "h", "l", "c", "v", "n", "vw", S="XYZ", t=EXTENSION),)),
        ),
    ),
    Row(
        "6.2-updated-bar",
        "u: a bar again, with trades that came late",
        (
            Stage("clock_at", {"at": "12:50"}),
            *open_feed(),
            price("XYZ", "49.90", "50.10", "50.00"),
            Say(subscribe(updatedBars=["XYZ"]), (SOME,)),
            Stage("clock_at", {"at": "12:51"}),
            Stage("late_trade", {"symbol": "XYZ", "price": "50.30"}),
            Stage("clock_at", {"at": "12:51:30"}),
            Hear((message("u", "o", "l", "c", "n", "vw", S="XYZ", h=50.3, v=200, t=EXTENSION),)),
        ),
    ),
    Row(
        "6.2-status",
        "s: S sc sm rc rm z t, of a halt",
        (
            *open_feed(),
            Say(subscribe(statuses=["XYZ"]), (SOME,)),
            fault("halt", symbol="XYZ"),
            Hear(
                (
                    message(
                        "s", "z", S="XYZ", sc="H", sm="Trading Halt", rc=SOME, rm=SOME, t=EXTENSION
                    ),
                )
            ),
            fault("resume", symbol="XYZ"),
            Hear((message("s", "rc", "rm", "z", S="XYZ", sc="T", sm=SOME, t=EXTENSION),)),
        ),
    ),
    Row(
        "6.2-luld",
        "l: S u d i z t, the limits up and down",
        (
            *open_feed(),
            Say(subscribe(lulds=["XYZ"]), (SOME,)),
            price("XYZ", "59.90", "60.10"),
            Stage("clock_at", {"at": "12:01"}),
            Hear((message("l", "i", "z", S="XYZ", u=NUMBER, d=NUMBER, t=EXTENSION),)),
        ),
    ),
    Row(
        "6.2-correction",
        "c: S x oi op os oc ci cp cs cc z t",
        (
            *open_feed(),
            Say(subscribe(trades=["XYZ"]), (SOME,)),
            price("XYZ", "49.90", "50.10", "50.05"),
            Hear((message("t", S="XYZ"),)),
            fault("correct", symbol="XYZ", percent=-1),
            Hear(
                (
                    message(
                        "c",
                        "x",
                        "oi",
                        "os",
                        "oc",
                        "ci",
                        "cs",
                        "cc",
                        "z",
                        S="XYZ",
                        op=50.05,
                        cp=49.55,
                        t=EXTENSION,
                    ),
                )
            ),
        ),
    ),
    Row(
        "6.2-cancel-error",
        "x: S i x p s a z t",
        (
            *open_feed(),
            Say(subscribe(trades=["XYZ"]), (SOME,)),
            price("XYZ", "49.90", "50.10", "50.05"),
            Hear((message("t", S="XYZ"),)),
            fault("bust", symbol="XYZ"),
            Hear((message("x", "i", "x", "s", "z", S="XYZ", p=50.05, t=EXTENSION),)),
        ),
    ),
    Row(
        "6.2-only-subscribed",
        "nothing comes of symbols and channels that were not asked for",
        (
            *open_feed(),
            Say(subscribe(quotes=["ABC"]), (SOME,)),
            price("XYZ", "49.90", "50.10"),
            Say(subscribe("unsubscribe", quotes=["ABC"]), (subscribed(),)),
        ),
    ),
)
ERRORS = (
    Row(
        "6.3-400",
        "400 invalid syntax",
        (
            Socket(IEX, (CONNECTED,)),
            Say("{", (error(400, "invalid syntax"),)),
            Say("[1]", (error(400, "invalid syntax"),)),
            Say({"action": "dance"}, (error(400, "invalid syntax"),)),
        ),
    ),
    Row(
        "6.3-401",
        "401 not authenticated",
        (
            Socket(IEX, (CONNECTED,)),
            Say(subscribe(quotes=["XYZ"]), (error(401, "not authenticated"),)),
        ),
    ),
    Row(
        "6.3-402",
        "402 auth failed",
        (
            Socket(IEX, (CONNECTED,)),
            Say({"action": "auth", "key": "a", "secret": "b"}, (error(402, "auth failed"),)),
        ),
    ),
    Row(
        "6.3-403",
        "403 already authenticated",
        (*open_feed(), Say(AUTH, (error(403, "already authenticated"),))),
    ),
    Row(
        "6.3-404",
        "404 auth timeout, and the connection is closed",
        (Socket(IEX, (CONNECTED,)), Hear((error(404, "auth timeout"),), closes=True)),
        world="limits",
    ),
    Row(
        "6.3-405",
        "405 symbol limit exceeded: 30 symbols of trades and quotes, the subscription is unchanged",
        (
            *open_feed(),
            Say(subscribe(quotes=HUNDRED[:30]), (SOME,)),
            Say(subscribe(quotes=["ONEMORE"]), (error(405, "symbol limit exceeded"),)),
            Say(subscribe(bars=["XYZ"]), (subscribed(quotes=HUNDRED[:30], bars=["XYZ"]),)),
        ),
        world="limits",
    ),
    Row(
        "6.3-bars-unlimited",
        "bars do not count towards the symbol limit",
        (*open_feed(), Say(subscribe(bars=HUNDRED), (subscribed(bars=HUNDRED),))),
        world="limits",
    ),
    Row(
        "6.3-406",
        "406 connection limit exceeded",
        (
            *open_feed(),
            Socket(IEX, (CONNECTED,), name="second", msgpack=True),
            Say(AUTH, (error(406, "connection limit exceeded"),), name="second"),
        ),
        world="limits",
    ),
    Row(
        "6.3-407",
        "407 slow client, and the connection is closed",
        (
            *open_feed(),
            fault("slow_client", stream="data", account="{own.account}"),
            Hear((error(407, "slow client"),), closes=True),
        ),
    ),
    Row(
        "6.3-411",
        "411 insufficient scope, when the keys are not for data",
        (
            Socket(IEX, (CONNECTED,), msgpack=True),
            Say(AUTH, (error(411, "insufficient scope"),)),
        ),
        world="limits",
    ),
    Row(
        "6.3-409",
        "409 insufficient subscription, when the feed is not the account's",
        (
            Socket("/v2/sip", (CONNECTED,), msgpack=True),
            Say(AUTH, (error(409, "insufficient subscription"),)),
        ),
        world="limits",
    ),
    Row(
        "6.3-410",
        "410 invalid subscribe action for this feed",
        (
            *open_feed(OPTIONS),
            Say(subscribe(bars=["XYZ"]), (error(410, "invalid subscribe action for this feed"),)),
        ),
    ),
    Row(
        "6.3-412",
        "412 option messages are only available in MsgPack format",
        (
            Socket(OPTIONS, (CONNECTED,)),
            Say(AUTH, (error(412, "option messages are only available in MsgPack format"),)),
        ),
    ),
    Row(
        "6.3-413",
        "413 star subscription is not allowed for option quotes",
        (
            *open_feed(OPTIONS),
            Say(
                subscribe(quotes=["*"]),
                (error(413, "star subscription is not allowed for option quotes"),),
            ),
        ),
    ),
    Row(
        "6.3-bad-fields",
        "a channel that is not a list of symbols is invalid syntax",
        (
            *open_feed(),
            Say({"action": "subscribe", "quotes": "XYZ"}, (error(400, "invalid syntax"),)),
            Say({"action": "subscribe", "quotes": [1]}, (error(400, "invalid syntax"),)),
        ),
    ),
)
ROWS = TALK + MESSAGES + ERRORS
