"""One account's day at the exchange, lived by one desk or by two, and how it ended."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
import urllib.request
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boundaries.mortal_desk import NOTE
from running_exchange import RunningExchange
from ten_steps import ALL_BOUGHT, DEADLINE, carry_on, plan_of
from warm import WarmProcess, start

from db.home import Home
from db.journal import verify
from db.model.base import Environment
from db.model.order import PROTECTION
from services.desk.__main__ import REFUSED
from services.desk.client import DeskClient, DeskError
from services.exchange.engine.accounts import credentials

Json = dict[str, Any]
STARTS = 3
"""A desk that did not reach a busy exchange in time says so and ends: it is started again."""
QUIET_SECONDS = 1.0
"""How long after its end a day may still reach a boundary."""


@dataclass(frozen=True)
class Boundary:
    """A commit: the one that holds event `seq`, and whether the desk dies just before it or after."""

    when: str
    seq: int

    def __str__(self) -> str:
        return f"{self.when} {self.seq}"


class Day:
    def __init__(self, exchange: RunningExchange, account: str, plans: tuple[str, ...]) -> None:
        self.account = account
        self.plans = plans
        self._exchange = exchange
        self._key, self._secret = credentials(account)
        self.home = Home(Path(tempfile.mkdtemp(prefix="qd-")), Environment.PAPER)
        known = ("trading_url", "trading_stream_url", "data_url", "data_stream_url")
        settings = {name: exchange.hello[name] for name in known}
        settings |= {"key": self._key, "secret": self._secret}
        lines = ["[paper]", *(f'{name} = "{value}"' for name, value in settings.items())]
        self._lives: list[WarmProcess] = []
        self.home.config.write_text("\n".join(lines))

    def forget(self) -> None:
        self.end()
        shutil.rmtree(self.home.root, ignore_errors=True)

    def end(self) -> None:
        for life in self._lives:
            life.kill()

    # --- lives --------------------------------------------------------------------------------

    async def first_life(self, boundary: Boundary, starts: int = STARTS) -> tuple[int, int] | None:
        """Until the desk dies at the boundary: first and last event of the commit that it died at.
        None when the day was over without it: the desk was stopped then."""
        ended = self._begin(boundary.when, str(boundary.seq))
        async with DeskClient(self.home.socket) as client:
            trader = asyncio.create_task(self._trade(client))
            await asyncio.wait({ended, trader}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done() and trader.exception() is None:
                await asyncio.wait({ended}, timeout=QUIET_SECONDS)
            with suppress(DeskError):
                if not ended.done() and trader.exception() is None:
                    await client.stop()
            trader.cancel()
            with suppress(DeskError, asyncio.CancelledError):
                await trader
        async with asyncio.timeout(DEADLINE):
            code = await ended
        if code == 0:
            return None
        if code == REFUSED and starts > 1:
            return await self.first_life(boundary, starts - 1)
        assert code == -9, self.log()
        first, last = json.loads((self.home.root / NOTE).read_text())
        return first, last

    async def last_life(self) -> Json:
        """A desk to the end of the day; how it ended, once the desk is stopped."""
        ended = await self._started()
        async with DeskClient(self.home.socket) as client:
            await self._trade(client)
            async with asyncio.timeout(DEADLINE):
                found = await self._ending(client)
            await client.stop()
        async with asyncio.timeout(DEADLINE):
            assert await ended == 0, self.log()
        return found

    def _begin(self, *dying: str) -> "asyncio.Task[int]":
        """A desk; the task is its exit code, negative for a signal."""
        with (self.home.root / "desk.log").open("ab") as log:
            environ = {"QUARTERDECK_HOME": str(self.home.root)}
            life = start("boundaries.mortal_desk", dying, log, **environ)
        self._lives.append(life)
        return asyncio.create_task(_end_of(life))

    async def _started(self) -> "asyncio.Task[int]":
        """A desk that answers."""
        for _ in range(STARTS):
            ended = self._begin()
            async with asyncio.timeout(DEADLINE), DeskClient(self.home.socket) as client:
                while not ended.done():
                    if await _answers(client):
                        return ended
        raise AssertionError(f"no desk starts: {self.log()}")

    async def _trade(self, client: DeskClient) -> None:
        async with asyncio.timeout(DEADLINE):
            while not await _answers(client):
                pass
        await carry_on(client, self.home.reports, self.plans, self._nothing_bare)

    async def _nothing_bare(self) -> None:
        """Whatever the trader does or leaves, what was bought becomes protected."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                while await asyncio.to_thread(self._bare):
                    await asyncio.sleep(0.1)
        assert not (bare := self._bare()), f"bare while the plan waits: {bare}"

    def _bare(self) -> list[str]:
        """What plans bought and no order at the exchange protects, whole."""
        held = {p["symbol"]: p["qty"] for p in self.asked("/v2/positions")}
        covered = dict.fromkeys(ALL_BOUGHT, 0)
        for order in self.asked("/v2/orders?status=open&nested=true&limit=500"):
            if PROTECTION.match(order["client_order_id"]):
                covered[order["symbol"]] = covered.get(order["symbol"], 0) + int(order["qty"])
        return [
            f"{symbol}: {held.get(symbol, 0)} held, {covered[symbol]} protected"
            for symbol in ALL_BOUGHT
            if int(held.get(symbol, 0)) != covered[symbol]
        ]

    # --- what is ------------------------------------------------------------------------------

    def log(self) -> str:
        return "\n".join(path.read_text() for path in self.home.root.rglob("desk.log"))

    def head(self) -> int:
        """Number of the journal's last event on disk."""
        if not self.home.journal.exists():
            return 0
        rows = self._rows("SELECT seq FROM head")
        return int(rows[0]["seq"]) if rows else 0

    def last_events(self) -> str:
        if not self.home.journal.exists():
            return "none"
        rows = self._rows("SELECT seq, kind, at FROM events ORDER BY seq DESC LIMIT 5")
        return ", ".join(f"{row['seq']} {row['kind']} at {row['at'][11:19]}" for row in rows)

    def appends(self) -> list[int]:
        """Number of the last event of every append: an append is committed whole."""
        rows = self._rows("SELECT seq, at FROM events ORDER BY seq")
        pairs = zip(rows, [*rows[1:], {"at": None}], strict=True)
        return [row["seq"] for row, after in pairs if row["at"] != after["at"]]

    def began(self, kind: str = "ProposalAccepted") -> int:
        """Number of the event with which the last plan came, or of its first of another kind."""
        rows = self._rows(
            f"SELECT min(seq) AS seq FROM events WHERE kind = '{kind}' AND seq >= "
            "(SELECT max(seq) FROM events WHERE kind = 'ProposalAccepted')"
        )
        return int(rows[0]["seq"])

    def _rows(self, sql: str) -> list[Json]:
        with closing(sqlite3.connect(f"file:{self.home.journal}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql)]

    def asked(self, path: str) -> Any:
        """The exchange's own answer."""
        headers = {"APCA-API-KEY-ID": self._key, "APCA-API-SECRET-KEY": self._secret}
        request = urllib.request.Request(f"{self._exchange.trading_url}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    async def _ending(self, client: DeskClient) -> Json:
        """Everything that must be the same however often the day was cut short."""
        documents = {}
        for name in self.plans:
            row = await plan_of(client, name)
            assert row is not None
            documents[name] = await client.plan(row["plan_id"])
        books = await client.reconcile()
        theirs = await asyncio.to_thread(self._theirs)
        verified = verify(self.home.journal)
        return {
            "exchange": theirs,
            "plans": {name: _plan(document) for name, document in documents.items()},
            "projections": self._projections(),
            "books": [books["mismatches"], (await client.status())["trading_state"]],
            "journal": "whole" if verified.ok else verified.sentence,
        }

    def _theirs(self) -> Json:
        fills = self.asked("/v2/account/activities/FILL?page_size=100")
        orders = self.asked("/v2/orders?status=open&nested=true&limit=500")
        ended = self.asked("/v2/orders?status=closed&limit=500")
        return {
            "sells first": _sells_first(ended),
            "cash": self.asked("/v2/account")["cash"],
            "positions": _table(self.asked("/v2/positions"), "symbol qty avg_entry_price"),
            "fills": _table(fills, "symbol side qty price"),
            "protection": sorted(str(_protection(order)) for order in orders),
        }

    def _projections(self) -> Json:
        plan_orders = [
            row
            for row in self._rows(
                "SELECT o.*, source FROM orders o JOIN plans USING (plan_id) ORDER BY source, step"
            )
            if row["client_order_id"].startswith("qd-")
            and not PROTECTION.match(row["client_order_id"])
        ]
        return {
            "plans": _table(self._rows("SELECT * FROM plans"), "source state mode reason"),
            "orders": _table(
                plan_orders, "source step symbol side qty type state filled_qty filled_avg_price"
            ),
            "fills": _table(self._rows("SELECT * FROM fills"), "step symbol side qty price"),
            "positions": _table(
                self._rows("SELECT * FROM positions"), "symbol qty avg_entry_price"
            ),
            "protections": _table(
                self._rows("SELECT * FROM protections"), "symbol stop_price target_price"
            ),
        }


async def _end_of(life: WarmProcess) -> int:
    while (code := life.poll()) is None:
        await asyncio.sleep(0.02)
    return code


async def _answers(client: DeskClient) -> bool:
    """Whether it does; a moment later when not."""
    try:
        await client.halt_report()
    except DeskError:
        await asyncio.sleep(0.02)
        return False
    return True


def _sells_first(orders: Iterable[Json]) -> bool:
    """No buy of a plan came before its last sell was filled (invariant 15)."""
    filled = [o for o in orders if o["filled_at"] and not PROTECTION.match(o["client_order_id"])]
    sells = {o["client_order_id"].split("-")[1]: "" for o in filled if o["side"] == "sell"}
    for plan in sells:
        sells[plan] = max(o["filled_at"] for o in filled if _is(o, plan, "sell"))
    return all(
        order["submitted_at"] >= at
        for plan, at in sells.items()
        for order in filled
        if _is(order, plan, "buy")
    )


def _is(order: Json, plan: str, side: str) -> bool:
    return bool(order["side"] == side and order["client_order_id"].split("-")[1] == plan)


def _table(rows: Iterable[Json], columns: str) -> list[str]:
    return sorted(" ".join(str(row[name]) for name in columns.split()) for row in rows)


def _protection(order: Json) -> list[Any]:
    legs = sorted(str(_protection(leg)) for leg in order.get("legs") or ())
    names = ("symbol", "side", "qty", "filled_qty", "type", "order_class", "limit_price")
    return [*(order[name] for name in names), order["stop_price"], order["time_in_force"], legs]


def _plan(document: Json) -> list[str]:
    steps = document["steps"]
    protected = [{"n": s["n"], **s["protection"]} for s in steps if s["protection"] is not None]
    return [
        f"{document['state']} {document['mode']}, judged: {document['post_trade'] is not None}",
        *_table(steps, "n symbol side qty state stage filled_qty filled_avg_price"),
        *_table(protected, "n by qty stop_price target_price exited_qty reason"),
    ]
