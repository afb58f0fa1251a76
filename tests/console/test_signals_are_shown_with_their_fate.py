"""The signals box: the newest first, how far each came, what it earned, and its plan on Enter."""

from datetime import timedelta
from typing import Any

from canned_desk import AT, PLAN
from console_pilot import main_of, opened

from db.home import Home


def signal(name: str, *stages: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {
        "idea": {"id": name, "source": "ema", "direction": "long", "ticker": "NVDA"},
        "stages": [
            {"stage": stage, "at": (AT + timedelta(seconds=n)).isoformat(), "what": what}
            for n, (stage, what) in enumerate(stages)
        ],
        "stage": stages[-1][0], "ended": "", "plan_id": None, "step": None, "realized": None, **more,
    }  # fmt: skip


def heard() -> list[dict[str, Any]]:
    said = ("received", "in s.json")
    return [
        signal("s-2", said, ("guarded", "stale: s-2 is 121 s old"), ended="stale"),
        signal(
            "s-1", said, ("closed", "all of it, profit 115.00"),
            plan_id=PLAN, step=1, realized="115.00",
        ),
    ]  # fmt: skip


async def test_signals_have_a_screen(home: Home) -> None:
    async with opened(home) as deck:
        assert "signals" not in deck.shown(), "not worth its room in the key bar"
        await deck.press("S")
        await deck.boxed("SignalsScreen")
        await deck.until(lambda: "no signal was heard" in deck.shown())
        await deck.press("enter", "j", "k")
        deck.desk.signals = heard()
        await deck.desk.say(inbox_refused=("s.json",))
        await deck.until(lambda: "s-1" in deck.shown())
        shown = deck.shown()
        assert shown.index("s-2") < shown.index("s-1")
        assert "✗ guarded" in shown
        assert "▲ +115.00" in shown
        assert "stale: s-2 is 121 s old" in shown
        assert "goes no further" not in shown, "the guard says it already"
        await deck.press("enter")
        assert type(deck.app.screen).__name__ == "SignalsScreen", "no plan was made of it"
        await deck.press("j")
        assert "profit 115.00" in deck.shown()
        await deck.press("enter")
        await deck.until(lambda: main_of(deck.app).plans.plan_id == PLAN)
        assert len(deck.app.screen_stack) == 1
        assert deck.desk.asked == [], "nothing but looked at"
