"""The title bar: what must never be out of sight (spec 8).

Narrow terminals lose words, never facts: each fact has shorter ways to be said, down to its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

if TYPE_CHECKING:
    from db.model.snapshot import DeskSnapshot

ONE_ROW = 140
"""Columns from which all facts stand in one row."""
MARKET_ZONE = "America/New_York"
FRESH = timedelta(seconds=5)
STALE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact, said in ever fewer words. `tone` names its component class."""

    ways: tuple[str, ...]
    tone: str = "fact"


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the title bar says. None is unknown, and is shown as a dash."""

    environment: str
    account: str = ""
    trading_state: str = ""
    market_now: datetime | None = None
    market_open: bool | None = None
    closes: datetime | None = None
    opens: datetime | None = None
    equity: Decimal | None = None
    day_pl: Decimal | None = None
    day_pl_percent: Decimal | None = None
    cash_weight: Decimal | None = None
    feed_age: timedelta | None = None
    polling: bool = False
    orders_connected: bool = True
    requests_used: int | None = None
    requests_limit: int | None = None
    desk: str = "starting"
    """`ok`, `starting` or `lost`."""
    lost_for: timedelta = timedelta(0)
    trouble: str = ""
    """Why no desk has answered yet."""
    read_only: str = ""
    """Who holds the controls, since when; empty when this console does."""


def standing(
    environment: str,
    snapshot: "DeskSnapshot | None",
    elapsed: timedelta,
    market_now: datetime | None,
    desk: str,
    halted: bool,
    trouble: str = "",
    read_only: str = "",
) -> Standing:
    """The facts of a snapshot that came `elapsed` ago. `halted`: HALT was pressed here, whatever the
    desk says. `trouble`: why no desk answered yet."""
    if snapshot is None:
        state = "HALTED" if halted else ""
        return Standing(environment, trading_state=state, desk=desk, trouble=trouble)
    clock, feed = snapshot.clock, snapshot.feed
    start = snapshot.last_equity
    day = snapshot.day_pl
    return Standing(
        environment=snapshot.environment,
        account=snapshot.account,
        trading_state="HALTED" if halted else snapshot.trading_state,
        market_now=market_now,
        market_open=None if clock is None else clock.is_open,
        closes=None if clock is None else clock.next_close,
        opens=None if clock is None else clock.next_open,
        equity=snapshot.equity,
        day_pl=day,
        day_pl_percent=day / start if day is not None and start else None,
        cash_weight=snapshot.cash_weight,
        feed_age=None
        if feed.quote_age is None
        else timedelta(seconds=float(feed.quote_age)) + elapsed,
        polling=feed.polling,
        orders_connected=feed.orders_connected,
        requests_used=snapshot.requests_used,
        requests_limit=snapshot.requests_limit,
        desk=desk,
        lost_for=elapsed,
        read_only=read_only,
    )


def facts(now: Standing, zone: ZoneInfo) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    """The two rows of facts, each fact from its longest way to its shortest."""
    environment = Fact((f" {now.environment.upper()} ",), "environment")
    if not now.account:
        return _before_the_first_word(now, environment)
    from widgets.table.fields import MISSING, money, percent, signed_money, signed_percent

    state = now.trading_state or "state unknown"
    first = (
        environment,
        Fact((f"account {now.account}", now.account)),
        Fact((f"trading {state}", state), f"state-{state.lower()}"),
        *_read_only(now),
        _clock(now, zone),
        _desk(now),
    )
    amount, share = signed_money(now.day_pl), signed_percent(now.day_pl_percent)
    bare = share.text.partition(" ")[2] if " " in share.text else share.text
    tone = amount.tone or "fact"
    equity, cash = money(now.equity), percent(now.cash_weight, 1)
    used, limit = now.requests_used, now.requests_limit
    requests = MISSING if used is None else f"{used}/{limit}"
    second = (
        Fact((f"equity {equity}", f"eq {equity}", equity)),
        Fact(
            (f"day {amount} ({bare})", f"{amount} {bare}", f"{amount}"),
            tone if tone in ("gain", "loss") else "fact",
        ),
        Fact((f"cash {cash}", f"c {cash}")),
        _feed(now),
        Fact((f"requests {requests}", f"req {requests}", f"r{requests}")),
    )
    return first, second


def _read_only(now: Standing) -> tuple[Fact, ...]:
    if not now.read_only:
        return ()
    holds = f"READ-ONLY, controls: {now.read_only}"
    return (Fact((holds, f"READ-ONLY {now.read_only}", "READ-ONLY"), "warning"),)


def _before_the_first_word(
    now: Standing, environment: Fact
) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    """Nothing is known yet, which must be drawn without importing anything."""
    state = f"trading {now.trading_state or 'state unknown'}"
    halted = "state-halted" if now.trading_state == "HALTED" else "fact"
    desk = "desk starting…" if now.desk == "starting" else "desk LOST: no figures yet"
    tone = "fact" if now.desk == "starting" else "lost"
    why = (Fact((now.trouble,), "warning"),) if now.trouble else ()
    return (environment, Fact((state,), halted), Fact((desk,), tone)), why


def _clock(now: Standing, zone: ZoneInfo) -> Fact:
    from widgets.table.fields import MISSING

    if now.market_now is None:
        return Fact((f"market {MISSING}", MISSING))
    # New York's own label is dropped unless the trader reads another zone.
    label = "" if zone.key == MARKET_ZONE else f" {now.market_now.astimezone(zone):%Z}"
    time = f"{now.market_now.astimezone(zone):%H:%M:%S}{label}"
    until = now.closes if now.market_open else now.opens
    left = MISSING if until is None else _left(until - now.market_now)
    if now.market_open:
        return Fact((f"{time} market closes in {left}", f"{time} closes {left}", f"{time} ⤓{left}"))
    return Fact(
        (f"{time} market CLOSED, opens in {left}", f"{time} CLOSED {left}"),
        "warning",
    )


def _left(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds())) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days}d{hours:02}h"
    return f"{hours}h{rest:02}m" if hours else f"{rest}m"


def _feed(now: Standing) -> Fact:
    from widgets.table.fields import MISSING, Field, age

    if not now.orders_connected:
        return Fact(("order stream LOST", "orders LOST"), "warning")
    if now.feed_age is None:
        return Fact((f"feed {MISSING}",), "warning")
    said: Field = Field("<5s") if now.feed_age < FRESH else age(now.feed_age, STALE)
    how = "polled" if now.polling else "feed"
    return Fact((f"{how} {said}",), "warning" if said.tone or now.polling else "fact")


def _desk(now: Standing) -> Fact:
    if now.desk == "lost":
        from widgets.table.fields import age

        ago = age(now.lost_for).text
        return Fact((f"desk LOST, figures {ago} old", f"desk LOST {ago}"), "lost")
    return Fact((f"desk {now.desk}",), "fact" if now.desk == "ok" else "warning")


def fitted(row: Sequence[Fact], width: int, gap: int = 2) -> list[tuple[str, str]]:
    """The facts as (words, tone) in at most `width` cells where their shortest ways allow: the last facts
    lose words first."""
    said = [0] * len(row)

    def length() -> int:
        words = (cell_len(fact.ways[way]) for fact, way in zip(row, said, strict=True))
        return sum(words) + gap * (len(row) - 1)

    while row and length() > width:
        longer = [i for i, fact in enumerate(row) if said[i] < len(fact.ways) - 1]
        if not longer:
            break
        said[longer[-1]] += 1
    return [(fact.ways[way], fact.tone) for fact, way in zip(row, said, strict=True)]


class TitleBar(Widget):
    """One row, or two when the terminal is narrower than ONE_ROW."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"title-bar--{tone}"
        for tone in (
            "environment", "fact", "gain", "loss", "warning", "lost",
            "state-active", "state-reducing", "state-halted",
        )
    }  # fmt: skip

    def __init__(self, environment: str, zone: str = MARKET_ZONE) -> None:
        super().__init__(id="title-bar", classes=f"-{environment}")
        self._zone_name = zone
        self._standing = Standing(environment)

    def show(self, now: Standing) -> None:
        """Say this from now on."""
        if now != self._standing:
            self._standing = now
            self.refresh()

    def render(self) -> Text:
        """The facts that fit, in one row or two."""
        zone = ZoneInfo(self._zone_name)
        first, second = facts(self._standing, zone)
        width = self.size.width
        lines = [(*first, *second)] if self.size.height == 1 else [first, second]
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        for number, row in enumerate(lines):
            if number:
                line.append("\n")
            for at, (words, tone) in enumerate(fitted(row, width)):
                line.append("  " if at else "")
                line.append(words, self._style(tone))
        return line

    def _style(self, tone: str) -> str:
        name = f"title-bar--{tone}"
        if name not in self.COMPONENT_CLASSES:
            name = "title-bar--warning"
        return str(self.get_component_rich_style(name))
