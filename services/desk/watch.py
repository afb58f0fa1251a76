"""Watches prices, feeds and alerts for what is held, working or planned."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from db.clock import Clock
from db.model.alert import Alert
from db.model.event import Event, EventDraft
from db.model.post_trade import PostTrade
from db.model.snapshot import FeedHealth
from db.model.trading import Drill
from services.brokers.port import Broker, BrokerUnavailableError, StreamState
from services.desk.closes import Closes
from services.desk.day import TradingDay
from services.desk.facts import FactsSource
from services.desk.guards import Guards
from services.desk.reconcile import Reconciler
from services.desk.stops import Stops
from services.execution.book import NotPossibleError
from services.execution.engine import Engine
from services.execution.escalations import unanswered
from services.execution.touched import first_stop
from services.market.board import PriceBoard
from services.monitoring.situation import Price, Protection, Situation, Standstill
from services.monitoring.watch import Watch as Memory
from services.monitoring.watch import escalating, look, restored

SETTLE_SECONDS = 10.0
STAMPS = {
    "AlertAcknowledged": "acknowledged_at",
    "AlertEscalated": "escalated_at",
    "AlertCleared": "cleared_at",
}
"""Event → the time of an alert that it is."""
POLL_AGAIN_SECONDS = 5.0
"""After prices could not be polled."""

log = logging.getLogger(__name__)


class Watch:
    """Stop and target prices, alerts, the health of the feeds."""

    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        reconciler: Reconciler,
        board: PriceBoard,
        broker: Broker,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._reconciler = reconciler
        self._board = board
        self._broker = broker
        self._clock = clock
        self._streams: dict[str, StreamState] = {}
        self._polling: str | None = None
        self._poll_again_at = clock.monotonic()
        self.day = TradingDay(facts)
        self._memory = Memory()
        self._left: tuple[str, ...] = ()
        """`account/symbol` that the last flatten could not close."""
        self.closes: Closes | None = None
        """Who judges stops that count at the close; a price through one is no hit yet."""
        self.stops: Stops | None = None
        self._guards = Guards(engine, facts, clock)
        self.last_drill: Drill | None = None
        self.post_trades: Mapping[str, PostTrade] = {}
        self._since = clock.monotonic()
        self.journal_failed: Callable[[], str | None] = lambda: None
        self._standstill: Standstill | None = None
        self.drift: Callable[[], timedelta] = timedelta
        self._unwritten: dict[str, Alert] = {}
        """By `Alert.key`: raised, and not in the journal yet, because it can't be written."""
        self.alerts: dict[str, Alert] = {}

    # --- what the journal knows ---------------------------------------------------------------

    def recover(self, events: Iterable[Event]) -> None:
        self.apply(tuple(events))
        self._memory = restored(self.alerts.values())

    def apply(self, events: tuple[Event, ...]) -> None:
        """Fold journalled events into alerts, protections and the day."""
        for event in events:
            payload = event.payload
            if event.kind == "ProtectionSet" and event.symbol is not None:
                self._facts.protections[event.symbol] = (
                    _decimal(payload.get("stop_price")),
                    _decimal(payload.get("target_price")),
                )
            elif event.kind == "DayStarted":
                self.day.apply(event)
            elif event.kind == "AlertRaised":
                alert = Alert.model_validate(payload["alert"])
                self.alerts[alert.alert_id] = alert
            elif event.kind == "DeskStoodStill":
                self._standstill = Standstill(at=event.at, seconds=Decimal(payload["seconds"]))
            elif event.kind in STAMPS:
                self._stamp(payload["alert_id"], event.kind, event.at)
            elif event.kind == "FlattenCompleted":
                self._left = tuple(payload["report"]["remaining"])

    def _stamp(self, alert_id: str, kind: str, at: datetime) -> None:
        if (alert := self.alerts.get(alert_id)) is not None:
            self.alerts[alert_id] = alert.model_copy(update={STAMPS[kind]: at})

    async def acknowledge(self, alert_id: str) -> Alert:
        """Raises NotPossibleError when there is no such alert."""
        if alert_id not in self.alerts:
            raise NotPossibleError(f"There is no alert {alert_id}.")
        if self.alerts[alert_id].acknowledged_at is None:
            payload = {"alert_id": alert_id}
            await self._engine.book.record(EventDraft(kind="AlertAcknowledged", payload=payload))
        return self.alerts[alert_id]

    # --- feeds --------------------------------------------------------------------------------

    def on_stream(self, state: StreamState) -> None:
        if self._streams.get(state.stream) != state:
            log.info("stream %s: %s", state.stream, state.reason or "connected")
        self._streams[state.stream] = state

    def feed_health(self) -> FeedHealth:
        ages = [age for s in self._held() if (age := self._board.age(s)) is not None]
        return FeedHealth(
            orders_connected=self._connected("orders"),
            quotes_connected=self._connected("quotes"),
            quote_age=Decimal(f"{min(ages):.1f}") if ages else None,
            polling=self._polling is not None,
        )

    def _connected(self, stream: str) -> bool:
        state = self._streams.get(stream)
        return state is not None and state.connected

    def watch_symbols(self) -> None:
        """Stream quotes of all that is held, working or planned."""
        symbols = self._held()
        for run in self._engine.book.runs.values():
            if not run.state.ended:
                symbols |= {step.symbol for step in run.plan.steps}
        self._board.watch(frozenset(symbols))
        self._broker.watch(sorted(symbols))

    def _held(self) -> set[str]:
        portfolio = self._facts.portfolio
        return {p.symbol for p in portfolio.positions} if portfolio is not None else set()

    # --- looking ------------------------------------------------------------------------------

    async def look(self) -> None:
        """Once a second: poll prices when the stream is silent, then judge every condition."""
        await self._poll_when_silent()
        if self.journal_failed() is None:
            if (began := self.day.to_note()) is not None:
                await self._engine.book.record(began)
            await self._engine.void_expired(self._facts.market_now())
        if (situation := self._situation()) is None or not self._settled():
            return
        change = look(self._memory, situation, self._unwritten)
        self._unwritten = {alert.key: alert for alert in change.raised}
        if self.journal_failed() is not None:
            return  # the alerts are shown all the same, and written down when that is possible
        drafts = [
            EventDraft(
                kind="AlertRaised", symbol=_symbol(alert), payload={"alert": alert.to_json()}
            )
            for alert in change.raised
        ]
        drafts += [
            EventDraft(
                kind="AlertCleared", symbol=_symbol(alert), payload={"alert_id": alert.alert_id}
            )
            for alert in change.cleared
        ]
        if drafts:
            await self._engine.book.record(*drafts)
        self._memory, self._unwritten = change.watch, {}
        await self._escalate(situation.at)

    @property
    def shown(self) -> tuple[Alert, ...]:
        """All alerts, those too that can't be written down now."""
        unwritten = (a for a in self._unwritten.values() if a.alert_id not in self.alerts)
        return (*self.alerts.values(), *unwritten)

    async def _escalate(self, now: datetime) -> None:
        """Critical alerts that nobody has acknowledged are raised again, louder (spec 6)."""
        after = timedelta(minutes=self._facts.policy.escalate_minutes)
        drafts = [
            EventDraft(
                kind="AlertEscalated", symbol=_symbol(alert), payload={"alert_id": alert.alert_id}
            )
            for alert in escalating(self.alerts.values(), now, after)
        ]
        if drafts:
            await self._engine.book.record(*drafts)

    def _settled(self) -> bool:
        """Both streams have said how they are, or had the time to."""
        waited = self._clock.monotonic() - self._since
        return {"orders", "quotes"} <= self._streams.keys() or waited > SETTLE_SECONDS

    async def _poll_when_silent(self) -> None:
        clock = self._facts.market_clock
        self._polling = self._board.polling(clock is not None and clock.is_open)
        held = self._held()
        if self._polling is None:
            open_now = clock is not None and clock.is_open
            held &= self._board.overdue() if open_now else frozenset()
        if not held:
            return
        if self._clock.monotonic() < self._poll_again_at:
            return
        try:
            quotes = await self._broker.quotes(sorted(held))
        except BrokerUnavailableError as error:
            # Not raised: whoever is blind must still judge what is known, and say that it is blind.
            log.warning("prices can't be polled: %s", error)
            self._poll_again_at = self._clock.monotonic() + POLL_AGAIN_SECONDS
            return
        for quote in quotes.values():
            self._board.update(quote, self._facts.market_now())

    def _situation(self) -> Situation | None:
        """None before the first look at the account."""
        portfolio, clock = self._facts.portfolio, self._facts.market_clock
        if portfolio is None:
            return None
        return Situation(
            at=self._clock.now(),
            market_open=clock is not None and clock.is_open,
            policy=self._facts.policy,
            trading_state=self._engine.safety.state,
            positions=portfolio.positions,
            protections=tuple(
                self._protection(position.account, position.symbol)
                for position in portfolio.positions
                if position.symbol in self._facts.protections
            ),
            prices=tuple(self._prices()),
            feed=self.feed_health(),
            cash=portfolio.cash,
            equity=portfolio.equity,
            day_start_equity=self.day.start_equity,
            orders=tuple(
                order
                for run in self._engine.book.runs.values()
                if not run.state.ended
                for order in run.orders
            ),
            mismatches=self._reconciler.open,
            journal_failed=self.journal_failed() or "",
            standstill=self._standstill,
            clock_drift=Decimal(f"{self.drift().total_seconds():.1f}"),
            stop=self._engine.switch.stop,
            left_open=tuple(
                position
                for position in portfolio.positions
                if position.qty and f"{position.account}/{position.symbol}" in self._left
            ),
            last_drill=self.last_drill,
            escalations=tuple(
                asked
                for run in self._engine.book.runs.values()
                if not run.state.ended and (asked := unanswered(run)) is not None
            ),
            post_trades=tuple(self.post_trades.values()),
            closed_through=self.closes.standing() if self.closes is not None else (),
            exits=self.stops.waiting() if self.stops is not None else (),
            **self._guards.seen(portfolio),
        )

    def _protection(self, account: str, symbol: str) -> Protection:
        """Of lots with stops of their own the one that the price reaches first counts."""
        stop, target = self._facts.protections[symbol]
        lots = [
            lot
            for lot in self._engine.protector.lots()
            if (lot.step.account, lot.step.symbol) == (account, symbol)
        ]
        if lots:
            stop = first_stop(lots)
        return Protection(account=account, symbol=symbol, stop_price=stop, target_price=target)

    def price_of(self, symbol: str) -> Decimal | None:
        """The last that is known, however old: it can be the hit of a stop."""
        quote = self._board.quote(symbol)
        return None if quote is None else quote.mid

    def _prices(self) -> Iterator[Price]:
        for symbol in self._held():
            quote, age = self._board.quote(symbol), self._board.age(symbol)
            if quote is not None and quote.mid is not None and age is not None:
                yield Price(
                    symbol=symbol,
                    price=quote.mid,
                    age=Decimal(f"{age:.1f}"),
                    source=quote.source,
                )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _symbol(alert: Alert) -> str | None:
    return alert.values.get("symbol")
