"""docs/command-line.md against what the command really prints: offline, and from a desk that ran a plan."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from desk_world import CASES, ROOT, RunningDesk

DOCS = (ROOT / "docs" / "command-line.md").read_text("utf-8")
REBALANCE = CASES / "rebalance"
Json = dict[str, Any]


def section(heading: str) -> str:
    _, found, rest = DOCS.partition(f"{heading}\n")
    assert found, heading
    return re.split(r"^#", rest, maxsplit=1, flags=re.M)[0]


def names(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9]+)`", text))


PLAN, STEP, ORDER, FINDING, SKIPPED = section("### `plan --json`, `plan show ID --json`").split(
    "\n- "
)
BEFORE_AND_AFTER = names(section("#### Before and after").strip().split("\n\n")[0])


def of_desk(text: str) -> tuple[set[str], set[str]]:
    """The fields that are always there, and those that a desk adds."""
    always, added = text.split("from a desk also")
    return names(always), names(re.sub(r"\(.*\)", "", added))


def assert_a_plan_as_documented(plan: Json, *, desk: bool) -> None:
    always, added = of_desk(PLAN.split("One object:")[1])
    assert set(plan) == (always | added if desk else always)
    always, added = of_desk(STEP)
    for step in plan["steps"]:
        assert set(step) == (always | added if desk else always)
        assert all(set(order) == names(ORDER) for order in step.get("orders", ()))
    assert plan["findings"]
    assert plan["skipped"]
    assert all(set(one) == names(FINDING) for one in plan["findings"])
    assert all(set(one) == names(SKIPPED) for one in plan["skipped"])
    for standing in (plan["before"], plan["after"]):
        assert set(standing) == BEFORE_AND_AFTER


def test_an_offline_plan_has_the_documented_fields_and_exit_code() -> None:
    files = [REBALANCE / "Portfolio.md", "--analysis", REBALANCE / "market-analysis.toml"]
    command = [Path(sys.executable).with_name("quarterdeck"), "plan", *files]
    done = subprocess.run(
        [*map(str, command), "--book", str(REBALANCE / "book.json"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (10, "")
    assert_a_plan_as_documented(json.loads(done.stdout), desk=False)


def payloads() -> dict[str, set[str]]:
    """Kind → documented names in its payload, of the rows that are about one kind."""
    rows = re.findall(r"^\| `([A-Za-z]+)` \| (.+) \|$", section("#### What happened"), flags=re.M)
    return {kind: names(text) for kind, text in rows}


async def test_a_plan_from_file_to_filled_prints_what_is_documented(desk: RunningDesk) -> None:
    proposed = desk.run(
        "propose", str(REBALANCE / "market-analysis.toml"), str(REBALANCE / "Portfolio.md")
    )
    assert proposed.returncode == 0
    (plan_id,) = proposed.stdout.split("\n")[:-1]

    ran = desk.run("run", plan_id, "--mode", "auto", "--yes", "--json")
    assert ran.returncode == 0
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert all(
        set(event) == names(section("### `run --json`, `continue --json`")) for event in events
    )
    documented = payloads()
    seen = {event["kind"] for event in events} & documented.keys()
    assert seen == {"FillReceived", "PlanAdvanced", "GateChecked", "ProtectionSet", "PlanEnded"}
    for event in events:
        given = event["payload"]
        missing = documented.get(event["kind"], set()) - given.keys() - given.get("fill", {}).keys()
        assert not missing, (event["kind"], missing)

    shown = desk.run("plan", "show", plan_id, "--json")
    assert_a_plan_as_documented(json.loads(shown.stdout), desk=True)

    status = json.loads(desk.run("status", "--json").stdout)
    assert set(status) == names(section("### `status --json`").strip().split("\n\n")[0])
    for name, command in (("plans", "plan list"), ("positions", "positions"), ("orders", "orders")):
        assert status[name]
        assert all(set(row) == names(section(f"### `{command} --json`")) for row in status[name])
