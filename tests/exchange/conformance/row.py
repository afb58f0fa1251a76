"""What a row of the table is: a rule of alpaca.md, what is done to see it, what must be seen.

A row's steps are data. `expect` is matched, not compared (see `matches`): the fields it names must
be there and must match, others may be there too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NOON = "12:00"


@dataclass(frozen=True)
class Call:
    """A REST request. `{name.field}` in path and body is taken from the answer saved as `name`.

    `times` repeats it (the last answer counts); `keys` are headers instead of the row's own keys;
    `json` False says that the answer is a page, not JSON.
    """

    method: str
    path: str
    body: Any = None
    status: Any = 200
    expect: Any = None
    save: str = ""
    keys: Mapping[str, str] | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    times: int = 1
    json: bool = True


@dataclass(frozen=True)
class Events:
    """The events of one order on `trade_updates`, all of them, in order.

    `details` matches the data of events by position.
    """

    of: str
    names: tuple[str, ...]
    details: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A deed at the exchange itself: `stage.Stage` has the method."""

    do: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    """A call of alpaca-py: `call(clients, saved)`; attributes of what it gives are matched.

    `fails` is (status code, code) of the APIError it must raise.
    """

    call: Callable[[Any, Any], Any]
    expect: Any = None
    fails: tuple[int, int] | None = None
    save: str = ""


@dataclass(frozen=True)
class Socket:
    """Opens a websocket called `name`; `hears` are the frames it must get at once."""

    path: str
    hears: tuple[Any, ...] = ()
    name: str = "socket"
    msgpack: bool = False
    keys: bool = False  # the row's keys as headers of the upgrade
    refused: int = 0  # the status that the upgrade must get instead of 101


@dataclass(frozen=True)
class Say:
    """Sends a message (in the socket's codec, `fragments` as frames without end) and hears."""

    message: Any
    hears: tuple[Any, ...] = ()
    name: str = "socket"
    fragments: bool = False


@dataclass(frozen=True)
class Hear:
    """The next frames. `binary` is the kind of frame, `closes` the end of the connection."""

    hears: tuple[Any, ...] = ()
    name: str = "socket"
    binary: bool | None = None
    closes: bool = False


Step = Call | Events | Stage | Client | Socket | Say | Hear


@dataclass(frozen=True)
class Row:
    """One rule. `rule` is "section-name"; `says` is its sentence.

    The row has an account of its own with `cash` and `holds` (symbol → shares, bought at 40), and
    begins at `at`, New York time, of a full session. `world` is the process it is run in. A rule
    whose outcome is a setting names it; `otherwise` are the steps when it has its other value.
    """

    rule: str
    says: str
    steps: tuple[Step, ...]
    holds: Mapping[str, str] = field(default_factory=dict)
    cash: str = "100000"
    multiplier: str = "2"
    at: str = NOON
    world: str = "default"
    setting: str = ""
    otherwise: tuple[Step, ...] = ()

    @property
    def section(self) -> str:
        return self.rule.partition("-")[0]

    @property
    def account(self) -> str:
        return re.sub(r"[^a-z0-9]", "", self.rule.lower())


class Is:
    """A predicate in the place of a value."""

    def __init__(self, name: str, test: Callable[[Any], bool]) -> None:
        self.name, self.test = name, test

    def __repr__(self) -> str:
        return f"<{self.name}>"


def like(pattern: str) -> Is:
    """A string that matches the whole pattern."""
    return Is(pattern, lambda got: isinstance(got, str) and bool(re.fullmatch(pattern, got)))


def has(text: str) -> Is:
    """A string with this text in it."""
    return Is(f"…{text}…", lambda got: isinstance(got, str) and text in got)


def one_of(*values: Any) -> Is:
    return Is(f"one of {values}", lambda got: got in values)


ANY = Is("anything", lambda got: True)
SOME = Is("something", lambda got: got not in (None, "", [], {}))
NUMBER = Is("a JSON number", lambda got: isinstance(got, int | float) and got is not True)
DECIMAL = like(r"-?\d+(\.\d*[1-9])?")  # a string without trailing zeros or exponent
UTC = like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
UUID = like(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def mismatch(expected: Any, got: Any, at: str = "") -> str:
    """ "" when `got` matches; else where and how it does not.

    Of an object the named fields count, of a list every item, predicates are asked.
    """
    if isinstance(expected, Is):
        return "" if expected.test(got) else f"{at or 'it'} is {got!r}, not {expected!r}"
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping):
            return f"{at or 'it'} is {got!r}, not an object"
        for name, value in expected.items():
            if name not in got:
                return f"{at}.{name} is missing in {got!r}"
            if found := mismatch(value, got[name], f"{at}.{name}"):
                return found
        return ""
    if isinstance(expected, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(expected):
            return f"{at or 'it'} is {got!r}, not {len(expected)} items"
        pairs = enumerate(zip(expected, got, strict=True))
        return next((m for n, (e, g) in pairs if (m := mismatch(e, g, f"{at}[{n}]"))), "")
    same = type(expected) is type(got) or not isinstance(expected, bool | str)
    return "" if same and expected == got else f"{at or 'it'} is {got!r}, not {expected!r}"


class Saved:
    """Answers by name; `fill` puts their fields where `{name.field}` or `{name.legs.0.id}` stands."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self.answers[name]

    def fill(self, template: Any) -> Any:
        if isinstance(template, str):
            return re.sub(r"\{([a-z_]\w*(?:\.\w+)+)\}", lambda m: str(self._at(m[1])), template)
        if isinstance(template, Mapping):
            return {key: self.fill(value) for key, value in template.items()}
        if isinstance(template, list | tuple):
            return [self.fill(value) for value in template]
        return template

    def _at(self, path: str) -> Any:
        name, *rest = path.split(".")
        value = self.answers[name]
        for part in rest:
            value = value[int(part)] if part.isdecimal() else value[part]
        return value


def order(**fields: Any) -> dict[str, Any]:
    """The body of a market buy of ten XYZ for the day; a field of None is left away."""
    body = {
        "symbol": "XYZ",
        "qty": "10",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


def get(path: str, expect: Any = None, **more: Any) -> Call:
    return Call("GET", path, expect=expect, **more)


def post(body: Any, expect: Any = None, save: str = "order", **more: Any) -> Call:
    """An order that is taken."""
    return Call("POST", "/v2/orders", body, expect=expect, save=save, **more)


def refused(body: Any, status: int, code: int, message: Any, **extra: Any) -> Call:
    """An order that is not."""
    expect = {"code": code, "message": message, **extra}
    return Call("POST", "/v2/orders", body, status, expect)


def patch(of: str, body: Any, expect: Any = None, save: str = "new", **more: Any) -> Call:
    return Call("PATCH", f"/v2/orders/{{{of}.id}}", body, expect=expect, save=save, **more)


def cancel(of: str = "order", status: int = 204, expect: Any = None) -> Call:
    return Call("DELETE", f"/v2/orders/{{{of}.id}}", status=status, expect=expect)


def now(of: str = "order", **expect: Any) -> Call:
    """The order as it is now."""
    return get(f"/v2/orders/{{{of}.id}}", expect, save=of)


def price(symbol: str, bid: str, ask: str, last: str | None = None) -> Stage:
    return Stage("price", {"symbol": symbol, "bid": bid, "ask": ask, "last": last})


def clock(at: str, *, sessions: int = 0, days: int = 0) -> Stage:
    return Stage("clock_at", {"at": at, "sessions_on": sessions, "days_on": days})


def settled() -> Stage:
    return Stage("settle")


def partial(share: str) -> Stage:
    """The next execution of the row's account is cut to a share of it."""
    return fault("partial_fill", share=share, when={"times": 1, "account": "{own.account}"})


def fault(do: str, **fields: Any) -> Stage:
    """A fault as a scenario's file names it."""
    return Stage("fault", {"do": do, **fields})
