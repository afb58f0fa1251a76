"""What an account may do on the streams, and the choices Alpaca leaves to a server."""

from dataclasses import dataclass, field

MEGABYTE = 1 << 20
BACKLOG = 16 * MEGABYTE


@dataclass(frozen=True)
class DataLimits:
    """0 is no limit. Alpaca's basic plan has 1 connection and 30 symbols of trades and quotes.

    `not_subscribed` are feeds ("sip", "opra") whose clients get 409, `unscoped` accounts whose
    keys get 411; seconds are true seconds, `backlog` is the bytes a slow client may leave unread
    before it gets 407.
    """

    connections: int = 0
    symbols: int = 0
    auth_timeout: float = 10.0
    not_subscribed: frozenset[str] = field(default_factory=frozenset)
    unscoped: frozenset[str] = field(default_factory=frozenset)
    backlog: int = BACKLOG


@dataclass(frozen=True)
class TradeLimits:
    """Of /stream. Alpaca takes one connection an account; 0 is any number.

    `text` sends JSON in text frames, where Alpaca's paper endpoint uses binary ones.
    """

    connections: int = 0
    text: bool = False
    backlog: int = BACKLOG
