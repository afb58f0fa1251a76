"""The routes that only a manual desk has. Fields are text, as they were typed."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from services.desk.by_hand import ByHand
from services.execution.book import NotPossibleError

Body = dict[str, Any]
Answer = Callable[
    [Callable[[web.Request, Body], Awaitable[Any]]],
    Callable[[web.Request], Awaitable[web.Response]],
]
FIELDS = ("qty", "price", "fee", "at", "confirmation")


class HandRoutes:
    """Each handler one thought: read the request, ask, answer."""

    def __init__(self, by_hand: Callable[[], ByHand | None]) -> None:
        self._by_hand = by_hand

    def table(self, answer: Answer) -> list[web.RouteDef]:
        plan = "/v1/plans/{id}"
        return [
            web.get("/v1/by-hand/tickets", answer(self.tickets)),
            web.post("/v1/by-hand/statement", answer(self.statement)),
            web.post("/v1/by-hand/prices", answer(self.price)),
            web.post(f"{plan}/fill", answer(self.fill)),
            web.post(f"{plan}/not-done", answer(partial(self.end, False))),
            web.post(f"{plan}/refused", answer(partial(self.end, True))),
            web.post(f"{plan}/tick", answer(self.tick)),
            web.post(f"{plan}/guide", answer(self.guide)),
        ]

    @property
    def _hand(self) -> ByHand:
        """Raises NotPossibleError on a desk that sends its orders itself."""
        if (found := self._by_hand()) is None:
            raise NotPossibleError(
                "This desk sends its orders to a broker: only a desk of --env manual takes what "
                "you type."
            )
        return found

    async def tickets(self, _: web.Request, __: Body) -> Any:
        return self._hand.tickets()

    async def fill(self, request: web.Request, body: Body) -> Any:
        typed = {name: text(body, name) for name in FIELDS}
        sure = bool(body.get("sure"))
        return await self._hand.fill(request.match_info["id"], step(body), typed, sure=sure)

    async def end(self, refused: bool, request: web.Request, body: Body) -> Any:
        plan_id, reason = request.match_info["id"], text(body, "reason")
        return await self._hand.end(plan_id, step(body), reason, refused=refused)

    async def tick(self, request: web.Request, body: Body) -> Any:
        ticked = body.get("ticked", True) is not False
        plan_id, item = request.match_info["id"], text(body, "item")
        return await self._hand.tick(plan_id, step(body), item, ticked=ticked)

    async def guide(self, request: web.Request, _: Body) -> Any:
        return {"path": str(await self._hand.write_guide(request.match_info["id"]))}

    async def price(self, _: web.Request, body: Body) -> Any:
        return await self._hand.price(text(body, "symbol"), text(body, "price"))

    async def statement(self, _: web.Request, body: Body) -> Any:
        try:
            data = base64.b64decode(text(body, "content_base64"), validate=True)
        except binascii.Error as error:
            raise NotPossibleError(f"The file did not arrive whole: {error}.") from error
        return await self._hand.statement(text(body, "name"), data, text(body, "at"))


def text(body: Mapping[str, Any], name: str) -> str:
    """What was typed there; nothing when nothing was."""
    value = body.get(name)
    return "" if value is None else str(value)


def step(body: Mapping[str, Any]) -> int:
    """Raises NotPossibleError."""
    typed = text(body, "n")
    if not typed.isascii() or not typed.isdigit() or len(typed) > 4:
        raise NotPossibleError(f"There is no step {typed[:20]!r}.")
    return int(typed)
