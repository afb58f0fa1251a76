"""The exchange's day: the equity that it began with, and what it came to since."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from db.model.event import Event, EventDraft
from db.model.market import MarketClock
from db.model.portfolio import Portfolio
from services.risk.facts import NEW_YORK


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
        self._noted: Mapping[str, Decimal] = {}
        """The last day that was noted: exchange date → equity."""

    def apply(self, started: Event) -> None:
        self._noted = {started.payload["date"]: Decimal(started.payload["equity"])}

    def to_note(self) -> EventDraft | None:
        """The first look at the account on an exchange date is that day's start: the equity of the
        close before, or what it is worth now where the broker does not tell that."""
        date, portfolio = self._date(), self._known.portfolio
        if self._known.market_clock is None or portfolio is None or date in self._noted:
            return None
        account = portfolio.accounts[0]
        equity = account.equity if account.last_equity is None else account.last_equity
        return EventDraft(kind="DayStarted", payload={"date": date, "equity": format(equity, "f")})

    @property
    def start_equity(self) -> Decimal | None:
        """As noted on the broker's date. Before it is, the broker's equity of the close before
        (last_equity): what was noted on another date is never taken for it. None: not known."""
        if (noted := self._noted.get(self._date())) is not None:
            return noted
        portfolio = self._known.portfolio
        return None if portfolio is None else portfolio.accounts[0].last_equity

    def profit(self) -> Decimal | None:
        """Since the day began; a loss is negative."""
        portfolio, began = self._known.portfolio, self.start_equity
        return None if portfolio is None or began is None else portfolio.equity - began

    def loss(self) -> Decimal | None:
        """As a fraction of the equity that the day began with."""
        profit, began = self.profit(), self.start_equity
        return None if profit is None or began is None or began <= 0 else -profit / began

    def _date(self) -> str:
        """The exchange's, New York (spec 6, Trading day state)."""
        return self._known.market_now().astimezone(NEW_YORK).date().isoformat()
