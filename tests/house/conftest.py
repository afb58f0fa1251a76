"""Faults of the machine, the disk and the clock, not of the broker: what this room shares with the
desk's tests is in `tests/desk`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "desk"))
