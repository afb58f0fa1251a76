"""What market data is asked with: symbols, a span of time, a page (alpaca.md §7)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any, Protocol, TypeVar

from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.exchange import Exchange
from services.exchange.market.history import Span
from services.exchange.market.timeframes import Timeframe
from services.exchange.rest.call import Answer, Call, Handler
from services.exchange.sessions import NEW_YORK
from services.exchange.wire import instant, moment

USUAL_LIMIT, MOST = 1_000, 10_000
FEEDS = ("sip", "iex", "delayed_sip", "otc", "boats", "overnight")
OPTION_FEEDS = ("opra", "indicative")
ADJUSTMENTS = ("raw", "split", "dividend", "spin-off", "all")
DATE = 10  # characters of YYYY-MM-DD


class Timed(Protocol):
    @property
    def at(self) -> datetime: ...


Point = TypeVar("Point", bound=Timed)


@dataclass(frozen=True)
class Page:
    """Where an answer begins and how long it is: points of all symbols count."""

    span: Span
    limit: int
    after: tuple[str, datetime] | None

    def spans(self, symbols: Iterable[str]) -> Iterator[tuple[str, Span]]:
        """What is left of each symbol, by name."""
        for symbol in sorted(set(symbols)):
            if self.after is None or symbol > self.after[0]:
                yield symbol, self.span
            elif symbol == self.after[0]:
                at = self.after[1]
                yield (
                    symbol,
                    replace(self.span, end=at)
                    if self.span.descending
                    else replace(self.span, start=at),
                )

    def filled(
        self, symbols: Iterable[str], points: Callable[[str, Span], Iterator[Point]]
    ) -> tuple[dict[str, list[Point]], str | None]:
        """Points by symbol up to the limit, and the token of what did not fit."""
        found: dict[str, list[Point]] = {}
        last: tuple[str, datetime] | None = None
        left = self.limit
        for symbol, span in self.spans(symbols):
            for point in points(symbol, span):
                if self.after == (symbol, point.at):
                    continue
                if not left:
                    return found, last and _token(*last)
                found.setdefault(symbol, []).append(point)
                left, last = left - 1, (symbol, point.at)
        return found, None


def data(handler: Handler) -> Handler:
    """A handler whose complaints have no code, as market data's."""

    @wraps(handler)
    def serve(exchange: Exchange, call: Call) -> Answer:
        try:
            return handler(exchange, call)
        except RefusedError as refused:
            if refused.cause is not Cause.INVALID:
                raise
            raise RefusedError(Cause.DATA_REQUEST, refused.words) from refused

    return serve


def wrong(reason: str) -> RefusedError:
    return RefusedError(Cause.DATA_REQUEST, {"reason": reason})


def symbols_of(call: Call) -> list[str]:
    """Of the path, else of the query; none is an error. Also looks at what is only accepted."""
    call.choice("feed", FEEDS + OPTION_FEEDS, "sip")
    call.choice("currency", ("USD",), "USD")
    named = [call.path["symbol"].upper()] if "symbol" in call.path else call.symbols()
    if not named:
        raise wrong("symbols is required")
    return named


def timeframe_of(call: Call) -> Timeframe:
    text = call.text("timeframe")
    if text is None:
        raise wrong("timeframe is required")
    try:
        return Timeframe.parsed(text)
    except ValueError as error:
        raise wrong(f"invalid timeframe: {text}") from error


def page_of(call: Call, now: datetime) -> Page:
    """From today's midnight to now when nothing is said; both ends are included."""
    today = now.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = _time(call, "start") or today, _time(call, "end") or now
    if start > end:
        raise wrong("end should not be before start")
    descending = call.choice("sort", ("asc", "desc"), "asc") == "desc"
    limit = call.count("limit", USUAL_LIMIT, MOST)
    return Page(Span(start, min(end, now), descending), limit, _after(call.text("page_token")))


def in_new_shares(call: Call) -> bool:
    return call.choice("adjustment", ADJUSTMENTS, "raw") in ("split", "all")


def points_answer(
    call: Call, kind: str, found: dict[str, list[dict[str, Any]]], token: str | None
) -> Answer:
    """By symbol; or, where the path names it, one symbol's list."""
    if "symbol" not in call.path:
        return Answer({kind: found, "next_page_token": token})
    symbol = call.path["symbol"].upper()
    return Answer({"symbol": symbol, kind: found.get(symbol, []), "next_page_token": token})


def latest_answer(call: Call, kind: str, found: dict[str, Any]) -> Answer:
    """By symbol; or, where the path names it, the one thing, 404 when there is none."""
    if "symbol" not in call.path:
        return Answer({f"{kind}s": found})
    symbol = call.path["symbol"].upper()
    if symbol not in found:
        raise RefusedError(Cause.NO_DATA, {"kind": kind, "symbol": symbol})
    return Answer({"symbol": symbol, kind: found[symbol]})


def _time(call: Call, name: str) -> datetime | None:
    """A date alone is New York's midnight."""
    text = call.text(name)
    try:
        if text is None or len(text) > DATE:
            return None if text is None else moment(text)
        return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)
    except ValueError as error:
        raise wrong(f"invalid {name}: {text}") from error


def _token(symbol: str, at: datetime) -> str:
    return urlsafe_b64encode(f"{symbol}|{instant(at)}".encode()).decode()


def _after(token: str | None) -> tuple[str, datetime] | None:
    if token is None:
        return None
    try:
        symbol, _, at = urlsafe_b64decode(token).decode().partition("|")
        return symbol, moment(at)
    except ValueError as error:
        raise wrong("invalid page_token") from error
