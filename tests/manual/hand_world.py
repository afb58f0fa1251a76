"""A real desk of the manual environment: prices of a practice exchange, orders by nobody but us."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from desk_lock import lock_is_held
from running_exchange import finished_lines
from warm import warm_desks

from db.home import Home
from db.model.base import Environment
from services.desk.client import DeskClient
from services.desk.launch import ensure_desk
from services.desk.lock import recorded_holder
from services.desk.simulator import read_address, stop_exchange

ROOT = Path(__file__).parent.parent.parent
CASES = ROOT / "tests" / "data" / "cases"
DEADLINE = 40.0
Json = dict[str, Any]


class HandDesk:
    """One home, one journal, and the trader's two hands."""

    def __init__(self, quotes: str = "sim", portfolio: Path | None = None) -> None:
        self.home = Home(Path(tempfile.mkdtemp(prefix="qd-")), Environment.MANUAL)
        self.home.create()
        self.requests = self.home.state / "requests.jsonl"
        market = ["[sim]", "volatility = 0", f'requests = "{self.requests}"']
        lines = [*market, "[manual]", f'quotes = "{quotes}"', 'number = "U-77"']
        if portfolio is not None:
            lines.append(f'portfolio = "{portfolio}"')
        self.home.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.client = DeskClient(self.home.socket)
        self._killed = False

    async def start(self) -> None:
        """The first is forked of a warm process; after a kill it starts as a trader would start it."""
        await self.client.close()
        with nullcontext() if self._killed else warm_desks():
            await ensure_desk(self.home)
        self.client = DeskClient(self.home.socket)

    def kill(self) -> None:
        """SIGKILL, as the kernel would; returns when the lock is free."""
        self._killed = True
        holder = recorded_holder(self.home)
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)
        while lock_is_held(self.home):
            time.sleep(0.01)

    async def stop(self) -> None:
        await self.client.close()
        if lock_is_held(self.home):
            self.kill()
        if read_address(self.home) is not None:
            stop_exchange(self.home)
        shutil.rmtree(self.home.root, ignore_errors=True)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The command line, as a trader would type it."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("quarterdeck")), "--env", "manual", *arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            cwd=ROOT,
            env={**os.environ, "QUARTERDECK_HOME": str(self.home.root)},
            check=False,
        )

    def asked(self) -> set[tuple[str, str]]:
        """What the practice exchange was asked: method and path."""
        return {(entry["method"], entry["path"]) for entry in finished_lines(self.requests)}

    async def rebalance(self) -> str:
        """The plan of the rebalance case."""
        answer: Json = {}
        for name in ("market-analysis.toml", "Portfolio.md"):
            file = CASES / "rebalance" / name
            answer = await self.client.propose(file.name, file.read_bytes())
        return str(answer["plan"]["plan_id"])

    async def approve(self, plan_id: str, mode: str = "step") -> None:
        card = await self.client.card(plan_id)
        await self.client.approve(plan_id, card["token"], card["hash"], mode, "a test")
