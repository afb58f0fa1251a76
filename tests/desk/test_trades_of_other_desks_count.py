"""A wash sale counts in any account of the trader's: live and by hand know of one another (spec 3)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from db.home import Home
from db.journal import Journal
from db.model.base import Environment
from db.model.event import Event, EventDraft
from db.model.order import Fill, Side
from services.desk.elsewhere import Book, books, record_of, records
from services.desk.past import together
from services.desk.settings import DeskSettings

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
NOW = AT + timedelta(days=90)


def draft(text: str, n: int) -> EventDraft:
    """`buy 10 at 50`, `adopt 30`, or the desk's start; a day apart."""
    kind, *rest = text.split()
    about = {"account": "main", "symbol": "AAA"}
    if kind == "start":
        return EventDraft(kind="DeskStarted")
    if kind == "adopt":
        return EventDraft(kind="PositionAdopted", **about, payload={"qty": rest[0]})
    fill = Fill(
        execution_id=f"x{n}", account="main", order_id="b", symbol="AAA", side=Side(kind),
        qty=Decimal(rest[0]), price=Decimal(rest[2]), at=AT + timedelta(days=n),
    )  # fmt: skip
    return EventDraft(kind="FillReceived", **about, payload={"fill": fill.to_json()})


def events(*told: str) -> list[Event]:
    return [
        Event(
            **draft(text, n).model_dump(),
            seq=n + 1,
            at=AT + timedelta(days=n),
            prev_hash="",
            hash="",
        )
        for n, text in enumerate(told)
    ]


THEIRS = Book("manual", Path("unread"), own=False)
# told, a day each → trades with their gains, and since which day that is all
TABLE: list[tuple[tuple[str, ...], list[tuple[str, str | None]], int]] = [
    (("start",), [], 0),
    # 10 × (40 − 50) = −100
    (("start", "buy 10 at 50", "sell 10 at 40"), [("buy", None), ("sell", "-100")], 0),
    # what was there when the books began cost nobody knows what
    (("start", "adopt 30", "sell 10 at 40"), [("sell", None)], 1),
    # the trader traded beside the desk, and the figure was adopted: before it nobody knows all
    (("start", "buy 10 at 50", "adopt 4", "sell 4 at 60"), [("buy", None), ("sell", None)], 2),
    # an adoption of what we had tells nothing new
    (("start", "buy 10 at 50", "adopt 10"), [("buy", None)], 0),
    (("buy 10 at 50",), [("buy", None)], 0),
    ((), [], 90),  # an empty journal: nothing is known before now
]


@pytest.mark.parametrize(("told", "trades", "since"), TABLE)
def test_what_a_journal_tells(
    told: tuple[str, ...], trades: list[tuple[str, str | None]], since: int
) -> None:
    found = record_of(THEIRS, events(*told), NOW)
    gains = [(t.side.value, None if t.gain is None else f"{t.gain:f}") for t in found.trades]
    assert (gains, (found.since - AT).days) == (trades, since)
    assert {trade.account for trade in found.trades} <= {"manual/main"}, "no account of ours"


def test_of_ones_own_journal_only_the_beginning_counts() -> None:
    """Its trades are the broker's to tell: they would count twice."""
    found = record_of(THEIRS._replace(own=True), events("start", "buy 10 at 50"), NOW)
    assert (found.trades, found.since) == ((), AT)


async def test_a_journal_is_read_beside_its_desk_and_a_broken_one_is_no_silence(
    tmp_path: Path,
) -> None:
    ticks = count()
    path = tmp_path / "journal.db"
    journal = await Journal.open(path, lambda: AT + timedelta(seconds=next(ticks)))
    try:
        await journal.append(*(draft(t, n) for n, t in enumerate(("start", "buy 10 at 50"))))
        (found,) = await records([THEIRS._replace(path=path)], NOW)
    finally:
        await journal.close()
    assert [(t.account, t.qty) for t in found.trades] == [("manual/main", 10)]
    broken = tmp_path / "broken.db"
    broken.write_text("no journal at all" * 100)
    (unread,) = await records([THEIRS._replace(path=broken)], NOW)
    assert (unread.since, unread.trades) == (NOW, ())
    assert "can't be read" in unread.why
    assert await records([THEIRS._replace(path=tmp_path / "absent.db")], NOW) == ()
    both = together(found, [unread])
    assert (both.since, both.trades, both.why) == (NOW, found.trades, unread.why)


@pytest.mark.parametrize(
    ("environment", "quotes", "read"),
    [
        ("live", "none", [("manual", False)]),
        ("manual", "none", [("live", False), ("manual", True)]),
        ("manual", "alpaca", [("live", False), ("manual", True)]),
        ("manual", "sim", []),  # practice
        ("live", "sim", []),  # what is by hand is practice
        ("paper", "none", []),
        ("sim", "none", []),
    ],
)
def test_only_real_money_counts(
    environment: str, quotes: str, read: list[tuple[str, bool]], tmp_path: Path
) -> None:
    settings = DeskSettings.model_validate(
        {"environment": environment, "manual": {"quotes": quotes}}
    )
    home = Home(tmp_path, Environment(environment))
    found = books(home, settings)
    assert [(book.name, book.own) for book in found] == read
    assert all(book.path == tmp_path / book.name / "journal.db" for book in found)
