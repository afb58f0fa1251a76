"""The manual environment at the keyboard: a ticket is copied, ticked, filled; nothing is booked by haste."""

import base64
from pathlib import Path
from typing import Any

import pytest
from canned_desk import PLAN, CannedDesk, document, order, plan_row, snapshot
from console_pilot import opened
from console_terminal import console
from textual.widgets import Input

from db.home import Home
from db.model.environment import Environment
from db.model.order import OrderState
from db.model.run import Mode, PlanState
from db.model.ticket import CHECKLIST
from widgets.by_hand import ticket_of, words_of

LINE = "SELL 150 NEM MARKET DAY in account main"
QUESTION = "40 at 63.90 of this ticket is typed in already. Did it fill a second time?"


def ticket(n: int = 1, state: str = "sent", **more: Any) -> dict[str, Any]:
    return {
        "client_order_id": f"qd-3f9a-s0{n}-c1-a1", "plan_id": PLAN, "step": n, "state": state,
        "protective": False, "cancel_by_hand": False, "line": LINE, "left": "150", "reason": "",
        "form": [["account", "main (U-77)"], ["side", "sell"], ["symbol", "NEM"], ["quantity", "150"]],
        "fills": [], "claimed": False, "shown_at": "2026-01-05T15:31:00Z",
        "checklist": [
            {"item": i.name, "after": i.after, "words": i.words, "ticked": i.name == "prices"}
            for i in CHECKLIST[:-1]
        ],
        **more,
    }  # fmt: skip


class HandDesk(CannedDesk):
    """Says of a fill what it was told to."""

    def __init__(self, *tickets: dict[str, Any]) -> None:
        super().__init__()
        row = order(1, "NEM", OrderState.SENT)
        self.state = snapshot(
            environment=Environment.MANUAL,
            plans={PLAN: plan_row(PlanState.SELLING, mode=Mode.STEP)},
            orders={row.client_order_id: row},
        )
        self.document = {**document("selling", "step"), "tickets": list(tickets or (ticket(),))}
        self.doubts = 0
        """How many times a fill that is not sure is asked about."""

    def _noun(self, path: str, body: Any) -> Any:
        if path.endswith("/fill"):
            asked = self.doubts > 0 and not body["sure"]
            return {"asked": QUESTION} if asked else {"ticket": ticket(state="filled")}
        if path.endswith(("/tick", "/not-done", "/refused")):
            return {"ticket": ticket()}
        return super()._noun(path, body)


@pytest.fixture
def by_hand(tmp_path: Path) -> Home:
    home = Home(tmp_path, Environment.MANUAL)
    home.create()
    return home


async def test_the_guide_shows_the_ticket_and_what_is_to_be_looked_at(by_hand: Home) -> None:
    async with opened(by_hand, (80, 24), HandDesk()) as deck:
        await deck.press("3")
        shown = deck.shown()
        assert "MANUAL" in shown
        assert LINE in shown
        assert "place the ticket at your broker" in shown
        assert "[x] I looked at the price" in shown
        assert "▶[ ] The form is open in the right account." in shown
        for key in ("f fill", "y copy", "t tick"):
            assert key in shown.splitlines()[-1]


async def test_a_fill_is_typed_and_booked(by_hand: Home) -> None:
    async with opened(by_hand, desk=HandDesk()) as deck:
        await deck.press("3", "f")
        await deck.boxed("FillEntry")
        await deck.press(*"63.90", "tab", *"1.25", "tab", *"10:31", "tab", *"A7", "enter")
        assert await deck.asked(f"plans/{PLAN}/fill") == {
            "n": 1, "sure": False, "qty": "150", "price": "63.90", "fee": "1.25", "at": "10:31",
            "confirmation": "A7",
        }  # fmt: skip
        await deck.until(lambda: len(deck.app.screen_stack) == 1)


async def test_a_doubt_asks_for_a_typed_yes(by_hand: Home) -> None:
    desk = HandDesk()
    desk.doubts = 1
    async with opened(by_hand, desk=desk) as deck:
        await deck.press("3", "f")
        box = await deck.boxed("FillEntry")
        await deck.burst(*"63.90", "enter", "enter", "enter")
        await deck.until(lambda: "second time" in deck.shown())
        assert all(not body["sure"] for path, body in desk.asked if path.endswith("/fill"))
        await deck.press(*"yes", "enter")
        assert len(deck.app.screen_stack) == 2, "only YES is yes"
        box.query_one("#fill-sure", Input).value = ""
        await deck.press(*"YES", "enter")
        await deck.until(lambda: len(deck.app.screen_stack) == 1)
        assert (await deck.asked(f"plans/{PLAN}/fill"))["sure"] is True


async def test_another_figure_is_asked_about_anew(by_hand: Home) -> None:
    desk = HandDesk()
    desk.doubts = 1
    async with opened(by_hand, desk=desk) as deck:
        await deck.press("3", "f")
        box = await deck.boxed("FillEntry")
        await deck.press(*"63.90", "enter")
        await deck.until(lambda: "second time" in deck.shown())
        await deck.press(*"YES")
        box.query_one("#fill-qty", Input).value = "40"
        await deck.press("enter")
        assert (await deck.asked(f"plans/{PLAN}/fill"))["sure"] is False


async def test_a_refusal_stands_in_the_box_and_nothing_is_lost(by_hand: Home) -> None:
    desk = HandDesk()
    desk.refusals[f"plans/{PLAN}/fill"] = (409, "The ticket is for 150 NEM.")
    async with opened(by_hand, desk=desk) as deck:
        await deck.press("3", "f")
        box = await deck.boxed("FillEntry")
        await deck.press(*"63", "enter")
        await deck.until(lambda: "The ticket is for 150 NEM." in deck.shown())
        assert box.typed["price"] == "63"
        await deck.press("escape")
        assert len(deck.app.screen_stack) == 1


@pytest.mark.parametrize(
    ("keys", "path", "body"),
    [
        ("t", "tick", {"n": 1, "item": "", "ticked": True}),
        ("o", "not-done", {"n": 1, "reason": "late"}),
        ("O", "refused", {"n": 1, "reason": "late"}),
    ],
)
async def test_a_word_on_the_ticket(
    by_hand: Home, keys: str, path: str, body: dict[str, object]
) -> None:
    async with opened(by_hand, desk=HandDesk()) as deck:
        await deck.press("3", keys)
        if path != "tick":
            await deck.boxed("Prompt")
            await deck.press(*"late", "enter")
        assert await deck.asked(f"plans/{PLAN}/{path}") == body


async def test_without_a_ticket_the_keys_say_so_and_stay_out_of_the_bar(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("3")
        assert "not done" not in deck.shown()
        await deck.press("f")
        await deck.until(lambda: "No ticket waits here" in deck.shown())
        assert deck.desk.asked == []


async def test_the_copy_key_reaches_the_terminals_clipboard(by_hand: Home) -> None:
    """OSC 52 through the line driver, and the same words on the screen."""
    desk = HandDesk()
    await desk.serve(by_hand.socket)
    async with console(by_hand, 120, 40, QUARTERDECK_ENVIRONMENT="manual") as terminal:
        await terminal.until(lambda text: "desk ok" in text)
        terminal.type("3")
        await terminal.until(lambda text: LINE in text)
        terminal.type("y")
        await terminal.until(lambda text: f"Copied: {LINE}" in text)
        assert osc_52(LINE) in terminal.raw
        for value in ("main (U-77)", "sell", "NEM", "150", "main (U-77)"):
            before = len(terminal.raw)
            terminal.type("Y")
            await terminal.until(lambda _: osc_52(value) in terminal.raw[before:])  # noqa: B023
    await desk.stop()


def osc_52(words: str) -> bytes:
    return b"\x1b]52;c;" + base64.b64encode(words.encode()) + b"\a"


def test_the_ticket_that_is_meant() -> None:
    """Of a step its open one; its order before what protects it; without one the plan's first open."""
    done, guard = ticket(1, "filled"), ticket(1, "sent", protective=True)
    other = ticket(2)
    assert ticket_of({"tickets": [done, guard, other]}, {"n": 1}) is guard
    assert ticket_of({"tickets": [done, other]}, {"n": 1}) is done
    assert ticket_of({"tickets": [done, other]}, {"n": 9}) is other
    assert ticket_of({"tickets": [done]}, None) is None
    assert ticket_of({}, {"n": 1}) is None


def test_what_was_typed_is_shown_as_claimed_until_it_is_matched() -> None:
    fill = {"qty": "40", "price": "63.90", "fee": "1", "at": "2026-01-05T15:31:00Z",
            "confirmation": "A7", "matched": False}  # fmt: skip
    words = words_of(ticket(fills=[fill, {**fill, "matched": True}])).plain
    assert "40 at 63.90, fee 1, 15:31:00 UTC, A7 · claimed" in words
    assert "· matched" in words
