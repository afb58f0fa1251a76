"""`quarterdeck journal`: exit 0 whole, 1 broken with the row named, 2 the file can't be used."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from journal_drafts import Ticking, draft, fill, received

from db.__main__ import journal as command
from db.journal import Journal, verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    async def make() -> None:
        journal = await Journal.open(tmp_path / "journal.db", Ticking())
        await journal.append(received(fill()), draft("ReportWritten", path="a\x1b[31mb"))
        await journal.close()

    asyncio.run(make())
    return tmp_path / "journal.db"


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER IF EXISTS events_never_UPDATE")
        db.execute(sql)
        db.commit()


def test_a_whole_journal_is_0(path: Path) -> None:
    assert run("verify", "--journal", path) == (0, "2 events, chain and tables whole.\n", "")
    code, out, _ = run("verify", "--journal", path, "--json")
    assert (code, json.loads(out)["ok"], json.loads(out)["events"]) == (0, True, 2)


def test_a_broken_chain_is_1_and_names_the_row(path: Path) -> None:
    change(path, "UPDATE events SET symbol = 'AA' WHERE seq = 1")
    code, out, err = run("verify", "--journal", path)
    assert (code, out) == (1, "")
    assert "Event 1 of the journal is broken: its hash is not that of its content" in err
    code, out, _ = run("verify", "--journal", path, "--json")
    assert (code, json.loads(out)["broken_seq"]) == (1, 1)


def test_a_broken_table_is_1_and_a_rebuild_mends_it(path: Path) -> None:
    change(path, "UPDATE positions SET qty = '1000'")
    code, _, err = run("verify", "--journal", path)
    assert (code, "positions" in err) == (1, True)
    assert run("rebuild", "--journal", path)[0] == 0
    assert run("verify", "--journal", path)[0] == 0


def test_a_broken_chain_is_not_built_upon(path: Path) -> None:
    change(path, "UPDATE events SET symbol = 'AA' WHERE seq = 1")
    code, _, err = run("rebuild", "--journal", path)
    assert (code, "Nothing was rebuilt" in err) == (2, True)


@pytest.mark.parametrize("words", [("verify",), ("rebuild",), ("tail",), ("backup", "copy.db")])
def test_a_missing_file_is_2_in_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    gone = tmp_path / "gone.db"
    code, out, err = run(words[0], *words[1:], "--journal", gone)
    assert (code, out, err) == (2, "", f"There is no journal at {gone}.\n")
    assert not gone.exists()


def test_a_backup_is_a_journal(path: Path, tmp_path: Path) -> None:
    assert run("backup", "--journal", path, tmp_path / "copy.db")[0] == 0
    assert verify(tmp_path / "copy.db").events == 2
    assert run("backup", "--journal", path, tmp_path / "copy.db")[0] == 2


def test_the_tail_is_read_an_event_a_line_and_outside_text_is_only_text(path: Path) -> None:
    code, out, _ = run("tail", "--journal", path, "-n", "1")
    assert (code, out.count("\n")) == (0, 1)
    assert "ReportWritten" in out
    assert "\x1b" not in out
    _, out, _ = run("tail", "--journal", path, "--json")
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2]


def test_it_runs_as_a_module_without_pandas(path: Path) -> None:
    code = (
        "import sys; sys.modules['sqlite_utils'] = None; sys.argv = ['x', 'tail', '--journal', "
        f"{str(path)!r}]; from db.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_whoever_read_the_tail_goes_away(path: Path) -> None:
    """No traceback and not 1, which means broken; the caller's own signals stay as they were."""
    before = signal.getsignal(signal.SIGPIPE)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "db", "tail", "--journal", str(path)],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
    run("tail", "--journal", path)
    assert signal.getsignal(signal.SIGPIPE) == before


@pytest.mark.parametrize("module", ["db.home", "db.model.event", "db.journal"])
def test_importing_it_does_not_import_sqlite_utils(module: str) -> None:
    code = f"import sys, {module}; sys.exit('sqlite_utils' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
