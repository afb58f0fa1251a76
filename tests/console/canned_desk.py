"""A desk in a test: a real aiohttp server on a real unix socket that speaks the desk's API with canned nouns,
and writes down what it was asked."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from db.model.alert import Alert, AlertSeverity
from db.model.environment import Environment
from db.model.market import MarketClock
from db.model.order import OrderState, OrderType, Side
from db.model.plan import Verdict
from db.model.reconciliation import Mismatch, MismatchKind
from db.model.run import PlanState
from db.model.snapshot import (
    DeskSnapshot,
    FeedHealth,
    OrderRow,
    PlanRow,
    PositionRow,
    changes,
)
from db.model.trading import Controls, HaltedOrder, HaltReport, TradingState

AT = datetime(2026, 1, 5, 15, 32, 7, tzinfo=UTC)
PLAN = "rebalance-0105-3f9a"
TOKEN = "K7QF"
HELD = (
    ("NEM", "Materials", 300, "40", "64.00", "100.1"),
    ("AA", "Materials", 250, "22.50", "36.10", "33.2"),
    ("FCX", "Materials", 480, "36", "45.00", "40"),
    ("JPM", "Financials", 60, "180", "300.00", "270"),
    ("CAT", "Industrials", 40, "310", "350.00", "325.5"),
    ("XOM", "Energy", 100, "125", "120.00", "110"),
    ("AAPL", "Technology", 27, "190", "248.15", "210"),
)
STEPS = (
    ("NEM", "sell", 150, "63.97", "9595.50", "Materials"),
    ("AA", "sell", 125, "36.08", "4510.00", "Materials"),
    ("FCX", "sell", 120, "44.97", "5396.40", "Materials"),
    ("NVDA", "buy", 17, "188.12", "3198.04", "Technology"),
    ("LLY", "buy", 4, "1085.40", "4341.60", "Healthcare"),
)


def position(symbol: str, sector: str, qty: int, cost: str, price: str, stop: str) -> PositionRow:
    now, paid = Decimal(price), Decimal(cost)
    return PositionRow(
        symbol=symbol,
        account="main",
        sector=sector,
        qty=Decimal(qty),
        avg_entry_price=paid,
        price=now,
        price_at=AT - timedelta(seconds=2),
        value=now * qty,
        weight=(now * qty / 100_000).quantize(Decimal("0.0001")),
        unrealized_pl=(now - paid) * qty,
        unrealized_plpc=(now / paid - 1).quantize(Decimal("0.0001")),
        stop_price=Decimal(stop),
    )


def order(step: int, symbol: str, state: OrderState, filled: int = 0) -> OrderRow:
    return OrderRow(
        client_order_id=f"qd-3f9a-s0{step}-c1-a1",
        plan_id=PLAN,
        step=step,
        account="main",
        symbol=symbol,
        side=Side.SELL,
        qty=Decimal(125),
        type=OrderType.MARKET,
        limit_price=None,
        state=state,
        filled_qty=Decimal(filled),
        filled_avg_price=Decimal("36.07") if filled else None,
        at=AT - timedelta(minutes=1),
    )


ALERTS = (
    Alert(
        alert_id="a1",
        condition="stop_hit",
        subject="XOM",
        severity=AlertSeverity.CRITICAL,
        raised_at=AT - timedelta(minutes=3),
        sentence="XOM trades at 109.80, under its stop 110 [/oops]",
        suggested_action="sell or move the stop",
    ),
    Alert(
        alert_id="a2",
        condition="price_stale",
        subject="CAT",
        severity=AlertSeverity.WARNING,
        raised_at=AT - timedelta(minutes=9),
        sentence="CAT's price is 70 s old",
    ),
)
MISMATCH = Mismatch(
    kind=MismatchKind.GHOST,
    account="main",
    subject="TSLA",
    symbol="TSLA",
    ours=None,
    broker=Decimal(5),
    explanation="Only the broker has 5 TSLA.",
)


def plan_row(state: PlanState = PlanState.CHECKED, done: int = 0, **more: Any) -> PlanRow:
    return PlanRow(
        plan_id=PLAN,
        revision=1,
        created_at=AT - timedelta(minutes=5),
        source="Portfolio.md",
        state=state,
        verdict=Verdict.CONDITIONAL,
        mode=more.pop("mode", None),
        steps=len(STEPS),
        steps_done=done,
        sells=3,
        buys=2,
        hash="f00d",
        **more,
    )


def snapshot(**changed: Any) -> DeskSnapshot:
    """A quiet desk with seven positions, one plan to be approved and two alerts."""
    fields: dict[str, Any] = {
        "at": AT,
        "environment": Environment.SIM,
        "account": "PA3QD7XK21",
        "trading_state": TradingState.ACTIVE,
        "controls": Controls(console="c1", who="trader (pts/1)", since=AT - timedelta(minutes=9)),
        "clock": MarketClock(
            at=AT,
            is_open=True,
            next_open=AT + timedelta(days=1),
            next_close=AT + timedelta(hours=5, minutes=27, seconds=53),
        ),
        "equity": Decimal("100432.11"),
        "last_equity": Decimal("100000"),
        "day_pl": Decimal("432.11"),
        "cash": Decimal("2500"),
        "cash_weight": Decimal("0.0249"),
        "buying_power": Decimal("2500"),
        "feed": FeedHealth(orders_connected=True, quotes_connected=True, quote_age=Decimal("0.4")),
        "requests_used": 12,
        "reconciled_at": AT - timedelta(seconds=40),
        "reconciled": True,
        "positions": {row[0]: position(*row) for row in HELD},
        "alerts": {alert.alert_id: alert for alert in ALERTS},
        "plans": {PLAN: plan_row()},
    }
    return DeskSnapshot(**{**fields, **changed})


def standing(cash: str, weight: str, sectors: dict[str, str]) -> dict[str, Any]:
    return {
        "equity": "100000",
        "cash": cash,
        "cash_weight": weight,
        "gross_exposure": "97500",
        "leverage": "0.975",
        "accounts": {"main": cash},
        "holdings": [
            {
                "symbol": "NEM",
                "sector": "Materials",
                "qty": "300",
                "value": "19200",
                "weight": "0.192",
            }
        ],
        "sectors": [{"sector": s, "value": "0", "weight": w} for s, w in sectors.items()],
    }


def document(state: str = "checked", mode: str | None = None, done: int = 0) -> dict[str, Any]:
    """The plan as the desk tells it."""
    cash = Decimal(2500)
    steps = []
    for n, (symbol, side, qty, price, value, sector) in enumerate(STEPS, 1):
        cash += Decimal(value) if side == "sell" else -Decimal(value)
        steps.append(
            {
                "n": n, "phase": side, "symbol": symbol, "side": side, "qty": str(qty),
                "type": "market" if side == "sell" else "limit",
                "limit_price": None if side == "sell" else price,
                "expected_price": price, "expected_value": value, "expected_cash_after": str(cash),
                "reason": f"{sector} to its target", "sector": sector, "reference_price": price,
                "state": "filled" if n <= done else "planned",
                "filled_qty": str(qty) if n <= done else "0",
                "filled_avg_price": price if n <= done else None, "orders": [],
            }
        )  # fmt: skip
    before = {"Materials": "0.468", "Financials": "0.18", "Industrials": "0.14", "Energy": "0.12", "Technology": "0.067"}  # fmt: skip
    after = {**before, "Materials": "0.25", "Technology": "0.16", "Healthcare": "0.0951"}
    return {
        "plan_id": PLAN, "verdict": "CONDITIONAL", "policy": "standard", "hash": "f00d",
        "revision": 1, "source": "Portfolio.md", "environment": "sim", "estimated_cost": "31.20",
        "steps": steps,
        "findings": [
            {"check": "cash_reserve", "severity": "warn", "subject": "plan",
             "message": "Cash ends at 5.1%, under the 8% warning line.", "values": {}},
            {"check": "restricted", "severity": "pass", "subject": "plan", "message": "ok", "values": {}},
        ],
        "skipped": [{"symbol": "UNH", "reason": "conviction 60 is under 65"}],
        "before": standing("2500", "0.025", before), "after": standing("5123.00", "0.051", after),
        "state": state, "mode": mode, "reason": "", "paused_from": None, "approval": None,
        "progress": {"done": done, "of": len(STEPS)},
    }  # fmt: skip


def card() -> dict[str, Any]:
    """The plan's approval card."""
    return {
        "plan_id": PLAN, "revision": 1, "hash": "f00d", "token": TOKEN,
        "issued_at": AT.isoformat(), "expires_at": (AT + timedelta(minutes=10)).isoformat(),
        "environment": "sim", "account": "PA3QD7XK21", "trading_state": "ACTIVE",
        "verdict": "CONDITIONAL", "sells": 3, "buys": 2,
        "orders": [
            {key: step[key] for key in ("n", "side", "symbol", "qty", "type", "limit_price", "expected_value")}
            for step in document()["steps"]
        ],
        "worst_case_cash": "5021.33", "cash_after": "5123.00",
        "findings": document()["findings"][:1],
        "drift": [{"n": 1, "symbol": "NEM", "reference_price": "63.97", "price": "64.02",
                   "drift": "0.0008", "beyond": False}],
        "tolerance": "0.01", "notes": [],
    }  # fmt: skip


class CannedDesk:
    """Answers with what it was given; `asked` holds (path, body) of every command."""

    def __init__(self) -> None:
        self.state = snapshot()
        self.document = document()
        self.asked: list[tuple[str, Any]] = []
        self.refusals: dict[str, tuple[int, str]] = {}
        """Path → status and sentence."""
        self.unknown: list[dict[str, Any]] = []
        self.compared: list[tuple[str, str]] = []
        """What was to be compared with what."""
        self.signals: list[dict[str, Any]] = []
        self.card_changes: dict[str, Any] = {}
        self.resume_card: dict[str, Any] | None = None
        """Shown before the first resume, as after a stop that nobody pressed."""
        self.console = "c1"
        self.present = 0
        """How often a console said that somebody is there."""
        self._streams: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None
        self.socket = Path()

    async def serve(self, socket: Path) -> None:
        app = web.Application()
        app.router.add_get("/v1/updates", self._updates)
        app.router.add_route("*", "/v1/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(socket)).start()
        self.socket = socket

    async def stop(self) -> None:
        for stream in self._streams:
            await stream.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def say(self, **changed: Any) -> None:
        """The desk's state changes, and every console is told."""
        old = self.state.to_json()
        self.state = self.state.model_copy(update=changed)
        told = changes(old, self.state.to_json())
        for stream in self._streams:
            await stream.send_json({"type": "changes", "changes": told})

    async def _updates(self, request: web.Request) -> web.WebSocketResponse:
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        await stream.send_json({"type": "snapshot", "snapshot": self.state.to_json()})
        self._streams.append(stream)
        async for message in stream:
            assert message.type is not WSMsgType.BINARY
        self._streams.remove(stream)
        return stream

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        body = await request.json() if request.can_read_body else None
        if path == "compare":
            self.compared.append((request.query["one"], request.query["other"]))
        if request.method == "POST" and path not in ("attach", "presence"):
            self.asked.append((path, body))
        if path in self.refusals:
            status, sentence = self.refusals[path]
            return web.json_response({"error": sentence}, status=status)
        return web.json_response(self._noun(path, body))

    def _noun(self, path: str, body: Any) -> Any:
        parts = path.split("/")
        if path == "flatten/card":
            return flatten_card()
        if parts[-1] == "card":
            return {**card(), **self.card_changes}
        if parts[-1] == "preview":
            return {**self.document, "steps": self.document["steps"][:1],
                    "quote": {"bid": "64.00", "ask": "64.04", "age": "1"}}  # fmt: skip
        if path == "unknown" or parts[-1] in ("look-up", "resend", "give-up"):
            return self.unknown
        if path == "proposals":
            return {"kind": "plan", "plan": self.document}
        if path == "signals":
            return self.signals
        if parts[0] in ("plans", "tickets"):
            return self.document
        if path == "compare":
            return comparison()
        if path == "events":
            return [{"seq": 1, "at": AT.isoformat(), "kind": "OrderUnknown", "symbol": "AA",
                     "client_order_id": "qd-3f9a-s02-c1-a1", "payload": {}}]  # fmt: skip
        if path == "halt":
            return halt_report().to_json()
        if path == "attach":
            return {"token": "secret", "console": self.console, "holds": True}
        if path == "presence":
            self.present += 1
            return {}
        if path == "flatten":
            return {"outcomes": {"main/NEM": "closed", "main/AA": "250 left: halted"},
                    "remaining": ["main/AA"], "complete": True}  # fmt: skip
        if path == "resume" and self.resume_card is not None and "token" not in body:
            return self.resume_card
        if path == "resume":
            return {"trading_state": "ACTIVE"}
        if path in ("reconcile", "mismatches"):
            return {"at": AT.isoformat(), "mismatches": []}
        if parts[0] == "alerts":
            return ALERTS[0].to_json()
        return {"outcome": "canceled", "stopping": True}


def comparison() -> dict[str, Any]:
    """Of the first revision and the third: what an afternoon of edits came to."""

    def row(
        part: str, about: str, change: str, what: str, *values: str | None, **more: str
    ) -> dict[str, Any]:
        return {"part": part, "about": about, "change": change, "what": what,
                "was": values[0], "now": values[1], **more}  # fmt: skip

    def side(revision: int) -> dict[str, Any]:
        return {"plan_id": PLAN, "revision": revision, "created_at": AT.isoformat(),
                "source": "Portfolio.md", "hash": "f00d"}  # fmt: skip

    return {
        "one": side(1), "other": side(3),
        "differences": [
            row("plan", "", "changed", "verdict", "CONDITIONAL", "BLOCKED"),
            row("plan", "", "changed", "cash after", "5123.00", "-181.5", unit="dollars"),
            row("step", "5 BUY LLY", "dropped", "order", "4, market, day", None),
            row("step", "1 SELL NEM", "changed", "quantity", "150", "100", unit="shares"),
            row("step", "1 SELL NEM", "changed", "order", "market, day", "limit $64.10, gtc"),
            row("step", "4 BUY NVDA", "moved", "place", "4", "3"),
            row("finding", "cash_path main", "came", "severity", None, "block",
                note="After step 4 (buy [NVDA]) cash would be -$181.50, under the buffer of $5,000.00."),
            row("finding", "cash_buffer plan", "changed", "severity", "warn", "block",
                note="Cash goes from 2.5% to -0.2%, under the minimum of 5.0%."),
            row("weight", "Materials", "changed", "sector", "0.25", "0.282", unit="fraction"),
        ],
    }  # fmt: skip


def flatten_card() -> dict[str, Any]:
    def row(symbol: str, qty: str, value: str, **more: Any) -> dict[str, Any]:
        return {"account": "main", "symbol": symbol, "side": "sell", "qty": qty, "value": value,
                "proceeds": value, "cost": "12.40", "protective": [], "obstacle": "", **more}  # fmt: skip

    return {
        "at": AT.isoformat(), "token": "F7QK", "expires_at": AT.isoformat(), "obstacle": "",
        "proceeds": "28225.00", "cost": "24.80",
        "positions": [row("NEM", "300", "19200"), row("AA", "250", "9025", protective=["qd-1-stop"])],
    }  # fmt: skip


def halt_report() -> HaltReport:
    return HaltReport(
        at=AT,
        by="trader (console)",
        reason="HALT pressed in the console",
        orders=(
            HaltedOrder(order_id="o1", client_order_id="qd-3f9a-s01-c1-a1", symbol="NEM", side="sell", outcome="canceled"),
            HaltedOrder(order_id="o2", client_order_id="qd-3f9a-s02-c1-a1", symbol="AA", side="sell", outcome="filled"),
        ),
        remaining=0,
        complete=True,
    )  # fmt: skip
