"""What the console looks like, at the sizes it is laid out for (spec 8, Layout by width).

Sync tests: Textual's snapshots run their own event loop. The clock stands still."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from canned_desk import AT, PLAN, CannedDesk, document, halt_report, order, plan_row, snapshot
from console_pilot import main_of, settled
from textual.pilot import Pilot

from console.app import QuarterdeckApp
from console.clock import Clock
from console.settings import ConsoleSettings
from db.home import Home
from db.model.environment import Environment
from db.model.order import OrderState
from db.model.run import Mode, PlanState
from db.model.trading import TradingState
from services.desk.client import DeskClient

SIZES = [(80, 24), (120, 40), (160, 50)]
Compare = Callable[..., bool]


def deck(home: Path, desk: CannedDesk, theme: str = "dark") -> QuarterdeckApp:
    place = Home(home, Environment.SIM)
    place.create()

    async def attach() -> DeskClient:
        await desk.serve(place.socket)
        return DeskClient(place.socket)

    return QuarterdeckApp(place, attach, ConsoleSettings(theme), Clock(lambda: 0.0, lambda: AT))


def pressing(keys: Sequence[str]) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Press these once the desk has answered and the plan is there."""

    async def run_before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, QuarterdeckApp)
        main = main_of(app)
        await settled(pilot, lambda: app.seen is not None and main.plans.document is not None)
        for key in keys:
            await pilot.press(key)
            await settled(pilot, lambda: app.keyboard.idle and not waiting(app))
        await pilot.pause()

    return run_before


def waiting(app: QuarterdeckApp) -> bool:
    """Whether an answer of the desk is still to come."""
    return any(
        worker.group in ("ask", "halt", "preview") and not worker.is_finished
        for worker in app.workers
    )


def working() -> CannedDesk:
    desk = CannedDesk()
    desk.state = snapshot(
        plans={PLAN: plan_row(PlanState.SELLING, 1, mode=Mode.STEP)},
        orders={"o": order(2, "AA", OrderState.PARTIALLY_FILLED, 80)},
    )
    desk.document = document("selling", "step", 1)
    return desk


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_desk(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    app = deck(tmp_path, working())
    assert snap_compare(app, terminal_size=size, run_before=pressing(()))


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("plan", ("3",)),
        ("orders", ("2",)),
        ("card", ("a",)),
        ("help", ("3", "?")),
        ("palette", (":", "p", "l")),
        ("ticket", ("b",)),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_screens(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], name: str, keys: tuple[str, ...]
) -> None:
    app = deck(tmp_path, working())
    assert snap_compare(app, terminal_size=size, run_before=pressing(keys))


@pytest.mark.parametrize(
    ("size", "keys"),
    [(SIZES[0], ("3", "m")), (SIZES[0], ("3", "=", "enter")), (SIZES[1], ("3", "=", "enter"))],
    ids=["retype--80x24", "comparison--80x24", "comparison--120x40"],
)
def test_editing(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app = deck(tmp_path, CannedDesk())
    assert snap_compare(app, terminal_size=size, run_before=pressing(keys))


def test_kill_panel(snap_compare: Compare, tmp_path: Path) -> None:
    desk = working()
    desk.state = desk.state.model_copy(
        update={"trading_state": TradingState.HALTED, "halt": halt_report()}
    )
    app = deck(tmp_path, desk)
    keys = (":", *"kill", "enter")
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing(keys))


@pytest.mark.parametrize("theme", ["light", "ansi"])
def test_other_themes(snap_compare: Compare, tmp_path: Path, theme: str) -> None:
    app = deck(tmp_path, working(), theme)
    assert snap_compare(app, terminal_size=(120, 40), run_before=pressing(()))


def test_resume_screen(snap_compare: Compare, tmp_path: Path) -> None:
    desk = CannedDesk()
    desk.state = snapshot(plans={PLAN: plan_row(PlanState.PAUSED, 1, mode=Mode.STEP)})
    desk.document = document("paused", "step", 1)
    app = deck(tmp_path, desk)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing(("f1", "escape")))
