"""Leaving when told to: by a signal, and even if the app no longer answers."""

import asyncio
import os
import signal
from functools import partial
from threading import Timer
from types import FrameType
from typing import Any

from textual.app import App

from console.line.driver import SlowLineDriver

GRACE = 5.0  # seconds an app has to end after it was told to


def exit_on_signals(app: App[Any], grace: float = GRACE) -> None:
    """From now on SIGTERM and SIGHUP end the app cleanly, with the terminal restored.

    Call it from inside the running event loop. The exit code is 128 plus the signal's number. If the app
    still holds the terminal `grace` seconds later, the terminal is restored without it and the process ends.
    """
    loop = asyncio.get_running_loop()

    def leave(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(partial(app.exit, return_code=128 + number))
        last_resort = Timer(grace, _abandon, (app, 128 + number))
        last_resort.daemon = True
        last_resort.start()

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def _abandon(app: App[Any], code: int) -> None:
    driver = app._driver
    if isinstance(driver, SlowLineDriver) and driver.holds_terminal:
        driver.abandon()
        os._exit(code)
