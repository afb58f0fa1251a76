"""Textual's driver for a slow line.

Textual writes each frame as it is drawn to a queue of 30; a terminal that stops reading fills it and the
event loop stands still. Here frames are only painted on a grid. When the terminal has taken what was sent,
what differs by then is sent, so frames in between are skipped and nothing piles up. Control sequences (modes,
title, bell, clipboard) keep their order and go first.
"""

import os
import selectors
import termios
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from rich.color import ColorSystem
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from console.line.answers import PROBE, Answers
from console.line.controls import Controls
from console.line.diff import CLEAR, Shown, diff
from console.line.flow import PATIENCE, Flow, Line
from console.line.grid import Grid
from console.line.outlet import Outlet, erases_with_ground
from console.line.paint import Update, paint

ENTER_SCREEN = "\x1b[?1049h"
LEAVE_SCREEN = "\x1b[?1049l"
RESET_PEN = "\x1b[0m"
AS_IT_WAS = (  # every mode that Textual sets, ended: mouse, focus, paste, resize, sync, wrap, keys, screen, cursor
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[?2026l"
    "\x1b[?7h\x1b[<u\x1b[0m\x1b[?1049l\x1b[?25h"
)
HUNG_UP = 129  # exit code of a process that SIGHUP ended: 128 + 1
SYNC_FROM = 1024  # characters; a smaller frame arrives in one piece anyway
FAREWELL = 1.0  # seconds the terminal has for our last bytes and its last answers


class SlowLineDriver(LinuxDriver):
    """Sends what differs, when the terminal has taken what went before; the event loop never waits for it.

    All but `write` and the input thread run on the event loop's thread.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._size = self._size or self._get_terminal_size()
        self._outlet: Outlet | None = None
        self._controls = Controls()
        self._wanted = Grid(0, 0)
        self._cursor: tuple[int, int] | None = None
        self._shown: Shown | None = None  # None: what the terminal shows is not known
        self._drawing = False  # on the alternate screen, which is ours to draw on
        self._stale = False  # something was painted that has not been sent
        self._begun = True  # the last frame offered has at least been begun to be sent
        self._flow = Flow()
        self._heard = 0  # answers the input thread has seen
        self._settled = 0  # of these, those the flow knows of
        self._news = threading.Event()
        self._asking = False
        self._fills = erases_with_ground()
        self._bytes_before = 0  # written through outlets closed since
        self._offered = self._sent = self._skipped = 0

    # Frames

    def offer(
        self,
        update: Update,
        size: tuple[int, int],
        system: ColorSystem | None,
        cursor: tuple[int, int],
    ) -> None:
        """Paint a frame's update; it is sent now or when the terminal has taken what went before."""
        if size != (self._wanted.width, self._wanted.height):
            self._wanted = Grid(*size)
            self._shown = None
        paint(self._wanted, update, system)
        self._cursor = cursor if any(cursor) else None
        self._offered += 1
        self._skipped += not self._begun
        self._stale, self._begun = True, False
        self._pump()

    def forget(self, within: float = 0.0) -> None:
        """What the terminal shows may be spoilt: send all anew, `within` seconds or with the next frame."""
        self._shown = None
        self._stale = bool(self._wanted.width)
        self._loop.call_later(within, self._pump)

    @property
    def line(self) -> Line:
        """How the line to the terminal is doing."""
        now = monotonic()
        return Line(
            bytes_written=self._bytes_before + (self._outlet.bytes_taken if self._outlet else 0),
            frames_offered=self._offered,
            frames_sent=self._sent,
            frames_skipped=self._skipped,
            round_trip=self._flow.round_trip,
            waiting=max(
                self._flow.waiting(now) if self._flow.answers_at_all else 0.0,
                self._outlet.waiting(now) if self._outlet else 0.0,
            ),
        )

    def write(self, data: str) -> None:
        """Queue a control sequence. Any thread may call this."""
        self._controls.put(RESET_PEN + data if data == LEAVE_SCREEN else data)
        self._loop.call_soon_threadsafe(self._pump)

    def _pump(self) -> None:
        """Send what may be sent now: controls, then what differs, as long as the terminal takes it."""
        outlet = self._outlet
        if outlet is None:
            return
        while self._settled < self._heard:
            self._settled += 1
            self._flow.answered(monotonic())
        if self._controls and not outlet.busy and (self._flow.room or not self._drawing):
            self._send_controls()
        while self._drawing and self._stale and not outlet.busy and self._flow.room:
            frame = self._next_frame()
            if not frame:
                break
            self._sent += 1
            self._send(frame)

    def _send(self, text: str, ask: bool = False) -> None:
        """Hand text to the outlet, with a probe behind it once the terminal is known to answer."""
        assert self._outlet is not None
        ask = ask or (self._flow.answers_at_all and self._drawing)
        data = (text + PROBE if ask else text).encode("utf-8", "replace")
        if ask:
            self._asked(len(data))
        self._outlet.send(data)

    def _send_controls(self) -> None:
        text = self._controls.take()
        entering = ENTER_SCREEN in text
        if entering:
            self._drawing, self._stale, self._shown = True, bool(self._wanted.width), None
            self._flow.restart()
        self._send(text, ask=entering)

    def _next_frame(self) -> str:
        """What differs now, at most about as much as there is room for."""
        first = ""
        self._begun = True
        if self._shown is None:
            self._shown = Shown.cleared(self._wanted.width, self._wanted.height)
            first = CLEAR
        frame = first + diff(
            self._shown, self._wanted, self._cursor, limit=self._flow.room, fills=self._fills
        )
        self._stale = self._shown.unfinished
        if len(frame) > SYNC_FROM and self._app._sync_available:
            return f"{SYNC_START}{frame}{SYNC_END}"
        return frame

    # Answers

    def _asked(self, size: int) -> None:
        self._flow.asked(monotonic(), size)
        if not self._asking:
            self._asking = True
            self._loop.call_later(PATIENCE, self._ask_again)

    def _ask_again(self) -> None:
        self._asking = False
        outlet = self._outlet
        if outlet is None or not self._drawing:
            return
        if not outlet.busy and self._flow.ask_again(monotonic()):
            outlet.send(PROBE.encode())
        if self._flow.asks:
            self._asking = True
            self._loop.call_later(PATIENCE, self._ask_again)

    def _await_answers(self) -> None:
        """Wait for the answers still to come, else they are typed into the shell we return to."""
        until = monotonic() + FAREWELL / 2
        if not self._flow.answers_at_all:
            until -= self._flow.waiting(monotonic())
        while (
            self._flow.asks > self._heard - self._settled
            and self._outlet is not None
            and not self._outlet.lost
            and not self._outlet.busy
            and (left := until - monotonic()) > 0
        ):
            self._news.wait(left)
            self._news.clear()

    # Coming and going

    def start_application_mode(self) -> None:
        """Take the terminal over; all is painted anew."""
        if self._outlet is None:
            self._outlet = Outlet(self._screen_fd(), self._loop, self._pump, self._lose)
        enter: Callable[[], None] = super().start_application_mode
        enter()

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        self._drawing = False
        self._await_answers()
        super().stop_application_mode()
        self._pump()

    def close(self) -> None:
        """Let the terminal have our last bytes, if it takes them within a second."""
        super().close()
        if self._outlet is not None:
            self._send(self._controls.take())
            self._outlet.close(FAREWELL)
            self._bytes_before += self._outlet.bytes_taken
            self._outlet = None

    @property
    def holds_terminal(self) -> bool:
        """Whether the terminal is in our hands."""
        return self._outlet is not None

    def abandon(self) -> None:
        """Give the terminal back at once, from any thread, for the process ends without its event loop."""
        if self.attrs_before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        if self._outlet is not None:
            self._outlet.shout(AS_IT_WAS.encode())

    def _screen_fd(self) -> int:
        """Standard error as Textual has it, unless that was redirected away from the terminal."""
        errors = 2 if self._file is None else self._file.fileno()
        return errors if os.isatty(errors) or not os.isatty(1) else 1

    def _get_terminal_size(self) -> tuple[int, int]:
        """The terminal's own word goes before $COLUMNS and $LINES, which don't follow a resize."""
        with suppress(OSError):
            size = os.get_terminal_size(self._screen_fd())
            if size.columns and size.lines:
                return size.columns, size.lines
        return super()._get_terminal_size()

    def _lose(self) -> None:
        """The terminal is gone: end the app, there is nobody to show anything to."""
        self._loop.call_soon_threadsafe(self._app.exit, None, HUNG_UP)

    def run_input_thread(self) -> None:
        """Read keys until told to stop, or until there can be no more (Textual's own would spin then)."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        answers = Answers()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    data = self._read()
                    if not data:
                        self._lose()
                        return
                    expecting = self._flow.asks > self._heard - self._settled
                    text, heard = answers.take(decode(data), expecting)
                    if heard:
                        self._heard += heard
                        self._news.set()
                        self._loop.call_soon_threadsafe(self._pump)
                else:
                    text = answers.release()
                for event in parser.feed(text) if text else ():
                    self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def _read(self) -> bytes:
        """What was typed; nothing when the terminal has hung up."""
        try:
            return os.read(self.fileno, 4096)
        except OSError:
            return b""
