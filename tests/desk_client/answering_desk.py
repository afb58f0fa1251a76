"""A real server on a real unix socket that speaks the desk's API with canned answers.

It runs in a thread of its own, so that a synchronous command can be run against it."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

Json = dict[str, Any]
Answer = tuple[int, Any]


class CannedDesk:
    """`answers` maps "METHOD /path" to (status, body) or to a function of the request's body.

    `asked` holds every request as (method, path with query, body) in order of arrival."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.answers: dict[str, Answer | Callable[[Json], Answer]] = {}
        self.asked: list[tuple[str, str, Json]] = []
        self.updates: list[Json] = [{"type": "snapshot", "snapshot": {}}]
        self.drop_updates = False
        self.silent = False
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()

    def stop(self) -> None:
        """The socket goes away and every connection with it."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join()
        self._loop.close()

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]

    def bodies(self, method_and_path: str) -> list[Json]:
        return [b for m, p, b in self.asked if f"{m} {p}" == method_and_path]

    async def _serve(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/updates", self._stream)
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()

    async def _close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else {}
        self.asked.append((request.method, request.path_qs, body))
        if self.silent:
            await asyncio.Event().wait()
        given = self.answers.get(f"{request.method} {request.path_qs}")
        if given is None:
            given = self.answers.get(f"{request.method} {request.path}")
        if given is None:
            return web.json_response({"error": f"no canned answer: {request.path}"}, status=404)
        status, answer = given(body) if callable(given) else given
        if isinstance(answer, bytes):
            return web.Response(body=answer, status=status)
        return web.json_response(answer, status=status)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        self.asked.append((request.method, request.path_qs, {}))
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        for message in self.updates:
            await stream.send_json(message)
        if self.drop_updates:
            await stream.close()
            return stream
        async for message in stream:
            if message.type is WSMsgType.ERROR:
                break
        return stream
