"""The desk: everything put together, started in order, supervised, stopped cleanly."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from db.clock import Clock
from db.errors import JournalError
from db.home import Home
from db.journal import Journal
from db.model.event import Event, EventDraft
from db.model.market import TradingStatus
from db.model.order import OrderState
from db.model.snapshot import DeskSnapshot
from db.model.trading import HaltReport, ResumeCard, TradingState
from services.brokers.manual.adapter import ManualBroker
from services.brokers.port import (
    Broker,
    OrderUpdate,
    StreamState,
)
from services.desk import elsewhere
from services.desk.by_hand import ByHand
from services.desk.clearance import Clearance
from services.desk.closes import LOOK_SECONDS as CLOSES_SECONDS
from services.desk.closes import Closes
from services.desk.document import plan_document, unknown_orders
from services.desk.drill import Drills, last_drill
from services.desk.exposure import Exposure
from services.desk.facts import FactsSource
from services.desk.flatten import Flatten
from services.desk.guarded import guards
from services.desk.home_latch import HomeLatch
from services.desk.hub import Hub
from services.desk.intake import SWEEP_SECONDS, Intake
from services.desk.latch import Latch, read_latch, read_reducing
from services.desk.operators import Operators
from services.desk.paper import ENDINGS, Paper, unreported
from services.desk.policies import PlanFacts
from services.desk.post_trade import PostTrades
from services.desk.pulse import BEAT_SECONDS, Pulse
from services.desk.recollection import recollect
from services.desk.reconcile import Reconciler, foreign_orders
from services.desk.sentry import Sentry
from services.desk.settings import DeskSettings
from services.desk.stops import LOOK_SECONDS as STOPS_SECONDS
from services.desk.stops import Stops
from services.desk.supervision import Supervisor
from services.desk.view import open_alerts, order_rows, plan_rows, position_rows
from services.desk.watch import Watch
from services.execution.engine import Engine
from services.execution.safety import Safety
from services.market.board import PriceBoard
from services.reports.write import ReportError
from services.risk.policy import load_policy

PORTFOLIO_SECONDS = 5.0
"""Between two looks at account and positions while nothing else asks."""
LOOK_SECONDS = 0.5
STREAM_SECONDS = 3.0
"""That a starting desk waits for the order stream."""
MEND_SECONDS = 2.0
"""Between two tries to write a journal that failed."""
HALT_AGAIN_SECONDS = 30.0
"""A halt that could not be completed is tried again."""

log = logging.getLogger(__name__)


class Desk:
    """One environment's desk. `start` returns when it may be used."""

    def __init__(
        self,
        home: Home,
        settings: DeskSettings,
        journal: Journal,
        broker: Broker,
        clock: Clock,
        drift: Callable[[], timedelta] = timedelta,
    ) -> None:
        """`drift`: how far the machine's clock is ahead of `clock`."""
        self.home = home
        self.settings = settings
        self.journal = journal
        self._broker = broker
        self._clock = clock
        self._started_at = clock.now()
        self.stopping = asyncio.Event()
        self.stop_exchange = False
        self.workers = Supervisor(clock, self._journal_failed)
        self._filled_at = float("-inf")
        self._orders_heard = asyncio.Event()
        self._latch_seen: Latch | None = None
        policy = load_policy(settings.policy, [home.policies])
        self.board = PriceBoard(clock.monotonic)
        self.facts = FactsSource(broker, self.board, clock, policy)
        self.facts.past.elsewhere = partial(elsewhere.records, elsewhere.books(home, settings))
        self.safety = Safety(HomeLatch(home))
        plan_facts = PlanFacts(self.facts, home)
        self.engine = Engine(
            journal,
            broker,
            self.safety,
            clock,
            plan_facts,
            plan_facts.at_hand,
            self.account_number,
            lambda: self.reconciler.locked_symbols,
        )
        self.reconciler = Reconciler(self.engine, self.facts, broker, clock, journal.rows)
        self.intake = Intake(self.engine, self.facts, plan_facts, home, home.environment, clock.now)
        self.watch = Watch(self.engine, self.facts, self.reconciler, self.board, broker, clock)
        self.post_trades = PostTrades(
            self.engine,
            self.facts,
            plan_facts,
            home.environment.value,
            self.intake.new_id,
            clock.now,
        )
        self.watch.post_trades = self.post_trades.found
        self.watch.journal_failed = lambda: journal.failed
        self.watch.drift = drift
        self.paper = Paper(self.engine, self.facts, journal, home, settings.zone, clock.now)
        self.by_hand = (
            ByHand(self.engine, broker, self.facts, self.reconciler, home, settings.zone, clock)
            if isinstance(broker, ManualBroker)
            else None
        )
        self.operators = Operators(clock)
        self.pulse = Pulse(clock, lambda: self.facts.policy.standstill_seconds)
        self.sentry = Sentry(
            self.engine,
            self.facts,
            self.reconciler,
            self.watch,
            self.operators,
            journal,
            self.workers,
            self.pulse,
            clock,
        )
        self.flatten = Flatten(
            self.engine,
            broker,
            self.facts,
            self.reconciler,
            home.environment.value,
            self.intake.new_id,
            clock,
        )
        self.drills = Drills(self.engine, self.facts, self.flatten, home, self.intake.new_id, clock)
        self.hub = Hub(self.snapshot, clock, self.operators)
        exposure = Exposure(self.engine, self.facts, self.reconciler)
        self.safety.measure_by(exposure)
        self.safety.sell_no_more_than_held(exposure.oversells)
        self.safety.require(lambda: journal.failed)
        self.safety.require(self.pulse.overdue, passing=True)
        self.clearance = Clearance(
            self.reconciler, self.facts, lambda: self.watch.feed_health().orders_connected, clock
        )
        self.clearance.guard(self.safety)
        self.engine.protector.market_open = self._market_open
        self.closes = Closes(self.engine, broker, self.facts, self._propose_exit, clock)
        self.watch.closes = self.closes
        self.stops = Stops(
            self.engine,
            self.facts,
            self.watch.price_of,
            self.watch.alerts,
            lambda key, qty, source: self._propose_exit(key[1], qty, source),
            clock,
        )
        self.watch.stops = self.stops
        self.facts.trading_state = lambda: self.safety.state
        self.facts.day = self.sentry.day
        journal.on_append(self._on_events)

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Fold the journal, ask the broker, compare the books. Raises BrokerUnavailableError."""
        events = await self.recover()
        await self.facts.refresh_clock()
        portfolio = await self.facts.refresh_portfolio()
        await self.facts.refresh_instruments()
        await self.facts.quotes([position.symbol for position in portfolio.positions])
        await self._note_start(portfolio.accounts[0].number)
        self.workers.watch("messages", self._listen)
        self.workers.watch("updates", self.hub.run)
        await self._hear_of_orders()
        await self.reconciler.reconcile()
        self.workers.watch("tracker", self.engine.tracker.run)
        await self._finish_halt()
        self.watch.watch_symbols()
        self.pulse.beat(lambda _: None)  # the start may have taken long
        self.workers.keep("pulse", self._beat, BEAT_SECONDS)
        self.workers.watch("protection", self.engine.protector.run)
        self.workers.keep("journal", self._mend_journal, MEND_SECONDS)
        self.workers.keep("portfolio", self._look, LOOK_SECONDS)
        self.workers.keep("closes", self.closes.look, CLOSES_SECONDS)
        self.workers.keep("alerts", self._alerts, 1.0)
        self.workers.keep("exits", self.stops.look, STOPS_SECONDS)
        self.workers.keep("triggers", self.sentry.look, 1.0)
        self.workers.keep("inbox", self.intake.sweep_inbox, SWEEP_SECONDS)
        self.workers.keep("agreement", self._agree, LOOK_SECONDS)
        self.workers.keep("reconciliation", self._reconcile, float(self.settings.reconcile_seconds))
        for plan_id in unreported(events):
            self.workers.once("after plan", partial(self._after_plan, plan_id, restarted=True))

    async def recover(self) -> tuple[Event, ...]:
        """Everything as the journal left it; the events of it that still matter."""
        known = await recollect(self.journal)
        events = known.events
        self.engine.book.remember(known.plan_ids)
        self.engine.switch.recover(events)
        self.sentry.recover(events)
        self.intake.recover(events)
        self.reconciler.recover(events, known.brought_forward)
        self.watch.recover(events)
        self.facts.apply(events)
        self.closes.apply(events)
        self.stops.apply(events)
        self.post_trades.apply(events)
        await self.engine.recover(events)
        return events

    async def _finish_halt(self) -> None:
        """A latch that another process set, or a halt that a crash cut short: carry it through."""
        latch, report = read_latch(self.home), self.engine.kill.report
        if latch is None or self.engine.kill.busy:
            return
        # A desk that is not halted by itself has not heard of it, whatever the two clocks say.
        unheard = self.safety.own_state is not TradingState.HALTED
        new = latch != self._latch_seen and (unheard or report is None or report.at < latch.at)
        self._latch_seen = latch
        if new or (report is not None and self._unfinished(report)):
            await self.engine.halt(latch.by, latch.reason)

    async def _note_reducing(self) -> None:
        """REDUCING that another process set by its file is written down like any other."""
        found = read_reducing(self.home)
        if found is not None and self.engine.safety.own_state is TradingState.ACTIVE:
            await self.engine.switch.reduce(found.by, found.reason)

    async def _alerts(self) -> None:
        self.watch.last_drill = last_drill(self.home)
        await self.watch.look()

    def _unfinished(self, report: HaltReport) -> bool:
        """Not complete, and long enough ago to try again."""
        age = (self._clock.now() - report.at).total_seconds()
        # By hand only the trader's word completes it, and that is heard when he says it.
        return not report.complete and age > HALT_AGAIN_SECONDS and self.by_hand is None

    async def _note_start(self, number: str) -> None:
        payload = {
            "environment": self.home.environment.value,
            "account": number,
            "pid": os.getpid(),
        }
        await self.journal.append(EventDraft(kind="DeskStarted", payload=payload))

    async def _hear_of_orders(self) -> None:
        """The order stream gets a moment, so that the first comparison, which resolves every order
        whose answer never came, counts for it. A desk without one starts, and sends nothing."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._orders_heard.wait(), STREAM_SECONDS)

    async def stop(self) -> None:
        """Stop tasks, then the journal. Orders at the broker go on working."""
        await self.workers.stop()
        await self.engine.close()
        await self.hub.close()
        if self.journal.failed is None:
            await self.journal.append(EventDraft(kind="DeskStopped"))
        await self._broker.close()
        await self.journal.close()

    def ask_to_stop(self, *, exchange: bool) -> None:
        self.stop_exchange = exchange
        self.stopping.set()

    # --- tasks --------------------------------------------------------------------------------

    async def _journal_failed(self, sentence: str) -> None:
        """A journal that can't be written halts, never "warn and continue" (invariant 5)."""
        if self.safety.state is not TradingState.HALTED:
            log.critical("trading is halted: %s", sentence)
            await self.engine.halt("the desk", sentence, "journal_error")

    async def _mend_journal(self) -> None:
        """Once the journal can be written again: what happened meanwhile is asked for and booked, and
        the halt is written down. Trading stays halted until the trader resumes."""
        if (why := self.journal.failed) is None or self.engine.kill.busy:
            return
        await self._journal_failed(why)
        try:
            await self.journal.mend()
        except JournalError:
            return  # it is said already
        log.warning("the journal can be written again; it could not: %s", why)
        self.reconciler.distrust("the journal could not be written for a while")
        await self.engine.doubt_answers("the journal could not be written at its answer")
        await self.engine.halt("the desk", why, "journal_error")

    async def _listen(self) -> None:
        async for message in self._broker.messages():
            if isinstance(message, OrderUpdate):
                await self._hear(message)
            elif isinstance(message, StreamState):
                self.watch.on_stream(message)
                if message.stream == "quotes":
                    self.facts.halts.connected(told=message.tells_halts)
                if message.stream == "orders":
                    # Nothing is replayed after a reconnect: look, then trust the stream again.
                    self.reconciler.distrust("the order stream was away")
                    self.engine.tracker.kick()
                    self._orders_heard.set()
                self.hub.touch()
            elif isinstance(message, TradingStatus):
                log.info("%s: %s (%s)", message.symbol, message.message, message.reason)
                self.facts.halts.hear(message)
            else:
                self.board.update(message, self.facts.market_now())
                self.hub.touch()

    async def _hear(self, update: OrderUpdate) -> None:
        """What can't be booked now is asked for once the journal can be written: prices go on."""
        try:
            if not await self.engine.on_update(update):
                log.info("an order that is not ours: %s", update.order.client_order_id)
        except JournalError as error:
            self.workers.once("journal", partial(self._journal_failed, str(error)))
        if update.fill is not None:
            self._filled_at = self._clock.monotonic()
        self.hub.touch()

    async def _look(self) -> None:
        """Account and positions again when they are old, or older than the last fill. A burst of
        fills asks once, not once a fill: the broker counts requests."""
        if self.safety.state is TradingState.HALTED:
            await self._finish_halt()
        elif self.safety.state is TradingState.REDUCING:
            await self._note_reducing()
        await self.facts.refresh_clock()
        known = self.facts.portfolio_at
        now = self._clock.monotonic()
        if known is None or known < self._filled_at or now - known >= PORTFOLIO_SECONDS:
            await self.facts.refresh_portfolio()
        self.watch.watch_symbols()
        self.hub.touch()

    async def _reconcile(self) -> None:
        await self.reconciler.reconcile()
        self.hub.touch()

    async def _agree(self) -> None:
        """Books in doubt are compared at once; what failed is tried again."""
        if self.reconciler.in_doubt and self.clearance.stream() is None:
            await self._reconcile()

    def _on_events(self, events: tuple[Event, ...]) -> None:
        self.reconciler.apply(events)
        self.watch.apply(events)
        self.closes.apply(events)
        self.stops.apply(events)
        self.post_trades.apply(events)
        self.facts.apply(events)
        self.facts.past.apply(events)
        self.engine.switch.apply(events)
        self.sentry.apply(events)
        self.hub.on_events(events)
        if self.by_hand is not None:
            self.by_hand.follow(events, self._write_guide)
        for event in events:
            if event.kind in ENDINGS and event.plan_id is not None:
                self.workers.once("after plan", partial(self._after_plan, event.plan_id))

    async def _beat(self) -> None:
        """A desk that stood still forgets what it knew: books are compared before the next send."""

        def doubt(seconds: float) -> None:
            self.reconciler.distrust(f"the desk stood still for {seconds:.0f} s")

        if still := self.pulse.beat(doubt):
            log.warning("stood still for %.1f s", still)
            self.engine.tracker.kick()
            draft = EventDraft(kind="DeskStoodStill", payload={"seconds": f"{still:.1f}"})
            # Beside: a slow journal must not look like a desk that stands still.
            self.workers.once("standstill", partial(self.engine.book.record, draft))

    def _write_guide(self, plan_id: str) -> None:
        assert self.by_hand is not None
        self.workers.once(f"guide {plan_id}", partial(self.by_hand.write_guide_safely, plan_id))

    async def _after_plan(self, plan_id: str, restarted: bool = False) -> None:
        """Compare the books, and the plan with what it promised; then write the paper (spec 5,
        spec 7). `restarted`: the desk died before it was done with a plan that had ended."""
        await self._reconcile()
        if plan_id not in self.post_trades.found:
            # After a restart nothing is sold before the trader has said anything.
            await self.post_trades.look(plan_id, by_itself=not restarted)
        try:
            await self.paper.plan_ended(plan_id)
        except ReportError as error:
            log.warning("after plan %s: %s", plan_id, error)

    # --- what others ask ----------------------------------------------------------------------

    async def resume(self, reason: str, token: str = "") -> ResumeCard | dict[str, str]:
        """Spec 5: typed, with a reason, and only when reconciliation is clean. After a stop that
        nobody pressed the answer is a card first, whose token is typed."""
        if reason.strip():
            await self.reconciler.reconcile()
        answer = await self.engine.switch.resume(
            reason, self.reconciler.obstacle(), token, self.sentry.persists
        )
        return answer if isinstance(answer, ResumeCard) else {"trading_state": answer.value}

    async def _propose_exit(self, symbol: str, qty: Decimal, source: str = "stop at close") -> str:
        """A plan that sells, on the road of every plan: checked, and approved by the trader."""
        return await self.intake.exit(symbol, qty, source)

    def _market_open(self) -> bool:
        """Open when nobody knows."""
        clock = self.facts.market_clock
        return clock is None or clock.is_open

    def account_number(self) -> str:
        portfolio = self.facts.portfolio
        return portfolio.accounts[0].number if portfolio is not None else ""

    def document(self, plan_id: str) -> dict[str, Any]:
        run = self.engine.book.run(plan_id)
        mids = {symbol: quote.mid for symbol, quote in self.board.quotes().items()}
        prices = {symbol: mid for symbol, mid in mids.items() if mid is not None}
        document = plan_document(run.plan, run, prices, self.post_trades.found.get(plan_id))
        if self.by_hand is not None:
            document["tickets"] = self.by_hand.of_plan(plan_id)
        return document

    async def trim(self, plan_id: str) -> dict[str, Any]:
        """The draft of the smallest sale that restores the limits after a plan."""
        plan = await self.post_trades.draft(plan_id)
        if plan.plan_id in self.engine.book.runs:
            return self.document(plan.plan_id)
        return await self.intake.keep(plan)

    def unknown(self) -> list[dict[str, Any]]:
        return unknown_orders(self.engine.book.runs.values())

    def status(self) -> dict[str, Any]:
        shown, drill = self.snapshot().to_json(), last_drill(self.home)
        return {
            **{name: shown[name] for name in ("trading_state", "environment", "account", "cash")},
            "equity": shown["equity"],
            "plans": list(shown["plans"].values()),
            "positions": list(shown["positions"].values()),
            "orders": list(shown["orders"].values()),
            "alerts": list(shown["alerts"].values()),
            "reconciled": shown["reconciled"],
            "reconciled_at": shown["reconciled_at"],
            "mismatches": shown["mismatches"],
            "market_open": bool(self.facts.market_clock and self.facts.market_clock.is_open),
            "unresolved": [
                order.client_order_id
                for order in self.engine.book.working_orders()
                if order.state is OrderState.UNKNOWN
            ],
            "last_drill": drill.to_json() if drill is not None else None,
            "pid": os.getpid(),
            "started_at": _iso(self._started_at),
            "at": shown["at"],
        }

    def snapshot(self) -> DeskSnapshot:
        """Everything a console shows, as of now. A figure nobody knows is None."""
        portfolio = self.facts.portfolio
        account = portfolio.accounts[0] if portfolio is not None else None
        runs = self.engine.book.runs.values()
        clean = self.reconciler.clean_at
        day_pl = self.watch.day.profit()
        budget = self._broker.budget()
        return DeskSnapshot(
            at=self._clock.now(),
            environment=self.home.environment,
            account=self.account_number(),
            trading_state=self.safety.state,
            halt=self.engine.kill.report,
            controls=self.operators.controls,
            clock=self.facts.market_clock,
            equity=account.equity if account else None,
            last_equity=account.last_equity if account else None,
            day_pl=day_pl,
            cash=account.cash if account else None,
            cash_weight=_share(account.cash, account.equity) if account else None,
            buying_power=account.buying_power if account else None,
            feed=self.watch.feed_health(),
            requests_used=budget.used,
            requests_limit=budget.limit,
            reconciled_at=clean.at if clean is not None else None,
            reconciled=self.reconciler.clean,
            mismatches=self.reconciler.open,
            inbox_refused=self.intake.refused,
            journal_seq=self.journal.head_seq,
            positions=(
                position_rows(
                    portfolio,
                    self.board.quotes(),
                    self.facts.sectors(),
                    self.facts.protections,
                    self.reconciler.locked_symbols,
                    self.facts.in_our_time,
                    guards(self.engine.protector.lots()),
                )
                if portfolio is not None
                else {}
            ),
            orders=order_rows(
                runs, foreign_orders(portfolio.orders if portfolio else (), self.engine)
            ),
            alerts=open_alerts(self.watch.shown),
            plans=plan_rows(runs, self.post_trades.found),
        )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    return (part / whole).quantize(Decimal("0.0001")) if whole else None
