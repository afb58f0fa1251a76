"""Colours as data: one TOML file a theme, read into Textual's themes and checked when read.

A file has `name`, `dark`, `[colours]` (Textual's base colours) and `[variables]`: those of OURS, all of them,
and any of Textual's own that the theme wants otherwise. `terminal_palette = true` says that it speaks of the
terminal's own sixteen colours (`ansi_red` …) only.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import Theme

HERE = Path(__file__).parent
DEFAULT = "dark"

# What our style sheets speak of beyond Textual's own variables, with what Textual's own themes get.
OURS: Mapping[str, str] = {
    "gain": "ansi_green",
    "loss": "ansi_red",
    "stale": "ansi_yellow",
    "muted": "ansi_bright_black",
    "environment-sim": "ansi_blue",
    "environment-paper": "ansi_yellow",
    "environment-live": "ansi_red",
    "environment-manual": "ansi_magenta",
    "on-environment": "ansi_bright_white",
}
BASE = (
    *("primary", "secondary", "accent", "success", "warning", "error"),
    *("foreground", "background", "surface", "panel"),
)
_OF_THE_PALETTE = ("ansi-background", "ansi-foreground")
_NOT_COLOURS = ("-style", "-opacity")


class ThemeError(ValueError):
    """A theme file that can't be used; says which file, which entry, and what was expected."""


def built_in() -> tuple[Theme, ...]:
    """The themes that come with Quarterdeck: dark, light, and the terminal's own sixteen colours."""
    return tuple(load(HERE / f"{name}.toml") for name in ("dark", "light", "ansi"))


def from_folder(folder: Path) -> tuple[tuple[Theme, ...], tuple[str, ...]]:
    """The trader's own themes (`*.toml`), and a sentence for each file that can't be used."""
    themes: list[Theme] = []
    problems: list[str] = []
    for file in sorted(folder.glob("*.toml")):
        try:
            themes.append(load(file))
        except ThemeError as error:
            problems.append(str(error))
    return tuple(themes), tuple(problems)


def load(file: Path) -> Theme:
    """Read one theme. Raises ThemeError, also when the file can't be read."""
    try:
        text = file.read_text(encoding="utf-8")
        entries = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ThemeError(f"theme {file.name} can't be read: {error}") from error
    name = entries.get("name")
    if not isinstance(name, str) or not name:
        raise ThemeError(f"theme {file.name} has no name")
    dark = _flag(file, entries, "dark", None)
    ansi = _flag(file, entries, "terminal_palette", False)
    colours = _colours(file, "colours", entries, BASE)
    variables = _colours(file, "variables", entries, tuple(OURS))
    _refuse_unknown(
        file, "the file", entries, ("name", "dark", "terminal_palette", "colours", "variables")
    )
    _refuse_unknown(file, "[colours]", colours, BASE)
    plain = Theme(
        name=name,
        dark=dark,
        ansi=ansi,
        primary=colours["primary"],
        secondary=colours["secondary"],
        accent=colours["accent"],
        success=colours["success"],
        warning=colours["warning"],
        error=colours["error"],
        foreground=colours["foreground"],
        background=colours["background"],
        surface=colours["surface"],
        panel=colours["panel"],
    )
    known = plain.to_color_system().generate()
    _refuse_unknown(file, "[variables]", variables, (*OURS, *known, *_OF_THE_PALETTE))
    return replace(plain, variables=variables)


def _colours(
    file: Path, section: str, entries: Mapping[str, object], needed: Sequence[str]
) -> dict[str, str]:
    """A section's entries, each a colour (or a text style, where the name says so), none of `needed` missing."""
    found = entries.get(section)
    if not isinstance(found, dict):
        raise ThemeError(f"theme {file.name} has no section [{section}]")
    for key in needed:
        if key not in found:
            raise ThemeError(f"theme {file.name} has no {key!r} in [{section}]")
    for key, value in found.items():
        if not isinstance(value, str) or not (key.endswith(_NOT_COLOURS) or _is_colour(value)):
            raise ThemeError(
                f"theme {file.name}: {key} in [{section}] is {value!r}, "
                'not a colour such as "#57c785", "ansi_green" or "#57c785 60%"'
            )
    return dict(found)


def _is_colour(text: str) -> bool:
    colour, _, alpha = text.partition(" ")
    if alpha and not (alpha.endswith("%") and alpha[:-1].isdigit()):
        return False
    try:
        Color.parse(colour)
    except ColorParseError:
        return False
    return True


def _flag(file: Path, entries: Mapping[str, object], key: str, default: bool | None) -> bool:
    value = entries.get(key, default)
    if not isinstance(value, bool):
        raise ThemeError(f"theme {file.name}: {key!r} must be true or false")
    return value


def _refuse_unknown(
    file: Path, where: str, entries: Mapping[str, object], known: Iterable[str]
) -> None:
    if unknown := sorted(entries.keys() - set(known)):
        raise ThemeError(
            f"theme {file.name} has {unknown[0]!r} in {where}, which means nothing here"
        )
