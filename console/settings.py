"""The console's settings: command line over environment over `[console]` in config.toml.

A small reader of its own, because these are needed before the first frame and pydantic takes 100 ms."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.keymap import Keymap, KeymapError, remapped

PREFIX = "QUARTERDECK_CONSOLE__"


class ConsoleSettingsError(ValueError):
    """The console's settings can't be used: one sentence says what and where."""


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What a trader may set of the console."""

    theme: str = "dark"
    """Name of a theme: dark, light, ansi, or a file of the themes folder."""
    zone: str = "America/New_York"
    """Time zone in which times are shown."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Binding id to its keys, separated by blanks; `?` in the console shows the ids' actions."""

    def keys(self) -> Keymap:
        """The keymap with these changes. Raises ConsoleSettingsError."""
        try:
            return remapped(self.keymap)
        except KeymapError as error:
            raise ConsoleSettingsError(str(error)) from error


def load(
    config: Path,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ConsoleSettings:
    """The settings in force. `overrides` come from the command line, as `theme`, `zone`, `keymap.ID`.

    Raises ConsoleSettingsError for an unknown setting, a wrong value or a keymap that can't be used."""
    chosen: dict[str, Any] = {}
    keymap: dict[str, str] = {}
    for where, name, value in (
        *_of_file(config),
        *_of_environment(environ),
        *(("command line", name, value) for name, value in (overrides or {}).items()),
    ):
        section, _, rest = name.partition(".")
        if section == "keymap" and rest:
            keymap[rest] = _word(where, name, value)
        elif name in ("theme", "zone"):
            chosen[name] = _word(where, name, value)
        else:
            raise ConsoleSettingsError(
                f"{where}: there is no console setting called {name!r}; there are theme, zone and keymap."
            )
    settings = ConsoleSettings(keymap=keymap, **chosen)
    _check_zone(settings.zone)
    settings.keys()
    return settings


def _of_file(config: Path) -> Iterator[tuple[str, str, Any]]:
    try:
        content = config.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConsoleSettingsError(f"{config} can't be read ({error.strerror}).") from error
    import tomllib

    try:
        section = tomllib.loads(content.decode()).get("console", {})
    except ValueError as error:
        raise ConsoleSettingsError(f"{config} is no valid TOML: {error}.") from error
    if not isinstance(section, dict):
        raise ConsoleSettingsError(f"{config}: [console] must be a table.")
    for name, value in section.items():
        if name == "keymap" and isinstance(value, dict):
            yield from ((str(config), f"keymap.{key}", keys) for key, keys in _flat(value))
        else:
            yield str(config), name, value


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`plan.approve = "A"` is a dotted key in TOML, so it arrives as tables in tables."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _of_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    for variable, value in environ.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower().replace("__", ".")
            yield variable, name, value


def _word(where: str, name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConsoleSettingsError(f"{where}: {name} must be text in quotes.")
    return value


def _check_zone(name: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ConsoleSettingsError(
            f"zone: {name!r} is no time zone such as America/New_York."
        ) from error
