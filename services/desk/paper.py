"""What is written for people: PORTFOLIO.md, and the reports of a plan that has ended."""

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from db.home import Home
from db.journal import Journal
from db.model.alert import Alert
from db.model.base import plain
from db.model.event import Event, EventDraft
from db.model.order import Fill
from db.model.policy import Policy
from db.model.portfolio import Portfolio
from db.model.run import PlanRun
from services.desk.facts import FactsSource
from services.execution.engine import Engine
from services.reports.execution_audit import execution_audit
from services.reports.execution_facts import ExecutionFacts
from services.reports.execution_md import render as execution_markdown
from services.reports.execution_report import plan_report
from services.reports.portfolio import (
    AccountLine,
    HoldingLine,
    PortfolioReport,
    SectorLine,
    WorkingOrderLine,
    zone_at,
)
from services.reports.portfolio_md import PortfolioFormatError, parse, render
from services.reports.write import write
from services.risk.standing import standing

_WEIGHT = Decimal("0.0001")
_CENT = Decimal("0.01")
ENDINGS = ("PlanEnded", "PlanAborted")
"""After these a plan is compared with what it promised, and reported."""


class Paper:
    """Writes atomically; a figure that nobody knows stays a dash."""

    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        journal: Journal,
        home: Home,
        zone: str,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._journal = journal
        self._home = home
        self._zone = ZoneInfo(zone)
        self._now = now
        self._busy = asyncio.Lock()

    async def write_portfolio(self, note: str | None = None) -> Path:
        """PORTFOLIO.md from fresh figures; notes and action plan of the one before are kept.

        Raises BrokerUnavailableError or ReportError."""
        async with self._busy:
            facts = await self._facts.fresh()
            before = _read(self._home.portfolio)
            at = self._now()
            report = portfolio_report(
                facts.portfolio, self._facts, facts.policy, at, zone_at(at, self._zone)
            )
            kept = before.notes if before is not None else ()
            report = report.model_copy(
                update={
                    "notes": (*kept, note) if note and note not in kept else kept,
                    "action_plan": before.action_plan if before is not None else "",
                }
            )
            write(self._home.portfolio, render(report), at)
        await self._journal.append(
            EventDraft(kind="ReportWritten", payload={"path": self._home.portfolio.name})
        )
        return self._home.portfolio

    async def plan_ended(self, plan_id: str) -> None:
        """PORTFOLIO.md with a line on the plan, and its execution report and audit.

        Raises BrokerUnavailableError or ReportError."""
        run = self._engine.book.run(plan_id)
        await self.write_portfolio(note_of(run))
        facts = await self._execution_facts(run, written_at=self._now())
        machine = {**plan_report(facts), "execution_audit": execution_audit(facts)}
        name = f"{plan_id}-r{run.plan.revision}-execution"
        at = facts.generated_at
        write(self._home.reports / f"{name}.md", execution_markdown(facts), at, kept=0)
        text = json.dumps(machine, indent=2, ensure_ascii=False) + "\n"
        write(self._home.reports / f"{name}.json", text, at, kept=0)
        await self._journal.append(
            EventDraft(kind="ReportWritten", plan_id=plan_id, payload={"path": f"{name}.md"})
        )

    async def _execution_facts(self, run: PlanRun, written_at: datetime) -> ExecutionFacts:
        """What happened, from the journal, beside the broker's fresh figures."""
        facts = await self._facts.fresh()
        events = await self._journal.events(plan_id=run.plan.plan_id)
        started = min((e.seq for e in events if e.kind == "PlanStarted"), default=0)
        alerts = await self._journal.events(after=started, kinds=["AlertRaised"])
        protected = [e.at for e in events if e.kind == "ProtectionSet"]
        return ExecutionFacts(
            run=run,
            after=standing(facts),
            fills=tuple(
                Fill.model_validate(e.payload["fill"]) for e in events if e.kind == "FillReceived"
            ),
            generated_at=self._now(),
            version=version("quarterdeck"),
            policy=facts.policy,
            portfolio_as_of=run.plan.created_at,
            portfolio_written_at=written_at,
            monitored_since=min(protected, default=None),
            alerts=tuple(Alert.model_validate(e.payload["alert"]) for e in alerts)
            if started
            else (),
        )


def unreported(events: Iterable[Event]) -> tuple[str, ...]:
    """Plans that ended and whose report was never written: the desk died in between."""
    owed: dict[str, None] = {}
    for event in events:
        if event.plan_id is None:
            continue
        if event.kind in ENDINGS:
            owed[event.plan_id] = None
        elif event.kind == "ReportWritten":
            owed.pop(event.plan_id, None)
    return tuple(owed)


def note_of(run: PlanRun) -> str:
    """One line on an execution."""
    done = [
        f"{step.side.value} {plain(run.filled_qty(step.n))} {step.symbol}"
        + (f" at {plain(price.quantize(_CENT))}" if (price := run.filled_avg_price(step.n)) else "")
        for step in run.plan.steps
        if run.filled_qty(step.n)
    ]
    when = run.ended_at or run.plan.created_at
    what = ", ".join(done) or "nothing filled"
    return f"{when:%Y-%m-%d %H:%M} UTC, plan {run.plan.plan_id} {run.state.value}: {what}"


def portfolio_report(
    portfolio: Portfolio, source: FactsSource, policy: Policy, at: datetime, zone: str
) -> PortfolioReport:
    """The portfolio as PORTFOLIO.md says it (spec 2.A)."""
    equity = portfolio.equity
    holdings = tuple(_holding(portfolio, source, symbol) for symbol in _symbols(portfolio))
    return PortfolioReport(
        generated_at=at.replace(second=0, microsecond=0),
        zone=zone,
        total_value=equity,
        cash=portfolio.cash,
        cash_weight=(portfolio.cash / equity).quantize(_WEIGHT) if equity else None,
        accounts=tuple(
            AccountLine(
                account=account.name,
                value=account.equity,
                cash=account.cash,
                buying_power=account.buying_power,
            )
            for account in portfolio.accounts
        ),
        holdings=holdings,
        working_orders=tuple(
            WorkingOrderLine(
                client_order_id=order.client_order_id,
                account=order.account,
                ticker=order.symbol,
                side=order.side.value if order.side else "?",
                quantity=order.qty,
                type=order.type,
                limit_price=order.limit_price,
                stop_price=order.stop_price,
                filled_quantity=order.filled_qty,
                status=order.status,
            )
            for order in portfolio.orders
        ),
        sectors=_sectors(holdings, policy),
    )


def _symbols(portfolio: Portfolio) -> list[str]:
    return sorted(position.symbol for position in portfolio.positions)


def _holding(portfolio: Portfolio, source: FactsSource, symbol: str) -> HoldingLine:
    position = portfolio.position(symbol)
    assert position is not None
    price = position.current_price
    value = None if price is None else (position.qty * price).quantize(_CENT)
    instrument = source.instruments.get(symbol)
    stop, target = source.protections.get(symbol, (None, None))
    gain = position.unrealized_plpc
    return HoldingLine(
        ticker=symbol,
        quantity=position.qty,
        entry_price=position.avg_entry_price,
        price=price,
        value=value,
        weight=(value / portfolio.equity).quantize(_WEIGHT) if value and portfolio.equity else None,
        unrealized_plpc=None if gain is None else gain.quantize(_WEIGHT),
        sector=instrument.sector if instrument is not None else "Unclassified",
        account=position.account,
        stop_loss=stop,
        profit_target=target,
    )


def _sectors(holdings: tuple[HoldingLine, ...], policy: Policy) -> tuple[SectorLine, ...]:
    """Heaviest first. A holding without a price has no weight, and is not counted as none."""
    weights: dict[str, Decimal] = {}
    tickers: dict[str, list[str]] = {}
    for holding in holdings:
        tickers.setdefault(holding.sector, []).append(holding.ticker)
        weights[holding.sector] = weights.get(holding.sector, Decimal(0)) + (
            holding.weight or Decimal(0)
        )
    cap = policy.max_sector_weight
    return tuple(
        SectorLine(
            sector=sector,
            weight=weight,
            cap=cap,
            headroom=None if cap is None else cap - weight,
            tickers=tuple(tickers[sector]),
        )
        for sector, weight in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _read(path: Path) -> PortfolioReport | None:
    """The one before, for its notes and action plan; one a person broke is kept as a backup by
    the writer and begun anew."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, PortfolioFormatError):
        return None
