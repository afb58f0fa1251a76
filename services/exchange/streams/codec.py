"""The two tongues of the market data stream: msgpack with timestamp extensions, and JSON."""

import json
from datetime import datetime
from typing import Any, Protocol

import msgpack

from services.exchange.wire import instant, loads, nanoseconds


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

    def time(self, at: datetime) -> object:
        return msgpack.Timestamp.from_unix_nano(nanoseconds(at))

    def item(self, message: dict[str, Any]) -> bytes:
        packed: bytes = msgpack.packb(message)
        return packed

    def array(self, items: list[bytes]) -> bytes:
        head: bytes = msgpack.Packer().pack_array_header(len(items))
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

    def time(self, at: datetime) -> object:
        return instant(at)

    def item(self, message: dict[str, Any]) -> bytes:
        return json.dumps(message).encode()

    def array(self, items: list[bytes]) -> bytes:
        return b"[" + b",".join(items) + b"]"

    def decode(self, data: bytes | str) -> object:
        return loads(data)


MSGPACK, JSON = MsgpackCodec(), JsonCodec()


def codec_for(content_type: str) -> Codec:
    return MSGPACK if content_type.startswith("application/msgpack") else JSON
