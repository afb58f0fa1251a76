"""A scenario's TOML, checked against the tables of faults and triggers; the shipped ones by name.

about = "One sentence."
[start]                      # options of the command line, unless given there
clock = "2026-11-27T12:30"
[[fault]]
do = "drop"                  # a name of faults.FAULTS; its parameters stand beside it
processed = true
when = { method = "POST", path = "/v2/orders", nth = 2 }
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from services.exchange.scenarios.faults import DEEDS, FAULTS, ON_REQUESTS, Fault, Place
from services.exchange.scenarios.triggers import Trigger

PARTS = ("about", "start", "fault")
OF_REQUESTS, OF_EVENTS = {"method", "path"}, {"stream", "event"}
OCCASIONS = OF_REQUESTS | OF_EVENTS | {"order", "account", "symbol"}
COUNTS = {"nth", "every", "times", "share"}
OPTION = str | int | bool
Part = TypeVar("Part", bound=BaseModel)


class ScenarioError(Exception):
    """A scenario cannot be used; the message is one sentence that names file and line."""


class Step(NamedTuple):
    """One fault and when it strikes."""

    fault: Fault
    when: Trigger


@dataclass(frozen=True)
class Scenario:
    """`start` holds options of the command line that the scenario wants."""

    name: str
    about: str
    steps: tuple[Step, ...]
    start: Mapping[str, OPTION] = field(default_factory=dict)


def shipped() -> Iterator[str]:
    """The names of the library, sorted."""
    folder = resources.files("services.exchange.scenarios") / "library"
    yield from sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def read_scenario(name: str) -> Scenario:
    """A shipped scenario by its name, else a file. Raises ScenarioError."""
    if name in shipped():
        source = resources.files("services.exchange.scenarios") / "library" / f"{name}.toml"
        return parse_scenario(source.read_text(encoding="utf-8"), name)
    path = Path(name)
    if path.suffix != ".toml" and not path.exists():
        raise ScenarioError(f"There is no scenario {name}; there are: {', '.join(shipped())}.")
    try:
        return parse_scenario(path.read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8"
        raise ScenarioError(f"Scenario {name} cannot be read: {why.lower()}.") from error


def parse_scenario(text: str, name: str) -> Scenario:
    """Raises ScenarioError for what is not TOML, not in the tables, or of the wrong type."""
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"Scenario {name} is not TOML: {error}.") from error
    for part in raw:
        if part not in PARTS:
            raise ScenarioError(f"Scenario {name}: {_unknown('key', part, PARTS)}.")
    about, start, faults = raw.get("about"), raw.get("start", {}), raw.get("fault", [])
    if not isinstance(about, str) or not about.strip():
        raise ScenarioError(f"Scenario {name} has no about: one sentence that says what it does.")
    if not isinstance(start, dict) or not all(
        isinstance(v, OPTION | Decimal) for v in start.values()
    ):
        raise ScenarioError(f"Scenario {name}: start must be a table of options.")
    if not isinstance(faults, list) or not all(isinstance(table, dict) for table in faults):
        raise ScenarioError(f"Scenario {name}: faults are written [[fault]].")
    steps = []
    for index, table in enumerate(faults):
        try:
            steps.append(step_of(table))
        except StepError as error:
            line = _line(text, index, error.key)
            raise ScenarioError(f"Scenario {name}, line {line}: {error}.") from error
    options = {key: str(v) if isinstance(v, Decimal) else v for key, v in start.items()}
    return Scenario(name, " ".join(about.split()), tuple(steps), options)


class StepError(ValueError):
    """A fault or its trigger is wrong; `key` is where."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


def step_of(table: Mapping[str, Any]) -> Step:
    """A fault's table as in a file: `do`, `when` and the fault's parameters. Raises StepError."""
    given = dict(table)
    name, conditions = given.pop("do", None), given.pop("when", {})
    if name is None:
        raise StepError(f"do is missing, the fault's name: {', '.join(FAULTS)}", "")
    if not isinstance(name, str) or name not in FAULTS:
        raise StepError(_unknown("fault", name, FAULTS), "do")
    kind = FAULTS[name]
    if not isinstance(conditions, dict):
        raise StepError("when must be a table of conditions", "when")
    fault = _checked(kind, given, f"parameter of {name}")
    when = _checked(Trigger, conditions, "condition", within="when")
    _check_fit(kind, when)
    return Step(fault, when)


def _checked(kind: type[Part], given: Mapping[str, Any], what: str, within: str = "") -> Part:
    allowed = tuple(kind.model_fields)
    for key in given:
        if key not in allowed:
            raise StepError(_unknown(what, key, allowed or ("none",)), within or key)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        said = first["msg"].removeprefix("Value error, ")
        about = f"{what} {key} is wrong" if key else within
        if first["type"] == "missing":
            about, said = f"{what} {key} is missing", _wanted(kind, key)
        raise StepError(f"{about}: {said[:1].lower()}{said[1:]}", within or key) from error


def _wanted(kind: type[BaseModel], key: str) -> str:
    """What may be written for a parameter, in the words of its schema."""
    schema = kind.model_json_schema()["properties"][key]
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    kinds = [part["type"] for part in schema.get("anyOf", [schema]) if "type" in part]
    return f"a {kinds[0]}"


def _check_fit(kind: type[Fault], when: Trigger) -> None:
    """Conditions that can never hold for a fault are a mistake, not a quiet day."""
    asked = when.model_fields_set
    if kind.place in ON_REQUESTS and asked & OF_EVENTS:
        raise StepError(f"{min(asked & OF_EVENTS)} is a condition of events, not requests", "when")
    if kind.place is Place.EVENT and asked & OF_REQUESTS:
        raise StepError(
            f"{min(asked & OF_REQUESTS)} is a condition of requests, not events", "when"
        )
    if kind.place is Place.ORDER and asked & (OF_EVENTS | OF_REQUESTS):
        condition = min(asked & (OF_EVENTS | OF_REQUESTS))
        raise StepError(f"{condition} is no condition of a fault of an order", "when")
    if kind.place in DEEDS and asked & COUNTS and not asked & OCCASIONS:
        raise StepError(
            f"{min(asked & COUNTS)} of what? Say {', '.join(sorted(OCCASIONS))}", "when"
        )
    if kind.place in DEEDS and "lasts" in asked and not kind.lasting:
        raise StepError("lasts: what this fault does cannot be taken back", "when")


def _unknown(what: str, name: object, allowed: Mapping[str, Any] | tuple[str, ...]) -> str:
    return f"unknown {what} {name}; there are: {', '.join(allowed)}"


def _line(text: str, index: int, key: str) -> int:
    """Where the index-th fault of a file names `key`, else where it begins."""
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*fault\s*\]\]", line)]
    if index >= len(heads):
        return 1  # written in line, as fault = [...]
    end = heads[index + 1] if index + 1 < len(heads) else len(lines)
    for number in range(heads[index], end):
        if key and re.match(rf"\s*\[?\s*(fault\s*\.\s*)?{re.escape(key)}\b", lines[number]):
            return number + 1
    return heads[index] + 1
