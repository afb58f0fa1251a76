"""Single stocks and idle cash: how many shares, with which stop, and what refuses them (spec 2, B to
D; spec 4, Sizing and Deploying idle cash)."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from planning_world import facts, listed, of, orders

from db.model.idea import Idea
from db.model.market import Bar
from db.model.plan import Plan, Severity
from db.model.policy import Policy
from db.model.proposal import DeployProposal, IdeasProposal
from services.intake.refusal import RefusedInputError
from services.planning import Facts, make_plan
from services.planning.deploy import shares
from services.planning.sizing import atr, sized
from services.risk.catalogue import STOCK_VALIDATION

MARKET = [
    listed("NVDA", "180", "Technology"), listed("TSLA", "400", "Consumer Discretionary"),
    listed("TQQQ", "50", "Technology"), listed("XOM", "120", "Energy"), listed("GE", "20", "Industrials"),
]  # fmt: skip
RANKS = {"Technology": 1, "Consumer Discretionary": 2, "Energy": 3, "Industrials": 6}


def world(
    held: tuple[tuple[str, str, str], ...] = (), cash: str = "100000", **changed: Any
) -> Facts:
    known = facts(held, MARKET, cash=cash, ranks=RANKS, picks=[("GE", "Industrials", 90)])
    return replace(known, policy=changed_policy(known, **changed))


def changed_policy(known: Facts, **changed: Any) -> Policy:
    return Policy.model_validate({**known.policy.model_dump(), **changed})


def planned(known: Facts, kind: str, **idea: Any) -> Plan:
    proposal = IdeasProposal.model_validate(
        {"kind": kind, "source": "x", "sha256": "0", "ideas": [idea]}
    )
    return make_plan(proposal, known, "1", "sim")


def failed(plan: Plan) -> set[str]:
    """Of the six of stock validation."""
    blocked = {finding.check for finding in of(plan, Severity.BLOCK)}
    return blocked & set(STOCK_VALIDATION)


def test_nvda_passes_all_six_and_tsla_fails_conviction_and_size() -> None:
    nvda = planned(
        world(),
        "recommendation",
        ticker="NVDA",
        conviction="74",
        weight="0.12",
        sector="Technology",
    )
    assert failed(nvda) == set()
    assert orders(nvda) == [("buy", "NVDA", Decimal(66))]  # 12,000 ÷ 180 = 66.7
    checked = {finding.check for finding in nvda.findings}
    assert checked >= set(STOCK_VALIDATION)
    tsla = planned(world(), "recommendation", ticker="TSLA", conviction="55", weight="0.20")
    assert failed(tsla) == {"conviction", "position_cap"}  # 20% and 55: over 15%, under 65


# policy, idea, shares. Equity 100,000 in cash; buying power 100,000; order limit 50,000.
SIZES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"ticker": "NVDA", "weight": "0.12"}, "66"),  # 12,000 ÷ 180
    ({}, {"ticker": "NVDA"}, "83"),  # the policy's 15%: 15,000 ÷ 180 = 83.3
    ({}, {"ticker": "NVDA", "weight": "0.001"}, "0"),  # 100 is no share of 180
    ({}, {"ticker": "NVDA", "weight": "0.60"}, "275"),  # order limit: 50,000 ÷ (180 × 1.01) = 275.03
    ({"max_order_value": None}, {"ticker": "NVDA", "weight": "0.60"}, "333"),
    ({"max_order_value": None}, {"ticker": "NVDA", "weight": "2.5"}, "1100"),  # buying power 200,000 ÷ 181.8
    # by risk: 5% of 100,000 is 5,000; ÷ 8% of 180 = 14.40 → 347, the cap 15,000 ÷ 181.8 = 82
    ({"sizing": "risk"}, {"ticker": "NVDA", "conviction": "100"}, "82"),
    ({"sizing": "risk", "max_position_weight": None, "max_order_value": None},
     {"ticker": "NVDA", "conviction": "100"}, "347"),
    ({"sizing": "risk", "max_position_weight": None, "max_order_value": None},
     {"ticker": "NVDA", "conviction": "50"}, "173"),  # half the conviction: 2,500 ÷ 14.40 = 173.6
    # signal s-1: 180.00 to 176.00 is 4; conviction 75: 2% × 75% = 1,500 ÷ 4
    ({"sizing": "risk", "max_risk_per_trade": "0.02", "max_position_weight": None, "max_order_value": None},
     {"ticker": "NVDA", "conviction": "75", "entry_price": "180", "stop_price": "176"}, "375"),
    ({"sizing": "risk", "max_position_weight": None}, {"ticker": "NVDA", "stop_loss": "0.10"}, "275"),  # order limit again
    ({"sizing": "risk", "max_risk_per_trade": None}, {"ticker": "NVDA"}, "0"),
    ({"sizing": "risk", "stop_loss": None}, {"ticker": "NVDA"}, "0"),  # no stop: nothing to size by
    ({"sizing": "risk"}, {"ticker": "NVDA", "entry_price": "180", "stop_price": "180"}, "0"),
    # by range: NVDA moves 9 a day, 5%; 2% is full weight: 12% × 2/5 = 4.8% = 4,800 ÷ 180
    ({"sizing": "volatility"}, {"ticker": "NVDA", "weight": "0.12"}, "26"),
    ({"sizing": "volatility", "volatility_target": "0.05"}, {"ticker": "NVDA", "weight": "0.12"}, "66"),
    ({"sizing": "volatility"}, {"ticker": "XOM", "weight": "0.12"}, "0"),  # no bars: no guess
    # TQQQ is a 3x fund: a third of 12,000 ÷ 50 = 240
    ({}, {"ticker": "TQQQ", "weight": "0.12"}, "80"),
]  # fmt: skip


def daily(close: str, moves: str, count: int) -> list[Bar]:
    low = Decimal(close)
    return [
        Bar(date=date(2025, 12, 1) + timedelta(days=day), high=low + Decimal(moves), low=low, close=low)
        for day in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(("policy", "idea", "qty"), SIZES)
def test_sizes(policy: dict[str, Any], idea: dict[str, Any], qty: str) -> None:
    known = replace(world(**policy), bars={"NVDA": daily("180", "9", 15)})
    size = sized(known, Idea.model_validate(idea), "main", Decimal(100_000))
    assert size.qty == Decimal(qty), size.why
    assert size.why


def test_what_is_held_counts_toward_the_weight() -> None:
    known = world((("NVDA", "50", "100"),), cash="91000")
    size = sized(known, Idea(ticker="NVDA", weight=Decimal("0.12")), "main", Decimal(100_000))
    assert size.qty == 16  # 66.7 less 50


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        (daily("180", "9", 14), None),  # fourteen ranges need fifteen bars
        (daily("180", "9", 15), "9"),
        (daily("180", "9", 30), "9"),
        # a gap counts from the close before: 100 → low 180: range 80 + 9 = 89 once, 9 thirteen times
        ([*daily("100", "9", 1), *daily("180", "9", 14)], str(Decimal(89 + 13 * 9) / 14)),
    ],
)
def test_average_true_range(bars: list[Bar], expected: str | None) -> None:
    assert atr(bars) == (None if expected is None else Decimal(expected))


def test_an_idea_brings_its_own_stop_and_target() -> None:
    plan = planned(
        world(), "signal", ticker="NVDA", conviction="75", weight="0.05", entry_price="180",
        stop_price="171", target_price="198", signal_type="CROSS", id="s-1", source="ema",
        at="2026-01-05T15:00:00Z",
    )  # fmt: skip
    (step,) = plan.steps
    assert step.stop_loss_price is not None
    assert step.target_price is not None
    assert abs(step.stop_loss_price / step.expected_price - Decimal("0.95")) < Decimal("0.0002")
    assert abs(step.target_price / step.expected_price - Decimal("1.10")) < Decimal("0.0002")


def test_a_short_idea_closes_what_is_held_and_sells_nothing_short() -> None:
    known = world((("NVDA", "50", "100"),))
    plan = planned(
        known, "signal", ticker="NVDA", direction="short", signal_type="X", conviction="9"
    )
    assert orders(plan) == [("sell", "NVDA", Decimal(50))]
    assert of(plan, Severity.BLOCK) == []
    none = planned(known, "signal", ticker="XOM", direction="short", signal_type="X")
    assert none.steps == ()
    assert none.skipped[0].reason.endswith("nothing is sold short")


def test_a_symbol_that_nobody_lists_is_refused() -> None:
    with pytest.raises(RefusedInputError, match="NIX is not a symbol"):
        planned(world(), "recommendation", ticker="NIX")


@pytest.mark.parametrize(
    ("price", "expected"), [("500", 1), ("50", 10), ("5", 100), ("501", 1), ("0.73", 685)]
)
def test_shares_for_five_hundred_dollars(price: str, expected: int) -> None:
    """max(ceil(500 ÷ price), floor(500 ÷ price))."""
    assert shares(Decimal(price), Decimal(500), Decimal(500)) == expected


PICKS = [("AA", "A", 90), ("BB", "B", 80), ("CC", "C", 70)]
CANDIDATES = [
    listed("AA", "500", "A"),
    listed("BB", "50", "B"),
    listed("CC", "5", "C"),
    listed("ZZ", "100", "Z"),
]
# held, cash, policy, orders, what is said of the first that is skipped
DEPLOY: list[tuple[tuple[tuple[str, str, str], ...], str, dict[str, Any], list[str], str]] = [
    # equity 20,000, target 90% = 18,000 ÷ 3 = 6,000 each, the cap 8% = 1,600 × 0.995 = 1,592
    ((), "20000", {}, ["buy 3 AA", "buy 31 BB", "buy 318 CC"], ""),
    # the order count: 1 more than is held
    ((("ZZ", "9", "90"),), "20000", {"max_positions": 2}, ["buy 3 AA"], "as many positions are open"),
    # target: 179 × 100 of 20,000 is 89.5%: 100 are left, ÷ 3 = 33: the minimum of 500 is too much
    ((("ZZ", "179", "90"),), "2100", {}, [], "is over the $100.00 that one may have"),
    ((("ZZ", "180", "90"),), "2000", {}, [], "the deployment target of 90.0% is reached"),
    # minimum position 2,000: over the cap of 1,592
    ((), "20000", {"min_position_value": "2000"}, [], "is over the $1,592.00 that one may have"),
    ((), "20000", {"min_conviction": "75"}, ["buy 3 AA", "buy 31 BB"], "conviction 70 is under the minimum of 75"),
    ((("AA", "2", "400"),), "20000", {}, ["buy 33 BB", "buy 334 CC"], "it is held already"),  # equity 21,000
    ((), "20000", {"restricted": {"BB": "audit"}}, ["buy 3 AA", "buy 318 CC"], "restricted: audit"),
]  # fmt: skip


@pytest.mark.parametrize(("held", "cash", "policy", "expected", "said"), DEPLOY)
def test_deploying_idle_cash(
    held: tuple[tuple[str, str, str], ...], cash: str, policy: dict[str, Any],
    expected: list[str], said: str,
) -> None:  # fmt: skip
    known = facts(held, CANDIDATES, cash=cash, picks=PICKS, policy="swing")
    known = replace(known, policy=changed_policy(known, **policy))
    plan = make_plan(DeployProposal(source="deploy", sha256="0"), known, "1", "sim")
    assert [f"{side} {qty:f} {symbol}" for side, symbol, qty in orders(plan)] == expected
    assert of(plan, Severity.BLOCK) == [], "every order passed before it was added"
    if said:
        assert any(said in skip.reason for skip in plan.skipped), plan.skipped
    assert len(plan.steps) + len(plan.skipped) == 3


def test_an_order_that_the_catalogue_blocks_is_not_added() -> None:
    """31 BB risk 8% of 1,550 = 124; 3 AA 120; the limit is 1% of 20,000 = 200: one of the two."""
    known = facts((), CANDIDATES, cash="20000", picks=PICKS, policy="swing")
    known = replace(known, policy=changed_policy(known, max_portfolio_at_risk="0.01"))
    plan = make_plan(DeployProposal(source="deploy", sha256="0"), known, "1", "sim")
    assert [step.symbol for step in plan.steps] == ["AA"]
    assert {skip.reason.split(":")[0] for skip in plan.skipped} == {"portfolio_at_risk"}


def test_without_a_target_or_an_analysis_there_is_nothing_to_deploy_by() -> None:
    for known, said in (
        (facts((), CANDIDATES, picks=PICKS), "has no deployment_target"),
        (facts((), CANDIDATES, policy="swing"), "there is no market analysis"),
    ):
        with pytest.raises(RefusedInputError, match=said):
            make_plan(DeployProposal(source="deploy", sha256="0"), known, "1", "sim")
