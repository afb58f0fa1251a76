"""Every rule of alpaca.md §3 and §5 to §9 that can be seen from outside, one row each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.driver import run
from conformance.row import Row, Step
from conformance.table import ROWS
from conformance.worlds import OTHER_RULES, World, Worlds
from services.exchange.engine.rules import RULE_NAMES

README = Path(__file__).parents[3] / "README.md"


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    worlds = Worlds(ROWS, tmp_path_factory.mktemp("conformance"))
    yield worlds
    worlds.end()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_rule(row: Row, worlds: Worlds) -> None:
    see(row, worlds[row.world], row.steps)


@pytest.mark.parametrize("row", [r for r in ROWS if r.otherwise], ids=lambda row: row.rule)
def test_rule_when_its_setting_is_the_other(row: Row, worlds: Worlds) -> None:
    see(row, worlds["other"], row.otherwise)


def see(row: Row, world: World, steps: tuple[Step, ...]) -> None:
    """The driver's sentence says it all; a traceback would not."""
    try:
        run(row, world, steps)
    except AssertionError as failed:
        pytest.fail(str(failed), pytrace=False)


def test_every_setting_has_a_rule_that_shows_it() -> None:
    assert {row.setting for row in ROWS if row.setting} == set(RULE_NAMES) == set(OTHER_RULES)


def test_rules_are_told_apart_by_name_and_by_account() -> None:
    assert len({row.rule for row in ROWS}) == len({row.account for row in ROWS}) == len(ROWS)


def test_the_readme_counts_right() -> None:
    settings = len({row.setting for row in ROWS if row.setting})
    assert f"{len(ROWS)} rules, of which {settings} are settings" in README.read_text("utf-8")
