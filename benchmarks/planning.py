"""What a plan costs: target weights over a whole book, dry run and every check, and one order checked
before it is sent."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from benchmarks.result import Result, Row
from db.model.instrument import Instrument
from db.model.market import MarketClock, Quote
from db.model.plan import Severity, Verdict
from db.model.portfolio import Account, Portfolio, Position
from db.model.proposal import BasketLine, BasketProposal, WeightsProposal
from db.model.record import DayState, TradeRecord
from db.model.trading import TradingState
from services.market.sectors import SECTORS
from services.planning import Facts, make_plan
from services.planning.basket import basket_drafts
from services.planning.sequence import steps_of
from services.risk.policy import load_policy
from services.risk.run import check_order

SIZES = (50, 500, 5000)
TARGETS = {500: 20.0, 5000: 250.0}
"""Milliseconds."""
ROUNDS = 15
ORDER_TARGET = 0.3
DRIFTS = [Decimal(drift) for drift in ("0.8", "1", "1", "1", "1", "1.2")]
"""Of what each holding should be: a third is out of the relative band of 10%."""
NOW = datetime(2026, 1, 5, 15, tzinfo=UTC)


def book(count: int) -> tuple[Facts, WeightsProposal]:
    """As many holdings, each near its even weight; a third of them out of its band."""
    random = Random(7)
    symbols = [f"S{n:04}" for n in range(count)]
    price = {symbol: Decimal(random.randint(500, 50_000)) / 100 for symbol in symbols}
    value = Decimal(20_000)
    positions = tuple(
        Position(
            account="main", symbol=symbol, qty=(qty := value * drift // price[symbol]),
            qty_available=qty, avg_entry_price=price[symbol] * Decimal("0.9"),
            current_price=price[symbol],
        )
        for symbol in symbols
        for drift in [random.choice(DRIFTS)]
    )  # fmt: skip
    held = sum((p.qty * price[p.symbol] for p in positions), Decimal(0))
    cash = held / 9
    account = Account(
        name="main", number="1", cash=cash, equity=held + cash, last_equity=held + cash,
        buying_power=cash,
    )  # fmt: skip
    clock = MarketClock(
        at=NOW, is_open=True, next_open=NOW + timedelta(days=1), next_close=NOW + timedelta(hours=6)
    )
    cent = Decimal("0.01")
    facts = Facts(
        portfolio=Portfolio(as_of=NOW, accounts=(account,), positions=positions),
        quotes={
            s: Quote(symbol=s, bid=p - cent, ask=p + cent, at=NOW) for s, p in price.items()
        },
        instruments={
            s: Instrument(symbol=s, sector=random.choice(SECTORS), average_daily_volume=Decimal(5_000_000))
            for s in symbols
        },
        policy=load_policy("standard").model_copy(update={"max_positions": None}),
        analysis=None,
        clock=clock,
        now=NOW,
        trading_state=TradingState.ACTIVE,
        day=DayState(start_equity=account.equity, losses_in_a_row=0),
        record=TradeRecord(since=NOW - timedelta(days=90)),
    )  # fmt: skip
    weight = Decimal("0.9") / count
    wanted = WeightsProposal(
        source="bench", sha256="0" * 64, weights=dict.fromkeys(symbols, weight)
    )
    return facts, wanted


def fresh(facts: Facts) -> Facts:
    """The same facts without what they remember of earlier looks."""
    return replace(facts)


def milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
    return min(times)


def measure() -> Result:
    rows: list[Row] = []
    per_holding: dict[int, float] = {}
    for count in SIZES:
        facts, wanted = book(count)
        plan = make_plan(wanted, facts, "1", "sim")
        assert plan.verdict is not Verdict.BLOCKED, [f.message for f in plan.findings][:3]
        assert len(plan.steps) > count // 4
        took = milliseconds(lambda f=facts, w=wanted: make_plan(w, fresh(f), "1", "sim"))
        per_holding[count] = took / count
        target = TARGETS.get(count)
        rows.append(
            Row(
                f"{count} holdings, {len(plan.steps)} orders: plan, dry run, all checks", took, "ms",
                per_holding[count] / per_holding[SIZES[0]],
                target="" if target is None else f"≤ {target:g} ms",
                met=None if target is None else took <= target,
                expected={50: "0.22", 500: "1.9", 5000: "24"}[count] + " ms, bare arithmetic",
            )
        )  # fmt: skip
        rows.append(_one_order(facts, count))
    return Result(
        "planning",
        f"Processor time, the least of {ROUNDS}; target weights over the whole book under the standard policy, a third of it "
        "out of its band. The ratio is the cost of a holding against that in the smallest book. One order: "
        "the checks of an order and of its account, on facts that are already priced.",
        tuple(rows),
    )


def _one_order(facts: Facts, count: int) -> Row:
    line = BasketLine.model_validate({"line": 1, "symbol": "S0001", "side": "buy", "qty": 9})
    asked = BasketProposal(kind="ticket", source="bench", sha256="0" * 64, lines=(line,))
    (step,) = steps_of(facts, basket_drafts(asked, facts).drafts)
    assert all(f.severity is Severity.PASS for f in check_order(facts, step))
    took = milliseconds(lambda: [check_order(facts, step) for _ in range(100)]) / 100
    return Row(
        f"{count} holdings: one order, its checks", took, "ms",
        target=f"≤ {ORDER_TARGET} ms", met=took <= ORDER_TARGET,
    )  # fmt: skip
