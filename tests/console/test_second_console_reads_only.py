"""One console holds the controls; the others say READ-ONLY until they take over by typing, and halt all
the same (spec 5, Crash and restart). Presence, escalation, and what the kill panel asks twice."""

from datetime import timedelta

from canned_desk import ALERTS, AT, CannedDesk, halt_report, snapshot
from console_pilot import opened

from db.home import Home
from db.model.trading import Controls, TradingState

OTHER = Controls(console="c9", who="anna (pts/4)", since=AT - timedelta(minutes=90))


def second() -> CannedDesk:
    desk = CannedDesk()
    desk.state = snapshot(controls=OTHER)
    return desk


async def test_the_title_says_read_only_who_holds_the_controls_and_since_when(home: Home) -> None:
    async with opened(home, (120, 40), second()) as deck:
        await deck.until(lambda: "READ-ONLY" in deck.shown())
        assert "anna (pts/4) since 09:02" in deck.shown()


async def test_the_holder_is_not_told_that_it_reads_only(home: Home) -> None:
    async with opened(home, (140, 40)) as deck:
        assert "READ-ONLY" not in deck.shown()


async def test_taking_over_is_typed_in_full(home: Home) -> None:
    desk = second()
    async with opened(home, (140, 40), desk) as deck:
        await deck.press("T", *"TAKE", "enter")
        assert not any(path == "controls" for path, _ in desk.asked)
        await deck.press("space", *"OVER", "enter")
        assert await deck.asked("controls") == {"word": "TAKE OVER"}
        await desk.say(controls=Controls(console="c1", who="me", since=AT))
        await deck.until(lambda: "READ-ONLY" not in deck.shown())


async def test_a_refusal_of_the_desk_is_one_sentence(home: Home) -> None:
    desk = second()
    desk.refusals["reconcile"] = (409, "This console is read-only: anna holds the controls.")
    async with opened(home, (140, 40), desk) as deck:
        await deck.press("R")
        await deck.until(lambda: "anna holds the controls" in deck.shown())


async def test_a_read_only_console_halts(home: Home) -> None:
    desk = second()
    async with opened(home, desk=desk) as deck:
        await deck.press("!")
        assert "console" in (await deck.asked("halt"))["by"]
        assert home.latch.exists()


async def test_keys_tell_the_desk_that_somebody_is_there_at_most_every_five_seconds(
    home: Home,
) -> None:
    async with opened(home) as deck:
        await deck.press("j", "k", "j")
        await deck.until(lambda: deck.desk.present == 1)
        deck.ticks.at += 5
        await deck.press("j")
        await deck.until(lambda: deck.desk.present == 2)


async def test_an_escalated_alert_rings_and_says_so_once(home: Home) -> None:
    async with opened(home) as deck:
        rung: list[None] = []
        deck.app.bell = lambda: rung.append(None)  # type: ignore[method-assign]
        louder = ALERTS[0].model_copy(update={"escalated_at": AT})
        await deck.desk.say(alerts={"a1": louder})
        await deck.until(lambda: "STILL NOT ACKNOWLEDGED" in deck.shown())
        await deck.desk.say(requests_used=99)
        await deck.until(lambda: "99/200" in deck.shown())
        assert len(rung) == 1


async def test_flatten_shows_the_list_first_and_takes_its_token(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("!")
        await deck.desk.say(trading_state=TradingState.HALTED, halt=halt_report())
        await deck.press(*"FLATTEN", "enter")
        await deck.until(lambda: "Type FLATTEN F7QK to close all of it" in deck.shown())
        shown = deck.shown()
        assert "first cancels qd-1-stop" in shown
        assert "28,225.00" in shown
        assert not any(path == "flatten" for path, _ in deck.desk.asked)
        await deck.press(*"FLATTEN", "space", *"F7QK", "enter")
        assert (await deck.asked("flatten"))["token"] == "F7QK"
        await deck.until(lambda: "1 positions remain" in deck.shown())
        assert "250 left: halted" in deck.shown()


async def test_after_a_stop_nobody_pressed_the_panel_says_why_and_asks_for_its_token(
    home: Home,
) -> None:
    desk = CannedDesk()
    desk.resume_card = {
        "trading_state": "HALTED", "cause": "daily_loss", "reason": "The day's loss is 6%.",
        "at": AT.isoformat(), "persists": "The day's loss is 5.5%.", "token": "R7QK",
        "expires_at": AT.isoformat(),
    }  # fmt: skip
    async with opened(home, desk=desk) as deck:
        await deck.press("!", *"RESUME", "space", *"fine", "enter")
        await deck.until(lambda: "It is still true: The day's loss is 5.5%" in deck.shown())
        await deck.press(*"RESUME", "space", *"R7QK", "space", *"hedged", "enter")
        await deck.until(
            lambda: desk.asked[-1] == ("resume", {"reason": "hedged", "token": "R7QK"})
        )
