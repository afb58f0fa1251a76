"""`python -m services.desk.offline`: one JSON object or a report, and its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from planning_world import NOV10, REBALANCE

from services.desk.offline import main

ROOT = Path(__file__).parents[2]
CASE = [
    str(REBALANCE / "Portfolio.md"),
    "--analysis",
    str(REBALANCE / "market-analysis.toml"),
    "--book",
    str(REBALANCE / "book.json"),
]
BASKET = [str(NOV10 / "basket.csv"), "--book", str(NOV10 / "book.json"), "--policy", "swing"]


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), prog_name="quarterdeck plan")


def test_the_rebalance_case_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.desk.offline", *CASE, "--json"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (10, b"")
    plan = json.loads(done.stdout)
    assert plan["verdict"] == "CONDITIONAL"
    assert [(s["side"], s["symbol"], s["qty"]) for s in plan["steps"][:3]] == [
        ("sell", "NEM", "150"), ("sell", "AA", "125"), ("sell", "FCX", "120"),
    ]  # fmt: skip
    assert {s["symbol"] for s in plan["steps"][3:]} == {"NVDA", "AVGO", "MSFT", "LLY", "ABBV"}
    assert [s["symbol"] for s in plan["skipped"]] == ["UNH"]


def test_the_same_files_give_the_same_bytes() -> None:
    assert run(*CASE, "--json").stdout == run(*CASE, "--json").stdout


def test_the_analysis_may_stand_among_the_files() -> None:
    result = run(CASE[0], CASE[2], "--book", CASE[4], "--json")
    assert json.loads(result.stdout)["hash"] == json.loads(run(*CASE, "--json").stdout)["hash"]


def test_blocked_is_twenty_and_conditional_without_the_two() -> None:
    assert run(*BASKET).exit_code == 20
    result = run(*BASKET, "--drop", "LUMN", "--drop", "mrvl")
    assert result.exit_code == 10
    assert result.stdout.startswith("# CONDITIONAL ")


def test_safe_is_zero(tmp_path: Path) -> None:
    (tmp_path / "sell.csv").write_text("symbol,side,qty\nNEM,sell,150\n", encoding="utf-8")
    assert run(str(tmp_path / "sell.csv"), "--book", CASE[4]).exit_code == 0


@pytest.mark.parametrize(
    ("content", "args", "said"),
    [
        (b"## ACTION PLAN\n- Redcue Materials from 46.8% to 25%\n", CASE[1:], "p.md line 2: directive: can't read"),
        (b"## ACTION PLAN\n- Exit Crypto\n", CASE[1:], "p.md line 2: sector: Crypto is not a known sector"),
        (b"## ACTION PLAN\n- Add Materials to 60%\n- Add Energy to 50%\n", CASE[1:], "sum to 110.0%, expected at most 100.5%"),
        (b"symbol,side,qty\nNOPE,buy,1\n", CASE[3:], "p.md line 2: symbol: NOPE is not a symbol"),
        (b"symbol,side,qty\nNEM,buy,-1\n", CASE[3:], "expected a number above zero, found '-1'"),
        (b"symbol,side,qty\nNEM,buy,NaN\n", CASE[3:], "expected a number above zero, found 'NaN'"),
        (b"symbol,qty\nNEM,1\n", CASE[3:], "the column side is missing"),
        (b"\x00\x01\x02", CASE[3:], "it is a binary file"),
        ("# Plän".encode("utf-16"), CASE[3:], "it is UTF-16, expected UTF-8 text"),
        (b"## ACTION PLAN\n- Add Technology to 9%\n", CASE[3:], "needs a market analysis"),
        (b"symbol,side,qty\nNEM,sell,1\n", [*CASE[3:], "--policy", "loose"], "There is no policy called loose"),
        (b"symbol,side,qty\nNEM,sell,1\n", [*CASE[3:], "--drop", "AA"], "the plan has no step in AA to drop"),
        (b"symbol,side,qty\nNEM,sell,1\n", ["--book", "nowhere.json"], "Book nowhere.json cannot be read"),
        (b"symbol,side,qty\nNEM,sell,1\n", [*CASE[3:], "--analysis", CASE[0]], "it is no market analysis"),
        (b"as_of = 2026-01-05T14:00:00Z\n[sector_rank]\nEnergy = 1\n", CASE[3:], "expected one proposal to plan, found none"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_two_and_one_sentence(
    tmp_path: Path, content: bytes, args: list[str], said: str
) -> None:
    (tmp_path / "p.md").write_bytes(content)
    result = run(str(tmp_path / "p.md"), *args, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("quarterdeck plan: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_fifty_megabytes_are_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.md").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    result = run(str(tmp_path / "huge.md"))
    assert result.exit_code == 2
    assert "it is 50.0 MB, expected at most 5 MB" in result.stderr
