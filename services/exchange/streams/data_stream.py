"""The market data streams of feeds.FEEDS: connect, authenticate in time, converse (alpaca.md §6)."""

import asyncio

from aiohttp import WSMsgType, web

from services.exchange.exchange import Exchange
from services.exchange.rest.gate import account_of
from services.exchange.streams.codec import codec_for, one
from services.exchange.streams.connection import GOODBYE, Connection, Wording
from services.exchange.streams.data_client import DataClient, error
from services.exchange.streams.feeds import Feed
from services.exchange.streams.journal import log_connection
from services.exchange.streams.limits import DataLimits


async def serve(
    exchange: Exchange, feed: Feed, limits: DataLimits, request: web.Request
) -> web.StreamResponse:
    account = account_of(exchange, request.headers)
    if status := exchange.connections.tap.refuses_upgrade(request.path, account):
        log_connection(exchange, request, account, status)
        return web.Response(status=status)
    socket = web.WebSocketResponse(compress=False, timeout=GOODBYE)
    await socket.prepare(request)
    exchange.sockets.add(socket)
    codec = codec_for(request.headers.get("Content-Type", ""))
    wording = Wording(codec.binary, one(codec, error(407)), limits.backlog)
    connection = Connection(exchange.connections, socket, request.path, wording)
    log_connection(exchange, request, account)
    client = DataClient(exchange, feed, limits, connection, codec)
    async with connection.served():
        client.say({"T": "success", "msg": "connected"})
        if account is not None:
            client.admit(account)
        try:
            await _converse(socket, client, limits.auth_timeout)
        finally:
            client.leave()
    return socket


async def _converse(socket: web.WebSocketResponse, client: DataClient, auth_timeout: float) -> None:
    """Until the client goes, is sent away, or has not authenticated in time (the loop's clock)."""
    deadline = asyncio.get_running_loop().time() + auth_timeout
    while not client.dismissed:
        try:
            async with asyncio.timeout_at(None if client.subscriber else deadline):
                message = await socket.receive()
        except TimeoutError:
            return client.dismiss(404)
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return None
        client.take(message.data)
    return None
