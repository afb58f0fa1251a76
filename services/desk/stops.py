"""Stops that only the desk watches: a hit becomes an exit plan, which waits for the trader (spec 6,
Exit strategies). Once a hit: the alert of it must clear, and be raised anew, before there is another."""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from decimal import Decimal

from db.clock import Clock
from db.model.alert import Alert
from db.model.base import plain
from db.model.event import Event, EventDraft
from db.model.plan import Plan
from services.brokers.port import BrokerUnavailableError
from services.desk.facts import FactsSource
from services.execution.engine import Engine
from services.execution.lots import ZERO, Key, LotKey
from services.execution.protection import Held
from services.execution.touched import touched
from services.intake.refusal import RefusedInputError
from services.monitoring.situation import ExitProposal

LOOK_SECONDS = 0.5
AGAIN_SECONDS = 2.0
"""After an exit could not be planned."""

log = logging.getLogger(__name__)

Propose = Callable[[Key, Decimal, str], Awaitable[str]]
"""Position, shares and where it comes from → the id of a new plan that sells them."""


class Stops:
    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        price_of: Callable[[str], Decimal | None],
        alerts: Mapping[str, Alert],
        propose: Propose,
        clock: Clock,
    ) -> None:
        """`alerts`: all that were raised, by id."""
        self._engine = engine
        self._facts = facts
        self._price_of = price_of
        self._alerts = alerts
        self._propose = propose
        self._clock = clock
        self._proposed: set[tuple[str, LotKey]] = set()
        """Alert and lot: what has its exit."""
        self._exits: dict[str, ExitProposal] = {}
        """By the exit plan's id."""
        self._again_at: dict[Key, float] = {}

    def apply(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.kind != "ExitProposed" or event.plan_id is None:
                continue
            told = event.payload
            self._proposed |= {(told["alert_id"], (plan, step)) for plan, step in told["lots"]}
            self._exits[event.plan_id] = ExitProposal(
                account=event.account or "",
                symbol=event.symbol or "",
                qty=Decimal(told["qty"]),
                price=Decimal(told["price"]),
                stop=Decimal(told["stop"]),
                plan_id=event.plan_id,
            )

    def waiting(self) -> tuple[ExitProposal, ...]:
        """Exits that nobody has approved or turned down yet."""
        runs = self._engine.book.runs
        return tuple(
            made
            for plan_id, made in self._exits.items()
            if (run := runs.get(plan_id)) and not run.state.ended and not run.state.working
        )

    async def look(self) -> None:
        """Every hit that is told and has no exit yet gets one."""
        bare = {one.held.key for one in self._engine.protector.bare()}
        hits: dict[Key, list[tuple[Held, Decimal]]] = {}
        for lot, qty in touched(self._engine.protector.lots(), self._price_of, bare):
            hits.setdefault((lot.step.account, lot.step.symbol), []).append((lot, qty))
        for key, lots in hits.items():
            alert = self._told(key)
            if alert is None or self._under_way(key):
                continue  # one exit of a position at a time
            new = [(lot, qty) for lot, qty in lots if (alert, lot.key) not in self._proposed]
            if new and self._clock.monotonic() >= self._again_at.get(key, float("-inf")):
                await self._exit(key, alert, new)

    def _told(self, key: Key) -> str | None:
        """The alert that says so: it is raised once, until the price has left the stop."""
        subject = "/".join(key)
        return next(
            (
                alert.alert_id
                for alert in self._alerts.values()
                if alert.condition == "stop_hit"
                and alert.subject == subject
                and alert.cleared_at is None
            ),
            None,
        )

    def _under_way(self, key: Key) -> bool:
        runs = self._engine.book.runs
        return any(
            (made.account, made.symbol) == key and not runs[plan_id].state.ended
            for plan_id, made in self._exits.items()
            if plan_id in runs
        )

    async def _exit(self, key: Key, alert: str, lots: Collection[tuple[Held, Decimal]]) -> None:
        qty = min(sum((qty for _, qty in lots), ZERO), self._available(key))
        price = self._price_of(key[1])
        if qty <= 0 or price is None:
            return
        source = f"stop hit, {alert}"
        try:
            plan_id = self._made_before(source) or await self._propose(key, qty, source)
        except (RefusedInputError, BrokerUnavailableError) as error:
            log.warning("the exit of %s can't be proposed: %s", key[1], error)
            self._again_at[key] = self._clock.monotonic() + AGAIN_SECONDS
            return
        payload = {
            "alert_id": alert,
            "qty": plain(qty),
            "price": plain(price),
            "stop": plain(max(lot.stop or ZERO for lot, _ in lots)),
            "lots": [list(lot.key) for lot, _ in lots],
        }
        draft = EventDraft(
            kind="ExitProposed", plan_id=plan_id, account=key[0], symbol=key[1], payload=payload
        )
        await self._engine.book.record(draft)

    def _available(self, key: Key) -> Decimal:
        """Shares that the broker says are free."""
        portfolio = self._facts.portfolio
        held = portfolio.positions if portfolio is not None else ()
        return next((p.qty_available for p in held if (p.account, p.symbol) == key), ZERO)

    def _made_before(self, source: str) -> str | None:
        """The plan of a desk that died before it could write down what the plan is for."""
        plans: Iterable[Plan] = (
            run.plan for run in self._engine.book.runs.values() if not run.state.ended
        )
        return next(
            (p.plan_id for p in plans if p.source == source and p.plan_id not in self._exits), None
        )
