"""`python -m console`: the console on QUARTERDECK_HOME's simulated exchange."""

import sys

from console.app import run_console
from db.home import locate
from db.model.environment import Environment

if __name__ == "__main__":
    sys.exit(run_console(locate(Environment.SIM)))
