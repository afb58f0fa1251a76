"""Faults of the websockets: what becomes of each frame, and who is let in."""

import json
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.exchange.clock import Clock
from services.exchange.scenarios.director import Director
from services.exchange.scenarios.faults import (
    DelayEvent,
    DuplicateEvent,
    Fault,
    LoseEvent,
    MissingEventField,
    NoAuthAnswer,
    ReplayEvents,
    SwapEvents,
    UnknownEventValue,
)
from services.exchange.scenarios.spoilt_json import saying, without
from services.exchange.scenarios.triggers import Occasion
from services.exchange.streams.connection import Connection
from services.exchange.streams.tap import DATA, Frame, Send, Step, Tap

TRADE_UPDATES, DATA_STREAM = "trade_updates", "data"
STREAMS = (TRADE_UPDATES, DATA_STREAM)
TRADE_PATH = "/stream"
TOO_MANY = 429
MOST_REPLAYED = 100


def stream_of(path: str) -> str:
    """The name scenarios give to the websocket at a path."""
    return TRADE_UPDATES if path == TRADE_PATH else DATA_STREAM


class Outages:
    """Sockets that are mute, and dead sessions that keep their place."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.mute: set[int] = set()
        self._lingering: list[tuple[str, str | None, datetime]] = []

    def silence(self, connections: Iterable[Connection]) -> None:
        """They stay open and say nothing any more."""
        self.mute.update(connection.number for connection in connections)

    def linger(self, stream: str, account: str | None, seconds: float) -> None:
        """Nobody else gets in, of an account or at all, until the dead session's time is over."""
        until = self._clock.now() + timedelta(seconds=seconds)
        self._lingering.append((stream, account, until))

    def keep_out(self, stream: str, account: str | None) -> bool:
        now = self._clock.now()
        self._lingering = [session for session in self._lingering if now < session[2]]
        return any(
            stream == dead and (account is None or whose is None or account == whose)
            for dead, whose, _ in self._lingering
        )


class StreamTap(Tap):
    """Spoils frames as the director says."""

    def __init__(self, director: Director, outages: Outages) -> None:
        self._director, self._outages = director, outages
        self._held: dict[int, bytes] = {}
        self._latest: dict[int, deque[bytes]] = {}

    # -- Tap ----------------------------------------------------------------------------------

    def refuses_upgrade(self, stream: str, account: str | None) -> int | None:
        """The trade stream answers 429 to the upgrade; the data stream says 406 after the keys."""
        kind = stream_of(stream)
        return TOO_MANY if kind == TRADE_UPDATES and self._outages.keep_out(kind, account) else None

    def refuses_session(self, stream: str, account: str) -> bool:
        return self._outages.keep_out(stream_of(stream), account)

    def passes(self, frame: Frame) -> Sequence[Step]:
        if self._director.idle:
            return (Send(frame.payload),)
        if frame.connection in self._outages.mute:
            return ()
        is_event = frame.update is not None or frame.event == DATA
        if not is_event and not _answers_keys(frame):
            return (Send(frame.payload),)
        faults = self._director.on_event(
            self._occasion(frame), of=lambda fault: isinstance(fault, NoAuthAnswer) is not is_event
        )
        if frame.connection in self._outages.mute:  # by a deed that waited for this very event
            return ()
        held = self._held.pop(frame.connection, None) if is_event else None
        if is_event:
            self._latest.setdefault(frame.connection, deque(maxlen=MOST_REPLAYED)).append(
                frame.payload
            )
        steps = self._spoilt(frame, faults)
        return steps if held is None else [*steps, Send(held)]

    def _spoilt(self, frame: Frame, faults: Iterable[Fault]) -> list[Step]:
        payload, copies, after = frame.payload, 1, 0.0
        again: list[bytes] = []
        for fault in faults:
            match fault:
                case NoAuthAnswer():
                    self._outages.mute.add(frame.connection)
                    return []
                case LoseEvent():
                    return []
                case SwapEvents():
                    self._held[frame.connection] = payload
                    return []
                case MissingEventField() if frame.update is not None:
                    payload = json.dumps(without(json.loads(payload), fault.field)).encode()
                case UnknownEventValue() if frame.update is not None:
                    spoilt = saying(json.loads(payload), fault.field, fault.value)
                    payload = json.dumps(spoilt).encode()
                case ReplayEvents():
                    again = list(self._latest[frame.connection])[-fault.count :]
                case DuplicateEvent():
                    copies = fault.copies
                case DelayEvent():
                    after = float(fault.seconds)
        return [Send(one, after) for one in [payload] * copies + again]

    def _occasion(self, frame: Frame) -> Occasion:
        order = frame.update.order if frame.update else None
        return Occasion(
            account=frame.account or "",
            symbol=order.symbol if order else "",
            order=self._director.number_of(order.id) if order else 0,
            stream=stream_of(frame.stream),
            event=frame.event,
        )


def _answers_keys(frame: Frame) -> bool:
    return frame.event == "authorization" or b"authenticated" in frame.payload
