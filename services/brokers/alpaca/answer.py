"""What came back of a request: an answer, or the certainty that there is none."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


class UnreadableError(ValueError):
    """An answer or a row of one that can't be understood. Says what and where."""


class NoAnswerError(Exception):
    """No complete answer. `never_left` is True only when no byte of the request can have reached
    the broker; `timed_out` when waiting, not the connection, failed."""

    def __init__(self, reason: str, *, never_left: bool = False, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.never_left = never_left
        self.timed_out = timed_out


@dataclass(frozen=True)
class Answer:
    """Status and body as they came; `remaining` is the broker's own X-Ratelimit-Remaining."""

    status: int
    text: str
    elapsed: float = 0.0
    """Seconds from sending to the end of the answer."""
    remaining: int | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body with exact decimals. Raises UnreadableError."""
        return decoded(self.text)

    def refusal(self) -> tuple[int | None, str] | None:
        """`(code, message)` of an error body; None when it is not one of the broker's."""
        try:
            body = self.json()
        except UnreadableError:
            return None
        if not isinstance(body, dict) or not isinstance(message := body.get("message"), str):
            return None
        code = body.get("code")
        return (code if isinstance(code, int) else None), message


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


_EXACT = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def decoded(text: str | bytes) -> Any:
    """JSON with decimals exact; NaN and infinity refused. Raises UnreadableError."""
    try:
        return _EXACT.decode(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"the answer is not JSON ({error})") from error
