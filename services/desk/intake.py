"""From a file or a ticket to a plan on the desk, and edits of it before it runs."""

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from db.home import Home
from db.model.base import LARGEST_POWER, Environment, canonical_json, plain
from db.model.event import Event, EventDraft
from db.model.idea import Idea
from db.model.market import MarketAnalysis
from db.model.order import OrderTerms, OrderType, Side, TimeInForce
from db.model.plan import Plan, Skipped
from db.model.proposal import BasketLine, BasketProposal, IdeasProposal, Proposal
from db.model.slicing import Algorithm
from services.desk.document import plan_document
from services.desk.facts import FactsSource
from services.desk.policies import PlanFacts
from services.execution.book import NotPossibleError
from services.execution.engine import Engine
from services.execution.escalations import dry_run_name
from services.intake.guard import Fate, Guarded, guarded, recent
from services.intake.inbox import REFUSED, Size, sweep, why_refused
from services.intake.instruments import InstrumentTable
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError
from services.intake.restricted import RestrictedList
from services.intake.text import shown
from services.planning import Move, PlanEditError, make_plan, revise, undone
from services.planning.compare import edit_words
from services.planning.report import markdown
from services.planning.symbols import symbols_of
from services.reports.stock_validation import refuse_rejected, stock_validation
from services.reports.write import ReportError, write
from services.risk.facts import Facts
from services.risk.policy import PolicyError

SWEEP_SECONDS = 1.0
MOST_REFUSED = 20
SHORTEST_ID = 4

log = logging.getLogger(__name__)

Json = dict[str, Any]


class Intake:
    """Everything that arrives. A plan is made on fresh facts or not at all."""

    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        plan_facts: PlanFacts,
        home: Home,
        environment: Environment,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._plan_facts = plan_facts
        self._home = home
        self._environment = environment
        self._now = now
        self._sizes: dict[str, Size] = {}
        self._heard: tuple[Idea, ...] = ()
        self._edits: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.refused: tuple[str, ...] = ()
        """Why the inbox refused its last files, the newest last."""

    def recover(self, events: Collection[Event]) -> None:
        """The newest reference data in the journal are in force again, and signals known."""
        for event in events:
            if event.kind == "SignalHeard":
                self._heard += (Idea.model_validate(event.payload["idea"]),)
            if event.kind != "ProposalAccepted":
                continue
            if "analysis" in event.payload:
                self._facts.analysis = MarketAnalysis.model_validate(event.payload["analysis"])
            if "instruments" in event.payload:
                table = InstrumentTable.model_validate(event.payload["instruments"])
                self._facts.overrides = table.notes
            if "restricted" in event.payload:
                listed = RestrictedList.model_validate(event.payload["restricted"])
                self._facts.restrictions = listed.restrictions

    async def sweep_inbox(self) -> None:
        """One look at the inbox: reference data first, then proposals (spec 2)."""
        moved = await sweep(self._home.inbox, self._accept, self._sizes, self._now())
        refused = [why_refused(path) for path in moved if path.parent.name == REFUSED]
        self.refused = (*self.refused, *refused)[-MOST_REFUSED:]

    async def _accept(self, name: str, data: bytes) -> None:
        """A file whose move failed comes again: a plan of it that is still open is not doubled."""
        digest = hashlib.sha256(data).hexdigest()
        runs = self._engine.book.runs.values()
        if not any(run.plan.proposal_sha256 == digest and not run.state.ended for run in runs):
            await self.propose(name, data, None)

    async def propose(self, name: str, data: bytes, policy: str | None) -> Json:
        """Raises RefusedInputError, journalled; BrokerUnavailableError when no facts can be had."""
        try:
            item = recognise(name, data)
            if isinstance(item, MarketAnalysis):
                return await self._take_analysis(name, item)
            if isinstance(item, InstrumentTable):
                return await self._take_instruments(name, item)
            if isinstance(item, RestrictedList):
                return await self._take_restricted(name, item)
            plan = await self._planned(item, policy)
            refuse_rejected(plan)
        except (RefusedInputError, PolicyError) as error:
            await self._journal("ProposalRefused", {"source": name, "reason": str(error)})
            if isinstance(error, PolicyError):
                raise RefusedInputError(name, str(error)) from error
            raise
        answer: Json = {"kind": "plan", "plan": await self.keep(plan)}
        if (found := stock_validation(plan)) is not None:
            answer["validation"] = found.to_json()
        return answer

    async def _take_analysis(self, name: str, analysis: MarketAnalysis) -> Json:
        self._facts.analysis = analysis
        payload = {"source": name, "analysis": analysis.to_json()}
        await self._journal("ProposalAccepted", payload)
        words = f"market analysis as of {analysis.as_of:%Y-%m-%d}: {len(analysis.picks)} picks"
        return {"kind": "reference", "what": words}

    async def _take_instruments(self, name: str, table: InstrumentTable) -> Json:
        self._facts.overrides = table.notes
        await self._facts.refresh_instruments()
        payload = {"source": name, "instruments": table.to_json()}
        await self._journal("ProposalAccepted", payload)
        return {"kind": "reference", "what": f"instruments: {len(table.notes)} symbols"}

    async def _take_restricted(self, name: str, listed: RestrictedList) -> Json:
        self._facts.restrictions = listed.restrictions
        await self._journal("ProposalAccepted", {"source": name, "restricted": listed.to_json()})
        return {"kind": "reference", "what": f"restricted list: {len(listed.restrictions)} symbols"}

    async def _planned(self, proposal: Proposal, policy: str | None) -> Plan:
        facts = await self._facts_for(proposal, policy)
        left: tuple[Guarded, ...] = ()
        if isinstance(proposal, IdeasProposal) and proposal.kind == "signal":
            looked = await self._listen(proposal, facts)
            left = tuple(one for one in looked if one.fate is not Fate.PASSED)
            acted = tuple(one.idea for one in looked if one.fate is Fate.PASSED)
            if not acted:
                why = "; ".join(one.why for one in left)
                raise RefusedInputError(proposal.source, f"no signal to act on: {why}")
            proposal = proposal.model_copy(update={"ideas": acted})
            known = {(idea.source, idea.id) for idea in (one.idea for one in looked)}
            heard = tuple(idea for idea in self._heard if (idea.source, idea.id) not in known)
            facts = replace(facts, heard=heard)
        plan = make_plan(proposal, facts, self.new_id(proposal.sha256), self._environment.value)
        skipped = (Skipped(symbol=one.idea.ticker, reason=one.why) for one in left)
        return plan.model_copy(update={"skipped": (*plan.skipped, *skipped)})

    async def _listen(self, proposal: IdeasProposal, facts: Facts) -> tuple[Guarded, ...]:
        """Every signal is written down with its fate, acted on or not (spec 2.D)."""
        before = recent(self._heard, facts.now, facts.policy)
        looked = guarded(proposal.ideas, before, facts.now, facts.policy)
        for one in looked:
            payload = {
                "source": proposal.source,
                "sha256": proposal.sha256,
                "idea": one.idea.to_json(),
                "fate": one.fate.value,
                "reason": one.why,
            }
            await self._journal("SignalHeard", payload)
        self._heard = (*before, *(one.idea for one in looked))
        return looked

    async def _facts_for(self, proposal: Proposal, policy: str | None) -> Facts:
        chosen, listed = self._plan_facts.policy(policy), self._facts.instruments
        symbols = symbols_of(proposal, self._facts.analysis, listed, chosen)
        known = {symbol for symbol in symbols if symbol in listed}
        return await self._facts.fresh(known, chosen)

    async def keep(self, plan: Plan) -> Json:
        """Journal the plan and write its dry run."""
        # Market time may be elsewhere (a simulated day); what we do is told by our own clock.
        plan = plan.model_copy(update={"created_at": self._now()})
        payload = {"source": plan.source, "sha256": plan.proposal_sha256}
        await self._journal("ProposalAccepted", payload, plan.plan_id)
        run = await self._engine.add(plan)
        self._write_dry_run(plan)
        return plan_document(run.plan, run)

    def _write_dry_run(self, plan: Plan) -> None:
        """The report lies beside the others; a plan does not fail for want of its paper."""
        path = self._home.reports / dry_run_name(plan)
        try:
            write(path, markdown(plan), self._now(), kept=0)
        except ReportError as error:
            log.warning("the dry-run report %s was not written: %s", path.name, error)

    async def ticket(self, body: Mapping[str, Any]) -> Json:
        """A hand-typed ticket becomes a plan of one step."""
        return await self._kept(ticket_proposal(body), body.get("policy"))

    async def exit(self, symbol: str, qty: Decimal, source: str) -> str:
        """The id of a new plan that sells in a hurry; `source` says what it comes from. Raises
        RefusedInputError, BrokerUnavailableError."""
        body = {"symbol": symbol, "side": Side.SELL.value, "qty": plain(qty)}
        ticket = ticket_proposal(body)
        lines = tuple(line.model_copy(update={"urgent": True}) for line in ticket.lines)
        made = await self._kept(ticket.model_copy(update={"source": source, "lines": lines}), None)
        return str(made["plan_id"])

    async def _kept(self, proposal: Proposal, policy: str | None) -> Json:
        """A plan of the proposal, on fresh facts."""
        facts = await self._facts_for(proposal, policy)
        plan = make_plan(proposal, facts, self.new_id(proposal.sha256), self._environment.value)
        return await self.keep(plan)

    async def preview_ticket(self, body: Mapping[str, Any]) -> Json:
        """What the ticket would be, without keeping it."""
        proposal = ticket_proposal(body)
        facts = await self._facts_for(proposal, body.get("policy"))
        plan = make_plan(proposal, facts, "preview", self._environment.value)
        quote = facts.quotes.get(proposal.lines[0].symbol)
        shown = None
        if quote is not None:
            age = (facts.now - quote.at).total_seconds()
            shown = {**quote.to_json(), "age": f"{max(age, 0):.1f}"}
        return {**plan_document(plan), "quote": shown}

    async def revise(
        self,
        plan_id: str,
        *,
        drop: Collection[int] = (),
        resize: Mapping[int, Decimal] | None = None,
        algorithms: Mapping[int, Algorithm | None] | None = None,
        retype: Mapping[int, OrderTerms] | None = None,
        move: Move | None = None,
    ) -> Json:
        """Change steps of a plan that has not started; the dry run is made again. Edits asked for at
        once are made one after the other. Raises NotPossibleError."""
        async with self._edits[plan_id]:
            plan = self._engine.editable(plan_id).plan
            facts = await self._plan_facts(plan)
            try:
                revised = revise(
                    plan,
                    facts,
                    drop=drop,
                    resize=resize,
                    algorithms=algorithms,
                    retype=retype,
                    move=move,
                )
            except PlanEditError as error:
                raise NotPossibleError(str(error)) from error
            words = edit_words(plan, revised) if move is None else move.words
            return await self._kept_edit(revised, words or "checked again", undo=False)

    async def undo(self, plan_id: str) -> Json:
        """Take the last edit back that was not taken back yet; the dry run is made again. Raises
        NotPossibleError."""
        async with self._edits[plan_id]:
            run = self._engine.editable(plan_id)
            if not run.earlier:
                raise NotPossibleError(
                    f"Plan {plan_id} is as it was proposed: there is nothing to undo."
                )
            earlier = run.earlier[-1]
            # Facts of what it becomes: a step that comes back needs its price.
            undoing = undone(run.plan, earlier, await self._plan_facts(earlier))
            words = edit_words(run.plan, undoing) or "checked again"
            return await self._kept_edit(undoing, f"undo: {words}", undo=True)

    async def _kept_edit(self, plan: Plan, words: str, *, undo: bool) -> Json:
        plan = plan.model_copy(update={"created_at": self._now()})
        run = await self._engine.edit(plan, words, undo=undo)
        self._write_dry_run(plan)
        return plan_document(run.plan, run)

    def new_id(self, seed: str) -> str:
        """Short, and never one that a plan has or had."""
        digest = hashlib.sha256(f"{seed}{self._now().isoformat()}".encode()).hexdigest()
        taken = self._engine.book.plan_ids
        for length in range(SHORTEST_ID, len(digest)):
            if digest[:length] not in taken:
                return digest[:length]
        return digest

    async def _journal(self, kind: str, payload: Json, plan_id: str | None = None) -> None:
        await self._engine.book.record(EventDraft(kind=kind, plan_id=plan_id, payload=payload))


def ticket_proposal(body: Mapping[str, Any]) -> BasketProposal:
    """A ticket as typed. Raises RefusedInputError naming the field that is wrong."""
    source = "ticket"

    def text(name: str, default: str = "") -> str:
        return str(body.get(name) or default).strip()

    def number(name: str) -> Decimal | None:
        written = text(name)
        if not written:
            return None
        try:
            value = Decimal(written)
        except ArithmeticError:
            raise RefusedInputError(source, "expected a number", field=name) from None
        if not value.is_finite() or value <= 0 or value.adjusted() > LARGEST_POWER:
            expected = f"expected more than zero and less than a trillion, not {shown(written)}"
            raise RefusedInputError(source, expected, field=name)
        return value

    def choice(
        name: str, kind: type[Side] | type[OrderType] | type[TimeInForce], default: str
    ) -> Any:
        written = text(name, default).lower()
        try:
            return kind(written)
        except ValueError:
            words = ", ".join(item.value for item in kind)
            raise RefusedInputError(source, f"expected one of {words}", field=name) from None

    def yes(name: str) -> bool:
        if (written := text(name, "no").lower()) not in ("yes", "no"):
            raise RefusedInputError(source, "expected yes or no", field=name)
        return written == "yes"

    symbol = text("symbol").upper()
    if not symbol:
        raise RefusedInputError(source, "expected a symbol", field="symbol")
    qty, notional = number("qty"), number("notional")
    if (qty is None) == (notional is None):
        raise RefusedInputError(source, "expected either qty or notional", field="qty")
    line = BasketLine(
        line=1,
        symbol=symbol,
        side=choice("side", Side, ""),
        qty=qty,
        notional=notional,
        type=choice("type", OrderType, OrderType.MARKET.value),
        limit_price=number("limit_price"),
        stop_price=number("stop_price"),
        time_in_force=choice("time_in_force", TimeInForce, TimeInForce.DAY.value),
        extended_hours=yes("extended_hours"),
    )
    if line.type is OrderType.LIMIT and line.limit_price is None:
        raise RefusedInputError(source, "a limit order needs one", field="limit_price")
    digest = hashlib.sha256(canonical_json(line.to_json()).encode()).hexdigest()
    return BasketProposal(kind="ticket", source=source, sha256=digest, lines=(line,))
