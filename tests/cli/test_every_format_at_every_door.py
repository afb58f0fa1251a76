"""Every format of spec 2 at every door: `plan --book`, `propose` and the inbox take a real file, and
refuse the same one spoilt with its name, line, field and what was expected."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from every_format import ANALYSIS, CASES, EVERY, FORMATS, File, book
from intake_desk import IntakeDesk

from db.home import Home
from services.desk.offline import main
from services.intake.read import MARKS
from services.risk.catalogue import STOCK_VALIDATION

EXIT = {"SAFE": 0, "CONDITIONAL": 10, "BLOCKED": 20}
BASKET = CASES / "stocks" / "basket.csv"


@pytest.fixture
def desk(home: Home, tmp_path: Path) -> Iterator[IntakeDesk]:
    desk = IntakeDesk(home, book(tmp_path / "book.json"))
    desk.start()
    yield desk
    desk.stop()


def offline(folder: Path, file: File, content: bytes) -> Result:
    """A dry run; of reference data together with a basket."""
    given = folder / file.path.name
    given.write_bytes(content)
    with_it = [str(BASKET)] if file.outcome == "reference" else ["--analysis", str(ANALYSIS)]
    on = ["--book", str(book(folder / "book.json")), "--json"]
    return CliRunner().invoke(main, [str(given), *with_it, *on], prog_name="quarterdeck plan")


def names(file: File) -> str:
    return str(file.path.relative_to(file.path.parents[1]))


def assert_said(file: File, sentence: str) -> None:
    for words in (file.path.name, *file.said):
        assert words in sentence


def test_every_format_that_is_recognised_is_here() -> None:
    """A reader that is added to read.py gets a file here, too."""
    assert set(MARKS) == {
        "qa_report", "signal", "recommendation", "analysis", "instruments", "restricted", "weights",
    }  # fmt: skip
    assert {path.name for path in FORMATS.iterdir()} <= {file.path.name for file in EVERY}


@pytest.mark.parametrize("file", EVERY, ids=names)
def test_a_dry_run_leaves_with_its_verdict_or_with_two(tmp_path: Path, file: File) -> None:
    done = offline(tmp_path, file, file.good)
    wanted = "SAFE" if file.outcome == "reference" else file.offline
    assert (done.exit_code, json.loads(done.stdout)["verdict"]) == (EXIT[wanted], wanted)
    refused = offline(tmp_path, file, file.bad)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert_said(file, refused.stderr)


def proposed(quarterdeck: Any, folder: Path, spoilt: bool) -> tuple[int, list[dict[str, Any]]]:
    """Every file in one command: its exit code and what became of each."""
    files = []
    for n, file in enumerate(EVERY):
        (folder / str(n)).mkdir()
        files.append(folder / str(n) / file.path.name)
        files[-1].write_bytes(file.bad if spoilt else file.good)
    done = quarterdeck("propose", "--json", ANALYSIS, *files)
    analysis, *outcomes = map(json.loads, done.out.splitlines())
    assert analysis["kind"] == "reference"
    assert [outcome["file"] for outcome in outcomes] == [file.path.name for file in EVERY]
    return done.code, outcomes


def test_propose_takes_every_format(quarterdeck: Any, desk: IntakeDesk, tmp_path: Path) -> None:
    code, outcomes = proposed(quarterdeck, tmp_path, spoilt=False)
    assert code == 0
    for file, outcome in zip(EVERY, outcomes, strict=True):
        assert (outcome["verdict"] or outcome["kind"]) == file.outcome, file.path
    ids = [outcome["plan_id"] for outcome in outcomes if outcome["kind"] == "plan"]
    assert ids == [plan.plan_id for plan in desk.plans]
    assert all(plan.steps for plan in desk.plans)


def test_propose_refuses_every_format_spoilt(
    quarterdeck: Any, desk: IntakeDesk, tmp_path: Path
) -> None:
    code, outcomes = proposed(quarterdeck, tmp_path, spoilt=True)
    assert (code, desk.plans) == (2, [])
    for file, outcome in zip(EVERY, outcomes, strict=True):
        assert outcome["kind"] == "refused"
        assert_said(file, outcome["reason"])


@pytest.mark.parametrize("spoilt", [False, True], ids=["taken", "refused"])
def test_the_inbox_does_the_same(home: Home, desk: IntakeDesk, spoilt: bool) -> None:
    inbox = home.inbox
    (inbox / "0-analysis.toml").write_bytes(ANALYSIS.read_bytes())
    for file in EVERY:
        (inbox / file.path.name).write_bytes(file.bad if spoilt else file.good)

    async def sweeps() -> None:
        for _ in range(2):
            await desk.intake.sweep_inbox()

    asyncio.run(sweeps())
    lies_in = inbox / ("refused" if spoilt else "accepted")
    for file in EVERY:
        assert (lies_in / file.path.name).read_bytes() == (file.bad if spoilt else file.good)
        if spoilt:
            assert_said(file, (lies_in / f"{file.path.name}.reason.md").read_text("utf-8"))
    assert [path for path in inbox.iterdir() if path.is_file()] == []
    told = sorted(desk.intake.refused)
    if spoilt:
        assert [line.split(" line ")[0] for line in told] == sorted(f.path.name for f in EVERY)
    else:
        assert told == []
    assert len(desk.plans) == (0 if spoilt else sum(f.outcome != "reference" for f in EVERY))


CHECKS = dict.fromkeys(STOCK_VALIDATION, True)


def test_the_six_checks_of_a_recommendation_are_told(
    quarterdeck: Any, desk: IntakeDesk, tmp_path: Path
) -> None:
    """NVDA at 12% and 74 passes; at 20% and 55 it fails the cap of 15% and the minimum of 65."""
    nvda, weak = CASES / "stocks" / "nvda.json", tmp_path / "weak.json"
    said = json.loads(nvda.read_text("utf-8"))
    weak.write_text(json.dumps(said | {"conviction_score": 55, "proposed_allocation_pct": 20}))
    done = quarterdeck("propose", "--json", ANALYSIS, nvda, weak)
    _, good, bad = map(json.loads, done.out.splitlines())
    assert good["validation"] == {
        "ticker": "NVDA", "status": "APPROVED_FOR_PO", "checks": CHECKS, "reasons": [],
        "message": "NVDA passes the six stock checks.",
    }  # fmt: skip
    assert (done.code, bad["kind"], bad["plan_id"]) == (2, "refused", None)
    assert bad["validation"]["status"] == "REJECTED"
    assert bad["validation"]["checks"] == CHECKS | {"conviction": False, "position_cap": False}
    assert len(bad["validation"]["reasons"]) == 2

    told = quarterdeck("propose", nvda, weak)
    assert told.out == f"{desk.plans[1].plan_id}\n"
    assert "Stock validation of NVDA: APPROVED_FOR_PO\n  passed  conviction\n" in told.err
    assert "Stock validation of NVDA: REJECTED\n  FAILED  conviction\n" in told.err

    shown = quarterdeck("plan", nvda)
    assert (shown.code, "  passed  sector_rank\n" in shown.out) == (0, True)


def test_a_dry_run_refuses_a_recommendation_as_the_desk_does(tmp_path: Path) -> None:
    nvda = (CASES / "stocks" / "nvda.json").read_text("utf-8")
    (tmp_path / "nvda.json").write_text(nvda.replace("74", "55"))
    on = ["--analysis", str(ANALYSIS), "--book", str(book(tmp_path / "book.json"))]
    done = CliRunner().invoke(main, [str(tmp_path / "nvda.json"), *on])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "NVDA fails 1 of the six stock checks: conviction." in done.stderr
    told = CliRunner().invoke(main, [str(CASES / "stocks" / "nvda.json"), *on])
    assert (told.exit_code, told.stderr) == (0, "NVDA passes the six stock checks.\n")
