"""Stops that count at the official close only (spec 5, Protection): judged once a session, after it. A
stop that was hit becomes an exit plan, which waits for the trader, and an alert."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from decimal import Decimal

from db.clock import Clock
from db.model.base import plain
from db.model.event import Event
from db.model.market import Close
from services.brokers.port import Broker, BrokerUnavailableError
from services.desk.facts import FactsSource
from services.execution.engine import Engine
from services.execution.lots import LotKey
from services.execution.protection import Held, on_close, prices_of
from services.execution.protection_driver import of_lot
from services.intake.refusal import RefusedInputError
from services.monitoring.situation import ClosedThrough
from services.risk.facts import NEW_YORK

LOOK_SECONDS = 5.0
OFFICIAL_SECONDS = 60.0
"""After the bell until the closing auction's price has come."""

log = logging.getLogger(__name__)


class Closes:
    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        facts: FactsSource,
        propose: Callable[[str, Decimal], Awaitable[str]],
        clock: Clock,
    ) -> None:
        """`propose`: symbol and shares → the id of a new plan that sells them."""
        self._engine = engine
        self._broker = broker
        self._facts = facts
        self._propose = propose
        self._clock = clock
        self._judged: set[tuple[LotKey, date]] = set()
        """Sessions at whose close a stop was hit."""
        self._looked: set[tuple[LotKey, date]] = set()
        """Lots that were looked at before the session of this date: once is enough."""
        self._closed_since: dict[date, float] = {}
        self._hit: dict[LotKey, ClosedThrough] = {}

    def apply(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.kind != "StopHitAtClose" or event.plan_id is None or event.step is None:
                continue
            key, told = (event.plan_id, event.step), event.payload
            self._judged.add((key, date.fromisoformat(told["date"])))
            self._hit[key] = ClosedThrough(
                account=event.account or "",
                symbol=event.symbol or "",
                close=Decimal(told["close"]),
                stop=Decimal(told["stop"]),
                date=told["date"],
                plan_id=told["exit_plan"],
            )

    def standing(self) -> tuple[ClosedThrough, ...]:
        """Stops hit at a close whose shares are still held."""
        held = {lot.key for lot in self._lots()}
        return tuple(told for key, told in self._hit.items() if key in held)

    def _lots(self) -> tuple[Held, ...]:
        return tuple(lot for lot in self._engine.protector.lots() if on_close(lot.step))

    async def look(self) -> None:
        """After a session, once for every lot."""
        clock = self._facts.market_clock
        if clock is None or clock.is_open or not (lots := self._lots()):
            return
        next_session = clock.next_open.astimezone(NEW_YORK).date()
        since = self._closed_since.setdefault(next_session, self._clock.monotonic())
        if self._clock.monotonic() - since < OFFICIAL_SECONDS:
            return
        due = [lot for lot in lots if (lot.key, next_session) not in self._looked]
        if not due:
            return
        try:
            closes = await self._broker.closes(sorted({lot.step.symbol for lot in due}))
        except BrokerUnavailableError as error:
            log.warning("closes: %s", error)
            return
        for lot in due:
            close = closes.get(lot.step.symbol)
            if close is not None and close.date < next_session:
                await self._judge(lot, close)
                self._looked.add((lot.key, next_session))

    async def _judge(self, lot: Held, close: Close) -> None:
        if (lot.key, close.date) in self._judged:
            return
        stop, _ = prices_of(lot.run, lot.step)
        self._judged.add((lot.key, close.date))
        if stop is None or close.price > stop:
            return
        plan_id = ""
        try:
            plan_id = await self._propose(lot.step.symbol, lot.qty)
        except RefusedInputError as error:
            log.warning("the exit of %s can't be proposed: %s", lot.step.symbol, error)
        payload = {
            "date": close.date.isoformat(),
            "close": plain(close.price),
            "stop": plain(stop),
            "exit_plan": plan_id,
        }
        await self._engine.book.record(of_lot(lot, "StopHitAtClose", payload))
