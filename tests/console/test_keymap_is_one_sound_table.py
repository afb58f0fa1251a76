"""The keymap: one table, remapped by id, refused when a key would mean two things (spec 8)."""

from pathlib import Path

import pytest

from console.keymap import (
    BINDINGS,
    CONTEXTS,
    RESERVED,
    TOGETHER,
    Keymap,
    KeymapError,
    remapped,
    spoken,
)
from console.keys_page import markdown
from console.screens.help import page
from console.settings import ConsoleSettings, ConsoleSettingsError, load

SPEC = {
    "!": "halt", "f9": "halt", "j": "list.down", "k": "list.up", "g": "list.top", "G": "list.bottom",
    "/": "list.filter", ":": "palette", "ctrl+p": "palette", "enter": "list.open", "b": "ticket.buy",
    "s": "ticket.sell", "c": "order.cancel", "space": "list.mark", "a": "plan.approve",
    "e": "plan.resize", "x": "plan.reject", "d": "plan.drop", "[": "guide.previous",
    "]": "guide.next", "n": "plan.next", "v": "alert.acknowledge", "R": "reconcile.now",
    "?": "help.here", "f1": "help", "1": "view.desk", "2": "view.orders", "3": "view.plan",
    "4": "view.alerts", "6": "view.reconcile", "z": "pane.zoom", "tab": "pane.next",
}  # fmt: skip


@pytest.mark.parametrize(("key", "name"), SPEC.items())
def test_the_keys_of_the_specification_mean_what_it_says(key: str, name: str) -> None:
    assert key in remapped({}).binding(name).keys


def test_ids_are_unique_and_every_context_has_a_name() -> None:
    names = [binding.id for binding in BINDINGS]
    assert len(names) == len(set(names))
    assert {binding.context for binding in BINDINGS} <= set(CONTEXTS)
    assert {context for group in TOGETHER for context in group} == set(CONTEXTS)


def test_no_binding_uses_a_key_that_terminals_use_themselves() -> None:
    used = {key for binding in BINDINGS for key in binding.keys}
    assert not used & RESERVED
    assert not any(key.startswith("alt+") for key in used)


def test_quit_has_no_key_and_is_in_the_palette() -> None:
    quit_binding = remapped({}).binding("quit")
    assert quit_binding.keys == ()
    assert quit_binding.palette


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan.aprove": "A"}, "no binding called 'plan.aprove'"),
        ({"plan.approve": "b"}, "b would mean both"),
        ({"plan.approve": "ctrl+s"}, "terminals use it"),
        ({"plan.approve": "ctrl+q"}, "terminals use it"),
        ({"plan.approve": "alt+a"}, "no key"),
        ({"plan.approve": "enter"}, "would mean both"),
        ({"plan.approve": "banana"}, "no key"),
        ({"ticket.buy": "s"}, "ticket.sell"),
    ],
)
def test_a_keymap_that_cannot_be_used_is_refused_in_a_sentence(
    changes: dict[str, str], words: str
) -> None:
    with pytest.raises(KeymapError, match=words):
        remapped(changes)


def test_a_key_can_be_moved_and_two_can_be_swapped() -> None:
    moved = remapped({"plan.approve": "A f5", "ticket.buy": "s", "ticket.sell": "b"})
    assert moved.binding("plan.approve").keys == ("A", "f5")
    assert moved.find("main", "s") is moved.binding("ticket.buy")
    assert moved.find("main", "a") is None


@pytest.mark.parametrize("name", ["halt", "help", "quit"])
def test_safety_actions_keep_their_keys_whatever_the_settings_say(name: str) -> None:
    kept = remapped({}).binding(name).keys
    assert set(kept) <= set(remapped({name: ""}).binding(name).keys)
    assert "f6" in remapped({name: "f6"}).binding(name).keys


def test_help_is_written_from_the_table() -> None:
    words = page(remapped({"plan.approve": "A"}), ("guide", "list", "main", "any")).plain
    for binding in BINDINGS:
        if binding.context in ("guide", "list", "main", "any"):
            assert binding.help in words
    assert spoken("f9") in words
    assert " A  " in words


def test_settings_come_from_the_command_line_before_the_environment_before_the_file(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[console]\ntheme = "light"\nzone = "UTC"\n[console.keymap]\nplan.approve = "A"\n'
    )
    environ = {"QUARTERDECK_CONSOLE__ZONE": "Europe/Berlin", "QUARTERDECK_CONSOLE__THEME": "ansi"}
    settings = load(config, {"theme": "dark"}, environ)
    assert settings == ConsoleSettings("dark", "Europe/Berlin", {"plan.approve": "A"})
    assert settings.keys().binding("plan.approve").keys == ("A",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[console]\nteme = "dark"', "no console setting called 'teme'"),
        ("[console]\ntheme = 3", "text in quotes"),
        ('[console]\nzone = "Mars/Olympus"', "no time zone"),
        ('[console.keymap]\n"plan.approve" = "b"', "would mean both"),
        ("[console", "no valid TOML"),
        ('console = "dark"', "must be a table"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_a_sentence(
    tmp_path: Path, text: str, words: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    with pytest.raises(ConsoleSettingsError, match=words):
        load(config, {}, {})


def test_the_documented_keys_are_the_keys() -> None:
    page_file = Path(__file__).resolve().parents[2] / "docs" / "keys.md"
    assert page_file.read_text(encoding="utf-8") == markdown(Keymap())
