"""A scenario's TOML: what may stand in it, and one sentence with the line for what may not."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from services.exchange.scenarios.faults import FAULTS, Drop, Fault, Halt, Place, described
from services.exchange.scenarios.reading import (
    ScenarioError,
    parse_scenario,
    read_scenario,
    shipped,
)
from services.exchange.scenarios.triggers import Trigger

TUESDAY_NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
PROMISED = [
    "flash-crash",
    "broker-down",
    "slow-broker",
    "deaf-stream",
    "partial-fills",
    "rejects",
    "504-after-accept",
    "halted-symbol",
    "outside-trade",
    "half-day",
    "gap-through-stop",
    "cancel-race",
    "rate-limited",
    "duplicate-events",
    "split",
    "account-restricted",
    "half-dead-session",
    "stale-positions",
]

GOOD = """\
about = "One sentence."

[[fault]]
do = "drop"
processed = true
when = { method = "POST", path = "/v2/orders", nth = 2 }

[[fault]]
do = "halt"
symbol = "NEM"
reason = "T12"
[fault.when]
at = 2026-03-03T12:30:00
lasts = 60.5
"""


def test_a_file_says_which_fault_with_what_and_when():
    scenario = parse_scenario(GOOD, "mine")
    assert (scenario.name, scenario.about) == ("mine", "One sentence.")
    first, second = scenario.steps
    assert first.fault == Drop(processed=True)
    assert first.when == Trigger(method="POST", path="/v2/orders", nth=2)
    assert second.fault == Halt(symbol="NEM", reason="T12")
    assert second.when.lasts == Decimal("60.5")
    assert second.when.begins(TUESDAY_NOON) == datetime(2026, 3, 3, 17, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "begins"),
    [
        ("", TUESDAY_NOON),
        ("after = 1.5", TUESDAY_NOON + timedelta(seconds=1.5)),
        ("at = 2026-03-03T18:00:00Z", TUESDAY_NOON + timedelta(hours=1)),
        ("at = 12:10:00", TUESDAY_NOON + timedelta(minutes=10)),
        ("at = 11:50:00", TUESDAY_NOON + timedelta(days=1, minutes=-10)),
        ('at = "12:10"', TUESDAY_NOON + timedelta(minutes=10)),
    ],
)
def test_a_time_is_of_the_exchange_and_new_york_unless_it_says_more(when, begins):
    text = f'about = "x"\n[[fault]]\ndo = "drop"\nwhen = {{ {when} }}'
    (step,) = parse_scenario(text, "mine").steps
    assert step.when.begins(TUESDAY_NOON) == begins


def fault(lines: str) -> str:
    return f'about = "x"\n\n[[fault]]\ndo = "delay"\n\n[[fault]]\n{lines}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("about = ", "is not TOML"),
        ("[[fault]]\ndo = 'drop'", "has no about"),
        ("about = 'x'\nfault = 3", "faults are written [[fault]]"),
        ("about = 'x'\nstart = 3", "start must be a table"),
        ("about = 'x'\nsurprise = 3", "unknown key surprise; there are: about, start, fault"),
        (fault("processed = true"), "line 6: do is missing"),
        (fault('do = "dorp"'), "line 7: unknown fault dorp; there are: delay, hang, drop"),
        (
            fault('do = "drop"\nproccessed = true'),
            "line 8: unknown parameter of drop proccessed; there are: processed",
        ),
        (fault('do = "delay"\nseconds = "soon"'), "line 8: parameter of delay seconds is wrong"),
        (fault('do = "delay"\nseconds = -1'), "line 8: parameter of delay seconds is wrong"),
        (fault('do = "jump"'), "line 6: parameter of jump percent is missing"),
        (fault('do = "refuse"'), "is missing: one of wash_trade, hard_to_borrow"),
        (
            fault('do = "refuse"\ncause = "mood"'),
            "line 8: parameter of refuse cause is wrong: input should be 'wash_trade'",
        ),
        (
            fault('do = "drop"\nwhen = { nht = 2 }'),
            "line 8: unknown condition nht; there are: at, after, lasts, order",
        ),
        (fault('do = "drop"\nwhen = { nth = 0 }'), "line 8: condition nth is wrong"),
        (fault('do = "drop"\nwhen = 3'), "line 8: when must be a table"),
        (
            fault('do = "drop"\nwhen = { at = 12:00:00, after = 3 }'),
            "line 8: when: at and after cannot both be given",
        ),
        (
            fault('do = "drop"\n[fault.when]\nevent = "fill"'),
            "line 8: event is a condition of events",
        ),
        (fault('do = "lose_event"\nwhen = { path = "/" }'), "path is a condition of requests"),
        (fault('do = "cancel_lost"\nwhen = { path = "/" }'), "path is no condition of a fault of"),
        (fault('do = "halt"\nwhen = { nth = 2 }'), "nth of what? Say account, event, method"),
        (fault('do = "halt"\nwhen = { times = 2 }'), "times of what? Say account, event, method"),
        (fault('do = "dividend"\nwhen = { lasts = 2 }'), "cannot be taken back"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_line_and_what_is_allowed(text, said):
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(text, "mine.toml")
    assert said in str(refused.value)
    assert str(refused.value).startswith("Scenario mine.toml")
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(ScenarioError, match="no such file"):
        read_scenario(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match="not utf-8"):
        read_scenario(str(tmp_path / "binary.toml"))
    with pytest.raises(ScenarioError, match="no scenario flash; there are: 504-after-accept"):
        read_scenario("flash")


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert len(read_scenario(str(path)).steps) == 2


def test_the_library_is_sorted_readable_and_says_one_sentence_each():
    names = list(shipped())
    assert set(PROMISED) <= set(names)
    assert all(first < second for first, second in pairwise(names))
    for name in names:
        scenario = read_scenario(name)
        assert scenario.about[-1] == "."
        assert "\n" not in scenario.about
        assert scenario.steps or scenario.start


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_says_what_it_does_and_where(name):
    row = described(name)
    assert row["says"][-1] == "."
    assert row["applies_to"] in set(Place)
    assert set(row["parameters"]) == set(FAULTS[name].model_fields)


def test_the_table_names_every_fault_once():
    assert len(set(FAULTS.values())) == len(FAULTS)

    def kinds(kind: type[Fault]) -> set[type[Fault]]:
        return {kind}.union(*(kinds(derived) for derived in kind.__subclasses__()))

    bases = {Fault, *(base for kind in FAULTS.values() for base in kind.__bases__)}
    assert kinds(Fault) - bases == set(FAULTS.values())
