"""The exchange's day: the equity that it began with, and what it came to since."""

from datetime import datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from db.model.event import Event, EventDraft
from db.model.market import MarketClock
from db.model.portfolio import Portfolio

NEW_YORK = ZoneInfo("America/New_York")


class Known(Protocol):
    """What the broker said last."""

    @property
    def portfolio(self) -> Portfolio | None: ...

    @property
    def market_clock(self) -> MarketClock | None: ...

    def market_now(self) -> datetime: ...


class TradingDay:
    """Of the account whose broker is asked."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._noted: tuple[str, Decimal] | None = None
        """Exchange date and equity."""

    def apply(self, started: Event) -> None:
        self._noted = (started.payload["date"], Decimal(started.payload["equity"]))

    def to_note(self) -> EventDraft | None:
        """The first look at the account on an exchange date is that day's start."""
        date, equity = self._date(), self.start_equity
        if self._known.market_clock is None or equity is None:
            return None
        if self._noted is not None and self._noted[0] == date:
            return None
        return EventDraft(kind="DayStarted", payload={"date": date, "equity": format(equity, "f")})

    @property
    def start_equity(self) -> Decimal | None:
        """As noted on the broker's date. Before it is, the broker's equity of the close before
        (last_equity): what was noted on another date is never taken for it. None: not known."""
        if self._noted is not None and self._noted[0] == self._date():
            return self._noted[1]
        if (portfolio := self._known.portfolio) is None:
            return None
        account = portfolio.accounts[0]
        return account.last_equity if account.last_equity is not None else account.equity

    def profit(self) -> Decimal | None:
        """Since the day began; a loss is negative."""
        portfolio, began = self._known.portfolio, self.start_equity
        return None if portfolio is None or began is None else portfolio.equity - began

    def loss(self) -> Decimal | None:
        """As a fraction of the equity that the day began with."""
        profit, began = self.profit(), self.start_equity
        return None if profit is None or began is None or began <= 0 else -profit / began

    def _date(self) -> str:
        return exchange_date(self._known.market_now())


def exchange_date(at: datetime) -> str:
    """The exchange's date, New York (spec 6, Trading day state)."""
    return at.astimezone(NEW_YORK).date().isoformat()
