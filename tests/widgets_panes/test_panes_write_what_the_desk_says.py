"""Rows, bars and words of the panes: every figure with its sign, what is missing as a dash."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

import themes
from db.model.alert import Alert, AlertSeverity
from db.model.order import OrderState, OrderType, Side
from db.model.snapshot import OrderRow, PositionRow
from widgets import alerts, guide, orders, positions
from widgets.document import moment, number, text
from widgets.plan_detail import BAR_PARTS, bar, cash, findings, troubles, weights

AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def words(cells: tuple[Any, ...]) -> list[str]:
    return [str(cell) for cell in cells]


def held(**changed: Any) -> PositionRow:
    fields: dict[str, Any] = {
        "symbol": "NEM", "account": "main", "sector": "Materials", "qty": Decimal(300),
        "avg_entry_price": Decimal(40), "price": Decimal(64), "price_at": AT,
        "value": Decimal(19200), "weight": Decimal("0.192"), "unrealized_pl": Decimal(7200),
        "unrealized_plpc": Decimal("0.6"),
    }  # fmt: skip
    return PositionRow(**{**fields, **changed})


def test_a_position_shows_sign_and_arrow() -> None:
    shown = words(positions.cells(held(), timedelta(seconds=2)))
    assert shown[:6] == ["NEM", "300", "64.00", "<10s", "▲ +60.00%", "19.2%"]
    assert shown[6:10] == ["—", "19,200.00", "▲ +7,200.00", "—"]


def test_a_position_without_a_price_shows_dashes_never_zeros() -> None:
    missing = dict.fromkeys(("price", "price_at", "value", "weight", "unrealized_pl", "unrealized_plpc"))  # fmt: skip
    shown = words(positions.cells(held(**missing), None))
    assert shown[2:9] == ["—"] * 7


def test_a_locked_position_says_so_without_colour() -> None:
    assert words(positions.cells(held(locked=True), None))[0] == "NEM!"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "<10s"), (9, "<10s"), (10, "10s"), (59, "50s"), (60, "1m!"), (7200, "2h!")],
)
def test_price_ages_change_rarely_and_old_ones_are_marked(seconds: int, shown: str) -> None:
    assert str(positions.price_age(timedelta(seconds=seconds))) == shown


def order(name: str, state: OrderState, minutes: int, **changed: Any) -> OrderRow:
    fields: dict[str, Any] = {
        "client_order_id": name, "plan_id": "p", "step": 1, "account": "main", "symbol": "AA",
        "side": Side.SELL, "qty": Decimal(125), "type": OrderType.MARKET, "limit_price": None,
        "state": state, "filled_qty": Decimal(80), "filled_avg_price": Decimal("36.07"),
        "at": AT + timedelta(minutes=minutes),
    }  # fmt: skip
    return OrderRow(**{**fields, **changed})


def test_working_orders_come_first_then_the_latest() -> None:
    rows = {
        "old": order("old", OrderState.FILLED, 1),
        "new": order("new", OrderState.CANCELED, 2),
        "live": order("live", OrderState.ACKNOWLEDGED, 0),
        "none": order("none", OrderState.REJECTED, 0, at=None),
    }
    assert orders.ordered(rows) == ["live", "none", "new", "old"]


def test_an_order_of_unknown_fate_stands_out_in_words() -> None:
    shown = words(orders.cells(order("x", OrderState.UNKNOWN, 0), NEW_YORK))
    assert shown[4] == "UNKNOWN"
    assert shown[7] == "10:00:00"


def test_an_external_order_is_called_so() -> None:
    shown = words(orders.cells(order("x", OrderState.ACKNOWLEDGED, 0, external=True, step=None), NEW_YORK))  # fmt: skip
    assert shown[9] == "external"


def alert(name: str, severity: AlertSeverity, minutes: int, **changed: Any) -> Alert:
    return Alert(
        alert_id=name, condition="c", subject=name, severity=severity, sentence="s",
        raised_at=AT + timedelta(minutes=minutes), **changed,
    )  # fmt: skip


def test_alerts_are_open_before_seen_before_over_then_worst_then_newest() -> None:
    listed = [
        alert("critical", AlertSeverity.CRITICAL, 0),
        alert("newest", AlertSeverity.WARNING, 5),
        alert("older", AlertSeverity.WARNING, 1),
        alert("seen", AlertSeverity.CRITICAL, 9, acknowledged_at=AT),
        alert("over", AlertSeverity.CRITICAL, 9, cleared_at=AT),
    ]
    shown = alerts.ordered({a.alert_id: a for a in reversed(listed)})
    assert shown == [a.alert_id for a in listed]


STEP = {
    "n": 1, "side": "sell", "symbol": "NEM", "qty": "150", "type": "market", "limit_price": None,
    "expected_price": "64", "expected_value": "9600", "expected_cash_after": "12100", "state": "filled",
    "filled_qty": "150", "filled_avg_price": "63.36", "reason": "r",
}  # fmt: skip


def test_a_filled_step_compares_actual_with_expected() -> None:
    shown = words(guide.cells(STEP))
    assert shown[:8] == ["1", "SELL", "NEM", "150", "✓ filled", "64.00", "63.36", "12,100.00"]
    assert shown[8:10] == ["9,504.00", "▼ −1.00%"]


def test_a_buy_that_was_not_begun_costs_what_is_expected() -> None:
    step = {**STEP, "side": "buy", "state": "planned", "filled_qty": "0", "filled_avg_price": None}
    shown = words(guide.cells(step))
    assert shown[4] == "· planned"
    assert shown[6] == "—"
    assert shown[8] == "−9,600.00"
    assert shown[9] == ""


@pytest.mark.parametrize("state", ["unknown", "rejected", "given_up"])
def test_steps_that_need_an_eye_are_marked(state: str) -> None:
    assert guide.step_state({"state": state}).tone == "warning"


WEIGHTS = st.decimals(0, 1, places=4)


@given(weight=WEIGHTS, full=WEIGHTS, cells=st.integers(1, 40))
def test_a_bar_never_outgrows_its_room_and_something_is_never_nothing(
    weight: Decimal, full: Decimal, cells: int
) -> None:
    drawn = bar(weight, full, cells)
    assert len(drawn) <= cells
    assert bool(drawn) == (weight > 0 and full > 0)
    assert set(drawn) <= set(BAR_PARTS)


@given(one=WEIGHTS, other=WEIGHTS, cells=st.integers(1, 40))
def test_a_bigger_weight_never_has_a_smaller_bar(one: Decimal, other: Decimal, cells: int) -> None:
    def eighths(drawn: str) -> int:
        return sum(BAR_PARTS.index(part) + 1 for part in drawn)

    small, big = sorted((one, other))
    assert eighths(bar(small, Decimal(1), cells)) <= eighths(bar(big, Decimal(1), cells))


def test_sectors_are_shown_before_and_after_with_the_direction() -> None:
    before = {"sectors": [{"sector": "Materials", "weight": "0.468"}]}
    after = {"sectors": [{"sector": "Materials", "weight": "0.25"}, {"sector": "Healthcare", "weight": "0.1"}]}  # fmt: skip
    lines = [line.plain for line in weights(before, after, 60, "sectors", "sector")]
    assert "46.8%" in lines[0]
    assert "25.0%" in lines[0]
    assert lines[0].endswith("▼")
    assert lines[1].startswith("Healthcare")
    assert lines[1].endswith("▲")
    assert all(len(line) <= 60 for line in lines)


def test_blocks_stand_before_warnings_and_passes_are_counted() -> None:
    listed = [
        {"severity": "pass", "check": "a", "message": ""},
        {"severity": "warn", "check": "b", "message": "careful"},
        {"severity": "block", "check": "c", "message": "no [/red]"},
    ]
    lines = [line.plain for line in findings({"findings": listed})]
    assert lines == ["BLOCK c no [/red]", "WARN  b careful", "1 check passed"]


def test_why_steps_ended_otherwise_is_told_once_each() -> None:
    document = {
        "given_up": {"2": "no cash"},
        "steps": [
            {"n": 1, "symbol": "FCX", "orders": [{"reason": "refused"}, {"reason": "refused"}]},
            {"n": 2, "symbol": "AA", "orders": []},
        ],
    }
    assert [line.plain for line in troubles(document)] == ["1 FCX refused", "2 AA no cash"]


def test_missing_cash_is_a_dash() -> None:
    assert cash({}).plain == "cash — (—) → — (—)"


@pytest.mark.parametrize("value", [None, "", "NaN", "Infinity", "x", True, [], {}])
def test_what_is_no_number_is_none(value: object) -> None:
    assert number(value) is None


@pytest.mark.parametrize("value", [None, "", "yesterday", "2026-01-05T15:00:00", 5])
def test_what_is_no_time_with_a_zone_is_none(value: object) -> None:
    assert moment(value) is None


async def test_the_guide_goes_on_to_the_next_step_when_the_one_under_the_cursor_has_ended() -> None:
    def plan(*states: str) -> dict[str, Any]:
        steps = [{**STEP, "n": n, "state": state} for n, state in enumerate(states, 1)]
        return {"plan_id": "p", "verdict": "SAFE", "state": "selling", "steps": steps}

    class Shell(App[None]):
        def get_theme_variable_defaults(self) -> dict[str, str]:
            return dict(themes.OURS)

        def compose(self) -> ComposeResult:
            yield guide.Guide()

    app = Shell()
    async with app.run_test():
        shown = app.query_one(guide.Guide)
        for states, at in (
            (("planned", "planned", "planned"), 1),
            (("acknowledged", "planned", "planned"), 1),
            (("filled", "planned", "planned"), 2),
            (("filled", "rejected", "planned"), 3),
        ):
            shown.show_document(plan(*states))
            assert shown.step is not None
            assert shown.step["n"] == at
        shown.action_guide_previous()
        shown.show_document(plan("filled", "rejected", "filled"))
        assert text(shown.step or {}, "n") == "2"
