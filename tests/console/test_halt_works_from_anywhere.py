"""HALT: one key from any screen, box or field; the latch needs no desk (spec 5, Kill switch; spec 8)."""

import json

import pytest
from canned_desk import PLAN, CannedDesk, document, halt_report, plan_row, snapshot
from console_pilot import Deck, opened

from db.home import Home
from db.model.run import Mode, PlanState
from db.model.trading import TradingState

PLACES: dict[str, tuple[str, ...]] = {
    "positions": (),
    "orders": ("2",),
    "plan": ("3",),
    "alerts": ("4",),
    "reconcile": ("6",),
    "ticket field": ("b", *"12"),
    "palette": (":", *"ha"),
    "filter": ("/", *"nem"),
    "help": ("?",),
    "approval card": ("a",),
    "reason": ("3", "x", *"because"),
    "quantity": ("3", "e", *"1"),
    "quit": (":", *"quit", "enter"),
    "zoomed pane": ("z",),
}


async def halted(deck: Deck) -> None:
    body = await deck.asked("halt")
    assert "console" in body["by"]
    assert json.loads(deck.home.latch.read_text())["reason"] == body["reason"]
    assert "trading HALTED" in deck.shown()
    assert type(deck.app.screen).__name__ == "KillPanel"


@pytest.mark.parametrize("place", PLACES)
async def test_f9_halts(home: Home, place: str) -> None:
    async with opened(home) as deck:
        await deck.press(*PLACES[place])
        if place == "approval card":
            await deck.boxed("ApprovalCard")
        await deck.press("f9")
        await halted(deck)


@pytest.mark.parametrize("place", [p for p in PLACES if p not in ("filter", "reason")])
async def test_exclamation_mark_halts_wherever_it_cannot_be_meant_as_text(
    home: Home, place: str
) -> None:
    async with opened(home) as deck:
        await deck.press(*PLACES[place])
        if place == "approval card":
            await deck.boxed("ApprovalCard")
        await deck.press("!")
        await halted(deck)


async def test_exclamation_mark_is_text_in_a_reason(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("3", "x", *"no!", "enter")
        assert await deck.asked(f"plans/{PLAN}/reject") == {"reason": "no!"}
        assert not home.latch.exists()


async def test_halt_before_the_desk_ever_answered_sets_the_latch_and_says_what_is_known(
    home: Home,
) -> None:
    async with opened(home) as deck:
        await deck.desk.stop()
        await deck.until(lambda: "desk LOST" in deck.shown())
        await deck.press("!")
        assert home.latch.exists()
        assert "trading HALTED" in deck.shown()
        assert "the desk does not answer" in deck.shown()


async def test_a_halt_that_cannot_be_written_is_said_and_the_desk_is_asked_all_the_same(
    home: Home,
) -> None:
    async with opened(home) as deck:
        home.latch.parent.joinpath("HALTED").mkdir()
        home.latch.rmdir()
        deck.app.home = Home(home.root / "config.toml", home.environment)
        home.config.write_text("")
        await deck.press("!")
        await deck.asked("halt")
        await deck.until(lambda: "NOT" in deck.shown())


async def test_pressing_it_twice_opens_one_panel(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("!", "f9")
        assert [type(s).__name__ for s in deck.app.screen_stack].count("KillPanel") == 1


async def test_a_card_that_was_open_is_gone_after_a_halt(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("a")
        await deck.boxed("ApprovalCard")
        await deck.press("!")
        names = [type(s).__name__ for s in deck.app.screen_stack]
        assert names == ["MainScreen", "KillPanel"]


async def test_an_update_older_than_the_halt_does_not_show_active_again(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("!")
        await deck.desk.say(requests_used=99)
        await deck.until(lambda: "99/200" in deck.shown())
        assert "trading HALTED" in deck.shown()


async def test_panel_shows_what_became_of_each_order(home: Home) -> None:
    async with opened(home, (80, 24)) as deck:
        await deck.press("!")
        await deck.desk.say(trading_state=TradingState.HALTED, halt=halt_report())
        await deck.until(lambda: "2 orders, 0 remain working, complete" in deck.shown())
        shown = deck.shown()
        assert "canceled" in shown
        assert "filled" in shown


async def test_resume_is_typed_with_a_reason(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("!")
        for wrong in ("", "RESUME", "resume because"):
            await deck.press(*("space" if c == " " else c for c in wrong), "enter")
            assert not any(path == "resume" for path, _ in deck.desk.asked)
            await deck.press(*["backspace"] * len(wrong))
        await deck.press(*"RESUME", "space", *"checked", "enter")
        assert await deck.asked("resume") == {"reason": "checked"}
        await deck.until(lambda: "trading ACTIVE" in deck.shown())


async def test_a_refused_resume_leaves_trading_halted_and_says_why(home: Home) -> None:
    async with opened(home) as deck:
        deck.desk.refusals["resume"] = (409, "Ours and the broker's differ: reconcile first.")
        await deck.press("!", *"RESUME", "space", *"now", "enter")
        await deck.until(lambda: "reconcile first" in deck.shown())
        assert "trading HALTED" in deck.shown()


async def test_an_interrupted_plan_is_told_on_attach_and_goes_on_only_through_a_typed_check(
    home: Home,
) -> None:
    desk = CannedDesk()
    desk.state = snapshot(plans={PLAN: plan_row(PlanState.PAUSED, 1, mode=Mode.STEP)})
    desk.document = document("paused", "step", 1)
    async with opened(home, (80, 24), desk) as deck:
        await deck.boxed("ResumeScreen")
        await deck.until(lambda: "OrderUnknown" in deck.shown())
        assert "4 steps are left, from step 2: SELL 125 AA" in deck.shown()
        await deck.press("c")
        gate = await deck.boxed("Gate")
        await deck.until(lambda: gate._shown_at is not None)
        await deck.press(*"CONTINUE", "enter")
        assert not any(path.endswith("continue") for path, _ in desk.asked)
        deck.ticks.at += 0.4
        await deck.press(*"CONTINUE", "enter")
        await deck.asked(f"plans/{PLAN}/continue")
