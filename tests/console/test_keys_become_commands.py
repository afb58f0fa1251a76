"""Keys by a trader become calls of the desk, and none of them sends an order by itself (spec 8, Keys)."""

from decimal import Decimal

import pytest
from canned_desk import MISMATCH, PLAN, CannedDesk, document, order, plan_row, snapshot
from console_pilot import Deck, main_of, opened

from console.halting import who
from console.screens.plan_edits import an_order, typed
from db.home import Home
from db.model.order import OrderState
from db.model.run import Mode, PlanState

ME = f"{who()} (console)"
SENDS = ("run", "next", "continue", "approve")


async def test_quit_typed_in_one_burst_quits_and_runs_nothing_else(home: Home) -> None:
    async with opened(home) as deck:
        await deck.burst(":", *"quit", "enter")
        await deck.boxed("QuitScreen")
        assert deck.desk.asked == []
        assert "7 positions are watched" in deck.shown()
        await deck.burst("enter")
        await deck.until(lambda: deck.app.return_value == 0)
        assert deck.desk.asked == []


async def test_quit_proposes_to_stop_an_idle_desk(home: Home) -> None:
    desk = CannedDesk()
    desk.state = snapshot(positions={}, plans={}, alerts={})
    async with opened(home, desk=desk) as deck:
        await deck.press(":", *"quit", "enter")
        await deck.boxed("QuitScreen")
        assert "the desk stops" in deck.shown()
        await deck.press("enter")
        assert await deck.asked("stop") == {"exchange": True}


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c", "ctrl+z", "q"])
async def test_no_key_alone_leaves(home: Home, key: str) -> None:
    async with opened(home) as deck:
        await deck.press(key)
        assert deck.app.return_value is None
        assert deck.app.is_running


@pytest.mark.parametrize(
    ("keys", "path", "body"),
    [
        (("3", "x", *"no", "enter"), f"plans/{PLAN}/reject", {"reason": "no"}),
        (("3", "]", "d"), f"plans/{PLAN}/drop", {"n": 2}),
        (("3", "]", "]", "[", "d"), f"plans/{PLAN}/drop", {"n": 2}),
        (("3", "e", *"75", "enter"), f"plans/{PLAN}/resize", {"n": 1, "qty": "75"}),
        (("3", "i", *"off", "enter"), f"plans/{PLAN}/slice", {"n": 1, "algorithm": None}),
        (
            ("3", "i", *"twap minutes=30", "enter"),
            f"plans/{PLAN}/slice",
            {"n": 1, "algorithm": {"name": "twap", "minutes": "30"}},
        ),
        (("3", "L"), f"plans/{PLAN}/trim", {}),
        (("3", "P"), f"plans/{PLAN}/pause", {}),
        (("3", "X", *"late", "enter"), f"plans/{PLAN}/abort", {"reason": "late"}),
        (("4", "v"), "alerts/a1/acknowledge", {}),
        (("R",), "reconcile", {}),
        (("6", "u", *"ok", "enter"), "mismatches", {"key": "ghost:main:TSLA", "action": "adopt", "reason": "ok", "by": ME}),
        (("6", "i", *"ok", "enter"), "mismatches", {"key": "ghost:main:TSLA", "action": "ignore", "reason": "ok", "by": ME}),
        (("6", "o", *"ok", "enter"), "mismatches", {"key": "ghost:main:TSLA", "action": "investigate", "reason": "ok", "by": ME}),
        (("2", "c"), "orders/qd-3f9a-s02-c1-a1/cancel", {}),
        ((":", *"drop", "enter"), f"plans/{PLAN}/drop", {"n": 1}),
    ],
)  # fmt: skip
async def test_key_asks_the_desk(
    home: Home, keys: tuple[str, ...], path: str, body: dict[str, object]
) -> None:
    desk = CannedDesk()
    desk.state = snapshot(
        mismatches=(MISMATCH,), orders={"o": order(2, "AA", OrderState.ACKNOWLEDGED)}
    )
    async with opened(home, desk=desk) as deck:
        await deck.press(*keys)
        assert await deck.asked(path) == body


@pytest.mark.parametrize(
    ("state", "mode"),
    [
        (PlanState.CHECKED, Mode.STEP),
        (PlanState.APPROVED, Mode.AUTO),
        (PlanState.SELLING, Mode.STEP),
        (PlanState.PAUSED, Mode.PHASE),
    ],
)
async def test_no_bare_key_sends_an_order(home: Home, state: PlanState, mode: Mode) -> None:
    desk = CannedDesk()
    desk.state = snapshot(plans={PLAN: plan_row(state, mode=mode)})
    desk.document = document(state.value, mode.value)
    async with opened(home, desk=desk) as deck:
        for binding in deck.app.keymap_table.of("main", "list", "guide", "ticket", "choice"):
            for key in binding.keys:
                if list(deck.app.contexts()) != ["list", "guide", "main", "any"]:
                    await deck.press("3")
                await deck.press(key)
                while len(deck.app.screen_stack) > 1:
                    deck.ticks.at += 1
                    await deck.press("enter", "escape")
        assert not [path for path, _ in desk.asked if path.split("/")[-1] in SENDS]


async def run_next(deck: Deck, word: str) -> None:
    await deck.press("3", "n")
    gate = await deck.boxed("Gate")
    await deck.until(lambda: gate._shown_at is not None)
    await deck.press(*word, "enter")
    assert not any(path.endswith("/next") for path, _ in deck.desk.asked)
    deck.ticks.at += 1
    await deck.press(*word, "enter")


@pytest.mark.parametrize(("mode", "word"), [("step", "125"), ("phase", "2")])
async def test_next_step_or_phase_goes_only_when_its_figure_is_typed(
    home: Home, mode: str, word: str
) -> None:
    desk = CannedDesk()
    desk.state = snapshot(plans={PLAN: plan_row(PlanState.SELLING, 1, mode=Mode(mode))})
    desk.document = document("selling", mode, 1)
    async with opened(home, desk=desk) as deck:
        await run_next(deck, word)
        assert await deck.asked(f"plans/{PLAN}/next") == {}


async def test_ticket_previews_as_it_is_typed_and_enter_makes_a_plan_never_an_order(
    home: Home,
) -> None:
    async with opened(home) as deck:
        await deck.press("j", "s", *"10")
        preview = await deck.asked("tickets/preview")
        assert preview == {
            "symbol": "AAPL", "side": "sell", "qty": "10", "type": "market", "time_in_force": "day",
        }  # fmt: skip
        await deck.until(lambda: "quote 64.00 / 64.04, 1s old" in deck.shown())
        await deck.press("enter")
        assert await deck.asked("tickets") == preview
        await deck.boxed("ApprovalCard")
        assert not [path for path, _ in deck.desk.asked if path.split("/")[-1] in SENDS]


async def test_a_tickets_plan_is_followed_and_heard_though_no_snapshot_had_it_yet(
    home: Home,
) -> None:
    desk = CannedDesk()
    desk.state = snapshot(plans={})
    async with opened(home, desk=desk) as deck:
        await deck.press("b", *"10", "enter")
        await deck.boxed("ApprovalCard")
        await deck.press("escape")
        await desk.say(cash_weight=Decimal("0.5"))
        await deck.until(lambda: "50.0%" in deck.shown())
        desk.document = document("selling", "step", 0)
        await desk.say(plans={PLAN: plan_row(PlanState.SELLING, mode=Mode.STEP)})
        await deck.until(lambda: "each step waits for you" in deck.shown())
        await deck.press("n")
        await deck.boxed("Gate")


async def test_a_limit_ticket_is_filled_in_with_tab_and_arrows(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("b", "tab", "right", "tab", *"250.5", "tab", "right")
        await deck.press("up", "up", "up", *"$500", "enter")
        assert await deck.asked("tickets") == {
            "symbol": "AA", "side": "buy", "notional": "500", "type": "limit",
            "limit_price": "250.5", "time_in_force": "gtc",
        }  # fmt: skip


async def test_an_incomplete_ticket_asks_nothing_and_says_what_is_needed(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("b", "enter")
        assert "are needed" in deck.shown()
        assert deck.desk.asked == []


async def test_resize_wants_a_number_above_zero(home: Home) -> None:
    async with opened(home) as deck:
        for wrong in ("x", "-1", "0", "NaN", "Infinity"):
            await deck.press("3", "e", *wrong, "enter")
            assert "number" in deck.shown()
            await deck.press("escape")
        assert deck.desk.asked == []


async def test_edits_are_asked_of_the_desk_and_no_step_leaves_its_phase(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("3", "K")
        await deck.until(lambda: "Step 1 is the first sell of the plan." in deck.shown())
        await deck.press("J", "m", *"market 5", "enter")
        assert "only a time in force" in deck.shown()
        await deck.press("escape", "m", *"limit 64.5", "enter", "]", "K", "]", "J")
        await deck.until(lambda: "Step 3 is the last sell of the plan." in deck.shown())
        await deck.press("u")
        await deck.asked(f"plans/{PLAN}/undo")
        assert deck.desk.asked == [
            (f"plans/{PLAN}/move", {"n": 1, "after": 2}),
            (f"plans/{PLAN}/retype", {"n": 1, "type": "limit", "limit_price": "64.5"}),
            (f"plans/{PLAN}/move", {"n": 2, "before": 1}),
            (f"plans/{PLAN}/undo", {}),
        ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("", "is expected first"),
        ("trailing_stop", "is expected first"),
        ("limit", "followed by its limit price"),
        ("stop_limit 60", "followed by its stop price and limit price"),
        ("limit -1", "followed by its limit price"),
        ("market 60", "only a time in force"),
        ("limit 60 day gtc", "only a time in force"),
        ("Limit 60", ""),
        ("market cls", ""),
    ],
)
def test_an_order_type_wants_its_prices(answer: str, said: str) -> None:
    wrong = an_order(answer)
    assert said in wrong
    assert bool(wrong) is bool(said)


def test_an_order_type_is_typed_in_one_line() -> None:
    assert typed("STOP_LIMIT 75 74.50 gtc") == {
        "type": "stop_limit", "stop_price": "75", "limit_price": "74.50", "time_in_force": "gtc",
    }  # fmt: skip
    assert typed("market") == {"type": "market"}


async def test_what_has_begun_is_not_edited(home: Home) -> None:
    desk = CannedDesk()
    desk.state = snapshot(plans={PLAN: plan_row(PlanState.SELLING, mode=Mode.STEP)})
    desk.document = document("selling", "step")
    async with opened(home, desk=desk) as deck:
        for key in ("d", "m", "J", "u"):
            await deck.press("3", key)
            await deck.until(lambda: "not changed any more" in deck.shown())
        assert desk.asked == []


async def test_what_an_edit_changed_is_compared_in_a_box(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("3", "=")
        await deck.boxed("Prompt")
        await deck.press("enter")
        await deck.boxed("ComparisonScreen")
        assert deck.desk.compared == [(f"{PLAN}@1", PLAN)]
        shown = deck.shown()
        assert "market, day → limit $64.10, gtc" in shown
        assert "(buy [NVDA])" in shown, "outside text is no markup"
        await deck.press("escape", "=", *"b0e1@2", "enter")
        await deck.boxed("ComparisonScreen")
        assert deck.desk.compared[1] == ("b0e1@2", PLAN)


async def test_a_refusal_is_a_sentence_and_its_brackets_are_no_markup(home: Home) -> None:
    async with opened(home) as deck:
        deck.desk.refusals["reconcile"] = (503, "The broker [/x] does not answer [AAPL].")
        await deck.press("R")
        await deck.until(lambda: "does not answer" in deck.shown())
        assert deck.app.is_running


async def test_palette_goes_to_a_held_symbol(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("2", ":", *"nem", "enter")
        await deck.until(lambda: "positions · 7" in deck.shown())
        assert main_of(deck.app).symbol == "NEM"


async def test_filter_shows_only_matching_rows_and_escape_all_again(home: Home) -> None:
    async with opened(home) as deck:
        await deck.press("/", *"materi", "enter")
        assert "JPM" not in deck.shown()
        await deck.press("/", "escape")
        assert "JPM" in deck.shown()


async def test_a_moved_key_is_heard_and_the_old_one_is_not(home: Home) -> None:
    from console.settings import ConsoleSettings

    async with opened(home, settings=ConsoleSettings(keymap={"reconcile.now": "f5"})) as deck:
        await deck.press("R")
        assert deck.desk.asked == []
        await deck.press("f5")
        await deck.asked("reconcile")


async def test_lost_desk_is_said_its_figures_stay_and_it_is_attached_again(home: Home) -> None:
    async with opened(home) as deck:
        await deck.desk.stop()
        await deck.until(lambda: "desk LOST" in deck.shown())
        assert "positions · 7 · as it was" in deck.shown()
        deck.desk.state = deck.desk.state.model_copy(update={"cash_weight": Decimal("0.5")})
        await deck.desk.serve(home.socket)
        await deck.until(lambda: "desk ok" in deck.shown())
        assert "cash 50.0%" in deck.shown()
