"""docs/command-line.md and docs/settings.md say what the code does."""

import re
from pathlib import Path

import pytest

from console.cli.exits import MEANING
from console.cli.proposals import OUTCOME
from console.cli.root import COMMANDS
from db.model.alert import Alert
from db.model.comparison import Compared, Comparison, Difference
from db.model.event import Event
from db.model.plan import Finding, Skipped
from db.model.reconciliation import Mismatch, Reconciliation
from db.model.run import LookUp
from db.model.snapshot import OrderRow, PlanRow, PositionRow
from db.model.trading import HaltedOrder, HaltReport
from services.desk import emergency
from services.desk.config import Row, table
from services.desk.document import ORDER_FIELDS, STEP_FIELDS, UNKNOWN_FIELDS
from services.execution.approval import ApprovalCard
from services.execution.ledger import Entry, HoldingLeft, Ledger, Stopped
from services.reports.signal_fates import SignalFate, Stamp
from services.reports.stock_validation import StockValidation

DOCS = Path(__file__).parents[2] / "docs"
COMMAND_LINE = (DOCS / "command-line.md").read_text("utf-8")
SETTINGS = (DOCS / "settings.md").read_text("utf-8")


def section(title: str) -> str:
    """The text under the heading that holds `title`, up to the next heading."""
    _, _, rest = COMMAND_LINE.partition(title)
    assert rest, title
    return re.split(r"^#", rest, maxsplit=1, flags=re.M)[0]


def names(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9]+)`", text))


def fields(noun: type) -> set[str]:
    return set(noun.model_fields)


def test_the_exit_codes_are_the_table() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section("## Exit codes"), flags=re.M)
    assert {int(code): meaning for code, meaning in rows} == {
        int(code): meaning for code, meaning in MEANING.items()
    }


def test_the_emergencys_codes_are_of_that_table() -> None:
    assert {emergency.ORDERS_REMAIN, emergency.NOBODY_KNOWS} <= {int(code) for code in MEANING}


def test_every_command_is_described_and_no_other() -> None:
    described = re.findall(
        r"`([a-z][a-z-]*)[^`]*`", section("## Commands").split("`run` without")[0]
    )
    assert set(described) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_had_and_explains_itself(name: str) -> None:
    import click

    from console.cli.root import quarterdeck

    command = quarterdeck.get_command(click.Context(quarterdeck), name)
    assert command is not None
    assert command.name == name
    assert command.help


LISTS = {
    "### `plan list --json`": fields(PlanRow),
    "### `positions --json`": fields(PositionRow),
    "### `orders --json`": fields(OrderRow),
    "### `alerts --json`": fields(Alert),
    "### `approve ID --json`": fields(ApprovalCard),
    "### `run --json`": fields(Event),
    "### `compare --json`": fields(Comparison) | fields(Compared) | fields(Difference),
    "### `kill --json`": fields(HaltReport) | fields(HaltedOrder),
    "### `reconcile --json`": fields(Reconciliation) | fields(Mismatch),
    "### `propose --json`": set(OUTCOME),
    "#### The six checks of a recommendation": fields(StockValidation),
    "### `signals --json`": fields(SignalFate) | fields(Stamp),
    "### `config show --json`": set(Row._fields),
}


@pytest.mark.parametrize("title", LISTS)
def test_the_keys_documented_are_the_nouns_own(title: str) -> None:
    text = section(title).replace("`, `continue --json`", "")
    assert names(text) == LISTS[title]


OF_A_RUN = {
    "state", "stage", "filled_qty", "filled_avg_price", "slice", "protection", "orders",
}  # fmt: skip
PROMISED = {
    "plan_id", "verdict", "policy", "hash", "steps", "findings", "skipped", "before", "after",
    "validation",
}  # fmt: skip


def test_the_unknown_and_the_ledger_are_documented() -> None:
    listed, about = section("### `unknown --json`").strip().split("\n\n")
    assert names(listed) == UNKNOWN_FIELDS | {"may"}
    assert names(about) >= fields(LookUp)
    whole = names(section("#### The ledger of a plan"))
    assert whole == fields(Ledger) | fields(Entry) | fields(Stopped) | fields(HoldingLeft)


def test_the_plan_document_is_documented() -> None:
    text = section("### `plan --json`")
    whole, step, order, finding, skipped = text.split("\n- ")
    assert names(step) - OF_A_RUN == STEP_FIELDS
    assert names(order) == ORDER_FIELDS
    assert names(finding) == fields(Finding)
    assert names(skipped) == fields(Skipped)
    assert names(whole) >= PROMISED


def test_every_setting_is_documented_as_it_is() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+?) \| (.+) \|$", SETTINGS, flags=re.M)
    assert rows == [(row.key, row.value, row.meaning) for row in table()]
