"""Chance that can be told again: integers from a hash of what they are drawn for.

Nothing here is a float, so the same seed gives the same bytes on every machine.
"""

from hashlib import blake2b
from struct import Struct

WORD = 1 << 16
SUMMED = 12  # uniform words of variance 1/12 each: their sum has variance 1
NANO = 10**9

_WORDS = Struct("<32H")


def words(*key: object) -> tuple[int, ...]:
    """32 independent uniform words of 16 bits."""
    text = ":".join(map(str, key)).encode()
    return _WORDS.unpack(blake2b(text, digest_size=64).digest())


def normal(drawn: tuple[int, ...]) -> int:
    """A standard normal draw in billionths, from the first twelve words (Irwin-Hall)."""
    return (2 * sum(drawn[:SUMMED]) - SUMMED * (WORD - 1)) * NANO // (2 * WORD)


def between(word: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + word * (high - low + 1) // WORD
