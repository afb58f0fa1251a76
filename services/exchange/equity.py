"""What each account was worth: one point a minute of the trading day, kept with the state."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from services.exchange import sessions
from services.exchange.sessions import DAY, NEW_YORK, Session

FACT = "equity"  # `equity <account> <minute>`: dollars at the minute's end
MINUTE = timedelta(minutes=1)
PutFact = Callable[[str, str], None]


@dataclass
class EquityCurve:
    """Of one account; `minutes` are the starts of minutes, growing, `values` what it was worth
    at their ends, in dollars."""

    minutes: list[datetime] = field(default_factory=list)
    values: list[Decimal] = field(default_factory=list)

    def at(self, moment: datetime) -> Decimal | None:
        """The last value known then; None before the first."""
        known = bisect_left(self.minutes, moment - MINUTE + timedelta.resolution)
        return self.values[known - 1] if known else None

    def add(self, minute: datetime, value: Decimal) -> None:
        if self.minutes and minute <= self.minutes[-1]:
            self.values[-1] = value
        else:
            self.minutes.append(minute)
            self.values.append(value)


class EquityLog:
    """The curves of all accounts. `kept` are the facts former runs wrote, by name."""

    def __init__(self, kept: Mapping[str, str], put_fact: PutFact) -> None:
        self.curves: dict[str, EquityCurve] = {}
        self._put_fact = put_fact
        self._running: datetime | None = None
        points = sorted((_parsed(name), value) for name, value in kept.items())
        for (account, minute), value in points:
            self._curve(account).add(minute, Decimal(value))

    def begin(self, account: str, last_equity: Decimal, now: datetime) -> None:
        """A new account's history starts with what it ended the session before at."""
        if account not in self.curves:
            today = now.astimezone(NEW_YORK).date()
            self._add(account, session_before(today).closes - MINUTE, last_equity)

    def note(self, now: datetime, equities: Callable[[], Iterable[tuple[str, Decimal]]]) -> None:
        """Call at every tick: the first one of a minute says what the minute before ended at."""
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        if minute == self._running:
            return
        ended, self._running = self._running, minute
        if ended is None:
            return
        session = sessions.session_of(ended.astimezone(NEW_YORK).date())
        if session is not None and session.begins <= ended < session.ends:
            for account, equity in equities():
                self._add(account, ended, equity)

    def _add(self, account: str, minute: datetime, value: Decimal) -> None:
        self._curve(account).add(minute, value)
        self._put_fact(f"{FACT} {account} {minute.isoformat()}", str(value))

    def _curve(self, account: str) -> EquityCurve:
        return self.curves.setdefault(account, EquityCurve())


def session_before(day: date) -> Session:
    """The last session before a New York date."""
    while True:
        day -= DAY
        found = sessions.session_of(day)
        if found is not None:
            return found


def _parsed(name: str) -> tuple[str, datetime]:
    account, minute = name.removeprefix(f"{FACT} ").rsplit(" ", 1)
    return account, datetime.fromisoformat(minute)
