"""Guidance, prices and acts of each step (spec 4, Order guidance and Sequencing)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from planning_world import basket, facts, listed, rebalance

from db.model.order import OrderType, Side
from db.model.plan import Plan
from services.planning import Facts, make_plan, revise
from services.planning.guidance import guide
from services.planning.report import markdown
from services.risk.estimate import down, slippage, tick, up

# price, tick, down, up of price + 0.00006
TICKS = [
    ("100", "0.01", "100.00", "100.01"),
    ("1", "0.01", "1.00", "1.01"),
    ("0.9999", "0.0001", "0.9999", "1.0000"),
    ("0.5", "0.0001", "0.5000", "0.5001"),
]


@pytest.mark.parametrize(("price", "step", "lower", "upper"), TICKS)
def test_two_decimals_from_a_dollar_up_four_below(
    price: str, step: str, lower: str, upper: str
) -> None:
    exact = Decimal(price)
    assert tick(exact) == Decimal(step)
    assert f"{down(exact + Decimal('0.00006')):f}" == lower
    assert f"{up(exact + Decimal('0.00006')):f}" == upper


@pytest.mark.parametrize(
    ("share", "bps"),
    # 2 bps at nothing, 10 at 5% of a day's volume and over; half way is 6
    [("0", "2"), ("0.025", "6"), ("0.05", "10"), ("0.5", "10"), ("0.0125", "4"), (None, "10")],
)
def test_slippage_grows_from_two_to_ten_basis_points(share: str | None, bps: str) -> None:
    found = slippage(None if share is None else Decimal(share))
    assert found * 10_000 == Decimal(bps)


def world(**listing: Any) -> Facts:
    one = {"adv": 1_000_000, "spread_bps": 2, **listing}
    return facts((("AAA", "900", "80"),), [listed("AAA", "100", "A", **one)], cash="90000")


SLICED = {"slice_above_adv_share": Decimal("0.01")}
# listing, qty, urgent, policy, type, urgency, seconds, algorithm. Volume 1,000,000 a day.
GUIDES: list[tuple[dict[str, Any], str, bool, dict[str, Any], OrderType, str, int, str | None]] = [
    ({}, "9", False, {}, OrderType.MARKET, "normal", 5, None),  # small and liquid
    ({"spread_bps": 20}, "9", False, {}, OrderType.MARKET, "normal", 5, None),  # 20 bps is not wide
    ({"spread_bps": 22}, "9", False, {}, OrderType.LIMIT, "normal", 30, None),
    ({}, "10000", False, {}, OrderType.MARKET, "normal", 5, None),  # 1% is not large
    ({}, "10001", False, {}, OrderType.LIMIT, "normal", 30, None),
    ({}, "10001", False, SLICED, OrderType.LIMIT, "low", 3600, "twap"),
    ({}, "10001", True, SLICED, OrderType.LIMIT, "high", 3600, "pov"),
    ({}, "9", True, {}, OrderType.LIMIT, "high", 30, None),  # to be out in a hurry: marketable
    ({"adv": 0}, "9", False, {}, OrderType.LIMIT, "normal", 30, None),  # volume not known
]


@pytest.mark.parametrize(
    ("listing", "qty", "urgent", "policy", "kind", "urgency", "seconds", "algorithm"), GUIDES
)
def test_guidance(
    listing: dict[str, Any], qty: str, urgent: bool, policy: dict[str, Any], kind: OrderType,
    urgency: str, seconds: int, algorithm: str | None,
) -> None:  # fmt: skip
    known = world(**listing)
    known = replace(known, policy=known.policy.model_copy(update=policy))
    found = guide(known, "AAA", Side.SELL, Decimal(qty), urgent=urgent)
    assert (found.type, found.urgency, found.seconds) == (kind, urgency, seconds)
    assert (found.algorithm.name.value if found.algorithm else None) == algorithm
    if kind is OrderType.LIMIT:
        bid = known.quotes["AAA"].bid
        assert bid is not None
        assert found.limit_price == up(bid * Decimal("0.995"))  # the band of 0.5%, up to the tick


# urgent, how large, spread → the end of the sentence
WORDS: list[tuple[bool, str, int, dict[str, Any], str]] = [
    (False, "9", 2, {}, "MARKET: small and liquid, in regular hours"),
    (True, "9", 2, {}, "it is to be out in a hurry, then MARKET for what 10 s did not fill"),
    (True, "9", 22, {}, "the spread is 22 bps, then MARKET for what 10 s did not fill"),
    (True, "10001", 2, {}, "it is 1.0% of a day's volume, then MARKET for what 10 s did not fill"),
    (True, "10001", 2, SLICED, "it is 1.0% of a day's volume, in pieces over 60 minutes (POV)"),
    (False, "10001", 2, SLICED, "(TWAP), evenly: how its volume lies over the day is not known"),
]


@pytest.mark.parametrize(("urgent", "qty", "spread", "policy", "words"), WORDS)
def test_the_sentence_says_what_comes_after(
    urgent: bool, qty: str, spread: int, policy: dict[str, Any], words: str
) -> None:
    known = world(spread_bps=spread)
    known = replace(known, policy=known.policy.model_copy(update=policy))
    assert guide(known, "AAA", Side.SELL, Decimal(qty), urgent=urgent).why.endswith(words)


def test_where_the_volume_of_the_day_is_known_it_is_followed() -> None:
    known = world()
    shaped = known.instruments["AAA"].model_copy(update={"volume_profile": (Decimal(1),) * 13})
    policy = known.policy.model_copy(update=SLICED)
    known = replace(known, policy=policy, instruments={**known.instruments, "AAA": shaped})
    found = guide(known, "AAA", Side.SELL, Decimal(10_001))
    assert found.algorithm is not None
    assert (found.algorithm.name.value, found.urgency) == ("vwap", "low")
    assert found.why.endswith("in pieces over 60 minutes (VWAP)")
    urgent = guide(known, "AAA", Side.SELL, Decimal(10_001), urgent=True).algorithm
    assert urgent is not None
    assert urgent.name.value == "pov"


def test_the_market_closed_makes_it_a_limit_and_no_touch_a_market_order() -> None:
    known = world()
    closed = replace(known, clock=None)
    assert guide(closed, "AAA", Side.BUY, Decimal(9)).type is OrderType.LIMIT
    assert guide(replace(known, quotes={}), "AAA", Side.SELL, Decimal(9)).type is OrderType.MARKET


def test_each_fill_is_expected_between_the_touch_and_the_conservative_price() -> None:
    plan, quotes = rebalance(), world().quotes
    for step in plan.steps:
        assert step.expected_low is not None
        assert step.expected_high is not None
        assert step.expected_low <= step.expected_high
        worst = step.expected_low if step.side is Side.SELL else step.expected_high
        assert worst == step.expected_price
    assert quotes


def protected(qty: str, available: str) -> Plan:
    known = world()
    (held,) = known.portfolio.positions
    tied = held.model_copy(
        update={
            "qty_available": Decimal(available),
            "qty_protected": held.qty - Decimal(available),
        }
    )
    known = replace(known, portfolio=known.portfolio.model_copy(update={"positions": (tied,)}))
    return make_plan(basket(f"AAA,sell,{qty}"), known, "1", "sim")


@pytest.mark.parametrize(
    ("qty", "available", "acts"),
    [
        ("500", "900", ()),  # nothing is tied
        ("500", "500", ()),  # as many are free
        ("500", "400", ("cancel the protection of 500", "sell 500", "protect the 400 that stay")),
        ("900", "0", ("cancel the protection of 900", "sell 900")),
    ],
)
def test_a_sale_of_protected_shares_is_one_step_with_three_acts(
    qty: str, available: str, acts: tuple[str, ...]
) -> None:
    plan = protected(qty, available)
    assert plan.steps[0].acts == acts
    assert not [f for f in plan.findings if f.check == "share_sufficiency" and f.severity != "pass"]
    for act in acts:
        assert act in markdown(plan)


def test_a_purchase_that_the_broker_protects_says_with_what() -> None:
    known = facts((), [listed("AAA", "100", "A", spread_bps=0)], cash="90000")
    (step,) = make_plan(basket("AAA,buy,9"), known, "1", "sim").steps
    assert step.acts == (
        "buy 9",
        f"protect them: stop {step.stop_loss_price:f}, target {step.target_price:f}",
    )


def test_an_edit_and_its_undoing_give_the_same_hash() -> None:
    known = facts((("AAA", "90", "80"),), [listed("AAA", "100", "A"), listed("BBB", "50", "B")])
    plan = make_plan(basket("AAA,sell,40", "BBB,buy,30"), known, "1", "sim")
    edited = revise(plan, known, resize={1: Decimal(30)})
    assert edited.hash != plan.hash
    assert revise(edited, known, resize={1: Decimal(40)}).hash == plan.hash


def test_the_report_shows_the_cash_of_each_account_and_the_taxes() -> None:
    text = markdown(rebalance())
    assert "## Taxes, estimated (fifo)" in text
    assert "## Cash of each account" not in text, "one account: the sequence shows it"
