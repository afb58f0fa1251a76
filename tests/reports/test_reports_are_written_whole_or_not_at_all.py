"""Spec 2.A: temp file, fsync, rename; the previous version kept as a timestamped backup (last 30)."""

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.reports.write import ReportError, backups, write

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def test_the_version_before_becomes_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "PORTFOLIO.md"
    write(path, "one\r\n", NOON)
    assert backups(path) == ()
    write(path, "two", NOON + timedelta(seconds=1))
    assert path.read_bytes() == b"two"
    (copy,) = backups(path)
    assert copy.read_bytes() == b"one\r\n"
    assert copy.name == "PORTFOLIO.2026-01-05T120001.000000Z.md"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_last_30_stay(tmp_path: Path) -> None:
    path = tmp_path / "PORTFOLIO.md"
    for n in range(40):
        write(path, str(n), NOON + timedelta(milliseconds=n))
    assert [copy.read_text() for copy in backups(path)] == [str(n) for n in range(9, 39)]
    assert path.read_text() == "39"


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "PORTFOLIO.md"
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "PORTFOLIO.mine.md").write_text("keep")
    for n in range(3):
        write(path, str(n), NOON + timedelta(seconds=n), kept=1)
    assert (tmp_path / "backups" / "PORTFOLIO.mine.md").read_text() == "keep"
    assert [copy.read_text() for copy in backups(path)] == ["1"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_failure_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "PORTFOLIO.md"
    write(path, "before", NOON)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync", full) if moment == "fsync" else (Path, "replace", full)))
    with pytest.raises(ReportError, match=r"PORTFOLIO\.md could not be written .*No space left"):
        write(path, "after", NOON)
    monkeypatch.undo()
    assert path.read_text() == "before"
    assert list(tmp_path.glob(".*")) == []


def test_a_disk_that_takes_no_more_leaves_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "PORTFOLIO.md"
    write(path, "before", NOON)
    code = (
        "import resource, sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from services.reports.write import write, ReportError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write(Path(sys.argv[1]), 'x' * 5000, datetime(2026, 1, 5, tzinfo=UTC))\n"
        "except ReportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "could not be written" in done.stdout
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["PORTFOLIO.md"]


def test_a_directory_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file stands where the directory should")
    with pytest.raises(ReportError, match=r"could not be written"):
        write(tmp_path / "reports" / "PORTFOLIO.md", "x", NOON)


def test_text_that_is_no_unicode_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="not Unicode"):
        write(tmp_path / "PORTFOLIO.md", "\ud800", NOON)
    assert list(tmp_path.iterdir()) == []
