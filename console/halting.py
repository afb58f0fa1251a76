"""HALT, from this terminal: it must work when the desk is dead, hung or not yet attached."""

import os
import sys
from contextlib import suppress
from getpass import getuser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.app import QuarterdeckApp

REASON = "HALT pressed in the console"


def who() -> str:
    """The trader at this terminal."""
    try:
        return getuser()
    except (KeyError, OSError):
        return "unknown"


def terminal() -> str:
    """Which terminal this is, so that two consoles of one trader can be told apart."""
    for stream in (sys.__stdin__, sys.__stderr__):
        if stream is not None:
            with suppress(OSError, ValueError):
                return os.ttyname(stream.fileno()).removeprefix("/dev/")
    return "console"


def halt(app: "QuarterdeckApp") -> None:
    """The latch is on disk when this returns, or a toast says why not; the desk is asked meanwhile."""
    from console.screens.kill import KillPanel
    from services.desk.latch import LatchError, set_latch

    by = f"{who()} (console)"
    app.clear_notifications()
    app.halt_pressed = True
    try:
        set_latch(app.home, by, REASON, app.clock.now())
    except LatchError as error:
        app.complain(str(error))
    app.ask(lambda desk: desk.halt(REASON, by), group="halt")
    app._show()
    while len(app.screen_stack) > 1 and not isinstance(app.screen, KillPanel):
        app.pop_screen()  # a card left open must not be approved now
    if not isinstance(app.screen, KillPanel):
        app.push_screen(KillPanel())
