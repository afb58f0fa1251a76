"""Opens the console, with nothing imported that its first frame does not need."""

import sys

from console.cli.exits import Exit
from console.cli.place import PlaceError, place
from db.home import Home
from services.desk.options import PLAIN, DeskOptions


def open_console(home: Home | None = None, options: DeskOptions = PLAIN) -> int:
    """Run the console until the trader quits; its exit code."""
    try:
        found = place() if home is None else home
    except PlaceError as error:
        sys.stderr.write(f"quarterdeck: {error}\n")
        return Exit.REFUSED
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        sys.stderr.write(
            "quarterdeck: the console needs a terminal; `quarterdeck --help` lists commands.\n"
        )
        return Exit.REFUSED
    from console.app import run_console

    return run_console(found, options)
