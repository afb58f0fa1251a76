"""Damages the files of the cases as often as is asked: `python -m tests.intake.fuzz --inputs 100000
--seed 1` from the root of the checkout."""

import argparse
import sys
import time

from tests.intake.damaged_files import fuzz


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    start = time.monotonic()
    tally = fuzz(asked.inputs, asked.seed)
    words = ", ".join(f"{kind} {count}" for kind, count in sorted(tally.items()))
    took = time.monotonic() - start
    sys.stdout.write(f"{asked.inputs} inputs of seed {asked.seed} in {took:.0f} s: {words}\n")


if __name__ == "__main__":
    main()
