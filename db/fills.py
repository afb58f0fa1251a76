"""What a start asks of the table of fills, whose rows say what their position and its cash had come to:
none of the questions reads all of it."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

Key = tuple[str, str]
"""(account, symbol)."""

_OF_POSITION = "FROM fills WHERE account = ? AND symbol = ?"


class FillRow(NamedTuple):
    seq: int
    """Of its event."""
    plan_id: str | None


class FillsTable:
    """Of one connection, used from its thread."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def positions(self) -> set[Key]:
        """Whatever was ever traded or adopted."""
        return set(self._db.execute("SELECT account, symbol FROM positions"))

    def first_of(self, plans: Collection[str]) -> dict[Key, int]:
        """The number of the first fill in each position by any of the `plans`."""
        sql = (
            "SELECT account, symbol, min(seq) FROM fills "
            "WHERE plan_id IN (SELECT value FROM json_each(?)) GROUP BY account, symbol"
        )
        rows = self._db.execute(sql, (json.dumps(sorted(plans)),))
        return {(account, symbol): seq for account, symbol, seq in rows}

    def flat_before(self, key: Key, seq: int) -> int:
        """The last fill before `seq` after which nothing was held; 0 when there is none."""
        sql = f"SELECT seq {_OF_POSITION} AND seq < ? AND held = '0' ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(sql, (*key, seq)).fetchone()
        return int(row[0]) if row else 0

    def after(self, key: Key, seq: int) -> list[FillRow]:
        """The position's fills after `seq`, in order."""
        sql = f"SELECT seq, plan_id {_OF_POSITION} AND seq > ? ORDER BY seq"
        return [FillRow(*row) for row in self._db.execute(sql, (*key, seq))]

    def cash(self, key: Key, seq: int) -> Decimal:
        """What the position's fills up to `seq` brought, in dollars without commission: below zero
        for what was paid."""
        sql = f"SELECT cash {_OF_POSITION} AND seq <= ? ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(sql, (*key, seq)).fetchone()
        return Decimal(row[0]) if row else Decimal(0)

    def outside(self) -> frozenset[str]:
        """Execution ids of what no plan of ours ordered."""
        sql = "SELECT execution_id FROM fills WHERE plan_id IS NULL"
        return frozenset(row[0] for row in self._db.execute(sql))

    def of_symbols(self, symbols: Iterable[str]) -> list[int]:
        """Numbers of the events, in order."""
        sql = "SELECT seq FROM fills WHERE symbol IN (SELECT value FROM json_each(?)) ORDER BY seq"
        return [row[0] for row in self._db.execute(sql, (json.dumps(sorted(symbols)),))]

    def latest(self) -> datetime | None:
        """The latest market time of all."""
        # As texts, times of one second may be in the wrong order: some have no fraction.
        sql = "SELECT at FROM fills WHERE at >= (SELECT substr(max(at), 1, 19) FROM fills)"
        return max((datetime.fromisoformat(row[0]) for row in self._db.execute(sql)), default=None)
