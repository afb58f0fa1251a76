"""A small app on a SlowLineDriver, run by the tests on a pseudo-terminal.

It reports on the descriptor in $REPORT, a JSON line each tick: how its event loop and its line are doing.
Keys: `f` stands still on a known screen, `w` shows wide characters and colours, `b` rings, `q` quits,
`r` redraws, `h` hangs for ever, `s` suspends itself for a moment; whatever else is typed is reported.
"""

import json
import os
import signal

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from console.line.app import SlowLineApp, exit_on_signals
from console.line.driver import SlowLineDriver


class Program(SlowLineApp[None]):
    CSS = "Screen { background: black; color: white; } #a { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0
        self.running_wild = os.environ.get("WILD") == "1"
        self.typed = ""
        self.report = int(os.environ["REPORT"])

    def compose(self) -> ComposeResult:
        yield Static("ready", id="a", markup=False)

    def on_mount(self) -> None:
        if os.environ.get("NOHUP") == "1":
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        else:
            exit_on_signals(self, grace=float(os.environ.get("GRACE", "20")))
        self.set_interval(1 / 60, self.tick)

    def tick(self) -> None:
        self.ticks += 1
        if self.running_wild:
            self.show("\n".join(f"{self.ticks:6} {n}" * 12 for n in range(60)))
            self.bell()
            self.copy_to_clipboard("x" * 1000 + str(self.ticks))
        driver, line = self._driver, self.line
        assert isinstance(driver, SlowLineDriver)
        assert line is not None
        kept = driver._controls.size + (len(driver._outlet._rest) if driver._outlet else 0)
        tell = {"ticks": self.ticks, "typed": self.typed, "kept": kept, "size": list(self.size)}
        tell |= {name: getattr(line, name) for name in line.__slots__}
        os.write(self.report, json.dumps(tell).encode() + b"\n")

    def show(self, what: str | Text) -> None:
        self.query_one("#a", Static).update(what)

    def on_key(self, event: events.Key) -> None:
        self.typed += event.key + " "
        if event.key == "f":
            self.running_wild = False
            self.show("standing still\nat last")
        elif event.key == "w":
            self.show(
                Text.assemble(("株式", "bold red"), "|", ("▲ +1.5%", "green"), ("日本", "on blue"))
            )
        elif event.key == "b":
            self.bell()
        elif event.key == "r":
            self.action_redraw()
        elif event.key == "s":
            with self.suspend():
                os.write(1, b"in between\n")
        elif event.key == "h":
            os.write(self.report, b'{"hangs": true}\n')
            while True:
                pass
        elif event.key == "q":
            self.exit()


if __name__ == "__main__":
    program = Program()
    program.run()
    raise SystemExit(program.return_code)
