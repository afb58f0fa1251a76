"""An app on a slow line: its frames go through SlowLineDriver when there is a terminal of our kind."""

import os

from rich.color import ColorSystem
from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.screen import Screen

from console.line.driver import SlowLineDriver
from console.line.flow import Line
from console.line.leaving import exit_on_signals

__all__ = ["SlowLineApp", "exit_on_signals"]


class SlowLineApp(App[ReturnType]):
    """A Textual app that sends only cells that differ and never queues a frame behind another.

    Without a terminal (tests, snapshots) and with other drivers it is a plain App.
    """

    def get_driver_class(self) -> type[Driver]:
        """Ours in place of Textual's own for terminals; any other that was asked for stays."""
        chosen = super().get_driver_class()
        return SlowLineDriver if chosen is LinuxDriver else chosen

    @property
    def line(self) -> Line | None:
        """How the line to the terminal is doing; None without one."""
        return self._driver.line if isinstance(self._driver, SlowLineDriver) else None

    def action_redraw(self) -> None:
        """Send the whole screen anew, for when something else wrote on it."""
        if isinstance(self._driver, SlowLineDriver):
            self._driver.forget()

    def on_resize(self, _event: Resize) -> None:
        """After a resize nobody knows what the terminal still shows; the new layout is drawn in a moment."""
        if isinstance(self._driver, SlowLineDriver):
            self._driver.forget(within=0.25)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        driver = self._driver
        if not isinstance(driver, SlowLineDriver):
            super()._display(screen, renderable)
            return
        try:
            ready = self._running and not self._closed and not self._batch_count
            if ready and isinstance(renderable, LayoutUpdate | ChopsUpdate):
                cursor = screen.outer_size.clamp_offset(self.cursor_position)
                driver.offer(renderable, screen._compositor.size, self._colours(), cursor)
        finally:
            self.post_display_hook()

    def _colours(self) -> ColorSystem | None:
        """The colours the terminal has; none where NO_COLOR (no-color.org) is set."""
        return None if os.environ.get("NO_COLOR") else self.console._color_system
