"""docs/command-line.md's part on the exchange against its options and tables; the console's door."""

import re
import subprocess
from pathlib import Path

import pytest
from as_process import QUARTERDECK

from services.exchange.options import ALL
from services.exchange.scenarios.faults import FAULTS
from services.exchange.scenarios.reading import parse_scenario, shipped
from services.exchange.scenarios.triggers import Trigger
from services.exchange.store import Store

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "command-line.md").read_text("utf-8")
EXCHANGE = DOCS.partition("## The simulated exchange")[2].partition("\n## ")[0]


def table(head: str) -> str:
    """The first column of the table whose head begins so."""
    rows = EXCHANGE.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return "\n".join(re.split(r"(?<!\\)\|", row)[1] for row in rows)


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9]+)`", text))


def test_every_option_is_described_and_no_other() -> None:
    def probe() -> None: ...

    for option in ALL:
        option(probe)
    declared = {name for option in probe.__click_params__ for name in option.opts}
    assert set(re.findall(r"`(--[a-z-]+)", table("option"))) == declared


def test_every_fault_and_condition_is_described_and_no_other() -> None:
    assert quoted(table("faults")) == set(FAULTS)
    assert quoted(table("condition")) == set(Trigger.model_fields)


def test_the_example_is_a_scenario() -> None:
    example = re.search(r"```toml\n(.*?)```", EXCHANGE, flags=re.S)
    assert example
    scenario = parse_scenario(example[1], "docs")
    assert scenario.start == {"clock": "2026-03-03T12:00"}
    assert len(scenario.steps) == 1


def quarterdeck(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*QUARTERDECK, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_consoles_door_lists_the_scenarios() -> None:
    done = quarterdeck("exchange", "--list-scenarios")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(shipped())


@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], ["--host", "192.168.1.1"]])
def test_the_consoles_door_passes_a_refusal_on(arguments: list[str]) -> None:
    done = quarterdeck("exchange", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "127.0.0.1 only" in done.stderr


async def test_the_consoles_door_resets_a_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path)
    store.put_fact("book", "{}")
    await store.close()
    assert quarterdeck("exchange", "reset", "--state", str(path), "--yes").returncode == 0
    store = Store(path)
    assert store.fact("book") is None
    await store.close()
