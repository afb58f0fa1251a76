"""Requests over alpaca-py's clients, with what they lack (alpaca.md §2): time limits, exactly one
request per call, exact decimals, redirects seen, no proxy from the environment.

Addresses, versions and headers are alpaca-py's; the bytes go by urllib3, on which requests itself
stands: its sessions cost 0.4 ms a request, half of what a synced order costs altogether. Importing alpaca-py costs a quarter of a second, so this happens on first use, in a worker thread."""

import json
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pydantic import SecretStr

from db.without_pandas import without_pandas
from services.brokers.alpaca.answer import Answer, NoAnswerError
from services.brokers.alpaca.endpoints import Endpoints

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient
    from urllib3 import PoolManager

log = logging.getLogger(__name__)

POOL = 40
"""Sockets kept per host: more than the worker threads that share them."""

ACCEPT = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}

Permit = Callable[[], str | None]


@dataclass(frozen=True)
class Timeouts:
    """Seconds, and tries of a read."""

    connect: float = 3.05
    read: float = 10.0
    """The longest silence between two bytes."""
    total: float = 20.0
    """The longest that a request may take altogether, a waiting thread included."""
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


class Rest:
    """The two REST hosts. Blocking; to be called from worker threads, several at a time."""

    def __init__(
        self, endpoints: Endpoints, key: SecretStr, secret: SecretStr, timeouts: Timeouts
    ) -> None:
        self._endpoints = endpoints
        self._key = key
        self._secret = secret
        self._timeouts = timeouts
        self._clients: Mapping[str, RESTClient] = {}
        self._sockets: PoolManager | None = None
        self._lock = Lock()

    def call(
        self,
        host: str,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        permit: Permit | None = None,
    ) -> Answer:
        """Send one request to `host` (`trading` or `data`), once. Whatever status comes back is an
        Answer. Raises NoAnswerError, and WithdrawnError when `permit` gives a reason not to."""
        client = self._client(host)
        if permit is not None and (why := _refused(permit)) is not None:
            raise WithdrawnError(why)
        try:
            answer = client._request(method, path, dict(data) if data else None)
        except Exception as error:
            # Whatever it was, it came after the request was handed over: the outcome is unknown
            # unless the cause proves otherwise.
            raise silence(
                error
            ) from None  # a transport's error may hold the request and so the keys
        if not isinstance(answer, Answer):
            raise NoAnswerError("the broker's answer was lost")
        answer = self._without_secrets(answer)
        log.debug("%s %s: %s in %.3f s", method, path, answer.status, answer.elapsed)
        return answer

    def close(self) -> None:
        if self._sockets is not None:
            self._sockets.clear()

    def _client(self, host: str) -> "RESTClient":
        with self._lock:
            if not self._clients:
                self._sockets = _sockets(self._timeouts)
                self._clients = _clients(self._endpoints, self._key, self._secret, self._sockets)
            return self._clients[host]

    def _without_secrets(self, answer: Answer) -> Answer:
        """A server that echoes the request must not put the keys into a log."""
        text = masked(answer.text, self._key, self._secret)
        return Answer(answer.status, text, answer.elapsed, answer.remaining)


def _refused(permit: Permit) -> str | None:
    try:
        return permit()
    except Exception as error:
        # Whatever keeps the permit from answering keeps the order from leaving.
        return f"whether trading is allowed could not be checked: {error}"


def masked(text: str, *secrets: SecretStr) -> str:
    """`text` with every secret in it struck out."""
    for secret in secrets:
        text = text.replace(secret.get_secret_value(), "•••")
    return text


def _sockets(timeouts: Timeouts) -> "PoolManager":
    """Connections of both hosts: no proxy, no second try, certificates checked."""
    import certifi
    from urllib3 import PoolManager, Timeout

    limits = Timeout(connect=timeouts.connect, read=timeouts.read)
    return PoolManager(maxsize=POOL, timeout=limits, retries=False, ca_certs=certifi.where())


def _clients(
    endpoints: Endpoints, key: SecretStr, secret: SecretStr, sockets: "PoolManager"
) -> "Mapping[str, RESTClient]":
    with without_pandas():
        from alpaca.common.rest import RESTClient
        from alpaca.data.historical.stock import StockHistoricalDataClient
        from alpaca.trading.client import TradingClient

    class AnyStatus(RESTClient):
        """Every status is an answer, and its text is kept: APIError and response.json() lose
        exactness, redirects and error bodies (alpaca.md §2.4)."""

        def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
            headers, body = {**opts["headers"], **ACCEPT}, None
            if opts.get("params"):
                url = f"{url}?{urlencode(opts['params'])}"
            if opts.get("json") is not None:
                body = json.dumps(opts["json"], allow_nan=False).encode()
                headers["Content-Type"] = "application/json"
            began = time.perf_counter()
            response = sockets.request(method, url, body=body, headers=headers, redirect=False)
            left = response.headers.get("X-Ratelimit-Remaining", "")
            return Answer(
                status=response.status,
                text=response.data.decode("utf-8", errors="replace"),
                elapsed=time.perf_counter() - began,
                remaining=int(left) if left.isdecimal() else None,
            )

    class Trading(AnyStatus, TradingClient):
        pass

    class Data(AnyStatus, StockHistoricalDataClient):
        pass

    keys = (key.get_secret_value(), secret.get_secret_value())
    clients = {
        "trading": Trading(*keys, url_override=endpoints.trading_url),
        "data": Data(*keys, url_override=endpoints.data_url),
    }
    for client in clients.values():
        client._retry = 0
    return clients


def silence(error: Exception) -> NoAnswerError:
    """What a transport error proves. Only a connection that was never made proves that nothing
    left: refused, unknown host, connect time-out, certificate refused."""
    from urllib3 import exceptions as failed

    cause = error.args[0] if error.args else None
    if isinstance(error, failed.NameResolutionError):
        return NoAnswerError("the broker's host is unknown", never_left=True)
    if isinstance(error, failed.NewConnectionError):
        return NoAnswerError("the broker refused the connection", never_left=True)
    if isinstance(error, failed.ConnectTimeoutError):
        return NoAnswerError("the broker can't be reached", never_left=True, timed_out=True)
    if isinstance(error, failed.SSLError) and isinstance(cause, ssl.SSLCertVerificationError):
        return NoAnswerError("the broker's certificate is not valid", never_left=True)
    if isinstance(error, failed.TimeoutError):
        return NoAnswerError("the broker did not answer in time", timed_out=True)
    if isinstance(error, failed.HTTPError):
        return NoAnswerError("the connection to the broker broke before its answer")
    return NoAnswerError(f"the broker's answer was lost ({type(error).__name__})")
