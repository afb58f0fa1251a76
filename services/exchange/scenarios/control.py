"""/control/: bad days made live. Loopback only, off unless asked for, by its own token.

GET    /control/            faults and conditions, shipped scenarios, what is armed
GET    /control/state       clock, accounts, holdings, open orders, prices, halts
POST   /control/faults      a fault as in a file: {"do": …, "when": {…}, parameters} → number
DELETE /control/faults/N    end it, and take back what it did
POST   /control/scenarios   {"name": …}: all steps of a shipped scenario, from now
POST   /control/clock       {"to": ISO time} or {"forward": seconds}
"""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from hmac import compare_digest
from typing import Any

from aiohttp import web

from services.exchange import wire
from services.exchange.clock import Movable
from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.exchange import Exchange
from services.exchange.scenarios.faults import FAULTS, described
from services.exchange.scenarios.reading import (
    ScenarioError,
    StepError,
    read_scenario,
    shipped,
    step_of,
)
from services.exchange.scenarios.triggers import Trigger

CONTROL = "/control/"
Body = dict[str, Any]
Answerer = Callable[[Exchange, web.Request, Body], Any]


class ControlError(Exception):
    """A control request that cannot be done; the message is one sentence."""


def add_control(app: web.Application, exchange: Exchange, token: str | None) -> None:
    """Without a token nothing answers there but 404."""
    if token is None:
        app.router.add_route("*", CONTROL + "{path:.*}", _absent)
        return
    for method, path, answerer in ROUTES:
        app.router.add_route(method, CONTROL + path, _guarded(exchange, token, answerer))


def _guarded(
    exchange: Exchange, token: str, answerer: Answerer
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not compare_digest(given.encode(), token.encode()):
            return _json({"message": "unauthorized."}, 401)
        try:
            body = wire.loads(await request.read() or b"{}")
            if not isinstance(body, dict):
                raise ControlError("The body must be a JSON object.")
            answer = answerer(exchange, request, body)
        except (ControlError, ScenarioError, StepError, ValueError) as error:
            return _json({"message": str(error)}, 422)
        await exchange.store.durable()
        return _json(answer, 200)

    return serve


async def _absent(request: web.Request) -> web.Response:
    refused = RefusedError(Cause.NO_ENDPOINT)
    return _json(refused.body, refused.status)


def _json(body: Any, status: int) -> web.Response:
    return web.json_response(text=json.dumps(body, default=str), status=status)


def _tables(exchange: Exchange, request: web.Request, body: Body) -> Any:
    return {
        "faults": [described(name) for name in FAULTS],
        "when": {name: field.description for name, field in Trigger.model_fields.items()},
        "scenarios": {name: read_scenario(name).about for name in shipped()},
        "armed": exchange.director.listing(),
    }


def _state(exchange: Exchange, request: web.Request, body: Body) -> Any:
    floor, boards = exchange.venue.floor, exchange.market.boards
    return {
        "now": wire.instant(exchange.clock.now()),
        "accounts": {
            name: {
                "cash": wire.number(account.cash),
                "positions": {p.symbol: wire.number(p.qty) for p in floor.positions(name)},
                "open_orders": [order.as_wire() for order in floor.open_orders(name)],
            }
            for name, account in floor.ledger.accounts.items()
        },
        "market": {
            symbol: {"price": wire.number(board.price), "halted": board.halted}
            for symbol, board in boards.items()
        },
        "armed": exchange.director.listing(),
    }


def _inject(exchange: Exchange, request: web.Request, body: Body) -> Any:
    number = exchange.director.inject(step_of(body))
    exchange.director.turn()
    return {"number": number}


def _stop(exchange: Exchange, request: web.Request, body: Body) -> Any:
    number = request.match_info["number"]
    if not number.isdecimal() or not exchange.director.stop(int(number)):
        raise ControlError(f"There is no fault {number}.")
    return {"number": int(number)}


def _play(exchange: Exchange, request: web.Request, body: Body) -> Any:
    name = body.get("name")
    if name not in tuple(shipped()):
        raise ControlError(f"There is no scenario {name}; there are: {', '.join(shipped())}.")
    steps = read_scenario(str(name)).steps
    numbers = [exchange.director.inject(step) for step in steps]
    exchange.director.turn()
    return {"numbers": numbers}


def _clock(exchange: Exchange, request: web.Request, body: Body) -> Any:
    clock = exchange.clock
    if not isinstance(clock, Movable):
        raise ControlError("The true clock cannot be set forward.")
    if "to" in body:
        to = wire.moment(str(body["to"]))
    elif isinstance(seconds := body.get("forward"), int | Decimal) and seconds >= 0:
        to = clock.now() + timedelta(seconds=float(seconds))
    else:
        raise ControlError('Say {"to": time} or {"forward": seconds}.')
    if to < clock.now():
        raise ControlError("The clock only goes forward.")
    clock.forward(to)
    return {"now": wire.instant(clock.now())}


ROUTES: tuple[tuple[str, str, Answerer], ...] = (
    ("GET", "", _tables),
    ("GET", "state", _state),
    ("POST", "faults", _inject),
    ("DELETE", "faults/{number}", _stop),
    ("POST", "scenarios", _play),
    ("POST", "clock", _clock),
)
