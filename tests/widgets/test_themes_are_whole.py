"""Every theme defines all that is spoken of, is readable, and a bad one is refused in one sentence."""

import re
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import Theme

import themes
from widgets.table import Column, Field, LiveTable

FIGURES = ("gain", "loss", "stale", "muted")
ENVIRONMENTS = ("sim", "paper", "live", "manual")
WHOLE = (themes.HERE / "dark.toml").read_text()


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2.1, 1.4.3): 1 to 21."""

    def luminance(text: str) -> float:
        parts = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
            for part in (channel / 255 for channel in Color.parse(text).rgb)
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", themes.built_in(), ids=lambda theme: theme.name)
def test_a_theme_has_all_of_our_variables(theme: Theme) -> None:
    assert themes.OURS.keys() <= theme.variables.keys()


@pytest.mark.parametrize(
    "theme", [t for t in themes.built_in() if not t.ansi], ids=lambda theme: theme.name
)
def test_figures_are_readable_on_every_ground_they_lie_on(theme: Theme) -> None:
    look = theme.variables
    grounds = (theme.background, theme.surface, look["block-cursor-blurred-background"])
    for ground in grounds:
        for ink in (*(look[tone] for tone in FIGURES), theme.foreground):
            assert contrast(str(ink), str(ground)) >= 4
    for ink in (look["gain"], look["loss"], look["block-cursor-foreground"]):
        assert contrast(ink, look["block-cursor-background"]) >= 3
    for environment in ENVIRONMENTS:
        assert contrast(look["on-environment"], look[f"environment-{environment}"]) >= 4.5


def test_the_sixteen_colour_theme_names_nothing_but_the_terminal_s_colours() -> None:
    theme = themes.load(themes.HERE / "ansi.toml")
    named = [getattr(theme, base) for base in themes.BASE]
    named += [v for k, v in theme.variables.items() if not k.endswith("-style")]
    assert all(name.startswith("ansi_") for name in named)


@pytest.mark.parametrize("theme", themes.built_in(), ids=lambda theme: theme.name)
async def test_a_table_can_be_drawn_in_it(theme: Theme) -> None:
    class Shown(App[None]):
        CSS = "LiveTable { color: $gain; background: $environment-live; }"

        def __init__(self) -> None:
            super().__init__()
            self.register_theme(theme)
            self.theme = theme.name

        def get_theme_variable_defaults(self) -> dict[str, str]:
            return dict(themes.OURS)

        def compose(self) -> ComposeResult:
            yield LiveTable([Column("a", "A", 10)])

    async with Shown().run_test() as pilot:
        table = pilot.app.query_one(LiveTable)
        table.update_rows({tone: (Field("1.00", tone),) for tone in FIGURES})
        await pilot.pause()
        inks = {table.render_line(y)._segments[1].style for y in range(2, 5)}
        assert len(inks) == 3 or theme.ansi


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        (r'gain = "#57c785"', 'gain = "grene"', "gain in [variables] is 'grene', not a colour"),
        (r'gain = "#57c785"', "gain = 7", "gain in [variables] is 7, not a colour"),
        (r'gain = "#57c785"\n', "", "has no 'gain' in [variables]"),
        (r"panel = .*\n", "", "has no 'panel' in [colours]"),
        (r"name = .*\n", "", "has no name"),
        (r"dark = true", 'dark = "yes"', "'dark' must be true or false"),
        (r"\[variables\]", '[variables]\nborder-blured = "red"', "has 'border-blured' in"),
        (r"\[variables\]", "[variable]", "has no section [variables]"),
        (r"dark = true", "dark = ", "can't be read"),
    ],
)
def test_a_bad_theme_is_refused_in_a_sentence(
    tmp_path: Path, found: str, instead: str, said: str
) -> None:
    bad = tmp_path / "mine.toml"
    bad.write_text(re.sub(found, instead, WHOLE))
    (tmp_path / "good.toml").write_text(WHOLE.replace('name = "dark"', 'name = "good"'))
    with pytest.raises(themes.ThemeError, match=re.escape(said)):
        themes.load(bad)
    good, problems = themes.from_folder(tmp_path)
    assert [theme.name for theme in good] == ["good"]
    assert len(problems) == 1
    assert problems[0].startswith("theme mine.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(themes.ThemeError, match=r"bad\.toml can't be read"):
        themes.load(tmp_path / "bad.toml")
