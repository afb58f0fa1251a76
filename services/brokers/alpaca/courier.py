"""Carries requests to the broker and answers back: rate limit, lanes, time limits, and another try
for reads that failed fast. Writes go once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import stamina
from pydantic import SecretStr

from db.clock import Clock
from services.brokers.alpaca import outcomes
from services.brokers.alpaca.answer import Answer, NoAnswerError
from services.brokers.alpaca.client import Permit, Rest, Timeouts, WithdrawnError
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.limiter import Lane, RequestLimiter
from services.brokers.port import BrokerUnavailableError, RequestBudget

AT_ONCE = {Lane.READ: 4, Lane.ORDER: 16, Lane.URGENT: 16}
"""Requests of each lane side by side: hung reads or orders never hold up a cancel. A phase's orders
leave together, and so do a halt's cancels."""
_CLOSED = "the broker's connection is closed"


class _FleetingError(BrokerUnavailableError):
    """Failed fast and may succeed at once: dropped connection, 5xx, 429, an answer that was cut.
    Reads try again."""


class Courier:
    """Between the broker's adapter and its hosts."""

    def __init__(
        self,
        endpoints: Endpoints,
        key: SecretStr,
        secret: SecretStr,
        clock: Clock,
        timeouts: Timeouts,
        requests_a_minute: int,
    ) -> None:
        self._clock = clock
        self._timeouts = timeouts
        self._rest = Rest(endpoints, key, secret, timeouts)
        # The data host counts on its own.
        self._limits = {
            host: RequestLimiter(clock.monotonic, limit=requests_a_minute)
            for host in ("trading", "data")
        }
        self._lanes = {lane: asyncio.Semaphore(AT_ONCE[lane]) for lane in Lane}
        self._closed = False

    def budget(self) -> RequestBudget:
        return self._limits["trading"].budget()

    async def close(self) -> None:
        """Answers under way are no longer waited for."""
        self._closed = True
        await self._rest.close()

    async def read(
        self,
        path: str,
        what: str,
        query: Mapping[str, str] | None = None,
        *,
        lane: Lane = Lane.READ,
        host: str = "trading",
    ) -> Answer:
        """The answer to a GET, whatever its status, tried again after fast failures. Raises
        BrokerUnavailableError without one."""
        async for attempt in stamina.retry_context(
            on=_FleetingError,
            attempts=self._timeouts.tries,
            timeout=self._timeouts.total,
            wait_initial=self._timeouts.pause,
            wait_jitter=self._timeouts.pause,
        ):
            with attempt:
                return await self._read_once(path, what, query, lane, host)
        raise AssertionError("unreachable: the last attempt raises")

    async def _read_once(
        self, path: str, what: str, query: Mapping[str, str] | None, lane: Lane, host: str
    ) -> Answer:
        try:
            answer = await self.send(host, lane, "GET", path, query)
        except NoAnswerError as error:
            kind = BrokerUnavailableError if error.timed_out else _FleetingError
            raise kind(f"Asking the broker for {what}: {error}.") from error
        if answer.status == 429 or answer.status >= 500:
            raise _FleetingError(str(outcomes.of_failed_read(answer, what)))
        if answer.ok and _cut(answer.text):
            raise _FleetingError(f"Asking the broker for {what}: the answer broke off.")
        return answer

    async def send(
        self,
        host: str,
        lane: Lane,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        permit: Permit | None = None,
    ) -> Answer:
        """One request, when its lane has room. Once this has returned or raised, a request with a
        permit that has not left yet never will."""
        await self._turn(host, lane)
        left = False

        def last_look() -> str | None:
            nonlocal left
            why = self._against(permit)
            left = why is None
            return why

        try:
            async with asyncio.timeout(self._timeouts.total), self._lanes[lane]:
                if self._closed:
                    raise NoAnswerError(_CLOSED, never_left=True)
                return await self._rest.call(host, method, path, data, last_look)
        except (WithdrawnError, NoAnswerError):
            if self._closed and not left:
                raise NoAnswerError(_CLOSED, never_left=True) from None
            raise
        except TimeoutError as error:
            raise NoAnswerError(
                "the broker did not answer in time", never_left=not left, timed_out=True
            ) from error

    def _against(self, permit: Permit | None) -> str | None:
        """The reason not to send now."""
        if self._closed:
            return _CLOSED
        try:
            return None if permit is None else permit()
        except Exception as error:
            # Whatever keeps the permit from answering keeps the order from leaving.
            return f"whether trading is allowed could not be checked: {error}"

    async def _turn(self, host: str, lane: Lane) -> None:
        """Until the minute has room. A read that would wait longer than it may take is given up at
        once, and who asked hears why: what was asked for a minute ago nobody expects any more. An
        order waits its turn; it is looked at once more before it leaves."""
        until = self._clock.monotonic() + self._timeouts.total
        while (wait := self._limits[host].take(lane)) > 0:
            if lane is Lane.READ and self._clock.monotonic() + wait > until:
                raise NoAnswerError(
                    f"this minute's requests are used up; ask again in {wait:.0f} s",
                    never_left=True,
                    timed_out=True,
                )
            await self._clock.sleep(wait)


def _cut(body: str) -> bool:
    """Whether it ends before its JSON does, as far as its last character tells."""
    return not body.rstrip().endswith(("}", "]"))
