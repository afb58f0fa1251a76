"""Reads the settings, says of each where it comes from, and names each fault in a sentence."""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource
from pydantic_settings import SettingsError as SourceError

from db.home import Home
from db.model.base import plain
from services.desk.settings import PREFIX, DeskSettings

Layer = dict[str, Any]

OTHER_VARIABLES = frozenset({"QUARTERDECK_HOME", "QUARTERDECK_READY_FD"})
"""Variables that are ours and no setting: where the home is, and the desk's readiness pipe."""
SECRET_KEYS = frozenset(
    {(section, name) for section in ("paper", "live", "manual") for name in ("key", "secret")}
)
SECRET_SECTIONS = frozenset(path[:1] for path in SECRET_KEYS)
FILE_KEYS = frozenset(
    {("sim", "book"), ("sim", "tape"), ("sim", "requests"), ("manual", "portfolio")}
)
HIDDEN = "••••"
UNSET = "(not set)"


class SettingsError(Exception):
    """The settings can't be used. `sentences` holds one sentence for each thing that is wrong."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class Source(StrEnum):
    """Where a value comes from, the stronger first."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment"
    FILE = "config.toml"
    DEFAULT = "default"


class Row(NamedTuple):
    """One setting as it is shown. A secret's value is never in it."""

    key: str
    value: str
    source: str
    meaning: str


def load(
    home: Home, overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> DeskSettings:
    """The settings of the home's environment. `overrides` are `section.key=value`.

    Raises SettingsError naming every key that is unknown or wrong, and where it was said."""
    return _settings(home, _layers(home, overrides, environ))


def explain(
    home: Home, overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> tuple[Row, ...]:
    """Every setting with its value, source and meaning. Raises SettingsError."""
    layers = _layers(home, overrides, environ)
    settings = _settings(home, layers)
    return tuple(
        Row(".".join(path), _shown(value), _source(layers, path), meaning)
        for path, value, meaning in _walk(settings)
    )


def table() -> tuple[Row, ...]:
    """Every setting with its default: what docs/settings.md shows."""
    return tuple(
        Row(".".join(path), _shown(value), Source.DEFAULT, meaning)
        for path, value, meaning in _walk(DeskSettings())
    )


def _layers(
    home: Home, overrides: Sequence[str], environ: Mapping[str, str]
) -> dict[Source, Layer]:
    command_line = _overridden(overrides)
    command_line["environment"] = home.environment.value  # the home is of one environment already
    return {
        Source.COMMAND_LINE: _anchored(command_line, Path.cwd()),
        Source.ENVIRONMENT: _anchored(_environment(environ), Path.cwd()),
        Source.FILE: _anchored(_file(home.config), home.root),
    }


def _settings(home: Home, layers: Mapping[Source, Layer]) -> DeskSettings:
    merged: Layer = {}
    for layer in reversed(list(layers.values())):
        merged = _merged(merged, layer)
    try:
        return DeskSettings(**merged)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise SettingsError(*(_sentence(home, layers, fault) for fault in faults)) from None


def _overridden(overrides: Sequence[str]) -> Layer:
    layer: Layer = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        path = tuple(key.strip().split("."))
        if not equals or not all(path):
            raise SettingsError(f"Expected KEY=VALUE such as sim.seed=7, not {override!r}.")
        if path in SECRET_KEYS:
            raise SettingsError(
                f"{key} can't be given on the command line, where every process can read it: "
                "use the environment, the keyring or config.toml."
            )
        branch = layer
        for part in path[:-1]:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise SettingsError(f"{key} is given both as a value and as a section.")
        branch[path[-1]] = value.strip()
    return layer


def _environment(environ: Mapping[str, str]) -> Layer:
    for name in environ:
        if not name.startswith(PREFIX) or name in OTHER_VARIABLES:
            continue
        if name.removeprefix(PREFIX).partition("__")[0].lower() not in DeskSettings.model_fields:
            raise SettingsError(f"The environment variable {name} is no setting of Quarterdeck.")
    source = EnvSettingsSource(DeskSettings)
    source.env_vars = {name.lower(): value for name, value in environ.items()}
    try:
        return source()
    except SourceError as error:
        raise SettingsError(
            f"A variable that is a section, such as {PREFIX}SIM, is no JSON: {error}."
        ) from None


def _file(path: Path) -> Layer:
    try:
        return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        return {}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is not readable as TOML: {error}.") from error
    except OSError as error:
        raise SettingsError(f"{path} can't be read ({error.strerror}).") from error


def _anchored(layer: Layer, base: Path) -> Layer:
    """Relative files mean: beside config.toml when said there, else where the command was typed."""
    for section, key in FILE_KEYS:
        branch = layer.get(section)
        value = branch.get(key) if isinstance(branch, dict) else None
        if isinstance(branch, dict) and isinstance(value, str) and _is_file_name(key, value):
            branch[key] = str(base / Path(value).expanduser())
    return layer


def _is_file_name(key: str, value: str) -> bool:
    """A book may also be a built-in name, which has neither folder nor ending."""
    return bool(value) and (key != "book" or "/" in value or "." in value)


def _merged(low: Layer, high: Layer) -> Layer:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged


def _walk(
    model: BaseModel, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object, str]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _walk(value, (*above, name))
        else:
            yield (*above, name), value, field.description or ""


def _shown(value: object) -> str:
    if value is None:
        return UNSET
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, dict):
        return ", ".join(value) or UNSET
    return plain(value) if isinstance(value, Decimal) else str(value)


def _source(layers: Mapping[Source, Layer], path: tuple[str, ...]) -> Source:
    for source, layer in layers.items():
        if _holds(layer, path):
            return source
    return Source.DEFAULT


def _holds(layer: object, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(layer, dict) or part not in layer:
            return False
        layer = layer[part]
    return True


def _sentence(home: Home, layers: Mapping[Source, Layer], fault: ErrorDetails) -> str:
    path = tuple(str(part) for part in fault["loc"])
    key = ".".join(path)
    where = {
        Source.FILE: str(home.config),
        Source.ENVIRONMENT: f"the environment variable {PREFIX}{'__'.join(path).upper()}",
    }.get(source := _source(layers, path), source.value)
    if fault["type"] == "extra_forbidden":
        return f"{where}: {key} is no setting. Known here: {', '.join(_known(path[:-1]))}."
    message = fault["msg"].removeprefix("Value error, ")
    got = "" if path[:1] in SECRET_SECTIONS else f", got {fault['input']!r}"
    return f"{where}: {key}: {message}{got}."


def _known(path: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = DeskSettings
    for part in path:
        inner = model.model_fields[part].annotation
        if not isinstance(inner, type) or not issubclass(inner, BaseModel):
            return []
        model = inner
    return sorted(model.model_fields)
