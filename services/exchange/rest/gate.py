"""What every REST request passes: number, key, rate, handler, durability, log. In that order."""

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import Any

from aiohttp import web

from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.exchange import Exchange
from services.exchange.request_log import RequestLogError, body_for_log
from services.exchange.rest.call import Answer, Call, Handler
from services.exchange.rest.routes import DATA_PREFIX, ROUTES
from services.exchange.wire import instant

AioHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application, exchange: Exchange) -> None:
    for method, path, handler in ROUTES:
        app.router.add_route(method, path, gated(exchange, handler))
    app.router.add_route("*", "/{path:.*}", gated(exchange, _no_endpoint))


def gated(exchange: Exchange, handler: Handler) -> AioHandler:
    async def serve(request: web.Request) -> web.StreamResponse:
        seq, at = exchange.requests.arrived(), exchange.clock.now()
        account = account_of(exchange, request.headers)
        headers: dict[str, str] = {}
        body = await request.read()
        try:
            if account is None:
                raise RefusedError(Cause.UNAUTHORIZED)
            if not request.path.startswith(DATA_PREFIX):
                allowed, headers = exchange.rate_limit.take(account)
                if not allowed:
                    raise RefusedError(Cause.RATE)
            call = Call(account, request.match_info, request.query, body)
            answer = _handled(exchange, handler, call)
        except RefusedError as refused:
            answer = Answer(refused.body, refused.status)
        await exchange.store.durable()
        record(
            exchange,
            {
                "seq": seq,
                "at": instant(at),
                "account": account,
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "body": body_for_log(body),
                "status": answer.status,
                "answer": answer.body,
            },
        )
        return _response(answer, headers)

    return serve


def record(exchange: Exchange, line: dict[str, Any]) -> None:
    """A log with gaps proves nothing: when it cannot be written, the exchange ends."""
    try:
        exchange.requests.answered(line)
    except RequestLogError as error:
        exchange.fail(error)


def _handled(exchange: Exchange, handler: Handler, call: Call) -> Answer:
    try:
        return handler(exchange, call)
    except RefusedError:
        raise
    except Exception as error:  # whatever it is, the engine may be half-way through a change
        exchange.fail(error)
        return Answer(RefusedError(Cause.INTERNAL).body, RefusedError(Cause.INTERNAL).status)


def account_of(exchange: Exchange, headers: Mapping[str, str]) -> str | None:
    """The account of Alpaca's two headers, or of basic authentication; None for no valid pair."""
    key, secret = headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if key is None and scheme.lower() == "basic":
        try:
            key, _, secret = b64decode(token, validate=True).decode().partition(":")
        except ValueError:
            return None
    return account_with(exchange, key, secret)


def account_with(exchange: Exchange, key: object, secret: object) -> str | None:
    if not isinstance(key, str) or not isinstance(secret, str):
        return None
    for account in exchange.venue.floor.ledger.accounts.values():
        if account.key == key and compare_digest(account.secret.encode(), secret.encode()):
            return account.name
    return None


def _no_endpoint(exchange: Exchange, call: Call) -> Answer:
    raise RefusedError(Cause.NO_ENDPOINT)


def _response(answer: Answer, headers: Mapping[str, str]) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    return web.Response(
        text=json.dumps(answer.body),
        status=answer.status,
        headers=headers,
        content_type="application/json",
    )
