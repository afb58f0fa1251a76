"""Carries requests to the broker and answers back: rate limit, worker threads, time limits, and
another try for reads that failed fast. Writes go once."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import stamina
from pydantic import SecretStr

from db.clock import Clock
from services.brokers.alpaca import outcomes
from services.brokers.alpaca.answer import Answer, NoAnswerError
from services.brokers.alpaca.client import Permit, Rest, Timeouts
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.limiter import Lane, RequestLimiter
from services.brokers.port import BrokerUnavailableError, RequestBudget

THREADS = {Lane.READ: 4, Lane.ORDER: 16, Lane.URGENT: 16}
"""Worker threads of each lane: hung reads or orders never hold up a cancel. A phase's orders leave
side by side, and so do a halt's cancels."""

CLOSED = "the broker's connection is closed"


class _FleetingError(BrokerUnavailableError):
    """Failed fast and may succeed at once: dropped connection, 5xx, 429, an answer that was cut.
    Reads try again."""


class Courier:
    """From the event loop to the blocking client and back."""

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
        self._pools = {
            lane: ThreadPoolExecutor(THREADS[lane], f"broker-{lane.name.lower()}") for lane in Lane
        }

    def budget(self) -> RequestBudget:
        return self._limits["trading"].budget()

    def close(self) -> None:
        """Answers under way are no longer waited for."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        self._rest.close()

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
        """One request in a worker thread, when its lane has room. Once this has returned or raised,
        a request with a permit that has not left yet never will."""
        while (wait := self._limits[host].take(lane)) > 0:
            await self._clock.sleep(wait)
        over = Event()
        guarded = None if permit is None else _until(over, permit)
        try:
            job = self._pools[lane].submit(self._rest.call, host, method, path, data, guarded)
        except RuntimeError as error:
            raise NoAnswerError(CLOSED, never_left=True) from error
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await asyncio.wrap_future(job)
        except TimeoutError as error:
            raise NoAnswerError(
                "the broker did not answer in time", never_left=job.cancel(), timed_out=True
            ) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise NoAnswerError(CLOSED, never_left=True) from error  # `close` emptied the queue
        finally:
            over.set()


def _cut(body: str) -> bool:
    """Whether it ends before its JSON does, as far as its last character tells."""
    return not body.rstrip().endswith(("}", "]"))


def _until(over: Event, permit: Permit) -> Permit:
    return lambda: "it waited too long" if over.is_set() else permit()
