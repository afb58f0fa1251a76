"""`plan --book`: bad input ends with exit code 2, one sentence, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bad_files import BAD, LARGE, Bad, only_sentence
from desk_world import CASES, DEADLINE, ROOT

REBALANCE = CASES / "rebalance"
BOOK = ("--book", str(REBALANCE / "book.json"))
ANALYSIS = ("--analysis", str(REBALANCE / "market-analysis.toml"))


def refused(home: Path, *arguments: str) -> str:
    """The sentence of a refused dry run, after which the home is as it was."""
    before = sorted(home.rglob("*"))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("quarterdeck")), "plan", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        cwd=ROOT,
        env={**os.environ, "QUARTERDECK_HOME": str(home), "QUARTERDECK_ENVIRONMENT": "sim"},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert sorted(home.rglob("*")) == before
    return only_sentence(done.stderr)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_file(tmp_path: Path, bad: Bad) -> None:
    home = tmp_path / "home"
    home.mkdir()
    file = tmp_path / bad.name
    file.write_bytes(bad.content)
    sentence = refused(home, str(file), *ANALYSIS, *BOOK, "--json")
    for words in bad.said:
        assert words in sentence


def test_50_mb_are_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "large.md"
    with file.open("wb") as made:
        made.truncate(LARGE)
    sentence = refused(tmp_path, str(file), *ANALYSIS, *BOOK)
    assert "large.md" in sentence
    assert "50.0 MB, expected at most 5 MB" in sentence


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("max_postion_weight = 0.2", ("mine.toml line 2", "max_postion_weight", "expected one of")),
        ("max_position_weight = nan", ("mine.toml line 2", "max_position_weight", "from 0 up")),
    ],
)
def test_a_policy_that_cant_be_used(tmp_path: Path, written: str, said: tuple[str, ...]) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "mine.toml").write_text(f'extends = "standard"\n{written}\n')
    file = str(REBALANCE / "Portfolio.md")
    sentence = refused(tmp_path, file, *ANALYSIS, *BOOK, "--policy", "mine")
    for words in said:
        assert words in sentence


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path, str(tmp_path / "none.md"), *BOOK)
    assert "not a file" in refused(tmp_path, os.devnull, *BOOK)


def test_whoever_read_the_plan_goes_away(tmp_path: Path) -> None:
    """No traceback, and no exit code that is a verdict's."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("quarterdeck")),
            *("plan", str(REBALANCE / "Portfolio.md"), *ANALYSIS, *BOOK, "--json"),
        ],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=DEADLINE,
        cwd=ROOT,
        env={**os.environ, "QUARTERDECK_HOME": str(tmp_path)},
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
