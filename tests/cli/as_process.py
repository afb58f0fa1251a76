"""How the command is started as a process of its own."""

import sys

QUARTERDECK = [sys.executable, "-c", "from console.cli import main; main()"]
