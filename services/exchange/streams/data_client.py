"""What one client of a market data stream has said so far, and what it is told (alpaca.md §6)."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.exchange.exchange import Exchange
from services.exchange.rest.gate import account_with
from services.exchange.streams.codec import Codec, one
from services.exchange.streams.connection import Connection
from services.exchange.streams.data_hub import EVERYTHING, DataHub, Subscriber
from services.exchange.streams.feeds import ALL_CHANNELS, Feed
from services.exchange.streams.limits import DataLimits

ERRORS: dict[int, str] = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    407: "slow client",
    409: "insufficient subscription",
    410: "invalid subscribe action for this feed",
    411: "insufficient scope",
    412: "option messages are only available in MsgPack format",
    413: "star subscription is not allowed for option quotes",
    500: "internal error",
}


def error(code: int) -> dict[str, Any]:
    return {"T": "error", "code": code, "msg": ERRORS[code]}


class DataClient:
    """`subscriber` is None until it is authenticated; `dismissed` is to be closed."""

    def __init__(
        self,
        exchange: Exchange,
        feed: Feed,
        limits: DataLimits,
        connection: Connection,
        codec: Codec,
    ) -> None:
        self._exchange, self._feed, self._limits = exchange, feed, limits
        self._connection, self._codec = connection, codec
        self.subscriber: Subscriber | None = None
        self.dismissed = False

    def say(self, message: dict[str, Any]) -> None:
        self._connection.send(one(self._codec, message), message["T"])

    def complain(self, code: int) -> None:
        self.say(error(code))

    def dismiss(self, code: int) -> None:
        self.dismissed = True
        self.complain(code)

    def leave(self) -> None:
        if self.subscriber is not None:
            self._hub.leave(self.subscriber)

    def take(self, data: str | bytes) -> None:
        """A message of the client. A defect in here ends the process, as on REST."""
        try:
            self._take(data)
        except Exception as defect:
            self.dismiss(500)
            self._exchange.fail(defect)

    def admit(self, account: str) -> None:
        """Valid keys: in, or away because of what the account has."""
        if self._feed.packed_only and not self._codec.binary:
            return self.dismiss(412)
        if account in self._limits.unscoped:
            return self.dismiss(411)
        if self._feed.name in self._limits.not_subscribed:
            return self.dismiss(409)
        most = self._limits.connections
        refused = self._exchange.connections.tap.refuses_session(self._feed.path, account)
        if refused or (most and self._hub.connections_of(account) >= most):
            return self.dismiss(406)
        self._connection.account = account
        self.subscriber = Subscriber(self._connection, self._codec, account)
        self._hub.join(self.subscriber)
        return self.say({"T": "success", "msg": "authenticated"})

    @property
    def _hub(self) -> DataHub:
        return self._exchange.data_hubs.of[self._feed.hub]

    def _take(self, data: str | bytes) -> None:
        try:
            message = self._codec.decode(data)
        except ValueError:
            return self.complain(400)
        if not isinstance(message, dict):
            return self.complain(400)
        action = message.get("action")
        if action == "auth":
            return self._authenticate(message)
        if action not in ("subscribe", "unsubscribe"):
            return self.complain(400)
        if self.subscriber is None:
            return self.complain(401)
        changes = _channels(message)
        if changes is None:
            return self.complain(400)
        refused = self._refusal(self.subscriber, changes, adding=action == "subscribe")
        if refused:
            return self.complain(refused)
        return self._change(self.subscriber, changes, adding=action == "subscribe")

    def _authenticate(self, message: Mapping[str, Any]) -> None:
        if self.subscriber is not None:
            return self.complain(403)
        account = account_with(self._exchange, message.get("key"), message.get("secret"))
        return self.complain(402) if account is None else self.admit(account)

    def _refusal(
        self, subscriber: Subscriber, changes: Mapping[str, list[str]], *, adding: bool
    ) -> int | None:
        """The code of why this cannot be; nothing is changed then."""
        feed = self._feed
        if any(channel not in feed.channels for channel in changes):
            return 410
        if not adding:
            return None
        if any(EVERYTHING in changes.get(channel, ()) for channel in feed.starless):
            return 413
        most = self._limits.symbols
        return 405 if most and subscriber.metered_with(feed.metered, changes) > most else None

    def _change(
        self, subscriber: Subscriber, changes: Mapping[str, Iterable[str]], *, adding: bool
    ) -> None:
        """`subscribe` adds, `unsubscribe` takes away; the answer lists everything."""
        for channel, symbols in changes.items():
            wanted = subscriber.wanted.setdefault(channel, set())
            if adding:
                wanted.update(symbols)
            else:
                wanted.difference_update(symbols)
        listed = {c: sorted(subscriber.wanted.get(c, ())) for c in self._feed.channels}
        listed.update(dict.fromkeys(self._feed.following, listed.get("trades", [])))
        self.say({"T": "subscription", **listed})


def _channels(message: Mapping[str, Any]) -> dict[str, list[str]] | None:
    """The channels of a request, of whatever feed; None when one is not a list of symbols."""
    found: dict[str, list[str]] = {}
    for channel in ALL_CHANNELS:
        symbols = message.get(channel, [])
        if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
            return None
        if symbols:
            found[channel] = symbols
    return found
