"""Handing files to the desk: ids on stdout, refusals by name, nothing half-done."""

import base64
import json
from pathlib import Path

import pytest
from answering_desk import CannedDesk
from canned_plans import plan


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("plan.md", "analysis.toml", "bad.csv", "blocked.md"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def intake(canned: CannedDesk) -> CannedDesk:
    def answer(body: dict) -> tuple[int, dict]:
        name = body["name"]
        assert base64.b64decode(body["content_base64"]).decode() == name
        if name == "bad.csv":
            return 422, {"error": "bad.csv, line 1: the column qty is missing."}
        if name == "analysis.toml":
            return 200, {"kind": "reference", "what": "market analysis of 2013-10-08"}
        verdict = "BLOCKED" if name == "blocked.md" else body.get("policy", "CONDITIONAL")
        return 200, {"kind": "plan", "plan": plan(verdict)}

    canned.answers["POST /v1/proposals"] = answer
    return canned


def test_an_id_a_line_and_references_are_said(quarterdeck, intake, files: Path) -> None:
    done = quarterdeck("propose", files / "analysis.toml", files / "plan.md")
    assert (done.code, done.out) == (0, "3f9a\n")
    assert "taken as reference (market analysis of 2013-10-08)" in done.err


def test_a_refused_file_is_2_and_the_others_go_on(quarterdeck, intake, files: Path) -> None:
    done = quarterdeck("propose", files / "bad.csv", files / "plan.md")
    assert (done.code, done.out) == (2, "3f9a\n")
    assert "the column qty is missing" in done.err


@pytest.mark.parametrize("command", ["propose", "plan"])
def test_a_file_that_cant_be_read_leaves_nothing_half_done(
    quarterdeck, intake: CannedDesk, files: Path, command: str
) -> None:
    huge = files / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    for bad, said in (
        (files / "none.md", "No such file"),
        (files, "directory"),
        (huge, "has 50 MB"),
    ):
        done = quarterdeck(command, files / "plan.md", bad)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert str(bad) in done.err
    assert intake.asked == []


VERDICTS = {"SAFE": 0, "CONDITIONAL": 10, "BLOCKED": 20, "something new": 20}


@pytest.mark.parametrize(("verdict", "code"), VERDICTS.items())
def test_a_dry_run_leaves_with_its_verdict(
    quarterdeck, intake, files: Path, verdict: str, code: int
) -> None:
    for json_wanted in (), ("--json",):
        done = quarterdeck("plan", files / "plan.md", "--policy", verdict, *json_wanted)
        assert done.code == code
    assert json.loads(done.out) == plan(verdict)


def test_the_worst_verdict_counts(quarterdeck, intake, files: Path) -> None:
    assert quarterdeck("plan", files / "blocked.md", files / "plan.md").code == 20


def test_options_may_stand_before_the_file(quarterdeck, intake, files: Path) -> None:
    done = quarterdeck("plan", "--json", "--env", "sim", files / "plan.md")
    assert (done.code, json.loads(done.out)) == (10, plan())


def test_the_analysis_is_handed_over_first(quarterdeck, intake, files: Path) -> None:
    quarterdeck("plan", files / "plan.md", "--analysis", files / "analysis.toml")
    names = [body["name"] for body in intake.bodies("POST /v1/proposals")]
    assert names == ["analysis.toml", "plan.md"]


def test_with_a_book_no_desk_is_asked(process, intake: CannedDesk, files: Path) -> None:
    done = process("plan", files / "plan.md", "--book", files / "none.json", "--json")
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert intake.asked == []
