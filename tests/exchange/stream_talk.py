"""What a raw websocket client says to the exchange's streams, and hears."""

import json
from typing import Any

import msgpack
from aiohttp import ClientWebSocketResponse, WSMsgType

MSGPACK = {"Content-Type": "application/msgpack"}
CONNECTED = [{"T": "success", "msg": "connected"}]
AUTHENTICATED = [{"T": "success", "msg": "authenticated"}]
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}
LISTENING = {"stream": "listening", "data": {"streams": ["trade_updates"]}}
SALE = {"symbol": "NEM", "qty": "1", "side": "sell", "type": "market", "time_in_force": "day"}
PATIENCE = 5


async def heard(socket: ClientWebSocketResponse) -> Any:
    """The next message, whatever its codec."""
    message = await socket.receive(timeout=PATIENCE)
    if message.type is WSMsgType.TEXT:
        return json.loads(message.data)
    assert message.type is WSMsgType.BINARY, message
    try:
        return json.loads(message.data)
    except ValueError:
        return msgpack.unpackb(message.data)


async def closed(socket: ClientWebSocketResponse) -> int | None:
    """The code of the close that must come next."""
    message = await socket.receive(timeout=PATIENCE)
    assert message.type is WSMsgType.CLOSE, message
    return socket.close_code


def error(code: int, text: str) -> list[dict[str, Any]]:
    return [{"T": "error", "code": code, "msg": text}]


async def open_feed(
    served: Any, path: str = "/v2/iex", headers: dict[str, str] | None = None
) -> ClientWebSocketResponse:
    socket = await served.client.ws_connect(path, headers=headers or {})
    assert await heard(socket) == CONNECTED
    return socket


async def say(socket: ClientWebSocketResponse, message: object, packed: bool = False) -> None:
    await (socket.send_bytes(msgpack.packb(message)) if packed else socket.send_json(message))


def auth(served: Any) -> dict[str, str]:
    return {"action": "auth", "key": served.key, "secret": served.secret}


async def authenticated(
    served: Any, path: str = "/v2/iex", headers: dict[str, str] | None = None
) -> ClientWebSocketResponse:
    socket = await open_feed(served, path, headers)
    await say(socket, auth(served), packed=bool(headers))
    assert await heard(socket) == AUTHENTICATED
    return socket


async def subscribed(
    served: Any, path: str = "/v2/iex", headers: dict[str, str] | None = None, **channels: list[str]
) -> ClientWebSocketResponse:
    socket = await authenticated(served, path, headers)
    await say(socket, {"action": "subscribe", **channels}, packed=bool(headers))
    (answer,) = await heard(socket)
    assert answer["T"] == "subscription", answer
    return socket


async def authorized(served: Any, headers: dict[str, str] | None = None) -> ClientWebSocketResponse:
    """A client of /stream whose keys were taken."""
    socket = await served.client.ws_connect("/stream", headers=headers or {})
    data = {"key_id": served.key, "secret_key": served.secret}
    await say(socket, {"action": "authenticate", "data": data}, packed=bool(headers))
    assert (await heard(socket))["data"]["status"] == "authorized"
    return socket


async def listening(served: Any, headers: dict[str, str] | None = None) -> ClientWebSocketResponse:
    socket = await authorized(served, headers)
    await say(socket, LISTEN, packed=bool(headers))
    assert await heard(socket) == LISTENING
    return socket
