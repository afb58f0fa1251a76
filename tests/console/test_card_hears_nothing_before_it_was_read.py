"""The approval card: its token is typed, and nothing typed or pasted before 400 ms counts (spec 8)."""

from canned_desk import PLAN, TOKEN
from console_pilot import Deck, opened
from pytest import MonkeyPatch
from textual import events

from console.app import QuarterdeckApp
from console.line.flow import Line
from console.screens.approval import ApprovalCard
from console.screens.gate import LOOK
from db.home import Home

APPROVE = f"plans/{PLAN}/approve"


async def card_of(deck: Deck, keys: str = "a") -> ApprovalCard:
    await deck.press(*keys)
    card = await deck.boxed("ApprovalCard")
    assert isinstance(card, ApprovalCard)
    await deck.until(lambda: card._shown_at is not None)
    return card


async def test_typed_token_approves_and_starts_the_content_that_was_shown(home: Home) -> None:
    async with opened(home) as deck:
        await card_of(deck)
        deck.ticks.at += 0.4
        await deck.press(*TOKEN, "enter")
        body = await deck.asked(APPROVE)
        assert (body["token"], body["hash"], body["mode"]) == (TOKEN, "f00d", "step")
        assert await deck.asked(f"plans/{PLAN}/run") == {"mode": "step"}


async def test_keys_before_400_ms_are_discarded_even_a_whole_right_answer(home: Home) -> None:
    async with opened(home) as deck:
        card = await card_of(deck)
        deck.ticks.at = 0.399
        await deck.press("tab", *TOKEN, "enter")
        assert deck.app.screen is card
        assert card.mode == "step"
        deck.ticks.at = 0.4
        await deck.press("enter")
        assert deck.app.screen is card
        await deck.press(*TOKEN, "enter")
        assert (await deck.asked(APPROVE))["mode"] == "step"


async def test_pastes_before_400_ms_are_discarded(home: Home) -> None:
    async with opened(home) as deck:
        card = await card_of(deck)
        deck.app.post_message(events.Paste(TOKEN))
        await deck.pilot.pause()
        deck.ticks.at += 0.4
        await deck.press("enter")
        assert deck.app.screen is card
        assert not any(path == APPROVE for path, _ in deck.desk.asked)


async def test_type_ahead_in_one_burst_with_the_opening_key_does_not_approve(home: Home) -> None:
    async with opened(home) as deck:
        await deck.burst("a", *TOKEN, "enter")
        await deck.boxed("ApprovalCard")
        assert not any(path == APPROVE for path, _ in deck.desk.asked)


async def test_a_wrong_token_is_cleared_and_sends_nothing(home: Home) -> None:
    async with opened(home) as deck:
        card = await card_of(deck)
        deck.ticks.at += 1
        await deck.press(*"XXXX", "enter")
        assert "that was not" in deck.shown()
        await deck.press(*TOKEN[:2], "enter", *TOKEN[2:], "enter")
        assert deck.app.screen is card
        assert not any(path == APPROVE for path, _ in deck.desk.asked)


async def test_the_mode_is_chosen_with_a_key_that_is_in_no_token(home: Home) -> None:
    async with opened(home) as deck:
        await card_of(deck)
        deck.ticks.at += 1
        await deck.press("tab", "tab", *TOKEN, "enter")
        assert (await deck.asked(APPROVE))["mode"] == "auto"


async def test_an_expired_card_approves_nothing_and_says_so(home: Home) -> None:
    async with opened(home) as deck:
        await card_of(deck)
        deck.ticks.at += 600
        await deck.press(*TOKEN, "enter")
        assert "has expired" in deck.shown()
        assert not any(path == APPROVE for path, _ in deck.desk.asked)


async def test_escape_leaves_at_once_and_approves_nothing(home: Home) -> None:
    async with opened(home) as deck:
        card = await card_of(deck)
        await deck.press("escape")
        assert deck.app.screen is not card
        assert not any(path == APPROVE for path, _ in deck.desk.asked)


async def test_the_desk_refusing_the_token_is_said_in_its_own_sentence(home: Home) -> None:
    async with opened(home) as deck:
        deck.desk.refusals[APPROVE] = (409, "Prices moved [/red] beyond the tolerance.")
        await card_of(deck)
        deck.ticks.at += 1
        await deck.press(*TOKEN, "enter")
        await deck.until(lambda: "Prices moved [/red]" in deck.shown())
        assert not any(path == f"plans/{PLAN}/run" for path, _ in deck.desk.asked)


async def test_the_card_fits_80_by_24_with_its_token_line_in_sight(home: Home) -> None:
    async with opened(home, (80, 24)) as deck:
        deck.desk.document["findings"] = []
        await card_of(deck)
        shown = deck.shown()
        assert f"type {TOKEN}" in shown
        assert "PA3QD7XK21" in shown
        assert "worst-case cash 5,021.33" in shown


async def test_a_token_and_enter_that_arrive_at_once_are_heard_in_order(home: Home) -> None:
    async with opened(home) as deck:
        await card_of(deck)
        deck.ticks.at += 1
        await deck.burst(*TOKEN, "enter")
        assert (await deck.asked(APPROVE))["token"] == TOKEN


async def test_on_a_slow_line_the_400_ms_begin_when_the_terminal_has_taken_the_card(
    home: Home, monkeypatch: MonkeyPatch
) -> None:
    async with opened(home) as deck:
        owed = 0.05
        monkeypatch.setattr(QuarterdeckApp, "line", property(lambda _: Line(waiting=owed)))
        deck.ticks.at = 10.0
        await deck.press("a")
        card: ApprovalCard = await deck.boxed("ApprovalCard")
        for seconds in range(1, 4):  # the terminal has owed an answer since before the card
            owed = seconds + 0.05
            deck.ticks.at = 10.0 + seconds
            await deck.pilot.pause(LOOK)
        await deck.press(*TOKEN, "enter")
        assert card._shown_at is None
        assert deck.app.screen is card
        owed = 0.01  # it answers promptly now, though something new is always on its way
        while card._shown_at is None:
            deck.ticks.at += 0.1
            await deck.pilot.pause(LOOK)
        assert not card.listening
        deck.ticks.at += 1
        await deck.press(*TOKEN, "enter")
        assert (await deck.asked(APPROVE))["token"] == TOKEN


async def test_a_blocked_plan_shows_no_token_to_type(home: Home) -> None:
    async with opened(home) as deck:
        deck.desk.card_changes = {"verdict": "BLOCKED"}
        await card_of(deck)
        deck.ticks.at += 1
        await deck.press(*TOKEN, "enter")
        assert "can't be approved" in deck.shown()
        assert f"type {TOKEN}" not in deck.shown()
        assert not any(path == APPROVE for path, _ in deck.desk.asked)


async def test_a_portfolio_that_is_being_read_again_has_no_token_to_type(home: Home) -> None:
    async with opened(home) as deck:
        deck.desk.card_changes = {"waiting": "It is being read again, until 15:15 UTC."}
        await card_of(deck)
        deck.ticks.at += 1
        await deck.press(*TOKEN, "enter")
        assert "It is being read again, until 15:15 UTC." in deck.shown()
        assert not any(path == APPROVE for path, _ in deck.desk.asked)


async def test_a_stale_portfolio_is_taken_by_the_token_and_by_words(home: Home) -> None:
    async with opened(home) as deck:
        asked = "The portfolio is 150 min old. To go on with it, type why."
        deck.desk.card_changes = {
            "acknowledge": asked,
            "exceptions": ["Exception 1 of 2 today: x."],
        }
        await card_of(deck)
        assert "Exception 1 of 2 today: x." in deck.shown()
        deck.ticks.at += 1
        await deck.press(*TOKEN, "enter")
        await deck.boxed("Prompt")
        assert asked in deck.shown()
        assert not any(path == APPROVE for path, _ in deck.desk.asked)
        await deck.burst(*"called", "enter")
        body = await deck.asked(APPROVE)
        assert (body["token"], body["acknowledged"]) == (TOKEN, "called")
