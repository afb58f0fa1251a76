"""`:propose`: a path is typed, the file goes to the desk, its plan is opened; what the inbox refuses is said."""

import base64
from pathlib import Path

import pytest
from canned_desk import PLAN
from console_pilot import main_of, opened
from textual.widgets import Input

from console.app import added
from console.screens.proposing import wrong
from db.home import Home


async def test_a_path_is_typed_and_the_plan_opened(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "b.csv"
    file.write_bytes(b"symbol,side,qty\n")
    async with opened(home) as deck:
        await deck.press(":")
        await deck.burst(*"propose", "enter")
        await deck.boxed("Prompt")
        await deck.burst(*"nix", "enter")
        assert "nix can't be read (No such file or directory)." in deck.shown()
        deck.app.screen.query_one(Input).value = ""
        await deck.burst(*"b.csv", "enter")
        body = await deck.asked("proposals")
        assert (body["name"], base64.b64decode(body["content_base64"])) == ("b.csv", file.read_bytes())  # fmt: skip
        await deck.until(lambda: main_of(deck.app).view.NAME == "plan")
        assert main_of(deck.app).plans.plan_id == PLAN
        assert len(deck.app.screen_stack) == 1
        await deck.desk.say(inbox_refused=("weak.json: NVDA fails.",))
        await deck.until(lambda: "The inbox refused weak.json: NVDA fails." in deck.shown())


@pytest.mark.parametrize("typed", ["", " ", "~nobody-of-that-name/x", "a\0b", "/"])
def test_what_is_no_file_is_said(typed: str) -> None:
    assert wrong(typed)


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ((), (), ()), ((), ("a",), ("a",)), (("a",), ("a",), ()), (("a",), ("a", "b"), ("b",)),
        (("a",), ("a", "a"), ("a",)),  # refused again, in the same words
        (("a", "b"), ("b", "c"), ("c",)), (("a", "b"), ("c", "d"), ("c", "d")), (("a",), (), ()),
    ],
)  # fmt: skip
def test_only_what_came_behind_is_news(
    before: tuple[str, ...], now: tuple[str, ...], new: tuple[str, ...]
) -> None:
    assert tuple(added(before, now)) == new
