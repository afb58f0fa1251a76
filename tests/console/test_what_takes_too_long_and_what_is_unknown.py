"""A paused plan says what may be done, and nothing is done before its word is typed; unknown orders
have a screen (spec 5, Phases, Submitting 5; spec 8, Keys)."""

from typing import Any

import pytest
from canned_desk import AT, PLAN, CannedDesk, document, order, plan_row, snapshot
from console_pilot import Deck, opened

from db.home import Home
from db.model.order import OrderState
from db.model.run import Mode, PlanState

NAME = "qd-3f9a-s02-c1-a1"


def paused() -> CannedDesk:
    desk = CannedDesk()
    working = order(2, "AA", OrderState.PARTIALLY_FILLED, 25)
    row = plan_row(PlanState.PAUSED, 1, mode=Mode.PHASE, reason="still open after 60 s: sell AA")
    desk.state = snapshot(plans={PLAN: row}, orders={NAME: working})
    desk.document = document("paused", "phase", 1) | {
        "reason": "still open after 60 s: sell AA (25 of 125 filled)",
        "offers": ["continue", "reprice", "resubmit", "cancel-rest", "abort"],
        "ledger": LEDGER,
    }
    desk.document["steps"][1]["orders"] = [
        {"client_order_id": NAME, "state": "partially_filled", "qty": "125", "filled_qty": "25",
         "filled_avg_price": "36.08", "reason": ""}
    ]  # fmt: skip
    return desk


LEDGER: dict[str, Any] = {
    "opening_cash": "2500", "cash": "12997.50", "reserved": "0",
    "steps": [
        {"n": 1, "side": "sell", "symbol": "NEM", "planned": "9595.50", "actual": "9595.50",
         "reserved": "0", "cash_planned": "12095.50", "cash": "12095.50"},
        {"n": 2, "side": "sell", "symbol": "AA", "planned": "4510.00", "actual": "902.00",
         "reserved": "0", "cash_planned": "16605.50", "cash": "12997.50"},
    ],
    "if_stopped": {
        "cash": "12997.50", "cash_weight": "0.1294", "equity": "100432.11",
        "holdings": [{"symbol": "AA", "qty": "225", "value": "8122.50", "weight": "0.0809"}],
    },
}  # fmt: skip


async def to_the_guide(deck: Deck) -> None:
    """Past the resume screen, to the open plan."""
    await deck.boxed("ResumeScreen")
    await deck.press("escape", "3")


async def test_the_plan_says_what_may_be_done_and_what_is_left_if_it_stops(home: Home) -> None:
    async with opened(home, desk=paused()) as deck:
        await to_the_guide(deck)
        shown = deck.shown()
        assert "you may continue, re-price, resubmit, cancel the rest or abort" in shown
        await deck.press("w")
        shown = deck.shown()
        assert "If you stop here" in shown
        assert "12,997.50 (12.9%) of 100,432.11" in shown
        assert "Funding" in shown


@pytest.mark.parametrize(
    ("key", "word", "path"),
    [("p", "reprice", "reprice"), ("r", "resubmit", "resubmit"), ("c", "cancel", "cancel-rest")],
)
async def test_a_remedy_is_asked_for_once_its_word_is_typed(
    home: Home, key: str, word: str, path: str
) -> None:
    async with opened(home, desk=paused()) as deck:
        await to_the_guide(deck)
        await deck.press(key)
        gate = await deck.boxed("Gate")
        assert "SELL 125 AA" in deck.shown()
        await deck.until(lambda: gate._shown_at is not None)
        await deck.press(*word, "enter")
        assert deck.desk.asked == [], "not before it could be read"
        deck.ticks.at += 1
        await deck.press(*word, "enter")
        assert await deck.asked(f"plans/{PLAN}/{path}") == {}


@pytest.mark.parametrize("key", ["p", "r", "c"])
async def test_what_makes_no_sense_is_not_offered(home: Home, key: str) -> None:
    async with opened(home) as deck:
        await deck.press("3")
        assert "re-price" not in deck.shown()
        await deck.press(key)
        assert len(deck.app.screen_stack) == 1
        assert deck.desk.asked == []


def unknown(*may: str) -> CannedDesk:
    desk = CannedDesk()
    desk.state = snapshot(orders={NAME: order(2, "AA", OrderState.UNKNOWN)})
    desk.unknown = [
        {
            "client_order_id": NAME, "plan_id": PLAN, "step": 2, "account": "main", "symbol": "AA",
            "side": "sell", "qty": "125", "type": "market", "limit_price": None,
            "time_in_force": "day", "intended_at": AT.isoformat(), "sent_at": AT.isoformat(),
            "reason": "the broker did not answer in time", "absent": True,
            "look_ups": [{"at": AT.isoformat(), "answer": "not found"}], "may": list(may),
        }
    ]  # fmt: skip
    return desk


async def test_unknown_orders_have_a_screen(home: Home) -> None:
    async with opened(home, desk=unknown("look-up")) as deck:
        await deck.press("U")
        await deck.boxed("UnknownScreen")
        await deck.until(lambda: "SELL 125 AA" in deck.shown())
        shown = deck.shown()
        assert "the broker did not answer in time" in shown
        assert "asked by its id: not found" in shown
        assert "unknown for 0 s" in shown
        await deck.press("r", "g")
        assert not deck.desk.asked, "not before the broker said so twice"
        await deck.press("l")
        assert await deck.asked(f"orders/{NAME}/look-up") == {}


@pytest.mark.parametrize(
    ("key", "word", "path"), [("r", "125", "resend"), ("g", "drop", "give-up")]
)
async def test_resending_and_giving_up_want_a_typed_word(
    home: Home, key: str, word: str, path: str
) -> None:
    async with opened(home, desk=unknown("look-up", "resend", "give-up")) as deck:
        await deck.press("U")
        await deck.boxed("UnknownScreen")
        await deck.until(lambda: "SELL 125 AA" in deck.shown())
        await deck.press(key)
        gate = await deck.boxed("Gate")
        await deck.until(lambda: gate._shown_at is not None)
        await deck.press(*word, "enter")
        assert deck.desk.asked == []
        deck.ticks.at += 1
        await deck.press(*word, "enter")
        assert await deck.asked(f"orders/{NAME}/{path}") == {}
