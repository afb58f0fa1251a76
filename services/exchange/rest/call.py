"""One REST call as its handler sees it, and the answer it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from services.exchange import wire
from services.exchange.engine.errors import invalid
from services.exchange.exchange import Exchange


@dataclass(frozen=True)
class Call:
    """`account` is the name of the account whose key came with the request."""

    account: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def text(self, name: str) -> str | None:
        """A query parameter; an empty one counts as absent."""
        return self.query.get(name) or None

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(name) or default
        if value not in allowed:
            raise invalid(f"invalid {name}")
        return value

    def count(self, name: str, default: int, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= most:
            raise invalid(f"invalid {name}, must be between 1 and {most}")
        return int(text)

    def moment(self, name: str) -> datetime | None:
        text = self.text(name)
        try:
            return None if text is None else wire.moment(text)
        except ValueError as error:
            raise invalid(f"invalid {name}") from error

    def day(self, name: str) -> date | None:
        """The date of a date or of a time, as it is written there."""
        text = self.text(name)
        try:
            return None if text is None else datetime.fromisoformat(text.replace(" ", "+")).date()
        except ValueError as error:
            raise invalid(f"invalid {name}") from error

    def flag(self, name: str) -> bool:
        """`True` and `true` alike (alpaca.md §2.1)."""
        try:
            return wire.boolean(self.text(name) or "false")
        except ValueError as error:
            raise invalid(f"invalid {name}") from error

    def decimal(self, name: str) -> Decimal | None:
        text = self.text(name)
        try:
            return None if text is None else wire.decimal(text)
        except ValueError as error:
            raise invalid(f"invalid {name}") from error

    def names(self, name: str) -> list[str]:
        """A comma-separated list; absent is empty."""
        return [part.strip() for part in (self.text(name) or "").split(",") if part.strip()]

    def symbols(self) -> list[str]:
        return [symbol.upper() for symbol in self.names("symbols")]


class Answer(NamedTuple):
    """`body` None is an empty 204."""

    body: Any
    status: int = 200


Handler = Callable[[Exchange, Call], Answer]
