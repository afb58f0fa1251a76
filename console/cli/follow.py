"""Follows a plan until it stops by itself: every journal event once, in order, whatever happens to
the line or the desk meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from services.desk.client import DeskClient, DeskError, DeskUnreachable, Json

GOING = frozenset({"approved", "selling", "settling", "buying", "protecting"})
"""Plan states that go on by themselves. In every other a plan has ended or waits for the trader."""
LOOK_SECONDS = 1.0
"""How often to look without being told of an event: updates are a wake-up, never the truth."""
PATIENCE_SECONDS = 60.0
"""How long a desk may be away before following is given up."""
PAGE = 500
NOT_NOW = 409


class Following:
    """One plan, followed. `show` gets each event, `talk` what is said about the line."""

    def __init__(
        self,
        client: DeskClient,
        plan_id: str,
        after: int,
        show: Callable[[Json], None],
        talk: Callable[[str], None],
        confirming: bool = False,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._client, self._plan_id, self._after = client, plan_id, after
        self._show, self._talk = show, talk
        self._confirming, self._patience = confirming, patience
        self._woken = asyncio.Event()

    async def to_the_end(self) -> Json:
        """The plan as it is when it goes on no longer. Raises DeskUnreachable when the desk stays
        away."""
        listening = asyncio.create_task(self._listen())
        try:
            return await self._watch()
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def _watch(self) -> Json:
        loop = asyncio.get_running_loop()
        last_heard = loop.time()
        lost = False
        while True:
            try:
                plan = await self._look()
            except DeskUnreachable as error:
                if loop.time() - last_heard > self._patience:
                    raise
                if not lost:
                    self._talk(f"{error.sentence} Waiting for it.")
                lost = True
            else:
                if lost:
                    self._talk("The desk answers again.")
                lost, last_heard = False, loop.time()
                if plan["state"] not in GOING:
                    return plan
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            self._woken.clear()

    async def _look(self) -> Json:
        """The plan first and its events after, so that none before its end is missed."""
        plan = await self._client.plan(self._plan_id)
        await self._show_new()
        if self._confirming and plan["state"] in GOING:
            try:
                await self._client.next(self._plan_id)
            except DeskError as error:
                if error.status != NOT_NOW:
                    raise
        return plan

    async def _show_new(self) -> None:
        while True:
            events = await self._client.events(self._after, PAGE, self._plan_id)
            for event in events:
                self._after = max(self._after, int(event["seq"]))
                self._show(event)
            if len(events) < PAGE:
                return

    async def _listen(self) -> None:
        while True:
            with suppress(DeskError):  # the watch says when the desk is away
                async for message in self._client.updates(events=True):
                    if self._concerns(message):
                        self._woken.set()
            self._woken.set()
            await asyncio.sleep(LOOK_SECONDS)

    def _concerns(self, message: Json) -> bool:
        if message.get("type") == "event":
            return bool(message["event"].get("plan_id") == self._plan_id)
        return message.get("type") == "changes" and "plans" in message["changes"]
