"""Random requests: valid, nearly valid and garbage, on every route and a few that are none. Pure."""

import json
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

SYMBOLS = ("NEM", "FCX", "MSFT", "AAPL", "NVDA", "JPM", "BAC", "XOM", "CAT", "LLY")
STRANGE: tuple[Any, ...] = (
    None, "", " ", "0", "-1", -1, 0, 1e-300, "1e-999999", "1e999999", "NaN", "Infinity", True, False, [],
    [1], {}, {"a": {"b": []}}, "x" * 200, "\u0000", "\ud800", "naïve", "🚀", "2026-13-45", "0x10",
    "1_000", "٣", 10**30, 0.1 + 0.2, "null", "AAPL,,MSFT", "../../etc", "%", "AAPL260116C00250000",
    "1.123456789012345678", "999999999999", -0.0, "buy ", "BUY", ["buy"],
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
PATHS = (
    "/v2/orders", "/v2/orders/{id}", "/v2/orders:by_client_order_id", "/v2/positions",
    "/v2/positions/{symbol}", "/v2/positions/{symbol}/exercise", "/v2/account",
    "/v2/account/configurations", "/v2/account/activities", "/v2/account/activities/{word}",
    "/v2/account/portfolio/history", "/v2/clock", "/v2/calendar", "/v3/clock", "/v3/calendar/{word}",
    "/v2/assets", "/v2/assets/{symbol}", "/v2/watchlists", "/v2/watchlists/{id}",
    "/v2/watchlists:by_name", "/v2/options/contracts", "/v2/options/contracts/{symbol}",
    "/v2/corporate_actions/announcements", "/v2/corporate_actions/announcements/{id}",
    "/v1/corporate-actions", "/v2/stocks/bars", "/v2/stocks/quotes", "/v2/stocks/trades",
    "/v2/stocks/bars/latest", "/v2/stocks/quotes/latest", "/v2/stocks/trades/latest",
    "/v2/stocks/snapshots", "/v2/stocks/{symbol}/bars", "/v2/stocks/{symbol}/snapshot",
    "/v1beta1/options/quotes/latest", "/v1beta1/options/trades/latest", "/v1beta1/options/snapshots",
    "/v1beta1/options/snapshots/{symbol}", "/stream", "/v2/iex", "/v2/test", "/control/", "/", "/{word}",
)  # fmt: skip
QUERY: dict[str, tuple[str, ...]] = {
    "status": ("open", "closed", "all", "active", "inactive"),
    "limit": ("1", "5", "50", "500", "0", "501"),
    "direction": ("asc", "desc"),
    "nested": ("True", "false"),
    "symbols": ("AAPL", "AAPL,MSFT", "SPY", "NOSUCH"),
    "side": ("buy", "sell"),
    "after": ("2026-01-01", "2026-03-03T14:31:02.118204311Z"),
    "until": ("2030-01-01T00:00:00+00:00",),
    "start": ("2026-01-02", "2026-02-01T00:00:00Z", "1970-01-01"),
    "end": ("2026-02-20", "9999-12-31"),
    "timeframe": ("1Min", "5Min", "1Hour", "1Day", "1Week", "1Month", "1D", "7Sec"),
    "period": ("1D", "1M", "1A"),
    "page_size": ("1", "100"),
    "page_token": ("bm8=", "20260303093102118::8a1f0b1c-3b52-4c1b-9d0e-6d5b0b6c7e10"),
    "qty": ("1", "0.5", "1000000"),
    "percentage": ("1", "100", "0"),
    "client_order_id": ("c-1", "c-2"),
    "name": ("mine",),
    "sort": ("asc", "desc"),
    "underlying_symbols": ("AAPL", "SPY"),
    "ca_types": ("dividend",),
    "since": ("2026-01-01",),
    "asset_class": ("us_equity", "us_option", "crypto"),
    "feed": ("iex", "sip", "otc"),
    "date": ("2026-03-03",),
    "activity_types": ("FILL", "FILL,DIV"),
    "after_order_id": ("x",),
    "adjustment": ("raw", "split", "all"),
}
CLASSES = ("", "simple", "bracket", "oco", "oto", "mleg")
TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
TIMES_IN_FORCE = ("day", "gtc", "ioc", "fok", "opg", "cls")


@dataclass
class Asker:
    """One connection's requests. `keys` are (key, secret) of the accounts; `ids` orders it saw."""

    dice: Random
    keys: list[tuple[str, str]]
    ids: deque[str] = field(default_factory=lambda: deque(["none"], maxlen=200))
    sent: int = 0

    def request(self) -> tuple[str, bytes]:
        """The method, and the request as it goes over the wire."""
        self.sent += 1
        drawn = self.dice.random()
        if drawn < 0.14:
            method, path, body = "POST", "/v2/orders", self._order()
        elif drawn < 0.26:
            method, path, body = "DELETE", f"/v2/orders/{self._id()}", b""
        elif drawn < 0.30:
            method, path, body = "PATCH", f"/v2/orders/{self._id()}", self._json(self._changes())
        elif drawn < 0.55:
            method, path, body = "POST", "/v2/orders", self._json(self._spoiled(self._terms()))
        elif drawn < 0.85:
            method, path, body = "GET", self._path() + self._query(), b""
        else:
            method = self.dice.choice(METHODS)
            path, body = self._path() + self._query(), self._json(self._spoiled(self._terms()))
        return method, self._wire(method, path, body)

    def hello(self) -> str:
        """What is said on a websocket."""
        key, secret = self.dice.choice(self.keys)
        said: list[Any] = [
            {"action": "authenticate", "data": {"key_id": key, "secret_key": secret}},
            {"action": "auth", "key": key, "secret": secret},
            {"action": "listen", "data": {"streams": ["trade_updates"]}},
            {"action": "subscribe", "quotes": ["*"], "trades": ["AAPL"], "bars": ["*"]},
            {"action": "unsubscribe", "quotes": ["*"]},
            {"action": self.dice.choice(STRANGE), "data": self.dice.choice(STRANGE)},
            {"action": "subscribe", "quotes": self.dice.choice(STRANGE)},
            {"action": "listen", "data": {"streams": self.dice.choice(STRANGE)}},
            self.dice.choice(STRANGE),
        ]
        text = json.dumps(self.dice.choice(said))
        return text[: self.dice.randrange(1, len(text) + 1)] if self.dice.random() < 0.1 else text

    # -- bodies -------------------------------------------------------------------------------

    def _terms(self) -> dict[str, Any]:
        """An order that could be taken."""
        dice = self.dice
        kind = dice.choice(TYPES) if dice.random() < 0.4 else dice.choice(("market", "limit"))
        terms: dict[str, Any] = {
            "symbol": dice.choice(SYMBOLS),
            "side": dice.choice(("buy", "sell")),
            "type": kind,
            "time_in_force": dice.choice(TIMES_IN_FORCE) if dice.random() < 0.2 else "day",
            "qty": dice.choice(("1", 1, 2.0, "0.5", "3")),
        }
        price = str(dice.randrange(1, 900))
        if kind in ("limit", "stop_limit"):
            terms["limit_price"] = price
        if kind in ("stop", "stop_limit"):
            terms["stop_price"] = str(dice.randrange(1, 900))
        if kind == "trailing_stop":
            terms["trail_percent"] = "5"
        if dice.random() < 0.1:
            del terms["qty"]
            terms["notional"] = "25.50"
        if dice.random() < 0.15:
            terms["order_class"] = dice.choice(CLASSES)
            terms["take_profit"] = {"limit_price": str(dice.randrange(1, 900))}
            terms["stop_loss"] = {"stop_price": str(dice.randrange(1, 900))}
        if dice.random() < 0.1:
            terms["client_order_id"] = f"c-{dice.randrange(10_000)}"
        return terms

    def _order(self) -> bytes:
        return json.dumps(self._terms()).encode()

    def _changes(self) -> dict[str, Any]:
        names = ("qty", "limit_price", "stop_price", "trail", "time_in_force", "client_order_id")
        values = ("1", "2", "50", "100.5", "gtc", *STRANGE)
        chosen = self.dice.sample(names, self.dice.randrange(1, 3))
        return {name: self.dice.choice(values) for name in chosen}

    def _spoiled(self, terms: dict[str, Any]) -> dict[str, Any]:
        """One to three fields dropped, made strange, or added."""
        spoiled = dict(terms)
        for _ in range(self.dice.randrange(1, 4)):
            name = self.dice.choice((*spoiled, "extended_hours", "legs", "position_intent", "junk"))
            if self.dice.random() < 0.3:
                spoiled.pop(name, None)
            else:
                spoiled[name] = self.dice.choice(STRANGE)
        return spoiled

    def _json(self, body: Any) -> bytes:
        """Mostly JSON."""
        drawn = self.dice.random()
        text = json.dumps(body)
        if drawn < 0.80:
            return text.encode()
        if drawn < 0.85:
            return text[: self.dice.randrange(len(text) + 1)].encode()
        if drawn < 0.88:
            return text.encode("utf-16")
        if drawn < 0.91:
            return self.dice.randbytes(self.dice.randrange(64))
        if drawn < 0.93:
            return b"[" * self.dice.randrange(5000)
        if drawn < 0.95:
            return json.dumps(self.dice.choice(STRANGE)).encode()
        if drawn < 0.96:
            return b'{"qty": NaN, "symbol": Infinity}'
        return b""

    # -- the rest of a request ----------------------------------------------------------------

    def _id(self) -> str:
        return self.dice.choice(self.ids) if self.dice.random() < 0.9 else self._word()

    def _word(self) -> str:
        return quote(str(self.dice.choice(STRANGE)).encode("utf-8", "replace"), safe="")

    def _path(self) -> str:
        path = self.dice.choice(PATHS)
        symbol = self.dice.choice(SYMBOLS) if self.dice.random() < 0.7 else self._word()
        return path.format(id=self._id(), symbol=symbol or "x", word=self._word() or "x")

    def _query(self) -> str:
        if self.dice.random() < 0.3:
            return ""
        names = self.dice.sample(list(QUERY), self.dice.randrange(1, 6))
        pairs = []
        for name in names:
            usual = self.dice.random() < 0.8
            value = quote(self.dice.choice(QUERY[name])) if usual else self._word()
            pairs.append(f"{name}={value}")
        if self.dice.random() < 0.03:
            pairs.append("%ff=%fe&&=&;")
        return "?" + "&".join(pairs)

    def _wire(self, method: str, path: str, body: bytes) -> bytes:
        dice = self.dice
        key, secret = dice.choice(self.keys)
        headers = ["Host: 127.0.0.1"]
        if dice.random() < 0.98:
            headers += [f"APCA-API-KEY-ID: {key}", f"APCA-API-SECRET-KEY: {secret}"]
        else:
            headers.append(
                dice.choice(("Authorization: Basic !", "Authorization: Bearer x", "X: y"))
            )
        if dice.random() < 0.05:
            kinds = (
                "text/plain",
                "application/json; charset=utf-16",
                "multipart/form-data",
                "\xff",
            )
            headers.append(f"Content-Type: {dice.choice(kinds)}")
        if dice.random() < 0.01:
            headers.append("Content-Encoding: gzip")
        if body and dice.random() < 0.05:
            headers.append("Transfer-Encoding: chunked")
            half = len(body) // 2
            pieces = [piece for piece in (body[:half], body[half:]) if piece]
            body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
        else:
            headers.append(f"Content-Length: {len(body)}")
        head = f"{method} {path} HTTP/1.1\r\n" + "\r\n".join(headers) + "\r\n\r\n"
        return head.encode("latin-1", "replace") + body
