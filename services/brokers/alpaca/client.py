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
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
import certifi
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


class _Request(NamedTuple):
    """As alpaca-py would send it."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None


class Rest:
    """The two REST hosts. Of one event loop: the first that calls."""

    def __init__(
        self, endpoints: Endpoints, key: SecretStr, secret: SecretStr, timeouts: Timeouts
    ) -> None:
        self._endpoints = endpoints
        self._key = key
        self._secret = secret
        self._timeouts = timeouts
        self._clients: Mapping[str, RESTClient] = {}
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
        client = self._clients[host]
        request: _Request = client._request(method, path, dict(data) if data else None)  # type: ignore[assignment]
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
                self._clients, trusted = await asyncio.to_thread(self._prepared)
                self._session = _session(self._timeouts, trusted)
            return self._session

    def _prepared(self) -> "tuple[Mapping[str, RESTClient], ssl.SSLContext | bool]":
        """What takes long enough to stall a loop: imports, and a hundred certificates, for which this
        machine's own exchange has no use."""
        urls = (self._endpoints.trading_url, self._endpoints.data_url)
        secure = any(url.startswith("https:") for url in urls)
        trusted = ssl.create_default_context(cafile=certifi.where()) if secure else True
        return _clients(self._endpoints, self._key, self._secret), trusted

    async def _exchange(
        self, session: aiohttp.ClientSession, request: _Request, permit: Permit
    ) -> Answer:
        began = time.perf_counter()
        method, url, headers, body = request
        async with session.request(
            method, url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=permit
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
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE, ssl=trusted)
    limits = aiohttp.ClientTimeout(connect=timeouts.connect, sock_read=timeouts.read)
    connected = aiohttp.TraceConfig()
    connected.on_connection_create_end.append(_last_look)
    connected.on_connection_reuseconn.append(_last_look)
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=limits,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[connected],
    )
    session._retry_connection = False  # a DELETE on a connection that broke would go twice
    return session


async def _last_look(_: aiohttp.ClientSession, request: SimpleNamespace, __: object) -> None:
    """Between a connection and the first byte on it. Making one may take seconds."""
    if (why := request.trace_request_ctx()) is not None:
        raise WithdrawnError(why)


def _clients(endpoints: Endpoints, key: SecretStr, secret: SecretStr) -> "Mapping[str, RESTClient]":
    with without_pandas():
        from alpaca.common.rest import RESTClient
        from alpaca.data.historical.stock import StockHistoricalDataClient
        from alpaca.trading.client import TradingClient

    class Unsent(RESTClient):
        """Gives the request instead of sending it: APIError and response.json() lose exactness,
        redirects and error bodies (alpaca.md §2.4)."""

        def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
            headers, body = {**opts["headers"], **ACCEPT}, None
            if opts.get("params"):
                url = f"{url}?{urlencode(opts['params'])}"
            if opts.get("json") is not None:
                body = json.dumps(opts["json"], allow_nan=False).encode()
                headers["Content-Type"] = "application/json"
            return _Request(method, URL(url, encoded=True), headers, body)

    class Trading(Unsent, TradingClient):
        pass

    class Data(Unsent, StockHistoricalDataClient):
        pass

    keys = (key.get_secret_value(), secret.get_secret_value())
    return {
        "trading": Trading(*keys, url_override=endpoints.trading_url),
        "data": Data(*keys, url_override=endpoints.data_url),
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
