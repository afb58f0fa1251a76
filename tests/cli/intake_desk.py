"""A desk whose intake is the real one, behind the real routes; its broker is a book."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import web
from answering_desk import CannedDesk

from db.clock import SystemClock
from db.home import Home
from db.model.base import Environment
from db.model.event import KINDS, EventDraft
from db.model.plan import Plan
from db.model.policy import Policy
from db.model.run import PlanRun
from services.desk.desk import Desk
from services.desk.facts import FactsSource
from services.desk.intake import Intake
from services.desk.offline import OPEN_AT, facts_of
from services.desk.operators import Operators
from services.desk.policies import PlanFacts
from services.desk.server import application
from services.exchange.book import read_book
from services.execution.engine import Engine
from services.risk.facts import Facts
from services.risk.policy import load_policy


class IntakeDesk(CannedDesk):
    """Its journal is the list `events`; its plans are only kept."""

    def __init__(self, home: Home, book: Path) -> None:
        super().__init__(home.socket)
        self.events: list[EventDraft] = []
        self.plans: list[Plan] = []
        self._facts = facts_of(read_book(book), analysis=None, policy="standard")
        self.source = SimpleNamespace(
            fresh=self._fresh, instruments=self._facts.instruments, analysis=None,
            restrictions=(), overrides=(), refresh_instruments=self._nothing,
        )  # fmt: skip
        journal = SimpleNamespace(plan_ids=frozenset(), record=self._record, runs={})
        self.intake = Intake(
            cast(Engine, SimpleNamespace(book=journal, add=self._add)),
            cast(FactsSource, self.source),
            cast(PlanFacts, SimpleNamespace(policy=lambda name: load_policy(name or "standard"))),
            home,
            Environment.SIM,
            lambda: OPEN_AT,
        )

    async def _fresh(self, symbols: Collection[str], policy: Policy) -> Facts:
        source = self.source
        return replace(
            self._facts, policy=policy, analysis=source.analysis, restrictions=source.restrictions
        )

    async def _nothing(self) -> None:
        """The book lists no other asset."""

    async def _record(self, draft: EventDraft) -> None:
        assert draft.kind in KINDS
        self.events.append(draft)

    async def _add(self, plan: Plan) -> PlanRun:
        self.plans.append(plan)
        return PlanRun(plan=plan)

    async def _serve(self) -> None:
        parts: Any = SimpleNamespace(
            intake=self.intake,
            operators=Operators(SystemClock()),
            hub=SimpleNamespace(serve=self._stream),
            status=lambda: {"pid": 1},
        )
        self._runner = web.AppRunner(
            application(cast(Desk, parts)), access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()
