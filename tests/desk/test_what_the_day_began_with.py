"""The day's figures count from the equity that the broker's day began with (spec 6, Trading day
state): never from another day's, and from the broker's word until it is written down."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from db.model.event import Event
from db.model.market import MarketClock
from db.model.portfolio import Account, Portfolio
from services.desk.day import TradingDay

MONDAY = datetime(2026, 1, 5, 15, tzinfo=UTC)


@dataclass
class Said:
    portfolio: Portfolio | None = None
    market_clock: MarketClock | None = None
    at: datetime = MONDAY

    def market_now(self) -> datetime:
        return self.at

    def clock(self) -> None:
        soon = self.at + timedelta(hours=2)
        self.market_clock = MarketClock(
            at=self.at, is_open=True, next_open=soon + timedelta(days=1), next_close=soon
        )

    def worth(self, equity: str, last_equity: str | None) -> None:
        account = Account(
            name="main", number="1", status="ACTIVE", cash=Decimal(equity), equity=Decimal(equity),
            last_equity=None if last_equity is None else Decimal(last_equity),
            buying_power=Decimal(equity),
        )  # fmt: skip
        self.portfolio = Portfolio(accounts=(account,), positions=(), as_of=self.at)


def noted(day: TradingDay) -> None:
    """Written down, as the desk does once a second."""
    if (draft := day.to_note()) is not None:
        day.apply(Event(**draft.model_dump(), seq=1, at=MONDAY, prev_hash="", hash=""))


def begun(equity: str, last_equity: str | None) -> tuple[Said, TradingDay]:
    """A day that is noted, with what the broker said then."""
    said = Said()
    said.worth(equity, last_equity)
    said.clock()
    day = TradingDay(said)
    noted(day)
    return said, day


def test_before_the_account_was_read_nothing_is_known() -> None:
    said = Said()
    said.clock()
    day = TradingDay(said)
    assert (day.start_equity, day.profit(), day.loss(), day.to_note()) == (None, None, None, None)


def test_the_brokers_word_counts_before_it_is_written_down() -> None:
    said = Said()
    said.worth("98", "100")
    day = TradingDay(said)
    assert day.loss() == Decimal("0.02")
    assert day.to_note() is None, "which day it is has not been heard"
    said.clock()
    draft = day.to_note()
    assert draft is not None
    assert draft.payload == {"date": "2026-01-05", "equity": "100"}


def test_without_the_brokers_word_the_day_has_no_figures_before_it_is_written_down() -> None:
    """What the account is worth at each look would make every loss of the day nothing."""
    said = Said()
    said.worth("100", None)
    said.clock()
    day = TradingDay(said)
    assert (day.start_equity, day.profit(), day.loss()) == (None, None, None)
    noted(day)
    assert (day.start_equity, day.profit(), day.loss()) == (100, 0, 0)


def test_the_first_look_of_a_day_is_its_start() -> None:
    said, day = begun("100", None)
    said.worth("90", None)
    assert day.to_note() is None
    assert (day.profit(), day.loss()) == (Decimal(-10), Decimal("0.1"))


def test_yesterdays_start_is_never_todays() -> None:
    """A desk that starts in the morning has only the journal's day before it writes its own."""
    said, day = begun("50", "80")
    said.at += timedelta(days=1)
    said.worth("99", "100")
    assert day.loss() == Decimal("0.01")
    said.clock()
    noted(day)
    said.worth("98", "100")
    assert day.loss() == Decimal("0.02")


def test_what_was_noted_counts_while_the_session_turns_and_its_clock_is_asked_again() -> None:
    said, day = begun("100", None)
    said.market_clock = None
    said.worth("90", None)
    assert day.profit() == Decimal(-10)
