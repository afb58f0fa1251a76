"""A desk that dies at a commit of its journal. Run as `python -m boundaries.mortal_desk` with nothing, or
with where it is to die: `before` or `after` the commit that holds the event of this number."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import services.desk.__main__ as desk
from db.writer import Writer

NOTE = "died-at.json"
"""In the home: first and last event of the commit that the desk died at."""


def die(first: int, last: int) -> None:
    Path(os.environ["QUARTERDECK_HOME"], NOTE).write_text(json.dumps([first, last]))
    os.kill(os.getpid(), signal.SIGKILL)


def mortal(when: str, seq: int) -> None:
    """From here on the process dies at that commit: with all of it written and nothing committed, or
    with all of it on disk and nobody told."""
    commit = Writer._commit

    def watched(self: Any, group: Any) -> Any:
        first = self._seq + 1

        def at(statement: str) -> None:
            if statement == "COMMIT" and self._seq >= seq:
                die(first, self._seq)

        if when == "before":
            self._db.set_trace_callback(at)
        outcomes = commit(self, group)
        if self._seq >= seq:
            die(first, self._seq)
        return outcomes

    Writer._commit = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        mortal(sys.argv[1], int(sys.argv[2]))
    sys.exit(desk.main(["--env", "paper"]))
