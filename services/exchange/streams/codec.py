"""The tongues of the streams: msgpack with timestamp extensions, and JSON.

Every tick of the market is encoded here once, so packers are kept and so is the time last said:
the quotes of a tick share it.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

import msgpack

from services.exchange.wire import instant, loads, nanoseconds

TIMES_KEPT = 64


class Codec(Protocol):
    binary: bool

    def time(self, at: datetime) -> object: ...
    def item(self, message: dict[str, Any]) -> bytes: ...
    def array(self, items: list[bytes]) -> bytes: ...
    def decode(self, data: bytes | str) -> object:
        """ValueError when it cannot be read."""


class MsgpackCodec:
    """What a client that asked for `application/msgpack` gets (alpaca.md §6.1)."""

    binary = True

    def __init__(self) -> None:
        self._packer = msgpack.Packer()

    def time(self, at: datetime) -> object:
        return _extension(at)

    def item(self, message: dict[str, Any]) -> bytes:
        packed: bytes = self._packer.pack(message)
        return packed

    def array(self, items: list[bytes]) -> bytes:
        head: bytes = self._packer.pack_array_header(len(items))
        return head + b"".join(items)

    def decode(self, data: bytes | str) -> object:
        if isinstance(data, str):
            return loads(data)
        try:
            return msgpack.unpackb(data)
        except msgpack.UnpackException as error:
            raise ValueError("not msgpack") from error


class JsonCodec:
    binary = False

    def __init__(self) -> None:
        self._encode = json.JSONEncoder(separators=(",", ":")).encode

    def time(self, at: datetime) -> object:
        return _text(at)

    def item(self, message: dict[str, Any]) -> bytes:
        return self._encode(message).encode()

    def array(self, items: list[bytes]) -> bytes:
        return b"[" + b",".join(items) + b"]"

    def decode(self, data: bytes | str) -> object:
        return loads(data)


@lru_cache(TIMES_KEPT)
def _extension(at: datetime) -> object:
    return msgpack.Timestamp.from_unix_nano(nanoseconds(at))


_text = lru_cache(TIMES_KEPT)(instant)
MSGPACK, JSON = MsgpackCodec(), JsonCodec()


def codec_for(content_type: str) -> Codec:
    return MSGPACK if content_type.startswith("application/msgpack") else JSON


def one(codec: Codec, message: dict[str, Any]) -> bytes:
    """Control messages come in arrays of one."""
    return codec.array([codec.item(message)])


def frames(codec: Codec, items: Iterable[bytes], most: int) -> Iterable[bytes]:
    """Arrays of at most `most` bytes of items each, in order."""
    kept: list[bytes] = []
    size = 0
    for item in items:
        if kept and size + len(item) > most:
            yield codec.array(kept)
            kept, size = [], 0
        kept.append(item)
        size += len(item) + 1
    if kept:
        yield codec.array(kept)
