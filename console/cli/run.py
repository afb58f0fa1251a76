"""Runs one command line: every failure is one sentence on stderr and an exit code."""

import os
import sys
from collections.abc import Sequence

import click

from console.cli.context import CutOffError
from console.cli.exits import Exit
from console.cli.place import PlaceError
from console.cli.root import quarterdeck
from db.home import HomeError
from services.desk.client import DeskError, DeskUnreachable
from services.desk.launch import LaunchError


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command. A command's own return value is its exit code."""
    try:
        code = quarterdeck.main(list(arguments), prog_name="quarterdeck", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return _said("interrupted.", Exit.INTERRUPTED)
    except click.UsageError as error:
        error.show()
        return Exit.REFUSED
    except click.ClickException as error:
        return _said(error.format_message(), Exit.REFUSED)
    except DeskUnreachable as error:
        return _said(error.sentence, Exit.NO_DESK)
    except (DeskError, LaunchError, HomeError, PlaceError) as error:
        return _said(str(error), Exit.REFUSED)
    except CutOffError:
        _forget_output()
        return Exit.CUT_OFF
    except OSError as error:
        return _said(f"{error.strerror or error}.", Exit.REFUSED)
    return code if isinstance(code, int) else Exit.FINE


def _said(sentence: str, code: Exit) -> Exit:
    click.echo(f"quarterdeck: {sentence}", err=True)
    return code


def _forget_output() -> None:
    """Python flushes stdout once more at its end, which would fail again, noisily."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
