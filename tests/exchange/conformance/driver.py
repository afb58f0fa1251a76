"""Runs a row: its steps, one after the other, over real HTTP and websockets."""

import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgpack
from alpaca.common.exceptions import APIError
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.trading.client import TradingClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from conformance.row import (
    Call,
    Client,
    Events,
    Hear,
    Row,
    Saved,
    Say,
    Socket,
    Stage,
    Step,
    mismatch,
)
from conformance.worlds import World

DEADLINE = 10.0
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}


def run(row: Row, world: World, steps: tuple[Step, ...]) -> None:
    """Raises AssertionError with the first thing that is not as the rule says."""
    world.do("begin", at=row.at)
    with ExitStack() as stack:
        play = _Play(row, world, stack)
        if any(isinstance(step, Events) for step in steps):
            play.listen()
        for number, step in enumerate(steps, start=1):
            try:
                play.take(step)
            except AssertionError as failed:
                raise AssertionError(f"{row.rule}: {row.says}\nstep {number}: {failed}") from None


@dataclass
class Clients:
    """alpaca-py, as an account of the row sees it."""

    url: str
    key: str
    secret: str

    @cached_property
    def trading(self) -> TradingClient:
        return self._quick(TradingClient(self.key, self.secret, url_override=self.url))

    @cached_property
    def stocks(self) -> StockHistoricalDataClient:
        return self._quick(StockHistoricalDataClient(self.key, self.secret, url_override=self.url))

    @cached_property
    def options(self) -> OptionHistoricalDataClient:
        return self._quick(OptionHistoricalDataClient(self.key, self.secret, url_override=self.url))

    @staticmethod
    def _quick(client: Any) -> Any:
        client._retry = 0
        client._session.trust_env = False
        return client


class _Play:
    """One row on one world: what was saved, and which sockets are open."""

    def __init__(self, row: Row, world: World, stack: ExitStack) -> None:
        self.row, self.world, self.stack = row, world, stack
        self.key, self.secret = world.accounts[row.account]
        self.saved = Saved()
        basic = b64encode(f"{self.key}:{self.secret}".encode()).decode()
        own = {"account": row.account, "key": self.key, "secret": self.secret, "basic": basic}
        self.saved.answers["own"] = own
        self.sockets: dict[str, tuple[ClientConnection, bool]] = {}
        self.events: list[dict[str, Any]] = []
        self.clients = Clients(world.url, self.key, self.secret)

    def take(self, step: Step) -> None:
        deeds: dict[type, Callable[[Any], None]] = {
            Call: self._call,
            Events: self._events,
            Stage: self._stage,
            Client: self._client,
            Socket: self._socket,
            Say: self._say,
            Hear: self._hear,
        }
        deeds[type(step)](step)

    # -- REST ---------------------------------------------------------------------------------

    def _call(self, step: Call) -> None:
        path, body = self.saved.fill(step.path), self.saved.fill(step.body)
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        keys = {"APCA-API-KEY-ID": self.key, "APCA-API-SECRET-KEY": self.secret}
        for _ in range(step.times):
            answer = self.world.session.request(
                step.method,
                self.world.url + path,
                data=data,
                headers=keys if step.keys is None else self.saved.fill(step.keys),
                timeout=DEADLINE,
            )
        told = f"{step.method} {path} {data or ''} → {answer.status_code} {answer.text[:2000]}"
        wrong = mismatch(step.status, answer.status_code)
        assert not wrong, f"{told}: status {wrong}"
        if not step.json:
            assert "<html" in answer.text.lower(), told
            return
        got = answer.json() if answer.text else None
        if step.save:
            self.saved.answers[step.save] = got
        if step.status == 204:
            assert got is None, told
        if step.expect is not None:
            wrong = mismatch(self.saved.fill(step.expect), got)
            assert not wrong, f"{told}: {wrong}"
        wrong = mismatch(step.headers, {name.lower(): v for name, v in answer.headers.items()})
        assert not wrong, f"{told}: headers{wrong}"

    def _stage(self, step: Stage) -> None:
        self.world.do(step.do, **self.saved.fill(step.arguments))

    def _client(self, step: Client) -> None:
        try:
            got = step.call(self.clients, self.saved)
        except APIError as error:
            assert step.fails is not None, f"alpaca-py: {error.status_code} {error}"
            assert (error.status_code, error.code) == step.fails, str(error)
            return
        assert step.fails is None, f"alpaca-py got {got!r} instead of {step.fails}"
        if step.save:
            self.saved.answers[step.save] = json.loads(got.model_dump_json())
        if step.expect is not None:
            wrong = mismatch(self.saved.fill(step.expect), _plain(got))
            assert not wrong, wrong

    # -- trade_updates ------------------------------------------------------------------------

    def listen(self) -> None:
        """Before anything else, so that no event is missed."""
        auth = {"action": "authenticate", "data": {"key_id": self.key, "secret_key": self.secret}}
        self._socket(Socket("/stream", name="events"))
        self._say(Say(auth, ({"data": {"status": "authorized"}},), "events"))
        self._say(Say(LISTEN, ({"stream": "listening"},), "events"))

    def _events(self, step: Events) -> None:
        """Everything up to an acknowledgement asked for now."""
        self.world.do("settle")
        socket, _ = self.sockets["events"]
        socket.send(json.dumps(LISTEN))
        while (message := json.loads(socket.recv(timeout=DEADLINE)))["stream"] != "listening":
            self.events.append(message["data"])
        wanted = self.saved[step.of]["id"]
        mine = [event for event in self.events if event["order"]["id"] == wanted]
        names = tuple(event["event"] for event in mine)
        assert names == step.names, f"events of {step.of} are {names}, not {step.names}"
        for position, detail in step.details.items():
            wrong = mismatch(self.saved.fill(detail), mine[position])
            assert not wrong, f"{names[position]}: {wrong}"

    # -- websockets ---------------------------------------------------------------------------

    def _socket(self, step: Socket) -> None:
        headers = {"Content-Type": "application/msgpack"} if step.msgpack else {}
        if step.keys:
            headers |= {"APCA-API-KEY-ID": self.key, "APCA-API-SECRET-KEY": self.secret}
        url = self.world.ws + step.path
        try:
            opened = connect(
                url,
                additional_headers=headers,
                compression=None,
                max_size=1 << 20,
                proxy=None,
            )
        except InvalidStatus as refused:
            got = refused.response.status_code
            assert got == step.refused, f"{step.path} is refused with {got}"
            return
        socket = self.stack.enter_context(opened)
        assert not step.refused, f"{step.path} is not refused with {step.refused}"
        self.sockets[step.name] = (socket, step.msgpack)
        self._expect(step.name, step.hears)

    def _say(self, step: Say) -> None:
        socket, packed = self.sockets[step.name]
        message = self.saved.fill(step.message)
        if isinstance(message, str | bytes):
            data: str | bytes = message
        else:
            data = msgpack.packb(message) if packed else json.dumps(message)
        socket.send([data, data[:0]] if step.fragments else data)  # type: ignore[list-item]
        self._expect(step.name, step.hears)

    def _hear(self, step: Hear) -> None:
        self._expect(step.name, step.hears, step.binary)
        if step.closes:
            try:
                extra = self.sockets[step.name][0].recv(timeout=DEADLINE)
            except ConnectionClosed:
                return
            raise AssertionError(f"{step.name} is not closed but says {extra!r}")

    def _expect(self, name: str, hears: tuple[Any, ...], binary: bool | None = None) -> None:
        socket, packed = self.sockets[name]
        for expected in hears:
            try:
                frame = socket.recv(timeout=DEADLINE)
            except (ConnectionClosed, TimeoutError) as error:
                raise AssertionError(
                    f"{name}: {error or 'nothing'} instead of {expected}"
                ) from None
            if binary is not None:
                assert isinstance(frame, bytes) is binary, f"{name}: {frame!r}"
            got = msgpack.unpackb(frame) if packed else json.loads(frame)
            wrong = mismatch(self.saved.fill(expected), got)
            assert not wrong, f"{name} hears {got!r}: {wrong}"


def _plain(got: Any) -> Any:
    """Models of alpaca-py as the values they carry."""
    if hasattr(got, "model_dump"):
        return json.loads(got.model_dump_json())
    if isinstance(got, list):
        return [_plain(item) for item in got]
    if isinstance(got, dict):
        return {key: _plain(value) for key, value in got.items()}
    return got
