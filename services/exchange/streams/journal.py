"""Websocket connects in the requests file."""

from aiohttp import web

from services.exchange.exchange import Exchange
from services.exchange.rest.gate import record
from services.exchange.wire import instant


def log_connection(
    exchange: Exchange, request: web.Request, account: str | None, status: int = 101
) -> None:
    """`status` is what the upgrade was answered with."""
    record(
        exchange,
        {
            "seq": exchange.requests.arrived(),
            "at": instant(exchange.clock.now()),
            "account": account,
            "method": "WS",
            "path": request.path,
            "query": dict(request.query),
            "body": None,
            "status": status,
            "answer": None,
        },
    )
