"""One connection after another, whatever ends it; the pause starts anew after one that listened."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

from services.brokers.alpaca.supervision import (
    Backoff,
    Connection,
    StreamLostError,
    StreamThread,
)
from services.brokers.port import BrokerMessage, StreamState

DEADLINE = 20.0


@dataclass
class Story:
    """Connections that go as told, one line each; what was delivered and how long was paused."""

    lines: list[str]
    delivered: list[BrokerMessage] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    closed: int = 0
    over: Event = field(default_factory=Event)

    def open(self) -> Connection:
        if not self.lines:
            self.over.set()
            return Told(self, "stay")
        return Told(self, self.lines.pop(0))

    def deliver(self, messages: Sequence[BrokerMessage]) -> None:
        self.delivered += messages

    def run(self) -> None:
        thread = StreamThread("orders", self.open, self.deliver, Counting(failures=self.failures))
        thread.start()
        assert self.over.wait(DEADLINE)
        thread.stop(DEADLINE)

    def told(self) -> list[tuple[bool, str]]:
        return [(m.connected, m.reason) for m in self.delivered if isinstance(m, StreamState)]


@dataclass(frozen=True)
class Counting(Backoff):
    """No pause; keeps the count of failures that it was asked for."""

    failures: list[int] = field(default_factory=list)

    def delay(self, failures: int) -> float:
        self.failures.append(failures)
        return 0.0


@dataclass
class Told:
    story: Story
    line: str

    async def session(self, connected: Callable[[str], None]) -> None:
        if "listen" in self.line:
            connected("")
        if "stay" in self.line:
            await asyncio.Event().wait()
        if "lost" in self.line:
            raise StreamLostError(self.line)
        if "bug" in self.line:
            raise KeyError("T")

    async def close(self) -> None:
        self.story.closed += 1
        if "rude" in self.line:
            raise ConnectionError("no goodbye")


def test_the_pause_grows_with_failures_in_a_row_and_starts_anew_after_listening() -> None:
    story = Story(["lost", "lost", "lost", "listen, lost", "lost", "listen, lost"])
    story.run()
    assert story.failures == [1, 2, 3, 1, 2, 1]


def test_every_connection_is_told_and_each_reason_once() -> None:
    story = Story(["lost a", "lost a", "lost b", "listen", "listen", "lost b"])
    story.run()
    assert story.told() == [
        (False, "lost a"),
        (False, "lost b"),
        (True, ""),
        (True, ""),
        (False, "lost b"),
    ]


def test_a_bug_or_a_rude_goodbye_never_ends_the_supervision_and_all_are_closed() -> None:
    story = Story(["bug", "lost, rude", "bug, rude", "listen"])
    story.run()
    assert story.told() == [
        (False, "the stream ended unexpectedly (KeyError)"),
        (False, "lost, rude"),
        (False, "the stream ended unexpectedly (KeyError)"),
        (True, ""),
    ]
    assert story.closed == 5


def test_stopping_before_the_start_of_the_loop_and_twice_is_harmless() -> None:
    story = Story([])
    thread = StreamThread("orders", story.open, story.deliver, Backoff())
    thread.stop(DEADLINE)
    thread.start()
    thread.stop(DEADLINE)
    thread.stop(DEADLINE)
    assert story.told() == []
