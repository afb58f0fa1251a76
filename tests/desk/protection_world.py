"""What the exchange itself says of protection, and how its day is made a bad one."""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from typing import Any

from desk_world import DEADLINE, RunningDesk

Json = dict[str, Any]


def asked(desk: RunningDesk, path: str) -> Any:
    """The exchange's own answer."""
    url = f"{desk.exchange.trading_url}{path}"
    request = urllib.request.Request(url, headers=desk.exchange.headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def deed(desk: RunningDesk, do: str, when: Json | None = None, **parameters: object) -> None:
    """Something goes wrong at the exchange. Needs `control=True`."""
    hello = desk.exchange.hello
    request = urllib.request.Request(
        f"{hello['control_url']}faults",
        data=json.dumps({"do": do, "when": when or {}, **parameters}).encode(),
        headers={"Authorization": f"Bearer {hello['control_token']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def jump(desk: RunningDesk, symbol: str, percent: str) -> None:
    deed(desk, "jump", symbol=symbol, percent=percent)


def protecting(desk: RunningDesk, symbol: str) -> list[Json]:
    """Its open orders at the exchange, legs within."""
    return [
        order
        for order in asked(desk, "/v2/orders?status=open&nested=true&limit=500")
        if order["symbol"] == symbol
    ]


def covered(desk: RunningDesk, symbol: str) -> list[str]:
    """Quantities of its open protective orders, a pair once."""
    return sorted(
        str(int(order["qty"]) - int(order["filled_qty"])) for order in protecting(desk, symbol)
    )


def held(desk: RunningDesk, symbol: str) -> str:
    found = (p["qty"] for p in asked(desk, "/v2/positions") if p["symbol"] == symbol)
    return str(next(found, "0"))


async def eventually(true: Callable[[], Any]) -> None:
    """Until it is so."""
    async with asyncio.timeout(DEADLINE):
        while not true():
            await asyncio.sleep(0.05)


async def alerted(desk: RunningDesk, condition: str, *, on: bool = True) -> Json:
    """Until such an alert holds, or none does any more. The alert."""
    async with asyncio.timeout(DEADLINE):
        while True:
            snapshot = await desk.client.snapshot()
            found = [
                alert
                for alert in snapshot["alerts"].values()
                if alert["condition"] == condition and alert["cleared_at"] is None
            ]
            if bool(found) is on:
                return found[0] if found else {}
            await asyncio.sleep(0.05)


async def bought(desk: RunningDesk, symbol: str = "ABBV", qty: str = "10", **ticket: str) -> Json:
    """A ticket, approved and run to its end in auto mode."""
    return await _ticket(desk, symbol=symbol, side="buy", qty=qty, **ticket)


async def sold(desk: RunningDesk, symbol: str = "ABBV", qty: str = "10", **ticket: str) -> Json:
    return await _ticket(desk, symbol=symbol, side="sell", qty=qty, **ticket)


async def _ticket(desk: RunningDesk, **ticket: str) -> Json:
    made = await desk.client.ticket(**ticket)
    await desk.start_plan(made["plan_id"], "auto")
    return await desk.until_ended(made["plan_id"])


async def with_cash(desk: RunningDesk) -> None:
    await sold(desk, "NEM", "150")
