"""A desk as a real process against the simulated exchange as a real process."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from desk_lock import lock_is_held
from running_exchange import RunningExchange
from warm import warm_desks

from db.home import Home
from db.model.base import Environment
from db.model.order import PROTECTION
from services.desk.client import DeskClient, DeskError
from services.desk.launch import ensure_desk
from services.desk.lock import recorded_holder

ROOT = Path(__file__).parent.parent.parent
CASES = ROOT / "tests" / "data" / "cases"
DEADLINE = 40.0
Json = dict[str, Any]


class RunningDesk:
    """One home in the `paper` environment, whose four addresses are the exchange's."""

    def __init__(self, exchange: RunningExchange, policy: str = "standard") -> None:
        self.exchange = exchange
        self.home = Home(Path(tempfile.mkdtemp(prefix="qd-")), Environment.PAPER)
        self.home.create()
        self.configure(policy=policy)
        self.client = DeskClient(self.home.socket)
        self._killed = False

    def configure(self, policy: str = "standard", **broker: str) -> None:
        known = (name for name in self.exchange.addresses if not name.startswith("control"))
        hello = {**{name: self.exchange.addresses[name] for name in known}, **broker}
        lines = [f'policy = "{policy}"', "[paper]"]
        lines += [f'{name} = "{value}"' for name, value in hello.items()]
        self.home.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    async def start(self) -> None:
        """The first is forked of a warm process; after a kill it starts as a trader would start it."""
        await self.client.close()
        with nullcontext() if self._killed else warm_desks():
            await ensure_desk(self.home)
        self.client = DeskClient(self.home.socket)

    async def kill(self) -> None:
        """SIGKILL, as the kernel would; returns when the process is gone."""
        self._killed = True
        pid = json.loads(self.home.lock.read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        while _exists(pid):
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        await self.client.close()
        if lock_is_held(self.home) and (holder := recorded_holder(self.home)) is not None:
            with suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGKILL)
        shutil.rmtree(self.home.root, ignore_errors=True)

    def run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """The command line, as a trader would type it."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("quarterdeck")), *arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            cwd=ROOT,
            env={
                **os.environ,
                "QUARTERDECK_HOME": str(self.home.root),
                "QUARTERDECK_ENVIRONMENT": "paper",
                **environ,
            },
        )

    # --- the main job -------------------------------------------------------------------------

    async def propose(self, *files: Path, policy: str | None = None) -> str:
        """The id of the plan that the last file made."""
        answer: Json = {}
        for file in files:
            answer = await self.client.propose(file.name, file.read_bytes(), policy)
        return str(answer["plan"]["plan_id"])

    async def rebalance(self) -> str:
        case = CASES / "rebalance"
        return await self.propose(case / "market-analysis.toml", case / "Portfolio.md")

    async def approve(self, plan_id: str, mode: str) -> None:
        card = await self.client.card(plan_id)
        await self.client.approve(plan_id, card["token"], card["hash"], mode, "a test")

    async def start_plan(self, plan_id: str, mode: str) -> None:
        await self.approve(plan_id, mode)
        await self.client.run(plan_id)

    async def until(self, plan_id: str, done: Callable[[Json], bool]) -> Json:
        """The plan's document once `done` says so."""
        async with asyncio.timeout(DEADLINE):
            while True:
                document = await self.client.plan(plan_id)
                if done(document):
                    return document
                await asyncio.sleep(0.02)

    async def report(self, name: str) -> str:
        """A report's text, once it is written."""
        path = self.home.reports / name
        async with asyncio.timeout(DEADLINE):
            while not path.exists():
                await asyncio.sleep(0.02)
        return path.read_text(encoding="utf-8")

    async def until_ended(self, plan_id: str) -> Json:
        return await self.until(plan_id, ended)

    async def confirm_until_ended(self, plan_id: str) -> Json:
        """Press `n` whenever a step or a phase waits."""
        async with asyncio.timeout(DEADLINE):
            while not ended(document := await self.client.plan(plan_id)):
                try:
                    await self.client.next(plan_id)
                except DeskError:
                    await asyncio.sleep(0.02)
        return document

    @asynccontextmanager
    async def seen(self, wanted: Callable[[Json], bool]) -> AsyncIterator["asyncio.Future[None]"]:
        """Follows the journal; the future is done with the first event that `wanted` names."""
        attached, found = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def follow() -> None:
            async for message in self.client.updates(events=True):
                attached.set()
                if message["type"] == "event" and wanted(message["event"]):
                    found.set_result(None)
                    return

        async with asyncio.timeout(DEADLINE):
            following = asyncio.create_task(follow())
            await attached.wait()
            try:
                yield found
            finally:
                following.cancel()


def ended(document: Json) -> bool:
    return document["state"] in ("done", "done_with_exceptions", "aborted", "expired")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


# --- what the exchange itself says ------------------------------------------------------------


def accepted_orders(log: Iterable[Json]) -> list[Json]:
    """Plan orders that the exchange took, in order of arrival: what protects is told apart."""
    return [o for o in all_orders(log) if not PROTECTION.match(o.get("client_order_id", ""))]


def protective_orders(log: Iterable[Json]) -> list[Json]:
    """Protective orders of ours that the exchange took, in order of arrival."""
    return [o for o in all_orders(log) if PROTECTION.match(o.get("client_order_id", ""))]


def all_orders(log: Iterable[Json]) -> list[Json]:
    """Orders that the exchange took, in order of arrival."""
    posts = [
        entry
        for entry in sorted(log, key=lambda entry: int(entry["seq"]))
        if entry["method"] == "POST" and entry["path"] == "/v2/orders" and entry["status"] == 200
    ]
    return [{**post["body"], "seq": post["seq"]} for post in posts]


def as_steps(orders: Iterable[Json]) -> list[tuple[str, str, Decimal]]:
    return sorted((o["side"], o["symbol"], Decimal(str(o["qty"]))) for o in orders)


def planned_steps(document: Json) -> list[tuple[str, str, Decimal]]:
    return sorted((s["side"], s["symbol"], Decimal(s["qty"])) for s in document["steps"])
