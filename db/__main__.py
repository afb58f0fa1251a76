"""`quarterdeck journal`: verify, rebuild, back up and read a journal, while a desk uses it or not.

Exit codes: 0 whole, 1 broken, 2 the file can't be used."""

import json
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import click

from db.connection import existing
from db.errors import JournalError, in_one_sentence
from db.model.event import Event
from db.rows import SELECT_EVENTS, event_of
from db.verification import backup, rebuild, verify

Found = TypeVar("Found")

BROKEN = 1
UNUSABLE = 2
_SHOWN_FROM = 50_000
"""Events from which a run is long enough to show how far it is."""

_journal = click.option(
    "--journal",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    help="The journal's file (journal.db in the environment's directory).",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def journal() -> None:
    """The journal: every fact, in order, hash-chained."""


@journal.command("verify")
@_journal
@_json
def verify_command(path: Path, as_json: bool) -> None:
    """Prove that chain and tables are whole; name the first bad event otherwise."""
    found = _or_exit(lambda: verify(path, _progress), as_json)
    _say(
        as_json,
        found.sentence,
        ok=found.ok,
        events=found.events,
        head_hash=found.head_hash,
        broken_seq=found.broken_seq,
        broken_table=found.broken_table,
    )
    if not found.ok:
        sys.exit(BROKEN)


@journal.command("rebuild")
@_journal
@_json
def rebuild_command(path: Path, as_json: bool) -> None:
    """Fold all tables anew from the events."""
    count = _or_exit(lambda: rebuild(path, _progress), as_json)
    _say(as_json, f"The tables were rebuilt from {count} events.", ok=True, events=count)


@journal.command("backup")
@_journal
@_json
@click.argument("to", type=click.Path(path_type=Path))
def backup_command(path: Path, to: Path, as_json: bool) -> None:
    """Copy the journal to the file TO."""
    _or_exit(lambda: backup(path, to), as_json)
    _say(as_json, f"The journal was copied to {to}.", ok=True, path=str(to))


@journal.command("tail")
@_journal
@_json
@click.option("-n", "limit", default=20, show_default=True, type=click.IntRange(min=1))
def tail_command(path: Path, limit: int, as_json: bool) -> None:
    """Print the last events, an event a line."""
    for event in _or_exit(lambda: _tail(path, limit), as_json):
        click.echo(json.dumps(event.to_json(), ensure_ascii=False) if as_json else _line(event))


def _tail(path: Path, limit: int) -> tuple[Event, ...]:
    with in_one_sentence(path), closing(existing(path)) as db:
        rows = db.execute(f"{SELECT_EVENTS} ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
    return tuple(event_of(row) for row in reversed(rows))


def _line(event: Event) -> str:
    about = (event.plan_id, event.step, event.client_order_id, event.account, event.symbol)
    words = [f"{event.seq:>7}", f"{event.at:%Y-%m-%d %H:%M:%S}", f"{event.kind:<18}"]
    words += [str(word) for word in about if word is not None]
    line = " ".join([*words, json.dumps(event.payload, ensure_ascii=False)])[:400]
    return "".join(sign if sign.isprintable() else "�" for sign in line)  # outside text is data


def _or_exit(work: Callable[[], Found], as_json: bool) -> Found:
    try:
        return work()
    except JournalError as error:
        _say(as_json, str(error), ok=False)
        sys.exit(UNUSABLE)


def _say(as_json: bool, sentence: str, *, ok: bool, **facts: object) -> None:
    if as_json:
        click.echo(json.dumps({"ok": ok, "sentence": sentence, **facts}, ensure_ascii=False))
    else:
        click.echo(sentence, err=not ok)


def _progress(done: int, total: int) -> None:
    if total >= _SHOWN_FROM and sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} events", err=True, nl=done == total)


def main() -> None:
    """Run as `quarterdeck journal`, a process of its own."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader who left is 141, never 1: broken
    journal(prog_name="quarterdeck journal")


if __name__ == "__main__":
    main()
