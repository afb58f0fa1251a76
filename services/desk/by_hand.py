"""The manual environment at the desk: tickets shown, the trader's word taken, the guide written."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from db.clock import Clock
from db.home import Home
from db.model.base import plain
from db.model.event import Event, EventDraft
from db.model.order import OrderState
from db.model.plan import Step
from db.model.run import PlanRun
from db.model.ticket import ITEMS, Claim, Statement, Ticket, order_form
from db.model.trading import TradingState
from services.brokers.manual.adapter import ManualBroker
from services.brokers.manual.typed import (
    WrongInputError,
    doubt,
    meant_again,
    read_claim,
    read_price,
    read_reason,
    read_time,
)
from services.brokers.port import OrderUpdate
from services.desk.facts import FactsSource
from services.desk.reconcile import Reconciler
from services.desk.statement import read_statement
from services.execution.book import NotPossibleError
from services.execution.engine import Engine
from services.reports.guide import guide, guide_name
from services.reports.write import ReportError, write

Json = dict[str, Any]
REWRITTEN = frozenset(
    {"PlanCreated", "PlanEdited", "PlanApproved", "TicketShown", "TicketFilled", "TicketEnded"}
)
"""After these the printed guide of their plan is written anew."""

log = logging.getLogger(__name__)


class ByHand:
    """Only in the manual environment. Every answer about a plan is its document."""

    def __init__(
        self,
        engine: Engine,
        broker: ManualBroker,
        facts: FactsSource,
        reconciler: Reconciler,
        home: Home,
        zone: str,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._facts = facts
        self._reconciler = reconciler
        self._home = home
        self._zone = ZoneInfo(zone)
        self._clock = clock
        self._words = asyncio.Lock()
        """One word at a time: what was typed twice at once is not booked twice."""
        self._paper = asyncio.Lock()

    # --- what is shown ------------------------------------------------------------------------

    def tickets(self) -> list[Json]:
        """Every ticket that waits for the trader's word, oldest first."""
        return [self._document(ticket) for ticket in self._broker.ledger.open_tickets]

    def of_plan(self, plan_id: str) -> list[Json]:
        """All tickets of a plan, in the order they were shown."""
        return [self._document(ticket) for ticket in self._of(plan_id)]

    def _of(self, plan_id: str) -> tuple[Ticket, ...]:
        return tuple(t for t in self._broker.ledger.tickets.values() if t.plan_id == plan_id)

    # --- what is typed ------------------------------------------------------------------------

    async def fill(self, plan_id: str, n: int, typed: Mapping[str, str], *, sure: bool) -> Json:
        """Book a fill as typed. What is doubtful is asked first: `{"asked": question}`, and booked
        once it is said again with `sure`. Raises NotPossibleError."""
        async with self._words:
            ticket, step = self._ticket(plan_id, n), self._step(plan_id, n)
            try:
                claim = read_claim(ticket, typed, self._clock.now(), self._zone)
            except WrongInputError as error:
                raise NotPossibleError(str(error)) from error
            if not sure and (question := self._doubt(ticket, claim, step)) is not None:
                return {"asked": question}
            await self._take(await self._broker.claim(ticket, meant_again(ticket, claim)))
        return {"ticket": self._shown(ticket)}

    def _doubt(self, ticket: Ticket, claim: Claim, step: Step | None) -> str | None:
        last = self._broker.ledger.last_price(ticket.request.symbol)
        expected = last if step is None or ticket.protective else step.expected_price
        return doubt(ticket, claim, expected)

    async def end(self, plan_id: str, n: int, reason: str, *, refused: bool) -> Json:
        """Nothing more of it will fill: it was not done, or the broker refused it."""
        async with self._words:
            ticket = self._ticket(plan_id, n)
            if not ticket.open:
                raise NotPossibleError(
                    f"The ticket of step {n} is closed already: {ticket.state.value}."
                )
            try:
                words = read_reason(reason)
            except WrongInputError as error:
                raise NotPossibleError(str(error)) from error
            # What filled in part was not refused: its rest is not done.
            refuses = refused and not ticket.claims
            state = OrderState.REJECTED if refuses else OrderState.CANCELED
            await self._take(await self._broker.end(ticket, state, words))
        return {"ticket": self._shown(ticket)}

    async def tick(self, plan_id: str, n: int, item: str, *, ticked: bool = True) -> Json:
        """An item of the checklist; "" is the first that is not ticked. `entered` also tells the
        engine that the broker has the order."""
        async with self._words:
            ticket = self._ticket(plan_id, n)
            name = item or (ticket.next_item.name if ticket.next_item is not None else "")
            if not name:
                raise NotPossibleError(f"Everything of step {n} is ticked.")
            if name not in ITEMS:
                raise NotPossibleError(f"There is no item {name!r}; there are {', '.join(ITEMS)}.")
            if name in ("fill", "cancelled") and ticked and ticket.open:
                raise NotPossibleError(
                    f"{plain(ticket.left)} of step {n} are open: type the fill, or that it was not "
                    "done."
                )
            if name == "entered" and ticked:
                await self._take(await self._broker.enter(ticket))
            else:
                await self._broker.tick(ticket, name, ticked)
        return {"ticket": self._shown(ticket)}

    async def price(self, symbol: str, text: str) -> Json:
        """A price that no source tells."""
        try:
            price = read_price(text)
        except WrongInputError as error:
            raise NotPossibleError(str(error)) from error
        name = symbol.strip().upper()
        if not name.isalnum() and not name.replace(".", "").isalnum():
            raise NotPossibleError(f"{symbol!r} is no symbol.")
        await self._broker.type_price(name, price)
        if name not in self._facts.instruments:
            await self._facts.refresh_instruments()
        await self._facts.quotes([name])
        return {"symbol": name, "price": plain(price)}

    async def statement(self, name: str, data: bytes, at: str) -> Json:
        """What the broker's statement says now; the comparison with our books is the answer.
        Raises RefusedInputError, NotPossibleError or BrokerUnavailableError."""
        try:
            moment = read_time(at, self._clock.now(), self._zone)
        except WrongInputError as error:
            raise NotPossibleError(str(error)) from error
        async with self._words:
            account = self._facts.portfolio.accounts[0].name if self._facts.portfolio else "main"
            found = read_statement(name, data, account, moment, self._broker.ledger)
            last = self._broker.ledger.statement
            if last is not None and found.as_of < last.as_of:
                raise NotPossibleError(
                    f"A later statement is there already, of {_when(last, self._zone)}."
                )
            await self._broker.enter_statement(found)
        await self._facts.refresh_instruments()
        compared = await self._reconciler.reconcile()
        claimed = [t for t in self._broker.ledger.tickets.values() if t.claimed]
        return {
            "positions": len(found.holdings),
            "cash": plain(found.cash),
            "claimed": sorted({ticket.request.symbol for ticket in claimed}),
            "mismatches": [one.to_json() for one in compared.mismatches],
        }

    # --- inside -------------------------------------------------------------------------------

    def _ticket(self, plan_id: str, n: int) -> Ticket:
        """The ticket of a step that a word is about: the open one; its order before what protects
        it; else the last."""
        self._engine.book.run(plan_id)
        tickets = [t for t in self._of(plan_id) if t.step == n]
        if not tickets:
            raise NotPossibleError(f"There is no ticket of step {n}: let the step go first.")
        ranked = sorted(tickets, key=lambda t: (t.open, not t.protective))
        return ranked[-1]

    def _step(self, plan_id: str, n: int) -> Step | None:
        steps = self._engine.book.run(plan_id).plan.steps
        return next((step for step in steps if step.n == n), None)

    def _shown(self, ticket: Ticket) -> Json:
        """As it is after a word."""
        return self._document(self._broker.ledger.tickets[ticket.request.client_order_id])

    def _document(self, ticket: Ticket) -> Json:
        return ticket_document(ticket, self._number)

    @property
    def _number(self) -> str:
        """The account's at the broker."""
        return self._facts.portfolio.accounts[0].number if self._facts.portfolio else ""

    async def _take(self, update: OrderUpdate) -> None:
        """The road of every report: absorbed, then the account is looked at again."""
        await self._engine.on_update(update)
        await self._facts.refresh_portfolio()
        await self._finish_halt()

    async def _finish_halt(self) -> None:
        """The last ticket that a halt waited for is closed: the halt is complete."""
        report = self._engine.kill.report
        if self._engine.safety.state is not TradingState.HALTED or report is None:
            return
        open_still = [t for t in self._broker.ledger.open_tickets if not t.protective]
        if not report.complete and not open_still:
            await self._engine.halt(report.by, report.reason, report.cause)

    # --- the printed guide --------------------------------------------------------------------

    def follow(self, events: tuple[Event, ...], later: Callable[[str], None]) -> None:
        """The guides that these events make out of date are written `later`."""
        for plan_id in {e.plan_id for e in events if e.kind in REWRITTEN and e.plan_id}:
            later(plan_id)

    async def write_guide(self, plan_id: str) -> Path:
        """`guide-<plan>.md` in the reports. Raises ReportError."""
        run: PlanRun = self._engine.book.run(plan_id)
        path = self._home.reports / guide_name(plan_id)
        text = guide(run, self._of(plan_id), self._number, self._clock.now(), self._zone)
        async with self._paper:
            await asyncio.to_thread(write, path, text, self._clock.now(), 0)
        draft = EventDraft(kind="ReportWritten", plan_id=plan_id, payload={"path": path.name})
        await self._engine.book.record(draft)
        return path

    async def write_guide_safely(self, plan_id: str) -> None:
        try:
            await self.write_guide(plan_id)
        except ReportError as error:
            log.warning("the guide of plan %s: %s", plan_id, error)


def ticket_document(ticket: Ticket, number: str) -> Json:
    """The ticket as the console and `ticket show` get it. Numbers are text."""
    request = ticket.request
    return {
        "client_order_id": request.client_order_id,
        "plan_id": ticket.plan_id,
        "step": ticket.step,
        "state": ticket.state.value,
        "protective": ticket.protective,
        "cancel_by_hand": ticket.cancel_by_hand and ticket.open,
        "line": ticket.line,
        "form": [list(field) for field in order_form(request, number)],
        "left": plain(max(ticket.left, Decimal(0))),
        "reason": ticket.reason,
        "claimed": ticket.claimed,
        "fills": [_claim(claim) for claim in ticket.claims],
        "checklist": [
            {
                "item": item.name,
                "after": item.after,
                "words": item.words,
                "ticked": item.name in ticket.ticked,
            }
            for item in ticket.checklist
        ],
        "shown_at": ticket.shown_at.isoformat().replace("+00:00", "Z"),
    }


def _claim(claim: Claim) -> Json:
    told = claim.fill.model_dump(mode="json", include={"execution_id", "qty", "price", "at"})
    return {
        **told,
        "fee": plain(claim.fee),
        "confirmation": claim.confirmation,
        "matched": claim.matched,
    }


def _when(statement: Statement, zone: ZoneInfo) -> str:
    return f"{statement.as_of.astimezone(zone):%Y-%m-%d %H:%M}"
