"""Whatever a client sends, the exchange answers and goes on."""

import json
import random

import msgpack
import pytest
from stream_talk import MSGPACK, auth, authenticated, authorized, heard, say

MESSAGES = 400
SCALARS = (None, True, 0, -1, 1.5, 10**30, "", "*", "NEM", "auth", "subscribe", "listen", "\u2028")
NAMES = ("action", "data", "key", "secret", "key_id", "streams", "quotes", "trades", "news", "T")


def value(dice: random.Random, depth: int = 0) -> object:
    kind = dice.randrange(4 if depth < 3 else 1)
    if kind == 1:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind >= 2:
        return {dice.choice(NAMES): value(dice, depth + 1) for _ in range(dice.randrange(5))}
    return dice.choice(SCALARS)


def spoilt(dice: random.Random, data: bytes) -> bytes:
    """Sometimes cut, sometimes with a byte changed."""
    match dice.randrange(4):
        case 0:
            return data[: dice.randrange(len(data) + 1)]
        case 1:
            at = dice.randrange(len(data))
            return data[:at] + dice.randbytes(1) + data[at + 1 :]
        case _:
            return data


def packed(message: object) -> bytes:
    try:
        return bytes(msgpack.packb(message))
    except OverflowError:
        return b"\xc1"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v2/iex", {}),
        ("/v2/iex", MSGPACK),
        ("/v1beta1/opra", MSGPACK),
        ("/stream", {}),
        ("/stream", MSGPACK),
    ],
)
async def test_no_message_is_a_defect(served, path, headers):
    dice = random.Random(f"{path} {headers}")
    come = (
        authorized(served, headers) if path == "/stream" else authenticated(served, path, headers)
    )
    socket = await come
    for _ in range(MESSAGES):
        message = value(dice)
        if headers:
            await socket.send_bytes(spoilt(dice, packed(message)))
        else:
            data = spoilt(dice, json.dumps(message).encode())
            await (
                socket.send_bytes(data)
                if dice.random() < 0.5
                else socket.send_str(data.decode("latin-1"))
            )
        await heard(socket)
    await say(socket, auth(served), packed=bool(headers))
    answer = await heard(socket)
    known = (
        answer["data"]["status"] == "authorized" if path == "/stream" else answer[0]["code"] == 403
    )
    assert known
    assert not served.opened.exchange.failure.done()
