"""Requests as alpaca-py makes them, with what it lacks (alpaca.md §2): time limits, exactly one
request per call, exact decimals, redirects seen, no proxy from the environment.

Addresses, versions and headers are alpaca-py's. Its sessions block, and the way into a thread and back
costs 0.2 ms: the bytes go by aiohttp, on the loop. Importing alpaca-py costs a quarter of a second, so
this happens on first use, in a thread."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
import certifi
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from pydantic import SecretStr
from yarl import URL

from db.without_pandas import without_pandas
from services.brokers.alpaca.answer import Answer, NoAnswerError
from services.brokers.alpaca.endpoints import Endpoints

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient

log = logging.getLogger(__name__)

ACCEPT = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
IDLE = 300.0
"""Seconds that a connection is kept for the next request, unless the broker ends it."""

_BODY = json.JSONEncoder(allow_nan=False)

Permit = Callable[[], str | None]


@dataclass(frozen=True)
class Timeouts:
    """Seconds, and tries of a read."""

    connect: float = 3.05
    """From the name to a connection that is proven: nothing has left by then."""
    read: float = 10.0
    """The longest silence between two bytes."""
    total: float = 20.0
    """The longest that a request may take altogether, its wait for a lane included."""
    tries: int = 3
    """Of a read that failed fast. Writes are never tried again here."""
    pause: float = 0.25
    """Before the second try; doubled for the third."""
    listen: float = 10.0
    """From opening a stream to its acknowledgement: a mute server is given up."""
    silence: float = 60.0
    """Of the quote stream in market hours, after which it is connected anew."""


class WithdrawnError(Exception):
    """The permit was refused in the last moment: nothing was sent."""


_LAST_LOOK: ContextVar[Permit] = ContextVar("last look")
"""Of the request that is being sent."""


class _Connector(aiohttp.TCPConnector):
    """Looks once more between a connection and the first byte on it. Making one may take seconds."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        if (why := _LAST_LOOK.get()()) is not None:
            connection.release()
            raise WithdrawnError(why)
        return connection


class _Request(NamedTuple):
    """As alpaca-py would send it."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True)
class _Host:
    """Its address and version, and what every request to it says of who asks."""

    url: str
    headers: Mapping[str, str] = field(repr=False)

    def request(self, method: str, path: str, data: Mapping[str, Any] | None) -> _Request:
        """What is asked for stands in the address, what is to be written in the body."""
        if method == "POST":
            return _Request(
                method,
                URL(self.url + path, encoded=True),
                {**self.headers, "Content-Type": "application/json"},
                _BODY.encode(dict(data or {})).encode(),
            )
        query = f"?{urlencode(data)}" if data else ""
        return _Request(method, URL(self.url + path + query, encoded=True), self.headers, None)


class Rest:
    """The two REST hosts. Of one event loop: the first that calls."""

    def __init__(
        self, endpoints: Endpoints, key: SecretStr, secret: SecretStr, timeouts: Timeouts
    ) -> None:
        self._endpoints = endpoints
        self._key = key
        self._secret = secret
        self._timeouts = timeouts
        self._hosts: Mapping[str, _Host] = {}
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def call(
        self,
        host: str,
        method: str,
        path: str,
        data: Mapping[str, Any] | None,
        permit: Permit,
    ) -> Answer:
        """Send one request to `host` (`trading` or `data`), once. Whatever status comes back is an
        Answer. `permit` is asked in the last moment, when there is a connection: WithdrawnError when
        it gives a reason not to. Raises NoAnswerError."""
        session = self._session or await self._open()
        request = self._hosts[host].request(method, path, data)
        try:
            answer = await self._exchange(session, request, permit)
        except WithdrawnError:
            raise
        except Exception as error:
            # Whatever it was, it came after the request was handed over: the outcome is unknown
            # unless the cause proves otherwise.
            raise silence(
                error
            ) from None  # a transport's error may hold the request and so the keys
        log.debug("%s %s: %s in %.3f s", method, path, answer.status, answer.elapsed)
        return answer

    async def close(self) -> None:
        async with self._opening:  # a session that is being made is closed as well
            if self._session is not None:
                await self._session.close()

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                self._hosts, trusted = await asyncio.to_thread(self._prepared)
                self._session = _session(self._timeouts, trusted)
            return self._session

    def _prepared(self) -> tuple[Mapping[str, _Host], ssl.SSLContext | bool]:
        """What takes long enough to stall a loop: imports, and a hundred certificates, for which this
        machine's own exchange has no use."""
        urls = (self._endpoints.trading_url, self._endpoints.data_url)
        secure = any(url.startswith("https:") for url in urls)
        trusted = ssl.create_default_context(cafile=certifi.where()) if secure else True
        return _hosts(self._endpoints, self._key, self._secret), trusted

    async def _exchange(
        self, session: aiohttp.ClientSession, request: _Request, permit: Permit
    ) -> Answer:
        began = time.perf_counter()
        method, url, headers, body = request
        _LAST_LOOK.set(permit)
        async with session.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as response:
            text = (await response.read()).decode("utf-8", errors="replace")
            left = response.headers.get("X-Ratelimit-Remaining", "")
            return Answer(
                status=response.status,
                # A server that echoes the request must not put the keys into a log.
                text=masked(text, self._key, self._secret),
                elapsed=time.perf_counter() - began,
                remaining=int(left) if left.isdecimal() else None,
            )


def masked(text: str, *secrets: SecretStr) -> str:
    """`text` with every secret in it struck out."""
    for secret in secrets:
        text = text.replace(secret.get_secret_value(), "•••")
    return text


def _session(timeouts: Timeouts, trusted: ssl.SSLContext | bool) -> aiohttp.ClientSession:
    """Connections of both hosts: no proxy, no cookies, no second try, certificates checked."""
    # No limit of connections: the lanes have theirs.
    connector = _Connector(limit=0, keepalive_timeout=IDLE, ssl=trusted)
    limits = aiohttp.ClientTimeout(connect=timeouts.connect, sock_read=timeouts.read)
    session = aiohttp.ClientSession(
        connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar()
    )
    session._retry_connection = False  # a DELETE on a connection that broke would go twice
    return session


def _hosts(endpoints: Endpoints, key: SecretStr, secret: SecretStr) -> Mapping[str, _Host]:
    with without_pandas():
        from alpaca.data.historical.stock import StockHistoricalDataClient
        from alpaca.trading.client import TradingClient

    keys = (key.get_secret_value(), secret.get_secret_value())
    clients: Mapping[str, RESTClient] = {
        "trading": TradingClient(*keys, url_override=endpoints.trading_url),
        "data": StockHistoricalDataClient(*keys, url_override=endpoints.data_url),
    }
    return {
        name: _Host(
            url=f"{client._base_url}/{client._api_version}",
            headers={**client._get_default_headers(), **ACCEPT},
        )
        for name, client in clients.items()
    }


def silence(error: Exception) -> NoAnswerError:
    """What a transport error proves. Only a connection that was never made proves that nothing
    left: refused, unknown host, connect time-out, certificate refused."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return NoAnswerError("the broker's host is unknown", never_left=True)
        case aiohttp.ClientConnectorCertificateError():
            return NoAnswerError("the broker's certificate is not valid", never_left=True)
        case aiohttp.ConnectionTimeoutError():
            return NoAnswerError("the broker can't be reached", never_left=True, timed_out=True)
        case aiohttp.ClientConnectorError():
            return NoAnswerError("the broker refused the connection", never_left=True)
        case TimeoutError():
            return NoAnswerError("the broker did not answer in time", timed_out=True)
        case aiohttp.ClientError():
            return NoAnswerError("the connection to the broker broke before its answer")
    return NoAnswerError(f"the broker's answer was lost ({type(error).__name__})")
