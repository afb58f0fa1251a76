"""Spec 6, Alerts: raised once per condition until it clears, with hysteresis."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import make_escalation

from db.model.alert import Alert, AlertSeverity
from db.model.escalation import Outcome
from db.model.order import OrderState, OrderType, Side
from db.model.policy import Policy
from db.model.portfolio import Position
from db.model.reconciliation import Mismatch, MismatchKind
from db.model.run import ChildOrder
from db.model.snapshot import FeedHealth
from db.model.trading import TradingState
from services.monitoring.conditions import CONDITIONS
from services.monitoring.situation import Price, Protection, Situation
from services.monitoring.watch import CALM_SECONDS, Watch, acknowledged, look, restored

NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
NO_THRESHOLDS = dict.fromkeys(
    name for name, field in Policy.model_fields.items() if field.is_required()
)
POLICY = Policy(
    **NO_THRESHOLDS
    | {
        "name": "standard",
        "min_cash_weight": Decimal("0.05"),
        "daily_loss_limit": Decimal("0.10"),
        "limit_band": Decimal("0.005"),
        "stale_price_seconds": 5,
    }
)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def feed(**changed: Any) -> FeedHealth:
    well = {"orders_connected": True, "quotes_connected": True, "quote_age": Decimal(0)}
    return FeedHealth(**well | changed)


def held(qty: int = 10) -> Position:
    return Position(
        account="main", symbol="NEM", qty=Decimal(qty), qty_available=Decimal(qty),
        avg_entry_price=Decimal(100),
    )  # fmt: skip


def situation(
    seconds: float = 0,
    *,
    price: str | None = "100",
    age: str = "0",
    qty: int = 10,
    stop: str | None = "92",
    target: str | None = "116",
    **changed: Any,
) -> Situation:
    """All is well: one position, a fresh price, cash and equity as at the day's start."""
    well: dict[str, Any] = {
        "at": at(seconds),
        "market_open": True,
        "policy": POLICY,
        "positions": (held(qty),) if qty else (),
        "protections": (
            Protection(account="main", symbol="NEM", stop_price=stop, target_price=target),
        ),
        "prices": (Price(symbol="NEM", price=price, age=age),) if price else (),
        "feed": feed(),
        "cash": Decimal(10_000),
        "equity": Decimal(100_000),
        "day_start_equity": Decimal(100_000),
    }
    return Situation.model_validate(well | changed)


def order(state: OrderState) -> ChildOrder:
    return ChildOrder(
        client_order_id="qd-1", plan_id="p1", step=1, account="main", symbol="NEM", side=Side.SELL,
        qty=Decimal(10), type=OrderType.MARKET, state=state, reason="no answer in 10 s",
    )  # fmt: skip


MISMATCH = Mismatch(
    kind=MismatchKind.GHOST, account="main", subject="AA", symbol="AA", ours=Decimal(0),
    broker=Decimal(5), explanation="The broker holds 5 AA.",
)  # fmt: skip


def raised(now: Situation, before: Watch | None = None) -> list[tuple[str, str]]:
    return [(a.condition, a.subject) for a in look(before or Watch(), now).raised]


@pytest.mark.parametrize(
    ("minutes", "outcome", "condition"),
    [
        # Asked at noon, until 12:30; the last five minutes are near.
        (24.9, Outcome.OPEN, None),
        (25, Outcome.OPEN, "escalation_due"),
        (30, Outcome.EXPIRED, "escalation_expired"),
        (25, Outcome.GRANTED, None),
        (25, Outcome.REFUSED, None),
    ],
)
def test_a_deadline_is_told_when_it_is_near_and_when_it_has_passed(
    minutes: float, outcome: Outcome, condition: str | None
) -> None:
    asked = make_escalation(outcome=outcome)
    change = look(Watch(), situation(minutes * 60, escalations=(asked,)))
    assert [alert.condition for alert in change.raised] == ([condition] if condition else [])
    for alert in change.raised:
        assert "Jane Roe" in alert.sentence
        assert "17:30:00 UTC" in alert.sentence
    # Answered, or the plan changed: it is over at the next look.
    after = look(change.watch, situation(minutes * 60 + 1))
    assert len(after.cleared) == len(change.raised)


def test_all_is_well() -> None:
    assert raised(situation()) == []


@pytest.mark.parametrize(
    ("changed", "condition", "subject", "severity"),
    [
        ({"price": "92"}, "stop_hit", "main/NEM", AlertSeverity.CRITICAL),
        ({"price": "80"}, "stop_hit", "main/NEM", AlertSeverity.CRITICAL),
        ({"price": "116"}, "target_reached", "main/NEM", AlertSeverity.INFO),
        (
            {"price": "110", "qty": -10, "stop": "108", "target": "84"},
            "stop_hit", "main/NEM", AlertSeverity.CRITICAL,
        ),
        (
            {"price": "84", "qty": -10, "stop": "108", "target": "84"},
            "target_reached", "main/NEM", AlertSeverity.INFO,
        ),
        ({"age": "5.1"}, "price_stale", "NEM", AlertSeverity.WARNING),
        ({"price": None}, "price_stale", "NEM", AlertSeverity.WARNING),
        ({"cash": "4999"}, "cash_below_buffer", "portfolio", AlertSeverity.WARNING),
        ({"feed": feed(orders_connected=False)}, "stream_down", "orders", AlertSeverity.WARNING),
        ({"feed": feed(quotes_connected=False)}, "stream_down", "quotes", AlertSeverity.WARNING),
        ({"feed": feed(polling=True)}, "stream_down", "quotes", AlertSeverity.WARNING),
        ({"orders": (order(OrderState.REJECTED),)}, "order_rejected", "qd-1", AlertSeverity.WARNING),
        ({"orders": (order(OrderState.UNKNOWN),)}, "order_unknown", "qd-1", AlertSeverity.CRITICAL),
        (
            {"mismatches": (MISMATCH,)},
            "reconciliation_mismatch", "ghost:main:AA", AlertSeverity.CRITICAL,
        ),
        (
            {"trading_state": TradingState.HALTED},
            "trading_halted", "trading", AlertSeverity.WARNING,
        ),
    ],
    ids=range(15),
)  # fmt: skip
def test_a_condition_raises_its_alert(
    changed: dict[str, Any], condition: str, subject: str, severity: AlertSeverity
) -> None:
    (alert,) = look(Watch(), situation(**changed)).raised
    assert (alert.condition, alert.subject, alert.severity) == (condition, subject, severity)
    assert "{" not in alert.sentence
    assert alert.suggested_action


@pytest.mark.parametrize(
    ("equity", "levels"),
    [("95001", []), ("95000", ["50"]), ("92000", ["50", "80"]), ("89000", ["50", "80", "100"])],
)
def test_the_days_loss_is_told_at_half_at_four_fifths_and_at_its_limit(
    equity: str, levels: list[str]
) -> None:
    found = raised(situation(equity=equity, cash="10000"))
    assert found == [(f"daily_loss_{level}", "portfolio") for level in levels]


@pytest.mark.parametrize(
    "changed",
    [
        {"market_open": False, "age": "9999"},
        {"market_open": False, "feed": feed(polling=True)},
        {"qty": 0, "price": None},
        {"stop": None, "target": None, "price": "1"},
        {"cash": None},
        {"equity": None},
        {"day_start_equity": None, "equity": "1", "cash": "1"},
        {"policy": POLICY.model_copy(update={"min_cash_weight": None}), "cash": "0"},
        {"policy": POLICY.model_copy(update={"daily_loss_limit": None}), "equity": "50000"},
    ],
    ids=range(9),
)
def test_what_is_not_known_or_not_asked_for_raises_nothing(changed: dict[str, Any]) -> None:
    assert raised(situation(**changed)) == []


def test_an_old_price_at_the_stop_raises_it_but_an_old_price_above_never_clears_it() -> None:
    hit = look(Watch(), situation(price="90", age="60")).watch
    assert "stop_hit:main/NEM" in hit.open
    for seconds in range(0, 300, 10):
        hit = look(hit, situation(seconds, price="99", age="60")).watch
        assert "stop_hit:main/NEM" in hit.open


def test_it_clears_when_what_it_was_about_is_gone() -> None:
    hit = look(Watch(), situation(price="90")).watch
    change = look(hit, situation(1, price="90", qty=0))
    assert [alert.condition for alert in change.cleared] == ["stop_hit"]
    assert change.cleared[0].cleared_at == at(1)
    resolved = look(
        look(Watch(), situation(orders=(order(OrderState.UNKNOWN),))).watch, situation(1)
    )
    assert [alert.condition for alert in resolved.cleared] == ["order_unknown"]


def test_it_clears_once_it_has_been_over_for_a_while() -> None:
    watch = look(Watch(), situation(price="92")).watch
    watch = look(watch, situation(1, price="92.46")).watch  # the band ends at 92.46
    assert not watch.calm_since
    watch = look(watch, situation(2, price="93")).watch
    assert look(watch, situation(1 + CALM_SECONDS, price="93")).cleared == ()
    assert len(look(watch, situation(2 + CALM_SECONDS, price="93")).cleared) == 1


def test_a_relapse_begins_the_wait_anew() -> None:
    watch = look(Watch(), situation(price="92")).watch
    for seconds, price in ((1, "95"), (20, "92.1"), (21, "95")):
        watch = look(watch, situation(seconds, price=price)).watch
    assert look(watch, situation(20 + CALM_SECONDS, price="95")).cleared == ()
    assert len(look(watch, situation(21 + CALM_SECONDS, price="95")).cleared) == 1


def test_an_acknowledged_alert_stays_open_and_is_not_raised_again() -> None:
    watch = look(Watch(), situation(price="90")).watch
    (alert,) = watch.open.values()
    watch = acknowledged(watch, alert.alert_id, at(1))
    assert watch.open[alert.key].acknowledged_at == at(1)
    assert raised(situation(2, price="89"), watch) == []
    with pytest.raises(KeyError):
        acknowledged(watch, "none", at(1))


def test_a_restart_raises_nothing_twice() -> None:
    first = look(Watch(), situation(price="90", cash="1"))
    over = first.raised[0].model_copy(update={"cleared_at": at(0)})
    assert list(restored([over, first.raised[1]]).open.values()) == [first.raised[1]]
    assert raised(situation(1, price="90", cash="1"), restored(first.raised)) == []


situations = st.builds(
    lambda price, age, cash, equity, up, unknown: {
        "price": price, "age": age, "cash": cash, "equity": equity,
        "feed": feed(orders_connected=up),
        "orders": (order(OrderState.UNKNOWN),) if unknown else (),
    },
    st.one_of(st.none(), st.decimals(90, 120, places=2).map(str)),
    st.integers(0, 10).map(str),
    st.sampled_from(["4900", "5000", "5040", "5060"]),
    st.decimals(88_000, 101_000, places=0).map(str),
    st.booleans(),
    st.booleans(),
)  # fmt: skip
lives = st.lists(st.tuples(st.integers(1, 40), situations), max_size=40)
GONE_AT_ONCE = {"order_unknown"}
"""Their subject ends: an order that is resolved is not unknown again for the same reason."""


@given(life=lives)
def test_whatever_happens_no_alert_flaps(life: list[tuple[int, dict[str, Any]]]) -> None:
    watch, now = Watch(), 0
    opened: dict[str, list[int]] = {}
    for step, changed in life:
        now += step
        change = look(watch, situation(now, **changed))
        before = set(watch.open)
        watch = change.watch
        for alert in change.raised:
            assert alert.key not in before
            opened.setdefault(alert.key, []).append(now)
        for alert in change.cleared:
            assert alert.key in before
        assert set(watch.open) == (before | keys(change.raised)) - keys(change.cleared)
    for key, times in opened.items():
        if key.partition(":")[0] in GONE_AT_ONCE:
            continue
        for first, again in pairwise(times):
            assert again - first > CALM_SECONDS
        assert len(times) <= 1 + now // CALM_SECONDS


@given(
    prices=st.lists(st.decimals("91.5", "92.46", places=2).map(str), min_size=1, max_size=40),
    step=st.integers(1, 600),
)
def test_between_the_two_lines_nothing_changes(prices: list[str], step: int) -> None:
    """A price that dances around the stop raises one alert, whatever the time it takes."""
    watch = look(Watch(), situation(price="92")).watch
    for n, price in enumerate(prices, start=1):
        change = look(watch, situation(n * step, price=price))
        assert (change.raised, change.cleared) == ((), ())
        watch = change.watch


def keys(alerts: tuple[Alert, ...]) -> set[str]:
    return {alert.key for alert in alerts}


def test_the_table_names_every_condition_once_with_words_and_an_action() -> None:
    assert all(name == condition.id for name, condition in CONDITIONS.items())
    for condition in CONDITIONS.values():
        assert condition.sentence.endswith((".", "{explanation}"))
        assert condition.action.endswith(".")
