"""/stream: authorization and `trade_updates`, JSON in binary frames (alpaca.md §5.1)."""

import json
from typing import Any

from aiohttp import WSMsgType, web

from services.exchange.exchange import Exchange
from services.exchange.rest.gate import account_of, account_with
from services.exchange.streams.connection import GOODBYE, Connection, Wording
from services.exchange.streams.journal import log_connection
from services.exchange.wire import loads

TRADE_UPDATES = "trade_updates"


async def serve(exchange: Exchange, request: web.Request) -> web.StreamResponse:
    account = account_of(exchange, request.headers)
    if status := exchange.connections.tap.refuses_upgrade(request.path, account):
        return web.Response(status=status)
    socket = web.WebSocketResponse(compress=False, timeout=GOODBYE)
    await socket.prepare(request)
    exchange.sockets.add(socket)
    log_connection(exchange, request, account)
    connection = Connection(exchange.connections, socket, request.path, Wording(binary=True))
    client = _Client(exchange, connection, account)
    async with connection.served():
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    client.take(message.data)
        finally:
            exchange.trade_hub.leave(connection)
    return socket


class _Client:
    """What one client has said so far."""

    def __init__(self, exchange: Exchange, connection: Connection, account: str | None) -> None:
        self._exchange, self._connection, self._account = exchange, connection, account
        connection.account = account

    def take(self, text: str | bytes) -> None:
        try:
            message = loads(text)
        except ValueError:
            return self._say("error", {"error": "invalid syntax"})
        action = message.get("action") if isinstance(message, dict) else None
        if action in ("authenticate", "auth"):
            return self._authenticate(action, message)
        if action == "listen":
            return self._listen(message)
        return self._say("error", {"error": "unknown action"})

    def _authenticate(self, action: str, message: dict[str, Any]) -> None:
        """Both forms: {"data": {"key_id", "secret_key"}} and {"key", "secret"}."""
        data = message.get("data")
        data = data if isinstance(data, dict) else {}
        key = data.get("key_id", message.get("key"))
        secret = data.get("secret_key", message.get("secret"))
        self._account = self._connection.account = account_with(self._exchange, key, secret)
        self._exchange.trade_hub.leave(self._connection)
        status = "authorized" if self._account else "unauthorized"
        self._say("authorization", {"status": status, "action": action})

    def _listen(self, message: dict[str, Any]) -> None:
        """A full replacement of what is listened to; what does not exist is left out."""
        if self._account is None:
            return self._say("authorization", {"status": "unauthorized", "action": "listen"})
        data = message.get("data")
        asked = data.get("streams", []) if isinstance(data, dict) else []
        wanted = isinstance(asked, list) and TRADE_UPDATES in asked
        if wanted:
            self._exchange.trade_hub.listen(self._connection, self._account)
        else:
            self._exchange.trade_hub.leave(self._connection)
        return self._say("listening", {"streams": [TRADE_UPDATES] if wanted else []})

    def _say(self, stream: str, data: dict[str, Any]) -> None:
        self._connection.send(json.dumps({"stream": stream, "data": data}).encode(), stream)
