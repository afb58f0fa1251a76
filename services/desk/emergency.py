"""`quarterdeck kill` when nothing else can be counted on: `python -m services.desk.emergency`.

The latch first, always; then the desk, if it answers within a second; else the orders are cancelled
at the broker itself, all but protective ones, until it shows none (spec 5, Kill switch).

Exit code: 0 no order remains, 10 orders remain, 20 nobody could say."""

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import SecretStr, ValidationError

from db.clock import Clock, SystemClock
from db.home import Home, HomeError, locate
from db.model.environment import Environment
from db.model.order import BrokerOrder
from db.model.trading import HaltedOrder, HaltReport
from services.brokers.port import (
    Broker,
    BrokerUnavailableError,
    CancelOutcome,
    WrongCredentialsError,
)
from services.desk.by_hand_emergency import listed
from services.desk.client import DeskClient, DeskError, DeskUnreachable
from services.desk.latch import set_latch
from services.desk.options import DeskOptions, read_arguments

ORDERS_REMAIN = 10
NOBODY_KNOWS = 20
DESK_SECONDS = 1.0
DESK_CANCELS_SECONDS = 15.0
"""A desk that answers is left to cancel by itself for so long."""
BROKER_SECONDS = 60.0
ROUND_SECONDS = 0.5
EMPTY_READS = 2
"""An order may have been on its way while the first empty list was read."""


class Request(NamedTuple):
    home: Home
    options: DeskOptions
    by: str
    reason: str


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module: talk on stderr, the report on stdout."""
    parser = argparse.ArgumentParser(prog="quarterdeck kill", allow_abbrev=False)
    parser.add_argument("--by", default=f"{getpass.getuser()} (emergency)")
    parser.add_argument("--reason", default="halted from the command line")
    parser.add_argument("--json", action="store_true")
    own, rest = parser.parse_known_args(sys.argv[1:] if arguments is None else arguments)
    environment, options = read_arguments(rest)
    request = Request(locate(environment), options, own.by, own.reason)
    clock = SystemClock()
    held = _latch(request, clock)
    try:
        report = asyncio.run(_halt(request, clock))
    except BrokerUnavailableError as error:
        _talk(f"What remains at the broker is unknown: {error} Cancel there by hand.")
        return NOBODY_KNOWS
    sys.stdout.write(f"{json.dumps(report.to_json())}\n" if own.json else _text(report))
    if not held:
        return NOBODY_KNOWS
    return 0 if report.complete else ORDERS_REMAIN


def _latch(request: Request, clock: Clock) -> bool:
    try:
        latch = set_latch(request.home, request.by, request.reason, clock.now())
    except OSError as error:
        _talk(str(error))
        return False
    _talk(f"Trading is HALTED (by {latch.by}: {latch.reason}); the latch is {request.home.latch}.")
    return True


async def _halt(request: Request, clock: Clock) -> HaltReport:
    report = await _through_desk(request, clock)
    if report is not None:
        return report
    if request.home.environment is Environment.MANUAL:
        _talk("The desk does not answer: cancel these at your broker by hand.")
        return listed(request.home, request.by, request.reason, clock.now())
    _talk("The desk does not answer: cancelling at the broker itself.")
    broker = _broker(request, clock)
    try:
        return await cancel_at_broker(broker, clock, request.by, request.reason)
    finally:
        await broker.close()


async def _through_desk(request: Request, clock: Clock) -> HaltReport | None:
    """The finished report of a desk that answers; None when it does not, or does not finish."""
    started = clock.monotonic()
    async with DeskClient(request.home.socket) as desk:
        try:
            try:
                answer = await desk.halt(request.reason, request.by, DESK_SECONDS)
                return HaltReport.model_validate(answer)
            except DeskUnreachable as error:
                if error.absent:
                    return None
            while clock.monotonic() - started < DESK_CANCELS_SECONDS:
                found = await desk.halt_report(DESK_SECONDS)
                if found is not None and found.get("complete") is True:
                    return HaltReport.model_validate(found)
                await clock.sleep(ROUND_SECONDS)
        except DeskUnreachable:
            return None
        except (DeskError, ValidationError) as error:
            _talk(f"The desk: {error}")
    return None


def _broker(request: Request, clock: Clock) -> Broker:
    """The adapter of the request's environment. Raises BrokerUnavailableError."""
    from services.brokers.alpaca.adapter import AlpacaBroker
    from services.brokers.alpaca.endpoints import EndpointError, Endpoints
    from services.desk.config import SettingsError, load
    from services.desk.credentials import credentials
    from services.desk.simulator import read_address

    try:
        settings = load(request.home, request.options.overrides)
        chosen = settings.broker or read_address(request.home)
        if chosen is None:
            raise BrokerUnavailableError("no simulated exchange was ever started here.")
        if settings.broker is None:
            key, secret = SecretStr(str(chosen.key)), SecretStr(str(chosen.secret))
        else:
            key, secret, _ = credentials(settings)
        endpoints = Endpoints.among(dict(chosen))
        return AlpacaBroker(settings.account_name, key, secret, endpoints, clock)
    except (SettingsError, EndpointError, HomeError, ValueError) as error:
        raise BrokerUnavailableError(str(error)) from error


async def cancel_at_broker(broker: Broker, clock: Clock, by: str, reason: str) -> HaltReport:
    """Cancel every order but protective ones, one by one, until the broker shows none.

    Raises BrokerUnavailableError when the broker's open orders could not be read at the end: a failed
    read never means that none is left (invariant 30)."""
    started, at = clock.monotonic(), clock.now()
    seen: dict[str, HaltedOrder] = {}
    doomed: list[BrokerOrder] | None = None
    why, empty = "", 0
    while empty < EMPTY_READS and clock.monotonic() - started < BROKER_SECONDS:
        try:
            working = await broker.open_orders()
        except BrokerUnavailableError as error:
            doomed, why, empty = None, str(error), 0
            if isinstance(error, WrongCredentialsError):
                break  # asking again changes nothing
        else:
            doomed = [order for order in working if not order.protective]
            empty = 0 if doomed else empty + 1
            seen |= {o.order_id: _halted(o, "protective, kept") for o in working if o.protective}
            outcomes = await asyncio.gather(*(broker.cancel(order.order_id) for order in doomed))
            for order, outcome in zip(doomed, outcomes, strict=True):
                seen[order.order_id] = _halted(order, _words(outcome))
        if empty < EMPTY_READS:
            await clock.sleep(ROUND_SECONDS)
    if doomed is None:
        raise BrokerUnavailableError(why)
    orders = tuple([await _final(broker, order) for order in seen.values()])
    return HaltReport(
        at=at, by=by, reason=reason, orders=orders, remaining=len(doomed), complete=not doomed
    )


async def _final(broker: Broker, halted: HaltedOrder) -> HaltedOrder:
    """With what became of it, if the broker still says."""
    try:
        order = await broker.order(halted.client_order_id)
    except BrokerUnavailableError:
        return halted
    if order is None or order.protective:
        return halted
    filled = f", {order.filled_qty} filled" if order.filled_qty else ""
    return halted.model_copy(update={"outcome": f"{order.status}{filled}"})


def _halted(order: BrokerOrder, outcome: str) -> HaltedOrder:
    return HaltedOrder(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side.value if order.side else "",
        outcome=outcome,
    )


def _words(outcome: CancelOutcome) -> str:
    return f"cancel {outcome.value.replace('_', ' ')}"


def _text(report: HaltReport) -> str:
    lines = [
        f"{order.side.upper()} {order.symbol} {order.client_order_id}: {order.outcome}"
        for order in report.orders
    ]
    known = "" if report.complete else ", as far as is known"
    return "\n".join([*lines, f"Working orders that remain: {report.remaining}{known}"]) + "\n"


def _talk(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
