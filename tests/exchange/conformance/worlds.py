"""The processes the rows are run in: one for each way an exchange can be set up."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests

from conformance.row import Row

STAGE = "tests.exchange.conformance.stage"
ROOT = Path(__file__).parents[3]

MARKET: list[dict[str, Any]] = [
    {"symbol": "XYZ", "price": "50.00", "spread_bps": 4},
    {"symbol": "ABC", "price": "20.00", "spread_bps": 10},
    {"symbol": "DIM", "price": "0.50", "spread_bps": 40},
    {"symbol": "BIG", "price": "500.00", "spread_bps": 4},
    {"symbol": "HTB", "price": "30.00", "spread_bps": 7, "easy_to_borrow": False},
    {"symbol": "NSH", "price": "30.00", "spread_bps": 7, "shortable": False},
    {"symbol": "WHL", "price": "30.00", "spread_bps": 7, "fractionable": False},
    {"symbol": "DED", "price": "30.00", "spread_bps": 7, "tradable": False},
    {"symbol": "SPL", "price": "20.00", "spread_bps": 10},
    {"symbol": "SPY", "price": "600.00", "spread_bps": 1, "has_options": True},
]

# Every setting of engine/rules.py at its other value, for the rows that have an `otherwise`.
OTHER_RULES = {
    "client_id_retention": 30,
    "repeated_cancel": 422,
    "rate_limit_code": 42900000,
    "limit_distance": "50",
    "day_end": "canceled",
    "replace_keeps_fills": "",
    "legs_tell_of_cancel": "",
    "cls_cutoff": "15:55",
    "intent_enforced": "",
    "short_qty_available": "positive",
    "option_gtc": "yes",
    "halt_rejects": "",
    "day_trades": "legacy_pdt",
}
WORLDS: dict[str, dict[str, Any]] = {
    "default": {"rate_limit": 200},
    "other": {"rate_limit": 200, "rules": OTHER_RULES},
    "limits": {
        "rate_limit": 0,
        "data_limits": {
            "connections": 1,
            "symbols": 30,
            "auth_timeout": 0.2,
            "not_subscribed": ["sip"],
            "unscoped": ["63411"],
        },
        "trade_limits": {"connections": 1, "text": True},
    },
    "partials": {"rate_limit": 0, "partials": True},
}


class World:
    """A running stage."""

    def __init__(self, name: str, rows: Iterable[Row], folder: Path) -> None:
        book = folder / f"{name}.json"
        book.write_text(json.dumps(_book(rows)))
        settings = {"book": str(book), **WORLDS[name]}
        self.process = subprocess.Popen(
            [sys.executable, "-m", STAGE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(settings) + "\n")
        self.process.stdin.flush()
        hello = json.loads(self.process.stdout.readline() or "{}")
        assert hello, f"the stage of {name} did not start"
        self.url = f"http://127.0.0.1:{hello['port']}"
        self.ws = f"ws://127.0.0.1:{hello['port']}"
        self.accounts: dict[str, list[str]] = hello["accounts"]
        self._stage = f"http://127.0.0.1:{hello['stage']}/stage"
        self.session = requests.Session()
        self.session.trust_env = False

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def do(self, deed: str, **arguments: Any) -> None:
        answer = self.session.post(self._stage, json={"deed": deed, **arguments}, timeout=20)
        assert answer.status_code == 204, f"{deed} {arguments}: {answer.text}"

    def end(self) -> None:
        self.session.close()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=20)


class Worlds:
    """Worlds by name, begun when first asked for, and again when a defect has ended one."""

    def __init__(self, rows: Iterable[Row], folder: Path) -> None:
        self._rows, self._folder = tuple(rows), folder
        self._running: dict[str, World] = {}
        self._broken: set[str] = set()

    def __getitem__(self, name: str) -> World:
        assert name not in self._broken, f"the stage of {name} does not start"
        running = self._running.get(name)
        if running is None or not running.lives:
            self._broken.add(name)
            running = self._running[name] = World(name, self._rows, self._folder)
            self._broken.remove(name)
        return running

    def end(self) -> None:
        for world in self._running.values():
            world.end()


def _book(rows: Iterable[Row]) -> dict[str, Any]:
    accounts, positions = {}, []
    for row in rows:
        accounts[row.account] = {"cash": row.cash, "multiplier": row.multiplier}
        for symbol, qty in row.holds.items():
            cost = {"account": row.account, "symbol": symbol, "avg_entry_price": "40"}
            positions.append({**cost, "qty": qty})
    return {"accounts": accounts, "positions": positions, "market": MARKET}
