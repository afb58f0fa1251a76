"""Exit codes: the one table. docs/command-line.md shows it."""

from enum import IntEnum


class Exit(IntEnum):
    FINE = 0
    BROKEN = 1
    REFUSED = 2
    NO_DESK = 3
    EXCEPTIONS = 10
    STOPPED = 20
    INTERRUPTED = 130
    CUT_OFF = 141


MEANING: dict[Exit, str] = {
    Exit.FINE: "Done. A plan is SAFE; a run ended `done`; `kill`: no order remains; "
    "`reconcile`: clean.",
    Exit.BROKEN: "`journal verify`: the journal is not whole.",
    Exit.REFUSED: "Refused: bad input, bad usage, wrong settings, not possible in this state, or "
    "the desk could not start. Nothing was done.",
    Exit.NO_DESK: "No desk is running, or it does not answer.",
    Exit.EXCEPTIONS: "A plan is CONDITIONAL; a run ended `done_with_exceptions`; `kill`: orders "
    "remain; `reconcile`: there are mismatches.",
    Exit.STOPPED: "A plan is BLOCKED; a run was aborted, halted, paused or expired; `kill`: the "
    "broker could not be asked, so what remains is unknown.",
    Exit.INTERRUPTED: "Interrupted with Ctrl+C. What the desk works on goes on.",
    Exit.CUT_OFF: "Whoever read the output went away.",
}

VERDICTS = {"SAFE": Exit.FINE, "CONDITIONAL": Exit.EXCEPTIONS, "BLOCKED": Exit.STOPPED}
ENDS = {"done": Exit.FINE, "done_with_exceptions": Exit.EXCEPTIONS}
"""Plan states that a run may end in; every other state it stops in is STOPPED."""


def of_verdict(verdict: object) -> Exit:
    """An unknown verdict is as bad as a block: nothing is guessed."""
    return VERDICTS.get(str(verdict), Exit.STOPPED)


def of_state(state: object) -> Exit:
    return ENDS.get(str(state), Exit.STOPPED)
