"""The command `quarterdeck`. Without arguments it is the console, by the shortest road."""

import os
import sys
from collections.abc import Sequence

COMPLETE_VARIABLE = "_QUARTERDECK_COMPLETE"
"""Set by a shell that asks for completions."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code (docs/command-line.md)."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given and COMPLETE_VARIABLE not in os.environ:
        from console.cli.start import open_console

        sys.exit(open_console())
    from console.cli.run import run

    sys.exit(run(given))
