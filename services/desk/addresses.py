"""Which servers may be talked to: encrypted ones, or this machine's own."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def http_address(text: str) -> str:
    """`text` as a base URL without a slash at its end. Raises ValueError with a sentence."""
    return _checked(text, "http", "https").rstrip("/")


def websocket_address(text: str) -> str:
    """`text` as a websocket URL. Raises ValueError with a sentence."""
    return _checked(text, "ws", "wss")


def _checked(text: str, plain: str, encrypted: str) -> str:
    """An empty address is refused because alpaca-py takes it for the real broker (alpaca.md §0.16)."""
    address = text.strip()
    if not address:
        raise ValueError(f"it is empty; expected an address such as {encrypted}://host")
    parts = urlsplit(address)
    if parts.scheme not in (plain, encrypted) or not parts.hostname:
        raise ValueError(f"expected {encrypted}://host, or {plain}://127.0.0.1:port")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("expected an address without user, query or fragment")
    _port(parts)
    if parts.scheme == plain and not _loopback(parts.hostname):
        raise ValueError(f"{plain}:// is only for this machine; use {encrypted}://")
    return address


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError as error:
        raise ValueError("its port is not a number from 0 to 65535") from error


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
