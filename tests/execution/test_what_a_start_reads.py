"""A start that reads only what still matters comes to the same books, lots and streaks as one that reads
everything (invariant 4)."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from execution_makers import Log
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_makers import NOON, make_escalation, make_plan

from db.fills import FillsTable
from db.journal import Journal
from db.migrations import migrate
from db.model.base import canonical_json
from db.model.event import Event, EventDraft
from db.projections import project
from services.desk import recollection
from services.desk.past_fills import FILL, past_fills
from services.desk.recollection import recollect
from services.execution import lots, tax_book
from services.execution.lots import Holding
from services.monitoring.streak import RoundTrips
from services.reconciliation import expected
from services.reconciliation.expected import Books

PLACES = st.sampled_from([("main", "AAA"), ("main", "BBB"), ("other", "AAA")])
LOTS = st.sampled_from([("p1", 1), ("p2", 1), ("p2", 2), (None, None)])
FILLS = st.tuples(
    st.just(FILL), PLACES, LOTS, st.sampled_from(["buy", "sell"]), st.integers(1, 2),
    st.sampled_from(["9.5", "10", "11.25"]),
)  # fmt: skip
OTHERS = st.tuples(
    st.sampled_from(
        ["DayStarted", "TradingResumed", "PositionAdopted", "CashAdopted", "BooksOpened"]
    ),
    PLACES,
    st.integers(-1, 2),
)


OPENINGS = st.tuples(st.sampled_from(["CashAdopted", "BooksOpened"]), PLACES, st.just(0))
RESETS = st.tuples(st.sampled_from(["DayStarted", "TradingResumed"]), PLACES, st.just(0))


def journalled(told: Sequence[tuple[object, ...]]) -> list[Event]:
    log = Log()
    for n, (kind, (account, symbol), *rest) in enumerate(told):  # type: ignore[misc]
        about: dict[str, object] = {"account": account, "symbol": symbol}
        at = (NOON + timedelta(seconds=n)).isoformat()
        if kind == FILL:
            (plan_id, step), side, qty, price = rest
            fill = {
                "execution_id": f"x{n}", "account": account, "order_id": "b", "client_order_id": "o",
                "symbol": symbol, "side": side, "qty": str(qty), "price": price, "at": at,
            }  # fmt: skip
            about |= {"plan_id": plan_id, "step": step, "payload": {"fill": fill}}
        else:
            about |= {"plan_id": None, "payload": _payload(str(kind), rest[0], at)}
        log.write(str(kind), **about)
    return log.events


def _payload(kind: str, number: object, at: str) -> dict[str, object]:
    return {
        "DayStarted": {"date": "2026-01-05", "equity": "1"},
        "PositionAdopted": {"qty": str(number), "avg_entry_price": "10"},
        "CashAdopted": {"cash": "1000"},
        "BooksOpened": {"cash": "5", "fills_from": at, "market_at": at, "activities": []},
    }.get(kind, {})


@pytest.fixture(scope="module")
def empty() -> bytes:
    """A journal's file in which nothing is."""
    with closing(sqlite3.connect(":memory:")) as db:
        migrate(db, 0)
        return db.serialize()


@contextmanager
def projected(empty: bytes, events: Iterable[Event]) -> Iterator[FillsTable]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(empty)
        for event in events:
            project(db, event, canonical_json(event.payload))
        yield FillsTable(db)


@settings(max_examples=500)
@given(
    told=st.builds(
        lambda *parts: [event for part in parts for event in part],
        st.lists(OPENINGS, max_size=2),
        st.lists(st.one_of(FILLS, FILLS, FILLS, OTHERS), max_size=20),
        st.lists(RESETS, max_size=1),
        st.lists(st.one_of(FILLS, OTHERS), max_size=8),
    ),
    live=st.frozensets(st.sampled_from(["p1", "p2"])),
)
def test_what_is_brought_forward_and_the_rest_are_all(
    empty: bytes, told: list[tuple[object, ...]], live: frozenset[str]
) -> None:
    """Of plans that are live every fill is read: a run without one would book it again
    (invariant 10)."""
    events = journalled(told)
    with projected(empty, events) as fills:
        lasting = [event for event in events if event.kind != FILL]
        past = past_fills(fills, lasting, live)
    assert live <= past.live
    assert {e.seq for e in events if e.kind == FILL and e.plan_id in past.live} <= {*past.needed}
    kept = [
        event
        for event in events
        if (event.seq in past.needed if event.kind == FILL else past.needs(event))
    ]
    assert _held(kept) == _held(events)
    assert _taxed(kept) == _taxed(events)
    books = expected.brought_forward(expected.after(Books(), kept), past.brought_forward)
    assert books == expected.after(Books(), events)
    assert _trips(kept) == _trips(events)


def _held(events: Sequence[Event]) -> dict[tuple[str, str], Holding]:
    return {key: held for key, held in lots.after({}, events).items() if held != Holding()}


def _taxed(events: Sequence[Event]) -> dict[tuple[str, str], tax_book.Bought]:
    return {key: held for key, held in tax_book.after({}, events).items() if held.qty}


def _trips(events: Sequence[Event]) -> tuple[int, dict[object, object]]:
    trips = RoundTrips()
    trips.apply(events)
    return trips.losses_in_a_row, {k: v for k, v in trips._open.items() if v.qty}


async def test_a_plan_that_is_over_is_left_out_and_one_that_still_protects_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recollection, "KEPT_PLANS", 1)
    ticks = count()
    journal = await Journal.open(tmp_path / "j.db", lambda: NOON + timedelta(seconds=next(ticks)))
    for name in ("late", "over", "held", "open", "newest"):
        plan = make_plan().model_copy(update={"plan_id": name})
        await journal.append(
            EventDraft(kind="PlanCreated", plan_id=name, payload={"plan": plan.to_json()}),
            *_traded(name, "buy"),
            *(_traded(name, "sell") if name != "held" else ()),
        )
        if name == "over":
            asked = {"escalation": make_escalation(plan_id=name).to_json()}
            answer = {"escalation_id": "3f9a-x1", "outcome": "granted", "date": "2026-01-07"}
            await journal.append(
                EventDraft(kind="EscalationRequested", plan_id=name, payload=asked),
                EventDraft(kind="EscalationResolved", plan_id=name, payload=answer),
            )
        if name != "open":
            ended = {"state": "done", "reason": ""}
            await journal.append(EventDraft(kind="PlanEnded", plan_id=name, payload=ended))
    for alert_id in ("a1", "a2"):
        raised = {"alert": {"alert_id": alert_id}}
        await journal.append(EventDraft(kind="AlertRaised", payload=raised))
    await journal.append(EventDraft(kind="AlertCleared", payload={"alert_id": "a1"}))
    for day in ("2026-01-06", "2026-01-07"):
        began = {"date": day, "equity": "1"}
        await journal.append(EventDraft(kind="DayStarted", payload=began))
    # An old plan's last stop was executed today: the broker will tell of it again.
    await journal.append(EventDraft(kind="ReportWritten", plan_id="late", payload={"path": "x"}))
    known = await recollect(journal)
    everything = await journal.events()
    await journal.close()
    assert known.plan_ids == {"late", "over", "held", "open", "newest"}
    created = [event.plan_id for event in known.events if event.kind == "PlanCreated"]
    assert created == ["late", "held", "open", "newest"]
    fills = [event.plan_id for event in known.events if event.kind == FILL]
    assert fills == ["late", "late", "held", "open", "open", "newest", "newest"]
    alerts = [event.payload for event in known.events if event.kind.startswith("Alert")]
    assert alerts == [{"alert": {"alert_id": "a2"}}]
    # What was granted counts for its day, whatever became of the plan.
    told = [event.kind for event in known.events if event.kind.startswith("Escalation")]
    assert told == ["EscalationResolved"]
    assert [e.seq for e in known.events] == sorted({e.seq for e in known.events})
    assert all(event in everything for event in known.events)


def _traded(plan_id: str, side: str) -> tuple[EventDraft, ...]:
    fill = {
        "execution_id": f"{plan_id}-{side}", "account": "main", "order_id": "b",
        "client_order_id": "", "symbol": plan_id.upper(), "side": side, "qty": "1", "price": "10",
        "at": "2026-01-05T15:00:00Z",
    }  # fmt: skip
    return (
        EventDraft(
            kind=FILL, plan_id=plan_id, step=1, account="main", symbol=plan_id.upper(),
            payload={"fill": fill},
        ),
    )  # fmt: skip
