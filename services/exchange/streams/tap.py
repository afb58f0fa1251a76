"""The seam for faults: everything a websocket says passes a `Tap` on its way out.

A scenario derives from `Tap`, overrides what it spoils, and is put in place by
`exchange.connections.tap = mine`; from then on it sees the frames of all connections, old ones too.
What is open now is found by iterating `exchange.connections` (`.stream`, `.account`, `.close(code)`).

    drop        passes() returns ()
    mute        the same for every frame from some moment on; the socket stays open
    duplicate   (Send(payload), Send(payload))
    delay       (Send(payload, after=0.5),); a constant delay keeps the order
    reorder     keep a frame, return () for it, and give it after the next one
    alter       (Send(other_payload),); a payload is as it goes on the wire, codec included
    close       (Close(1011),), at once or after what else is returned
    half-dead   refuses_upgrade() says 429, or refuses_session() True, until the time is over
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.exchange.engine.trade_updates import TradeUpdate

DATA = "data"


@dataclass(frozen=True)
class Frame:
    """One frame a connection is about to send.

    `stream` is the path connected to ("/stream", "/v2/iex"); `account` is None until it is known.
    `event` is a trade update's event ("fill"), the kind of a control message ("authorization",
    "listening", "success", "subscription", "error"), or "data" for an array of market data.
    `update` is the trade update the payload was made of, if it is one; `connection` the number of
    the connection, never used twice.
    """

    stream: str
    account: str | None
    event: str
    payload: bytes
    update: TradeUpdate | None = None
    connection: int = 0


@dataclass(frozen=True)
class Send:
    """Queue `payload`, `after` true seconds from now."""

    payload: bytes
    after: float = 0.0


@dataclass(frozen=True)
class Close:
    """Close the connection with a websocket close code once what is queued by then is sent."""

    code: int
    reason: str = ""
    after: float = 0.0


Step = Send | Close


class Tap:
    """Lets everything pass as it is."""

    def refuses_upgrade(self, stream: str, account: str | None) -> int | None:
        """The HTTP status (429, 406, 503 …) to answer a connect with; None lets it in.

        `account` is known only if the keys came in the upgrade's headers.
        """
        return None

    def refuses_session(self, stream: str, account: str) -> bool:
        """Whether valid keys get "connection limit exceeded", as behind a half-dead session."""
        return False

    def passes(self, frame: Frame) -> Sequence[Step]:
        """What becomes of a frame, in order. Called once a frame and connection."""
        return (Send(frame.payload),)
