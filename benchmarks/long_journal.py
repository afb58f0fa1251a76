"""A journal of years, made in seconds: the real events and rows of one bought and sold plan, written
by the real journal, then copied under other ids with a hash chain of their own."""

import asyncio
import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, count
from pathlib import Path
from typing import Any

from benchmarks.engine import plan_of
from db.chain import GENESIS, moment
from db.journal import Journal
from db.model.alert import Alert, AlertSeverity
from db.model.base import canonical_json
from db.model.event import EventDraft
from db.model.order import Fill, OrderState, OrderType, Side, TimeInForce
from db.model.plan import Phase, Plan, Step
from db.model.run import Approval, ChildOrder, Mode, PlanRun, PlanState
from db.rows import INSERT_EVENT, SELECT_EVENTS
from services.execution.decide import next_child
from services.execution.drafts import of_order
from services.execution.ids import protection_id

ACCOUNT = "main"
SYMBOLS = ("NEM", "FCX", "LIN", "CF", "AA", "MSFT", "AAPL", "JPM", "BAC", "XOM")
BOUGHT, SOLD, NEXT = "bbbbbbbb", "cccccccc", "dddddddd"
"""Ids of the pattern's plans: one that buys, one that sells what it bought, one that buys again."""
BEGAN = datetime(2021, 1, 4, 15, tzinfo=UTC)
PRICE, QTY = Decimal(100), Decimal(10)
COPIED = ("plans", "orders", "fills", "alerts")
"""Tables with rows of every plan; the others end as the pattern's."""


def write_journal(path: Path, events: int) -> int:
    """A journal of about so many events, ending with open, protected positions; how many it has."""
    with tempfile.TemporaryDirectory() as folder:
        pattern = Path(folder) / "pattern.db"
        first = asyncio.run(_written(pattern))
        asyncio.run(_written(path, ()))
        with closing(sqlite3.connect(pattern)) as source, closing(sqlite3.connect(path)) as target:
            return _copied(source, target, first, events)


async def _written(path: Path, plans: Sequence[str] = (BOUGHT, SOLD, NEXT)) -> int:
    """A journal with these plans, by the journal itself; the number of the first one's last event."""
    ticks = count()
    journal = await Journal.open(path, lambda: BEGAN + timedelta(seconds=next(ticks)))
    ends = []
    if plans:
        await journal.append(_opened())
    for plan_id in plans:
        drafts = _sold(plan_id, BOUGHT) if plan_id == SOLD else _bought(plan_id)
        for draft in drafts:
            await journal.append(draft)
        ends.append(journal.head_seq)
    await journal.close()
    return ends[0] if ends else 0


def _copied(source: sqlite3.Connection, target: sqlite3.Connection, first: int, events: int) -> int:
    rows = list(source.execute(f"{SELECT_EVENTS} ORDER BY seq"))
    opening, cycle = rows[:first], rows[first:]
    cycles = max((events - first) // len(cycle), 1)
    target.execute("PRAGMA synchronous = OFF")
    target.execute("BEGIN")
    pages = chain([(0, opening)], ((n, cycle) for n in range(cycles)))
    head: list[Any] = [0, GENESIS]
    target.executemany(INSERT_EVENT, _chained(pages, head))
    target.execute("UPDATE head SET seq = ?, hash = ?", head)
    for table in COPIED:
        _copy_table(source, target, table, cycles, len(cycle))
    for table in ("positions", "protections", "days"):
        found = source.execute(f"SELECT * FROM {table}").fetchall()
        _insert(target, table, found)
    target.execute("COMMIT")
    target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return int(head[0])


def _chained(
    pages: Iterator[tuple[int, list[tuple[Any, ...]]]], head: list[Any]
) -> Iterator[tuple[Any, ...]]:
    """The pattern's events under other ids; `head` is where the chain has come to."""
    seq, own = head
    for n, page in pages:
        ids = _ids(n)
        for row in page:
            seq, before = seq + 1, own
            at = moment(BEGAN + timedelta(seconds=120 * seq))
            *columns, text = (_named(value, ids) for value in row[2:9])
            known = canonical_json([seq, at, *columns])
            own = hashlib.sha256(f'{known[:-1]},{text},"{before}"]'.encode()).hexdigest()
            yield (seq, at, *columns, text, before, own)
            head[:] = seq, own


def _ids(n: int) -> tuple[tuple[str, str], ...]:
    """What the pattern's plans are called in the cycle `n`."""
    return (
        (BOUGHT, f"{2 * n:08x}"),
        (SOLD, f"{2 * n + 1:08x}"),
        (NEXT, f"{2 * n + 2:08x}"),
    )


def _named(text: Any, ids: tuple[tuple[str, str], ...]) -> Any:
    if isinstance(text, str):
        for pattern, name in ids:
            text = text.replace(pattern, name)
    return text


def _copy_table(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, cycles: int, length: int
) -> None:
    """Its rows once a cycle of `length` events, under other ids; `seq` goes with the events."""
    found = source.execute(f"SELECT * FROM {table}")
    seq_at = [name for name, *_ in found.description].index("seq") if table == "fills" else None
    rows = found.fetchall()
    cycle = [row for row in rows if NEXT not in str(row)]
    last = [row for row in rows if NEXT in str(row)]
    pages = chain(((n, cycle) for n in range(cycles)), [(cycles - 1, last)])
    named = (
        tuple(
            value + n * length if column == seq_at else _named(value, _ids(n))
            for column, value in enumerate(row)
        )
        for n, page in pages
        for row in page
    )
    _insert(target, table, named)


def _insert(target: sqlite3.Connection, table: str, rows: Any) -> None:
    width = len(target.execute(f"PRAGMA table_info({table})").fetchall())
    marks = ", ".join("?" * width)
    target.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)


# --- the pattern ------------------------------------------------------------------------------


def _opened() -> EventDraft:
    """Cash is kept from here on: a start must come to what all fills since have brought."""
    at = BEGAN.isoformat()
    told = {"cash": "100000", "fills_from": at, "market_at": at, "activities": []}
    return EventDraft(kind="BooksOpened", account=ACCOUNT, payload=told)


def _bought(plan_id: str) -> Iterator[EventDraft]:
    """A plan that buys ten symbols in two fills each, protects them, and ends."""
    plan = _plan(plan_id, Side.BUY)
    yield from _begun(plan)
    run = PlanRun(plan=plan, state=PlanState.BUYING)
    for step in plan.steps:
        order = next_child(run, step)
        checked = {"needed": "1000", "spendable": "100000", "reserved": "0", "qty": "10"}
        yield _draft("GateChecked", plan_id, step, **checked)
        yield from _filled(order)
        prices = {"stop_price": "90", "target_price": "130", "qty": "10"}
        yield _draft("ProtectionSet", plan_id, step, **prices)
        yield from _sent(_protection(plan_id, step))
        yield _draft("ProtectionConfirmed", plan_id, step, qty="10")
    yield from _over(plan_id)


def _sold(plan_id: str, bought: str) -> Iterator[EventDraft]:
    """A plan that sells them again, once their protection is cancelled."""
    plan = _plan(plan_id, Side.SELL)
    yield from _begun(plan)
    run = PlanRun(plan=plan, state=PlanState.SELLING)
    for step in plan.steps:
        order, stop = next_child(run, step), _protection(bought, step)
        yield of_order(order, "ProtectionReleased", {"qty": "10", "for": order.client_order_id})
        yield of_order(stop, "CancelRequested", {"reason": "exit", "words": "protection: exit"})
        canceled = {"state": "canceled", "status": "canceled", "order_id": _order_id(stop)}
        yield of_order(stop, "OrderUpdated", canceled)
        yield from _filled(order)
    yield from _over(plan_id)


def _begun(plan: Plan) -> Iterator[EventDraft]:
    plan_id = plan.plan_id
    approval = Approval(
        plan_hash=plan.hash, approver="trader", mode=Mode.AUTO, approved_at=BEGAN, expires_at=BEGAN
    )
    yield _draft("PlanCreated", plan_id, plan=plan.to_json())
    yield _draft("PlanApproved", plan_id, approval=approval.to_json())
    yield _draft("PlanStarted", plan_id, mode="auto", cash="100000")


def _over(plan_id: str) -> Iterator[EventDraft]:
    for before, after in (
        ("selling", "settling"),
        ("settling", "buying"),
        ("buying", "protecting"),
    ):
        yield _draft("PlanAdvanced", plan_id, None, **{"from": before, "to": after})
    yield _draft("PlanEnded", plan_id, state="done", reason="")
    yield EventDraft(kind="ReportWritten", plan_id=plan_id, payload={"path": f"{plan_id}.md"})
    alert = Alert(
        alert_id=f"a-{plan_id}", condition="price_stale", subject="NEM", raised_at=BEGAN,
        severity=AlertSeverity.WARNING, sentence="The price of NEM is 90 s old.",
    )  # fmt: skip
    yield EventDraft(kind="AlertRaised", payload={"alert": alert.to_json()})
    yield EventDraft(kind="AlertCleared", payload={"alert_id": alert.alert_id})
    yield EventDraft(kind="Reconciled", payload={"market_at": BEGAN.isoformat(), "mismatches": []})
    yield EventDraft(kind="DayStarted", payload={"date": "2021-01-04", "equity": "100000"})


def _filled(order: ChildOrder) -> Iterator[EventDraft]:
    yield from _sent(order)
    for n in (1, 2):
        fill = Fill(
            execution_id=f"x-{order.client_order_id}-{n}", account=ACCOUNT, order_id=_order_id(order),
            client_order_id=order.client_order_id, symbol=order.symbol, side=order.side,
            qty=QTY / 2, price=PRICE, at=BEGAN,
        )  # fmt: skip
        yield of_order(order, "FillReceived", {"fill": fill.to_json()})


def _sent(order: ChildOrder) -> Iterator[EventDraft]:
    yield of_order(order, "OrderIntended", {"order": order.terms()})
    yield of_order(order, "OrderSent")
    state = OrderState.ACKNOWLEDGED.value
    acknowledged = {"state": state, "status": "new", "order_id": _order_id(order)}
    yield of_order(order, "OrderAcknowledged", acknowledged)


def _order_id(order: ChildOrder) -> str:
    return f"o-{order.client_order_id}"


def _protection(plan_id: str, step: Step) -> ChildOrder:
    return ChildOrder(
        client_order_id=protection_id(plan_id, step.n, 1), plan_id=plan_id, step=step.n,
        account=ACCOUNT, symbol=step.symbol, side=Side.SELL, qty=QTY, type=OrderType.STOP,
        stop_price=Decimal(90), time_in_force=TimeInForce.GTC, protective=True,
    )  # fmt: skip


def _draft(kind: str, plan_id: str, step: Step | None = None, **payload: Any) -> EventDraft:
    about = {} if step is None else {"step": step.n, "account": ACCOUNT, "symbol": step.symbol}
    return EventDraft.model_validate(
        {"kind": kind, "plan_id": plan_id, "payload": payload, **about}
    )


def _plan(plan_id: str, side: Side) -> Plan:
    steps = tuple(
        Step(
            n=n, phase=Phase.BUY if side is Side.BUY else Phase.SELL, account=ACCOUNT, symbol=symbol,
            side=side, qty=QTY, type=OrderType.LIMIT, limit_price=PRICE, reference_price=PRICE,
            expected_price=PRICE, expected_value=QTY * PRICE, expected_cash_after=Decimal(0),
            sector="Materials", reason="bench",
            stop_loss_price=Decimal(90) if side is Side.BUY else None,
        )
        for n, symbol in enumerate(SYMBOLS, 1)
    )  # fmt: skip
    return plan_of(plan_id, steps, BEGAN)
