"""Flatten: close every position, after the list was shown and its token typed (spec 5, Kill switch).

Always from HALTED and back to it. In between trading is REDUCING: the closing orders may leave, and
nothing else; a halt pressed meanwhile ends the flatten like everything else. What fails for one
position is that position's, and is in the report."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from decimal import Decimal
from hmac import compare_digest

from db.clock import Clock
from db.model.base import Environment, plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder, OrderState
from db.model.portfolio import Portfolio, Position
from db.model.run import CancelReason, PlanRun, PlanState
from db.model.trading import FlattenCard, FlattenReport, TradingState
from services.brokers.port import Broker, BrokerUnavailableError
from services.desk.facts import FactsSource
from services.desk.reconcile import Reconciler
from services.execution.approval import new_token
from services.execution.book import NotPossibleError
from services.execution.closing import FLATTEN, closing_steps, closings, exit_plan, protecting
from services.execution.drafts import of_order
from services.execution.engine import Engine

CARD_MINUTES = 5
ANSWER_SECONDS = 20.0
"""Whoever asked is answered after this, with the report so far."""
CLOSE_SECONDS = 120.0
"""How long closing orders may work before trading is halted again."""
UNPROTECT_SECONDS = 10.0
READ_BACK_SECONDS = 10.0
"""How long the broker's figures may lag behind the last fill."""
ROUND_SECONDS = 0.2
STOPPED = (PlanState.PAUSED, PlanState.HALTED)

log = logging.getLogger(__name__)


class Flatten:
    """One at a time. `report` is that of the last one."""

    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        facts: FactsSource,
        reconciler: Reconciler,
        environment: str,
        new_id: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._facts = facts
        self._reconciler = reconciler
        self._environment = environment
        self._new_id = new_id
        self._clock = clock
        self._card: FlattenCard | None = None
        self._task: asyncio.Task[FlattenReport] | None = None
        self.report: FlattenReport | None = None

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def card(self) -> FlattenCard:
        """What would be closed, and a new token. Raises BrokerUnavailableError."""
        facts = await self._facts.fresh()
        rows = closings(facts, self._reconciler.locked_symbols)
        obstacle = ""
        if not rows:
            obstacle = "Nothing is held."
        elif not facts.market_open:
            opens = f" until {facts.clock.next_open:%Y-%m-%d %H:%M} UTC" if facts.clock else ""
            obstacle = f"The market is closed: market orders would wait{opens}."
        elif all(row.obstacle for row in rows):
            obstacle = rows[0].obstacle
        self._card = FlattenCard(
            at=self._clock.now(),
            positions=rows,
            proceeds=sum((row.proceeds or Decimal(0) for row in rows), Decimal(0)),
            cost=sum((row.cost or Decimal(0) for row in rows), Decimal(0)),
            obstacle=obstacle,
            token=new_token(),
            expires_at=self._clock.now() + timedelta(minutes=CARD_MINUTES),
        )
        return self._card

    async def begin(self, token: str, by: str) -> FlattenReport:
        """The token was typed. Answers with the report, or after a while with what there is of it.
        Raises NotPossibleError."""
        if self._environment == Environment.MANUAL:
            raise NotPossibleError(
                "By hand nothing closes by itself: sell at your broker what the list shows, then "
                "enter what it holds (positions import)."
            )
        card = self._redeemed(token)
        self.report = FlattenReport(at=self._clock.now(), by=by)
        self._task = asyncio.create_task(self.carry_through(card, by), name="flatten")
        await asyncio.wait({self._task}, timeout=ANSWER_SECONDS)
        return self.report

    def _redeemed(self, token: str) -> FlattenCard:
        card = self._card
        if self.busy:
            raise NotPossibleError("Positions are being closed already.")
        if card is None or self._clock.now() > card.expires_at:
            raise NotPossibleError("Look at the list first: its token is what is typed.")
        if not compare_digest(token.strip().upper().encode(), card.token.encode()):
            raise NotPossibleError("The token is not the one on the list.")
        self._card = None
        if card.obstacle:
            raise NotPossibleError(card.obstacle)
        return card

    async def carry_through(self, card: FlattenCard, by: str) -> FlattenReport:
        """Never raises: what failed is in the report."""
        began = self._clock.monotonic()
        report = FlattenReport(
            at=self._clock.now(), by=by, plan_id=self._new_id(f"flatten {card.token}")
        )
        outcomes = {_key(row.account, row.symbol): row.obstacle for row in card.positions}
        try:
            await self._close(card, by, report.plan_id or "", outcomes)
        except Exception as error:  # whatever it was: back to HALTED, and say what is left
            log.exception("the flatten broke off")
            outcomes = {
                key: why or f"the flatten broke off: {error}" for key, why in outcomes.items()
            }
        await self._engine.halt(f"{by} (flatten)", "the flatten is over")
        await self._safely("ending its plan", self._end(report.plan_id or ""))
        left = await self._read_back(outcomes)
        flat = None if left else Decimal(f"{(self._clock.monotonic() - began) * 1000:.1f}")
        self.report = report.model_copy(
            update={
                "outcomes": {key: left.get(key, "closed") for key in outcomes},
                "remaining": tuple(left),
                "complete": True,
                "flat_ms": flat,
            }
        )
        draft = EventDraft(kind="FlattenCompleted", payload={"report": self.report.to_json()})
        await self._safely("writing it down", self._engine.book.record(draft))
        return self.report

    async def _safely(self, what: str, step: Awaitable[object]) -> None:
        try:
            await step
        except Exception:  # nothing keeps the rest from being done
            log.exception("flatten: %s", what)

    async def _close(
        self, card: FlattenCard, by: str, plan_id: str, outcomes: dict[str, str]
    ) -> None:
        """Halt, take protection away where it holds the shares, and send the closing orders. What
        keeps a position from being closed is written into `outcomes`."""
        halted = self._engine.kill.report
        if self._engine.safety.state is not TradingState.HALTED or not (halted and halted.complete):
            await self._engine.halt(by, "to close every position")
        payload = {"by": by, "card": card.to_json()}
        await self._engine.book.record(EventDraft(kind="FlattenStarted", payload=payload))
        await self._engine.switch.loosen(by, "to close every position")
        portfolio = await self._facts.refresh_portfolio()
        wanted = [p for p in portfolio.positions if outcomes.get(_key(p.account, p.symbol)) == ""]
        with self._engine.protector.standing_aside([(p.account, p.symbol) for p in wanted]):
            await self._close_positions(wanted, portfolio.orders, by, plan_id, outcomes)

    async def _close_positions(
        self,
        wanted: Collection[Position],
        orders: Collection[BrokerOrder],
        by: str,
        plan_id: str,
        outcomes: dict[str, str],
    ) -> None:
        stuck = await self._unprotect(wanted, orders)
        outcomes.update(stuck)
        facts = await self._facts.fresh()
        ready = [
            p for p in facts.portfolio.positions if outcomes.get(_key(p.account, p.symbol)) == ""
        ]
        if not ready:
            return
        plan = exit_plan(
            facts,
            closing_steps(facts, ready),
            plan_id=plan_id,
            source=FLATTEN,
            environment=self._environment,
            created_at=self._clock.now(),
        )
        await self._engine.start_exits(plan, facts, by)
        await self._ended(plan_id)
        outcomes.update(_troubles(self._engine.book.run(plan_id)))

    async def _unprotect(
        self, positions: Collection[Position], orders: Collection[BrokerOrder]
    ) -> dict[str, str]:
        """Cancel what protects these positions, each by itself, and see it gone at the broker. The
        positions whose protection stayed, with why."""
        doomed = {
            order.order_id: (_key(held.account, held.symbol), order)
            for held in positions
            for order in protecting(held, orders)
        }
        await asyncio.gather(*(self._cancel(order) for _, order in doomed.values()))
        deadline = self._clock.monotonic() + UNPROTECT_SECONDS
        still = dict(doomed)
        while still and self._clock.monotonic() < deadline:
            try:
                working = {order.order_id for order in await self._broker.open_orders()}
                still = {name: row for name, row in still.items() if name in working}
            except BrokerUnavailableError as error:  # not read is not gone
                log.warning("flatten: reading open orders: %s", error)
            if still:
                await self._clock.sleep(ROUND_SECONDS)
        return {
            key: f"its protective order {order.client_order_id} could not be cancelled"
            for key, order in still.values()
        }

    async def _cancel(self, order: BrokerOrder) -> None:
        if (ours := self._engine.book.known(order)) is not None:
            words = {"reason": CancelReason.TRADER.value, "words": "goes before the flatten"}
            await self._safely(
                "noting a cancel",
                self._engine.book.record(of_order(ours, "CancelRequested", words)),
            )
        await self._safely("cancelling protection", self._broker.cancel(order.order_id))

    async def _ended(self, plan_id: str) -> None:
        """Wait until the plan has ended, or waits for somebody."""
        deadline = self._clock.monotonic() + CLOSE_SECONDS
        while self._clock.monotonic() < deadline:
            state = self._engine.book.run(plan_id).state
            if state.ended or state in STOPPED:
                return
            await self._clock.sleep(ROUND_SECONDS / 4)

    async def _end(self, plan_id: str) -> None:
        """A flatten leaves no plan behind that could close anything later."""
        run = self._engine.book.runs.get(plan_id)
        if run is not None and not run.state.ended:
            await self._engine.abort(plan_id, "the flatten is over")

    async def _read_back(self, outcomes: dict[str, str]) -> dict[str, str]:
        """The positions that are still held by the broker's figures, with what is known of why."""
        deadline = self._clock.monotonic() + READ_BACK_SECONDS
        left = {
            key: why or "not known: the broker could not be asked" for key, why in outcomes.items()
        }
        while True:
            try:
                portfolio = await self._facts.refresh_portfolio()
                left = _left(portfolio, outcomes)
            except BrokerUnavailableError as error:
                log.warning("flatten: reading positions: %s", error)
            hopeless = all(outcomes[key] for key in left)
            if hopeless or self._clock.monotonic() > deadline:
                return left
            await self._clock.sleep(ROUND_SECONDS)


def _key(account: str, symbol: str) -> str:
    return f"{account}/{symbol}"


def _left(portfolio: Portfolio, outcomes: dict[str, str]) -> dict[str, str]:
    held = {_key(p.account, p.symbol): p.qty for p in portfolio.positions if p.qty}
    return {
        key: f"{plain(held[key])} left" + (f": {why}" if why else "")
        for key, why in outcomes.items()
        if key in held
    }


def _troubles(run: PlanRun) -> dict[str, str]:
    """Why a closing order did not close, as the broker or we said."""
    return {
        _key(order.account, order.symbol): order.reason or order.state.value
        for order in run.orders
        if order.state is not OrderState.FILLED
    }
