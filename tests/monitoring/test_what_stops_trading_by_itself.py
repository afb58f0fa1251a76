"""Each trigger trips at its policy's limit, once, and is off where the policy says so (spec 5, Kill
switch; invariants 5, 24)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from db.model.event import Event
from db.model.policy import Policy
from db.model.trading import TradingState
from services.monitoring.rates import Rates
from services.monitoring.streak import RoundTrips
from services.monitoring.triggers import TRIGGERS, Danger, tripped, true_now
from services.risk.policy import CAN_BE_OFF, load_policy

STRICT = load_policy("strict")
NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
AT_LIMIT: dict[str, dict[str, Any]] = {
    "journal_stall": {"stall_seconds": 5},
    "daily_loss": {"lost": "0.05"},
    "loss_streak": {"losses_in_a_row": 3},
    "mismatch": {"mismatch": "ours has 5, the broker 6.", "mismatch_seconds": 120},
    "blind": {"blind_seconds": 60},
    "sends": {"sends": 61},
    "rejects": {"rejects": 6},
    "repeats": {"repeats": 11},
    "unattended": {"idle_seconds": 300, "plans_working": 1},
}
JUST_UNDER: dict[str, dict[str, Any]] = {
    "journal_stall": {"stall_seconds": "4.9"},
    "daily_loss": {"lost": "0.0499"},
    "loss_streak": {"losses_in_a_row": 2},
    "mismatch": {"mismatch": "ours has 5, the broker 6.", "mismatch_seconds": 119},
    "blind": {"blind_seconds": "59.9"},
    "sends": {"sends": 60},
    "rejects": {"rejects": 5},
    "repeats": {"repeats": 10},
    "unattended": {"idle_seconds": 300, "plans_working": 0},
}


def danger(policy: Policy = STRICT, **seen: Any) -> Danger:
    return Danger.model_validate({"policy": policy, **seen})


def test_every_trigger_that_is_looked_at_is_tried_here() -> None:
    assert set(AT_LIMIT) == {t.id for t in TRIGGERS.values() if t.look is not None}
    assert {t.switch for t in TRIGGERS.values()} - {None} <= set(Policy.model_fields)


@pytest.mark.parametrize("name", AT_LIMIT)
def test_a_trigger_trips_at_its_limit_and_not_before(name: str) -> None:
    assert true_now(danger(**JUST_UNDER[name])) == {}
    true = true_now(danger(**AT_LIMIT[name]))
    assert list(true) == [name]
    assert true[name].endswith(".")


@pytest.mark.parametrize("name", AT_LIMIT)
def test_what_the_policy_switches_off_never_trips(name: str) -> None:
    switch = TRIGGERS[name].switch
    assert switch is not None
    if switch in CAN_BE_OFF:
        off = STRICT.model_copy(update={switch: None})
        assert true_now(danger(off, **AT_LIMIT[name])) == {}


def test_caps_and_the_unattended_rule_reduce_everything_else_halts() -> None:
    reducing = {t.id for t in TRIGGERS.values() if t.state is TradingState.REDUCING}
    assert reducing == {"sends", "rejects", "repeats", "unattended"}


def test_what_stays_true_trips_once_and_again_only_after_it_was_over() -> None:
    true = true_now(danger(**AT_LIMIT["daily_loss"]))
    assert [trip.trigger.id for trip in tripped(true, ())] == ["daily_loss"]
    assert tripped(true, true) == ()
    assert tripped(true_now(danger()), true) == ()
    assert len(tripped(true, ())) == 1


def test_halts_come_before_what_only_reduces() -> None:
    true = true_now(danger(**AT_LIMIT["sends"], **AT_LIMIT["blind"]))
    assert [trip.trigger.id for trip in tripped(true, ())] == ["blind", "sends"]


def event(kind: str, second: float = 0, symbol: str = "AAA", **payload: Any) -> Event:
    return Event(
        kind=kind,
        account="main",
        symbol=symbol,
        payload=payload,
        seq=1,
        at=NOON + timedelta(seconds=second),
        prev_hash="",
        hash="",
    )


def intent(second: float, symbol: str = "AAA", side: str = "buy") -> Event:
    return event("OrderIntended", second, symbol, order={"side": side})


def test_sends_rejects_and_repeats_of_the_last_minute_are_counted() -> None:
    rates = Rates()
    rates.apply([intent(0), intent(1), intent(2, side="sell"), intent(3, "BBB")])
    rates.apply([event("OrderRejected", 4)])
    assert rates.counts(NOON + timedelta(seconds=10)) == (4, 1, 1)
    assert rates.counts(NOON + timedelta(seconds=61.5)) == (2, 1, 0)
    assert rates.counts(NOON + timedelta(seconds=70)) == (0, 0, 0)


def fill(side: str, qty: int, price: str, symbol: str = "AAA") -> Event:
    return event("FillReceived", 0, symbol, fill={"side": side, "qty": str(qty), "price": price})


def lost(symbol: str) -> list[Event]:
    return [
        fill("buy", 10, "50", symbol),
        fill("sell", 4, "52", symbol),
        fill("sell", 6, "40", symbol),
    ]


def test_a_round_trip_counts_when_it_is_flat_again_with_all_its_parts() -> None:
    trips = RoundTrips()
    trips.apply(lost("AAA")[:2])
    assert trips.losses_in_a_row == 0
    trips.apply([*lost("AAA")[2:], *lost("BBB")])
    assert trips.losses_in_a_row == 2
    trips.apply([fill("buy", 1, "10"), fill("sell", 1, "11")])
    assert trips.losses_in_a_row == 0


def test_shorts_adopted_holdings_and_turns_are_round_trips_too() -> None:
    trips = RoundTrips()
    trips.apply([event("PositionAdopted", qty="5", avg_entry_price="100"), fill("sell", 8, "90")])
    assert trips.losses_in_a_row == 1, "sold under cost, and three more are short at 90"
    trips.apply([fill("buy", 3, "95")])
    assert trips.losses_in_a_row == 2


@pytest.mark.parametrize("kind", ["DayStarted", "TradingResumed"])
def test_a_new_day_and_a_resume_begin_the_count_anew(kind: str) -> None:
    trips = RoundTrips()
    trips.apply([*lost("AAA"), event(kind)])
    assert trips.losses_in_a_row == 0


def test_the_day_s_gain_is_no_loss() -> None:
    assert true_now(danger(lost=Decimal("-0.5"))) == {}
