"""What every REST request passes: number, faults, key, rate, handler, durability, log, answer."""

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from decimal import Decimal
from hmac import compare_digest
from typing import Any

from aiohttp import web

from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.exchange import Exchange
from services.exchange.request_log import RequestLogError, body_for_log
from services.exchange.rest.call import Answer, Call, Handler
from services.exchange.rest.routes import DATA_PREFIX, ROUTES
from services.exchange.scenarios.director import NOTHING
from services.exchange.scenarios.rest_faults import Course, Sent
from services.exchange.scenarios.triggers import Occasion
from services.exchange.wire import instant

SUBMIT = ("POST", "/v2/orders")
AioHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application, exchange: Exchange) -> None:
    for method, path, handler in ROUTES:
        app.router.add_route(method, path, gated(exchange, handler))
    app.router.add_route("*", "/{path:.*}", gated(exchange, _no_endpoint))


def gated(exchange: Exchange, handler: Handler) -> AioHandler:
    async def serve(request: web.Request) -> web.StreamResponse:
        seq, at = exchange.requests.arrived(), exchange.clock.now()
        account = account_of(exchange, request.headers)
        body = await _body(request)
        occasion = occasion_of(exchange, request, account, body)
        course = Course.of(exchange.director.on_request(occasion), known=account is not None)
        answer: Answer | None = None
        headers: dict[str, str] = {}
        await course.wait(before=True)
        if course.processed:
            sends = occasion.order if (request.method, request.path) == SUBMIT else 0
            with exchange.director.sending(sends) if sends else nullcontext():
                answer, headers = _answered(exchange, handler, request, account, body, course)
                if sends and answer.status == 200:
                    exchange.director.number_of(answer.body["id"])
            await exchange.store.durable()
        await course.wait(before=False)
        sent = course.sent(answer, occasion.symbol, headers)
        if exchange.requests.is_kept:
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
                    **_told(course, answer, sent),
                },
            )
        if sent is None:
            await course.hang()
            return _cut(request)
        return _response(sent)

    return serve


async def _body(request: web.Request) -> bytes:
    """400 for what is not compressed or not in chunks as its headers say."""
    try:
        return await request.read()
    except web.RequestPayloadError as error:
        body = json.dumps(RefusedError(Cause.MALFORMED).body)
        answer = web.HTTPBadRequest(text=body, content_type="application/json")
        answer.force_close()  # where the next request begins, nobody can say
        raise answer from error


def occasion_of(
    exchange: Exchange, request: web.Request, account: str | None, body: bytes
) -> Occasion:
    """What faults may wait for: the request, and the order it sends or is about."""
    method, path, order, symbol = request.method, request.path, 0, ""
    if (method, path) == SUBMIT and account is not None:
        order = exchange.director.order_sent()
    if exchange.director.idle:
        return NOTHING
    if known := exchange.venue.floor.ledger.orders.get(request.match_info.get("order_id", "")):
        order, symbol = exchange.director.number_of(known.id), known.symbol
    elif order:
        given = body_for_log(body)
        symbol = str(given.get("symbol", "")) if isinstance(given, dict) else ""
    else:
        symbol = request.match_info.get("symbol", "")
    return Occasion(account or "", symbol.upper(), method, path, order)


def _answered(
    exchange: Exchange,
    handler: Handler,
    request: web.Request,
    account: str | None,
    body: bytes,
    course: Course,
) -> tuple[Answer, dict[str, str]]:
    """What the exchange answers, and the headers of the rate limit."""
    headers: dict[str, str] = {}
    try:
        if account is None:
            raise RefusedError(Cause.UNAUTHORIZED)
        if not request.path.startswith(DATA_PREFIX):
            allowed, headers = exchange.rate_limit.take(account)
            if not allowed:
                code = exchange.venue.floor.rules.rate_limit_code
                raise RefusedError(Cause.RATE, extra={"code": code})
        call = Call(account, request.match_info, request.query, body)
        stale = course.stale if _is_of_positions(request) else None
        with nullcontext() if stale is None else positions_as_of(exchange, stale):
            return _handled(exchange, handler, call), headers
    except RefusedError as refused:
        return Answer(refused.body, refused.status), headers


def _is_of_positions(request: web.Request) -> bool:
    return request.method == "GET" and request.path.startswith("/v2/positions")


@contextmanager
def positions_as_of(exchange: Exchange, seconds: Decimal) -> Iterator[None]:
    """The holdings of some exchange seconds ago in place of today's, for one answer."""
    ledger = exchange.venue.floor.ledger
    true = ledger.positions
    ledger.positions = exchange.past.holdings(
        exchange.clock.now() - timedelta(seconds=float(seconds))
    )
    try:
        yield
    finally:
        ledger.positions = true


def _told(course: Course, answer: Answer | None, sent: Sent | None) -> dict[str, Any]:
    """`status` and `answer` are what the client got, null for nothing. A struck request also tells
    its faults and what the exchange itself did, null when it never saw the request."""
    if not course.faults and answer is not None:
        return {"status": answer.status, "answer": answer.body}
    return {
        "status": sent.status if sent else None,
        "answer": body_for_log((sent.text or "").encode()) if sent else None,
        "fault": course.names,
        "processed": answer is not None,
        "handled": {"status": answer.status, "answer": answer.body} if answer else None,
    }


def _cut(request: web.Request) -> web.Response:
    """The connection ends where the answer would have begun."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


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
    if key is None:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
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


def _response(sent: Sent) -> web.Response:
    if sent.text is None:
        return web.Response(status=sent.status, headers=sent.headers)
    return web.Response(
        text=sent.text, status=sent.status, headers=sent.headers, content_type=sent.content_type
    )
