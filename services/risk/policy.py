"""Policies are TOML files that extend one another. What is wrong with one is said with its line."""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from decimal import Decimal
from importlib import resources
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import ValidationError

from db.model.base import canonical_json
from db.model.plan import StopCondition
from db.model.policy import Policy

OFF = "off"
SHIPPED = ("standard", "strict", "active", "swing", "leveraged")
EXTENDS = "extends"
KEYS = tuple(name for name in Policy.model_fields if name != "name")
CAN_BE_OFF = frozenset(
    name for name, field in Policy.model_fields.items() if NoneType in get_args(field.annotation)
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class PolicyError(ValueError):
    """The policy can't be used: one sentence names file, line, key and what was expected."""


def load_policy(name: str, search: Sequence[Path] = ()) -> Policy:
    """The policy called `name`: `NAME.toml` in the first directory of `search` that has it, else
    the shipped one. Raises PolicyError."""
    values, origin = _values(name, search, ())
    try:
        return Policy.model_validate({**values, "name": name})
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "missing":
            raise PolicyError(
                f"{name}.toml: {key} is missing; give it a value or '{EXTENDS} = \"standard\"'."
            ) from error
        at = origin.get(key, f"{name}.toml")
        said = first["msg"].removeprefix("Value error, ")
        expected = said[:1].lower() + said[1:]
        about = f"{key} = {_shown(first['input'])}: " if key else ""
        raise PolicyError(f"{at}: {about}{expected}.") from error


WORDS = {
    "protection": ("broker", "desk"),
    "stop_condition": tuple(condition.value for condition in StopCondition),
    "rebalance_to": ("target", "edge"),
    "rebalance_mode": ("both", "buy_only", "sell_only", "cash_first"),
    "signal_instruments": ("stocks", "leveraged_etf", "options", "both"),
    "sizing": ("weight", "risk", "volatility"),
    "lot_method": ("fifo", "highest_cost", "least_gain"),
}
"""Thresholds that are words."""


def policy_hash(policy: Policy) -> str:
    """Changes whenever a threshold does."""
    return hashlib.sha256(canonical_json(policy.to_json()).encode()).hexdigest()


def _values(
    name: str, search: Sequence[Path], seen: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Key → value over the whole chain of `extends`, and key → "file line N" it came from."""
    text, file = _read(name, search, seen)
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{file} is not TOML: {error}.") from error
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if EXTENDS in table:
        base = table.pop(EXTENDS)
        if not isinstance(base, str):
            raise PolicyError(f"{_at(file, text, EXTENDS)}: extends names one policy, in quotes.")
        if base in (*seen, name) and not (base == name and name in SHIPPED):
            raise PolicyError(f"{_at(file, text, EXTENDS)}: {base} extends itself.")
        values, origin = _values(base, () if base == name else search, (*seen, name))
    for key, value in table.items():
        at = _at(file, text, key)
        if key not in KEYS:
            raise PolicyError(f"{at}: unknown key {key}, expected one of {', '.join(KEYS)}.")
        if isinstance(value, bool):
            raise PolicyError(f"{at}: {key} must be a number, not {_shown(value)}.")
        if words := WORDS.get(key):
            if value not in words:
                one = " or ".join(repr(word) for word in words)
                raise PolicyError(f"{at}: {key} must be {one}, not {_shown(value)}.")
            values[key], origin[key] = value, at
            continue
        if isinstance(value, str) and (value.strip().lower() != OFF or key not in CAN_BE_OFF):
            choice = f"a number or {OFF!r}" if key in CAN_BE_OFF else "a number"
            raise PolicyError(f"{at}: {key} must be {choice}, not {_shown(value)}.")
        if isinstance(value, int | Decimal) and not (Decimal(value).is_finite() and value >= 0):
            raise PolicyError(f"{at}: {key} must be a number from 0 up, not {_shown(value)}.")
        values[key] = None if isinstance(value, str) else value
        origin[key] = at
    return values, origin


def _read(name: str, search: Sequence[Path], seen: tuple[str, ...]) -> tuple[str, str]:
    """Text and file name of a policy."""
    if not _NAME.fullmatch(name):
        raise PolicyError(f"{name!r} is not a policy's name: letters, digits, - and _ only.")
    for directory in search:
        path = directory / f"{name}.toml"
        if path.is_file():
            try:
                return path.read_text(encoding="utf-8"), str(path)
            except OSError as error:
                raise PolicyError(f"{path} can't be read: {error.strerror}.") from error
            except UnicodeDecodeError as error:
                raise PolicyError(f"{path} can't be read: it is not UTF-8 text.") from error
    if name in SHIPPED:
        source = resources.files("services.risk.policies") / f"{name}.toml"
        return source.read_text(encoding="utf-8"), f"{name}.toml"
    own = sorted({p.stem for directory in search for p in directory.glob("*.toml")})
    known = ", ".join(dict.fromkeys((*SHIPPED, *own)))
    by = f" (extended by {seen[-1]})" if seen else ""
    raise PolicyError(f"There is no policy called {name}{by}; there are {known}.")


def _at(file: str, text: str, key: str) -> str:
    """`file line N`, the line of the file where the key stands."""
    wanted = re.compile(rf"""\s*(\[\s*)?["']?{re.escape(key)}["']?\s*[.=\]]""")
    for number, line in enumerate(text.splitlines(), start=1):
        if wanted.match(line):
            return f"{file} line {number}"
    return file


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
