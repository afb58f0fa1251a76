"""Ids shaped like UUIDs: the same seed and the same requests give the same bytes."""

from hashlib import sha256
from uuid import UUID


class Ids:
    """The next id of a series at each call.

    An id is made of the seed, the generation of the state (raised when the state is reset) and a
    counter, which is kept with the state: a restart goes on where the last durable one was.
    """

    def __init__(self, seed: int, generation: int = 0, counter: int = 0) -> None:
        self._series = f"{seed}:{generation}"
        self.counter = counter

    def __call__(self) -> str:
        self.counter += 1
        digest = sha256(f"{self._series}:{self.counter}".encode()).digest()
        return str(UUID(bytes=digest[:16], version=4))
