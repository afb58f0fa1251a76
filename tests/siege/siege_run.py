"""One shard: a hypothesis run of the state machine, without pytest."""

import io
import logging
import sys
import time
import traceback
import warnings
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import siege_machine
import siege_mutants
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test


@dataclass(frozen=True)
class Asked:
    """One shard."""

    seed: int
    sequences: int
    shrink: bool
    breakage: str = ""
    """A way in which the product is broken first: see `siege_mutants`."""


@dataclass(frozen=True)
class Done:
    """What became of a shard; `failure` is the story of the shortest sequence that broke."""

    seed: int
    counts: dict[str, int]
    seconds: float
    failure: str = ""


def besiege(asked: Asked) -> Done:
    """Run one shard, in this process."""
    began = time.process_time()
    failure, counts = run(asked.seed, asked.sequences, asked.shrink, asked.breakage)
    return Done(asked.seed, dict(counts), round(time.process_time() - began, 2), failure)


def run(number: int, sequences: int, shrink: bool, breakage: str = "") -> tuple[str, Counter[str]]:
    """The story of what broke, "" when nothing did, and what was counted."""
    _be_quiet()
    siege_machine.COUNTS.clear()
    told = io.StringIO()

    @seed(number)
    class Siege(siege_machine.Siege):
        pass

    chosen = settings(
        max_examples=sequences,
        stateful_step_count=siege_machine.STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
    )
    failure = ""
    with siege_mutants.broken(breakage), redirect_stdout(told), redirect_stderr(told):
        try:
            run_state_machine_as_test(Siege, settings=chosen)
        except Exception as error:
            notes = "\n".join(getattr(error, "__notes__", ()))
            where = "".join(traceback.format_tb(error.__traceback__)[-4:])
            failure = f"{where}{type(error).__name__}: {error}\n{notes}"
    return failure, Counter(siege_machine.COUNTS)


def _be_quiet() -> None:
    """The desk's log is listened to, not shown; what a kill leaves behind is nobody's error."""
    root = logging.getLogger()
    root.handlers[:] = [logging.NullHandler()]
    root.setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
