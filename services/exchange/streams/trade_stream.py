"""/stream: authorization and `trade_updates`, JSON in binary frames (alpaca.md §5.1)."""

from typing import Any

from aiohttp import WSMsgType, web

from services.exchange.exchange import Exchange
from services.exchange.rest.gate import account_of, account_with
from services.exchange.streams.codec import Codec, codec_for
from services.exchange.streams.connection import GOODBYE, Connection, Wording
from services.exchange.streams.journal import log_connection
from services.exchange.streams.limits import TradeLimits
from services.exchange.streams.trade_hub import TRADE_UPDATES

PATH = "/stream"
PATHS = (PATH, "/stream/")  # older clients ask for the second
TOO_MANY = 429  # HTTP, for keys in the upgrade
POLICY = 1008  # websocket close code, for keys in a message
OVER_LIMIT = "connection limit exceeded"


async def serve(
    exchange: Exchange, limits: TradeLimits, request: web.Request
) -> web.StreamResponse:
    account = account_of(exchange, request.headers)
    status = exchange.connections.tap.refuses_upgrade(PATH, account)
    if status is None and account is not None and _is_over(exchange, limits, account):
        status = TOO_MANY
    if status is not None:
        log_connection(exchange, request, account, status)
        return web.Response(status=status)
    socket = web.WebSocketResponse(compress=False, timeout=GOODBYE)
    await socket.prepare(request)
    exchange.sockets.add(socket)
    log_connection(exchange, request, account)
    codec = codec_for(request.headers.get("Content-Type", ""))
    wording = Wording(codec.binary or not limits.text, most_waiting=limits.backlog)
    connection = Connection(exchange.connections, socket, PATH, wording)
    connection.account = account
    client = _Client(exchange, limits, connection, codec)
    async with connection.served():
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    client.take(message.data)
        finally:
            exchange.trade_hub.leave(connection)
    return socket


def _is_over(
    exchange: Exchange, limits: TradeLimits, account: str, but: Connection | None = None
) -> bool:
    """Whether the account may have no further connection."""
    if exchange.connections.tap.refuses_session(PATH, account):
        return True
    others = sum(
        other.stream == PATH and other.account == account and other is not but
        for other in exchange.connections
    )
    return 0 < limits.connections <= others


class _Client:
    """What one client has said so far; its connection's account is None until authorized."""

    def __init__(
        self, exchange: Exchange, limits: TradeLimits, connection: Connection, codec: Codec
    ) -> None:
        self._exchange, self._limits = exchange, limits
        self._connection, self._codec = connection, codec

    def take(self, data: str | bytes) -> None:
        """A message of the client. A defect in here ends the process, as on REST."""
        try:
            self._take(data)
        except Exception as defect:
            self._say("error", {"error": "internal error"})
            self._exchange.fail(defect)

    def _take(self, data: str | bytes) -> None:
        try:
            message = self._codec.decode(data)
        except ValueError:
            return self._say("error", {"error": "invalid syntax"})
        if not isinstance(message, dict):
            return self._say("error", {"error": "invalid syntax"})
        action = message.get("action")
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
        account = account_with(self._exchange, key, secret)
        over = account is not None and _is_over(
            self._exchange, self._limits, account, but=self._connection
        )
        self._connection.account = None if over else account
        self._exchange.trade_hub.leave(self._connection)
        self._authorization(action)
        if over:
            self._connection.close(POLICY, OVER_LIMIT)

    def _listen(self, message: dict[str, Any]) -> None:
        """A full replacement of what is listened to; what does not exist is left out."""
        if self._connection.account is None:
            return self._authorization("listen")
        data = message.get("data")
        asked = data.get("streams", []) if isinstance(data, dict) else []
        wanted = isinstance(asked, list) and TRADE_UPDATES in asked
        self._say("listening", {"streams": [TRADE_UPDATES] if wanted else []})
        if wanted:
            self._exchange.trade_hub.listen(self._connection, self._codec)
        else:
            self._exchange.trade_hub.leave(self._connection)
        return None

    def _authorization(self, action: str) -> None:
        status = "unauthorized" if self._connection.account is None else "authorized"
        self._say("authorization", {"status": status, "action": action})

    def _say(self, stream: str, data: dict[str, Any]) -> None:
        self._connection.send(self._codec.item({"stream": stream, "data": data}), stream)
