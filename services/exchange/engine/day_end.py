"""What the end of a trading day does to accounts: contracts expire, interest is booked, equity
is noted as yesterday's."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from services.exchange import sessions
from services.exchange.engine.accounts import Account
from services.exchange.engine.booking import Booking
from services.exchange.engine.exercise import Exercise
from services.exchange.engine.floor import Floor
from services.exchange.engine.orders import ZERO
from services.exchange.sessions import Session

FACT = "day_ended"


class Owed(NamedTuple):
    """Dollars an account owes for a night: `kind` is an activity type (INT, FEE)."""

    kind: str
    amount: Decimal
    description: str
    symbol: str | None = None


Overnight = Callable[[Floor, Account, int], Iterable[Owed]]


def nothing_owed(floor: Floor, account: Account, nights: int) -> Iterable[Owed]:
    return ()


class DayEnd:
    def __init__(
        self,
        floor: Floor,
        booking: Booking,
        exercise: Exercise,
        ended: date | None,
        overnight: Overnight = nothing_owed,
    ) -> None:
        """`ended` is the last day that was ended, as noted; `overnight` says what an account owes
        for so many nights."""
        self._floor, self._booking, self._exercise = floor, booking, exercise
        self._overnight = overnight
        self._next = _first(floor.clock.now(), ended)

    def turn(self) -> None:
        now = self._floor.clock.now()
        while self._next.closes <= now:
            self._end(self._next)
            self._booking.put_fact(FACT, self._next.day.isoformat())
            self._next = sessions.session_after(self._next)

    def _end(self, session: Session) -> None:
        nights = (sessions.session_after(session).day - session.day).days
        self._exercise.expire(session.day)
        for name in list(self._floor.ledger.accounts):
            self._charge(name, session.day, nights)
            account, held = self._floor.ledger.accounts[name], self._floor.positions(name)
            values = [p.value(self._floor.price(p.symbol)) for p in held]
            self._booking.keep_account(
                account.model_copy(
                    update={
                        "last_equity": account.cash + sum(values, ZERO),
                        "last_position_value": sum(map(abs, values), ZERO),
                    }
                )
            )

    def _charge(self, name: str, day: date, nights: int) -> None:
        account = self._floor.ledger.accounts[name]
        for owed in self._overnight(self._floor, account, nights):
            self._booking.receive(
                name,
                owed.kind,
                -owed.amount,
                day=day,
                symbol=owed.symbol,
                description=owed.description,
            )


def _first(now: datetime, ended: date | None) -> Session:
    """The first session to end: the one after the last noted, else the one that runs or comes."""
    if ended is None:
        return sessions.current_or_next(now)
    return next(session for session in sessions.sessions_from(ended) if session.day > ended)
