"""/v2/iex, /v2/sip and /v2/test: authentication, subscriptions, error frames (alpaca.md §6)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from services.exchange.exchange import Exchange
from services.exchange.rest.gate import account_of, account_with
from services.exchange.streams.codec import Codec, codec_for
from services.exchange.streams.connection import GOODBYE, Connection, Wording
from services.exchange.streams.data_hub import CHANNELS, FOLLOW_TRADES, DataHub, Subscriber
from services.exchange.streams.journal import log_connection

ERRORS: dict[int, str] = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    407: "slow client",
}


@dataclass(frozen=True)
class DataLimits:
    """0 is no limit. Alpaca's basic plan has 1 connection and 30 symbols of trades and quotes."""

    connections: int = 0
    symbols: int = 0
    auth_timeout: float = 10.0


async def serve(
    exchange: Exchange, hub: DataHub, limits: DataLimits, request: web.Request
) -> web.StreamResponse:
    account = account_of(exchange, request.headers)
    if status := exchange.connections.tap.refuses_upgrade(request.path, account):
        return web.Response(status=status)
    socket = web.WebSocketResponse(compress=False, timeout=GOODBYE)
    await socket.prepare(request)
    exchange.sockets.add(socket)
    codec = codec_for(request.headers.get("Content-Type", ""))
    wording = Wording(codec.binary, last_word=_one(codec, _error(407)))
    connection = Connection(exchange.connections, socket, request.path, wording)
    log_connection(exchange, request, account)
    client = _Client(exchange, hub, limits, connection, codec)
    async with connection.served():
        client.say({"T": "success", "msg": "connected"})
        if account is not None:
            client.admit(account)
        try:
            await _converse(socket, client, limits.auth_timeout)
        finally:
            client.leave()
    return socket


def _one(codec: Codec, message: dict[str, Any]) -> bytes:
    """Control messages come in arrays of one."""
    return codec.array([codec.item(message)])


def _error(code: int) -> dict[str, Any]:
    return {"T": "error", "code": code, "msg": ERRORS[code]}


async def _converse(socket: web.WebSocketResponse, client: "_Client", auth_timeout: float) -> None:
    """Until the client goes, is sent away, or has not authenticated in time."""
    deadline = asyncio.get_running_loop().time() + auth_timeout
    while not client.dismissed:
        try:
            async with asyncio.timeout_at(None if client.subscriber else deadline):
                message = await socket.receive()
        except TimeoutError:
            return client.complain(404)
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return None
        client.take(message.data)
    return None


class _Client:
    """What one client has said so far; `subscriber` is None until it is authenticated."""

    def __init__(
        self,
        exchange: Exchange,
        hub: DataHub,
        limits: DataLimits,
        connection: Connection,
        codec: Codec,
    ) -> None:
        self._exchange, self._hub, self._limits = exchange, hub, limits
        self._connection, self._codec = connection, codec
        self.subscriber: Subscriber | None = None
        self.dismissed = False

    def say(self, message: dict[str, Any]) -> None:
        self._connection.send(_one(self._codec, message), message["T"])

    def complain(self, code: int) -> None:
        self.say(_error(code))

    def leave(self) -> None:
        if self.subscriber is not None:
            self._hub.leave(self.subscriber)

    def take(self, data: str | bytes) -> None:
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
        return self._change(self.subscriber, changes, adding=action == "subscribe")

    def admit(self, account: str) -> None:
        most = self._limits.connections
        refused = self._exchange.connections.tap.refuses_session(self._connection.stream, account)
        if refused or (most and self._hub.connections_of(account) >= most):
            self.dismissed = True
            return self.complain(406)
        self._connection.account = account
        self.subscriber = Subscriber(self._connection, self._codec, account)
        self._hub.join(self.subscriber)
        return self.say({"T": "success", "msg": "authenticated"})

    def _authenticate(self, message: Mapping[str, Any]) -> None:
        if self.subscriber is not None:
            return self.complain(403)
        account = account_with(self._exchange, message.get("key"), message.get("secret"))
        return self.complain(402) if account is None else self.admit(account)

    def _change(
        self, subscriber: Subscriber, changes: Mapping[str, list[str]], *, adding: bool
    ) -> None:
        """`subscribe` adds, `unsubscribe` takes away; the answer lists everything."""
        if adding:
            most = self._limits.symbols
            if most and subscriber.metered_with(changes) > most:
                return self.complain(405)
        for channel, symbols in changes.items():
            wanted = subscriber.wanted.setdefault(channel, set())
            if adding:
                wanted.update(symbols)
            else:
                wanted.difference_update(symbols)
        listed = {channel: sorted(subscriber.wanted.get(channel, ())) for channel in CHANNELS}
        for channel in FOLLOW_TRADES:
            listed[channel] = listed["trades"]
        return self.say({"T": "subscription", **listed})


def _channels(message: Mapping[str, Any]) -> dict[str, list[str]] | None:
    """The channels of a request, None when one is not a list of symbols."""
    found: dict[str, list[str]] = {}
    for channel in CHANNELS:
        symbols = message.get(channel, [])
        if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
            return None
        if symbols:
            found[channel] = symbols
    return found
