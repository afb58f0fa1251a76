"""`python -m tests.siege --sequences N --seed S`: the desk besieged, in shards that need nothing of each other.

The same seed gives the same sequences, on any machine. With `--results FILE` each finished shard is a
line of that file, and a run that was cut short goes on where it was."""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does

from siege_run import Asked, Done, besiege

SEED = 20260106
SEQUENCES = 2000
SHARD = 100
"""Sequences of one hypothesis run: what it remembers to avoid repetition stays small."""


def shards(arguments: argparse.Namespace) -> list[Asked]:
    left, found = arguments.sequences, []
    while left > 0:
        size = min(left, arguments.shard)
        seed = arguments.seed * 100_000 + len(found)
        found.append(Asked(seed, size, arguments.shrink, arguments.breakage))
        left -= size
    nth, _, of = arguments.part.partition("/")
    return found[int(nth) - 1 :: int(of)]


def results(wanted: Sequence[Asked], processes: int) -> Iterator[Done]:
    """As they come. A worker's memory ends with its shard."""
    with get_context("spawn").Pool(processes, maxtasksperchild=5) as pool:
        yield from pool.imap_unordered(besiege, wanted)


def read_results(path: Path | None) -> list[Done]:
    if path is None or not path.exists():
        return []
    return [Done(**json.loads(line)) for line in path.read_text().splitlines()]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def report(found: Iterable[Done]) -> None:
    from siege_machine import EXPECTED

    counts: Counter[str] = Counter(dict.fromkeys(EXPECTED, 0))
    for done in found:
        counts.update(done.counts)
    for name, count in sorted(counts.items()):
        say(f"{count:9,d}  {name}")


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.siege", description=__doc__)
    parser.add_argument("--sequences", type=int, default=SEQUENCES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--shard", type=int, default=SHARD)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--part", default="1/1", help="2/5: the second of five machines")
    parser.add_argument("--results", type=Path, help="finished shards, one line each")
    parser.add_argument("--no-shrink", dest="shrink", action="store_false")
    parser.add_argument("--go-on", action="store_true", help="after a shard that failed")
    parser.add_argument("--breakage", default="", help="break the product first: siege_mutants")
    chosen = parser.parse_args(arguments)
    began, finished = time.monotonic(), read_results(chosen.results)
    known = {done.seed for done in finished}
    failed = [done for done in finished if done.failure]
    for done in results([s for s in shards(chosen) if s.seed not in known], chosen.processes):
        finished.append(done)
        if chosen.results is not None:
            with chosen.results.open("a") as file:
                file.write(json.dumps(asdict(done)) + "\n")
        if done.failure:
            failed.append(done)
            after = done.counts.get("sequences", 0)
            say(f"shard {done.seed} failed after {after} sequences:\n{done.failure}")
            if not chosen.go_on:
                break
        elif chosen.results is not None:
            say(f"shard {done.seed}: {done.counts.get('sequences', 0)} sequences held")
    report(finished)
    total = sum(done.counts.get("sequences", 0) for done in finished)
    cpu = sum(done.seconds for done in finished)
    say(
        f"seed {chosen.seed}: {total:,} sequences in {time.monotonic() - began:.0f} s, "
        f"{cpu / max(total, 1) * 1000:.0f} ms of a core each; {len(failed)} shards failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets in one order everywhere
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.siege", *sys.argv[1:]])
    sys.exit(main(sys.argv[1:]))
