"""Target weights: bands, modes, edges, and cash that pays for it (spec 4, From target weights)."""

from dataclasses import replace
from typing import Any

import pytest
from planning_world import facts, listed, orders

from db.model.policy import Policy
from db.model.proposal import WeightsProposal
from services.intake.refusal import RefusedInputError
from services.planning import Facts, make_plan

MARKET = [
    listed("AAA", "100", "A"), listed("BBB", "50", "B"), listed("CCC", "10", "C"), listed("DDD", "400", "D"),
]  # fmt: skip
FREE = {
    "max_position_weight": None, "max_sector_weight": None, "max_sector_increase": None,
    "min_cash_weight": None, "warn_cash_weight": None, "min_position_value": None,
    "min_trade_value": None, "max_order_value": None, "max_risk_per_trade": None,
}  # fmt: skip


def limits(known: Facts, **changed: Any) -> Facts:
    policy = Policy.model_validate({**known.policy.model_dump(), **FREE, **changed})
    return replace(known, policy=policy)


def book(held: dict[str, str], cash: str, **changed: Any) -> Facts:
    positions = [(symbol, qty, "60") for symbol, qty in held.items()]
    return limits(facts(positions, MARKET, cash=cash), **changed)


def wanted(weights: dict[str, str], **more: Any) -> WeightsProposal:
    return WeightsProposal.model_validate(
        {"source": "weights.csv", "sha256": "0", "weights": weights, **more}
    )


def moved(known: Facts, proposal: WeightsProposal) -> list[str]:
    return [
        f"{side} {qty:f} {symbol}"
        for side, symbol, qty in orders(make_plan(proposal, known, "1", "sim"))
    ]


SELL_ALL = {"unlisted": "sell"}
# held, cash, weights, asked besides, policy, orders. Prices AAA 100, BBB 50, CCC 10, DDD 400.
TABLE: list[tuple[dict[str, str], str, dict[str, str], dict[str, Any], dict[str, Any], list[str]]] = [
    # equity 10,000: 30% of it is 3,000 ÷ 100
    ({}, "10000", {"AAA": "0.3"}, {}, {}, ["buy 30 AAA"]),
    ({}, "10000", {"AAA": "0.305"}, {}, {}, ["buy 30 AAA"]),  # 30.5 shares: rounded down
    ({}, "10000", {"DDD": "0.03"}, {}, {}, []),  # 300 is less than one share of 400
    ({}, "10000", {"AAA": "0.3", "BBB": "0.3"}, {}, {}, ["buy 30 AAA", "buy 60 BBB"]),
    # 40 × 100 of 10,000 is 40%: 10 pp over, 1,000 ÷ 100
    ({"AAA": "40"}, "6000", {"AAA": "0.3"}, {}, {}, ["sell 10 AAA"]),
    ({"AAA": "40"}, "6000", {"AAA": "0.305"}, {}, {}, ["sell 9 AAA"]),  # 9.5: not past the target
    ({"AAA": "20"}, "8000", {"AAA": "0.3"}, {}, {}, ["buy 10 AAA"]),
    # the absolute band, 1 pp: 31 shares are 31%, 32 are 32%
    ({"AAA": "31"}, "6900", {"AAA": "0.3"}, {}, {}, []),
    ({"AAA": "32"}, "6800", {"AAA": "0.3"}, {}, {}, ["sell 2 AAA"]),
    ({"AAA": "29"}, "7100", {"AAA": "0.3"}, {}, {}, []),
    ({"AAA": "28"}, "7200", {"AAA": "0.3"}, {}, {}, ["buy 2 AAA"]),
    # the relative band, 10% of 5% is half a point: narrower than 1 pp
    ({"CCC": "55"}, "9450", {"CCC": "0.05"}, {}, {}, []),  # 5.5%
    ({"CCC": "56"}, "9440", {"CCC": "0.05"}, {}, {}, ["sell 6 CCC"]),  # 5.6% → 5.0%
    ({"CCC": "45"}, "9550", {"CCC": "0.05"}, {}, {}, []),
    ({"CCC": "44"}, "9560", {"CCC": "0.05"}, {}, {}, ["buy 6 CCC"]),
    ({"AAA": "34"}, "6600", {"AAA": "0.3"}, {}, {"drift_band": "0.05", "drift_band_relative": None}, []),
    ({"AAA": "36"}, "6400", {"AAA": "0.3"}, {}, {"drift_band": "0.05", "drift_band_relative": None}, ["sell 6 AAA"]),
    ({"AAA": "33"}, "6700", {"AAA": "0.3"}, {}, {"drift_band": None}, []),  # 10% of 30% is 3 pp
    ({"AAA": "34"}, "6600", {"AAA": "0.3"}, {}, {"drift_band": None}, ["sell 4 AAA"]),
    ({"CCC": "301"}, "6990", {"CCC": "0.3"}, {}, {"drift_band": None, "drift_band_relative": None}, ["sell 1 CCC"]),
    # to the edge of the band: 30% ± 1 pp, from 40% to 31%: 900
    ({"AAA": "40"}, "6000", {"AAA": "0.3"}, {}, {"rebalance_to": "edge"}, ["sell 9 AAA"]),
    ({"AAA": "20"}, "8000", {"AAA": "0.3"}, {}, {"rebalance_to": "edge"}, ["buy 9 AAA"]),  # to 29%
    ({"CCC": "100"}, "9000", {"CCC": "0.05"}, {}, {"rebalance_to": "edge"}, ["sell 45 CCC"]),  # to 5.5%
    ({"AAA": "40"}, "6000", {"AAA": "0"}, {}, {"rebalance_to": "edge"}, ["sell 40 AAA"]),  # nothing has no band
    # what is held and not named
    ({"AAA": "30", "BBB": "20"}, "6000", {"AAA": "0.3"}, {}, {}, []),
    ({"AAA": "30", "BBB": "20"}, "6000", {"AAA": "0.3"}, SELL_ALL, {}, ["sell 20 BBB"]),
    ({"BBB": "2.5"}, "9875", {"AAA": "0.3"}, SELL_ALL, {}, ["sell 2.5 BBB", "buy 30 AAA"]),  # fractions held go whole
    ({"AAA": "30"}, "7000", {"AAA": "0"}, {}, {}, ["sell 30 AAA"]),
    # sells before buys: 40% AAA to 10% frees 3,000; 30% BBB is 3,000 ÷ 50
    ({"AAA": "40"}, "6000", {"AAA": "0.1", "BBB": "0.3"}, {}, {}, ["sell 30 AAA", "buy 60 BBB"]),
    # modes
    ({"AAA": "40"}, "6000", {"AAA": "0.1", "BBB": "0.3"}, {}, {"rebalance_mode": "buy_only"}, ["buy 60 BBB"]),
    ({"AAA": "40"}, "6000", {"AAA": "0.1", "BBB": "0.3"}, {}, {"rebalance_mode": "sell_only"}, ["sell 30 AAA"]),
    # cash first: 6,000 idle pays for 3,000 of BBB
    ({"AAA": "40"}, "6000", {"AAA": "0.1", "BBB": "0.3"}, {}, {"rebalance_mode": "cash_first"}, ["buy 60 BBB"]),
    # 1,000 idle, 3,000 wanted: 2,000 of AAA must go, of the 8,000 that lie over
    ({"AAA": "90"}, "1000", {"AAA": "0.1", "BBB": "0.3"}, {}, {"rebalance_mode": "cash_first"}, ["sell 20 AAA", "buy 59 BBB"]),
    # what is furthest over goes first: AAA 80% → 20%, CCC 15% → 5%; 1,000 are missing
    ({"AAA": "80", "CCC": "150"}, "500", {"AAA": "0.2", "CCC": "0.05", "BBB": "0.15"}, {}, {"rebalance_mode": "cash_first"}, ["sell 10 AAA", "buy 29 BBB"]),
    # cash: 95% of 10,000 may be spent; 100% is asked for, so all shrink by one factor
    ({}, "10000", {"AAA": "0.5", "BBB": "0.5"}, {}, {"min_cash_weight": "0.05"}, ["buy 47 AAA", "buy 94 BBB"]),
    ({}, "10000", {"AAA": "0.9"}, {"cash_weight": "0.3"}, {}, ["buy 69 AAA"]),  # 7,000 ÷ 100.03
    ({}, "10000", {"AAA": "0.9"}, {"cash_weight": "0.3"}, {"min_cash_weight": "0.5"}, ["buy 49 AAA"]),  # the policy's is stricter
    ({"BBB": "190"}, "500", {"AAA": "0.5"}, {}, {"min_cash_weight": "0.05"}, []),  # 500 is the buffer
    # too small
    ({}, "10000", {"CCC": "0.009"}, {}, {"min_trade_value": "100"}, []),  # 90
    ({}, "10000", {"CCC": "0.01"}, {}, {"min_trade_value": "100"}, ["buy 10 CCC"]),
    ({}, "10000", {"CCC": "0.04"}, {}, {"min_position_value": "500"}, []),  # 400
    ({"CCC": "30"}, "9700", {"CCC": "0.05"}, {}, {"min_position_value": "500"}, ["buy 20 CCC"]),  # with 300 held: 500
    ({"CCC": "60"}, "9400", {"CCC": "0.052"}, {}, {"min_trade_value": "100"}, []),  # 80 too much
    ({"CCC": "60"}, "9400", {"CCC": "0.04"}, {}, {"min_position_value": "500"}, ["sell 60 CCC"]),  # 400 would be a stub
]  # fmt: skip


@pytest.mark.parametrize(("held", "cash", "weights", "asked", "policy", "expected"), TABLE)
def test_weights(
    held: dict[str, str], cash: str, weights: dict[str, str], asked: dict[str, Any],
    policy: dict[str, Any], expected: list[str],
) -> None:  # fmt: skip
    known = book(held, cash, **policy)
    proposal = wanted(weights, **asked)
    assert sorted(moved(known, proposal)) == sorted(expected)
    plan = make_plan(proposal, known, "1", "sim")
    named = {*weights, *held}
    done = {step.symbol for step in plan.steps}
    assert named <= done | {skip.symbol for skip in plan.skipped}, "each is traded or says why not"
    assert [s.side for s in plan.steps] == sorted((s.side for s in plan.steps), reverse=True)


def test_shares_tied_to_other_orders_are_not_sold() -> None:
    known = book({"AAA": "40"}, "6000")
    (held,) = known.portfolio.positions
    tied = held.model_copy(update={"qty_available": held.qty - 35})
    known = replace(known, portfolio=known.portfolio.model_copy(update={"positions": (tied,)}))
    assert moved(known, wanted({"AAA": "0.3"})) == ["sell 5 AAA"]


def test_what_has_no_quote_is_said_and_nothing_is_guessed() -> None:
    known = book({}, "10000")
    blind = replace(known, quotes={"BBB": known.quotes["BBB"]})
    plan = make_plan(wanted({"AAA": "0.3", "BBB": "0.3"}), blind, "1", "sim")
    assert [step.symbol for step in plan.steps] == ["BBB"]
    assert plan.verdict == "BLOCKED"


@pytest.mark.parametrize(
    ("weights", "more", "said"),
    [
        ({"NIX": "0.3"}, {}, "weights.csv: NIX is not a symbol that the broker lists (field NIX)."),
        ({"AAA": "0.3"}, {"account": "ira"}, "there is no account ira, expected one of main"),
    ],
)
def test_what_nobody_knows_is_refused(
    weights: dict[str, str], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(RefusedInputError) as refused:
        make_plan(wanted(weights, **more), book({}, "10000"), "1", "sim")
    assert said.split(" (field")[0].split(": ")[-1] in str(refused.value)
