"""Where Alpaca is, and what may stand in its place: an HTTPS host or this machine."""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from db.model.base import Noun


class EndpointError(ValueError):
    """An address that is not used: keys would go where they must not."""


class Endpoints(Noun):
    """The four base addresses of one environment. The two streams are complete URLs
    (alpaca.md §1); the two REST bases have no trailing slash."""

    trading_url: str
    trading_stream_url: str
    data_url: str
    data_stream_url: str

    @classmethod
    def among(cls, told: Mapping[str, Any]) -> "Endpoints":
        """Of all that is told of a broker. KeyError when one is not there."""
        return cls(**{name: told[name] for name in cls.model_fields})


_DATA = {
    "data_url": "https://data.alpaca.markets",
    "data_stream_url": "wss://stream.data.alpaca.markets/v2/iex",
}

PAPER = Endpoints(
    trading_url="https://paper-api.alpaca.markets",
    trading_stream_url="wss://paper-api.alpaca.markets/stream",
    **_DATA,
)
LIVE = Endpoints(
    trading_url="https://api.alpaca.markets",
    trading_stream_url="wss://api.alpaca.markets/stream",
    **_DATA,
)

_SCHEMES = {
    "trading_url": ("https", "http"),
    "trading_stream_url": ("wss", "ws"),
    "data_url": ("https", "http"),
    "data_stream_url": ("wss", "ws"),
}


def checked(endpoints: Endpoints) -> Endpoints:
    """`endpoints` as they are, or EndpointError with the first thing wrong in one sentence."""
    for name, (secure, plain) in _SCHEMES.items():
        _check(name, getattr(endpoints, name), secure, plain)
    return endpoints


def _check(name: str, url: str, secure: str, plain: str) -> None:
    if not url.strip():
        raise EndpointError(f"{name} is empty: give a complete address, {secure}://…")
    if url != url.strip() or url.endswith("/"):
        raise EndpointError(f"{name} {url!r} must not end with a slash or hold blanks.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise EndpointError(f"{name} {url!r} is no address: {error}.") from error
    if parts.username or parts.password or parts.query or parts.fragment:
        raise EndpointError(f"{name} may hold no user, password, query or fragment.")
    if not host or parts.scheme not in (secure, plain):
        raise EndpointError(f"{name} {url!r} must start with {secure}:// and name a host.")
    if parts.scheme == plain and not is_loopback(host):
        raise EndpointError(
            f"{name} {url!r} would send the keys unencrypted:"
            f" only {secure}:// or an address of this machine is allowed."
        )


def is_loopback(host: str) -> bool:
    """True for `localhost` and loopback addresses; names are not looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
