"""A signal goes by its stock, by a leveraged fund that follows it, or by an option: which, how many
shares, and why none before it (spec 4, Instrument routing)."""

from dataclasses import replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning_world import facts, listed, of, orders

from db.model.idea import Direction, Idea
from db.model.instrument import Contract
from db.model.plan import Plan, Severity
from db.model.policy import Policy
from db.model.proposal import IdeasProposal
from services.market.instruments import shipped
from services.planning import Facts, make_plan
from services.planning.routing import FUNDS, Kind, funds_of, liquid, route
from services.planning.symbols import symbols_of

MARKET = [
    listed("NVDA", "180", ""), listed("SOXL", "40", ""), listed("SOXS", "20", ""),
    listed("JPM", "250", ""), listed("FAS", "100", ""), listed("FAZ", "10", ""),
    listed("XOM", "120", ""), listed("ERX", "50", ""), listed("ERY", "25", ""),
    listed("NEM", "80", ""), listed("NUGT", "60", ""), listed("QQQ", "600", ""),
    listed("TQQQ", "50", ""), listed("SQQQ", "12", ""), listed("GE", "20", ""),
    listed("MSFT", "400", ""), listed("GILD", "100", ""), listed("LABU", "75", ""),
]  # fmt: skip
"""Sector, industry and factor are the shipped ones. MSFT's TECL, and NEM's DUST, are not listed."""
STEADY = {"max_order_value": None, "worst_sector_rank": None, "max_leveraged_weight": "1"}


def world(
    mode: str, held: tuple[tuple[str, str, str], ...] = (), cash: str = "100000", **changed: Any
) -> Facts:
    known = facts(held, MARKET, cash=cash)
    wanted = {**known.policy.model_dump(), "signal_instruments": mode, **STEADY, **changed}
    return replace(known, policy=Policy.model_validate(wanted))


def said(ticker: str, direction: str = "long", conviction: str = "75", **more: Any) -> Idea:
    own = {"signal_type": "CROSS", "id": "s-1", "source": "ema", "at": "2026-01-05T15:00:00Z"}
    return Idea.model_validate(
        {"ticker": ticker, "direction": direction, "conviction": conviction, **own, **more}
    )


def planned(known: Facts, *ideas: Idea, kind: str = "signal") -> Plan:
    proposal = IdeasProposal.model_validate(
        {"kind": kind, "source": "x", "sha256": "0", "ideas": ideas}
    )
    return make_plan(proposal, known, "1", "sim")


def contract(name: str = "C1", **more: Any) -> Contract:
    """Liquid in every way: 30 days, delta 0.60, 4.90 to 5.10 is 4% of 5.00, 500 open."""
    whole = {
        "symbol": name, "underlying": "NVDA", "kind": "call", "strike": "175",
        "expires": date(2026, 2, 4), "bid": "4.90", "ask": "5.10", "open_interest": 500,
        "delta": "0.60", **more,
    }  # fmt: skip
    return Contract.model_validate(whole)


class Case(NamedTuple):
    mode: str
    idea: Idea
    orders: tuple[str, ...]
    why: str
    """In the reason of the step, or of what was skipped."""
    held: tuple[tuple[str, str, str], ...] = ()
    contracts: tuple[Contract, ...] = ()
    policy: dict[str, Any] = {}


# Equity 100,000 and what is held; a position may be 15%: 15,000 of exposure.
GOLDEN = [
    Case("stocks", said("NVDA"), ("buy 83 NVDA",), "15.0% of"),  # 15,000 ÷ 180 = 83.3
    Case("leveraged_etf", said("NVDA"), ("buy 125 SOXL",), "SOXL goes 3x Semiconductors"),  # ÷ 40 ÷ 3
    Case("leveraged_etf", said("JPM"), ("buy 50 FAS",), "FAS goes 3x Financials"),  # 15,000 ÷ 100 ÷ 3
    Case("leveraged_etf", said("XOM"), ("buy 150 ERX",), "ERX goes 2x Energy"),  # 15,000 ÷ 50 ÷ 2
    Case("leveraged_etf", said("NEM"), ("buy 125 NUGT",), "NUGT goes 2x Gold miners"),  # ÷ 60 ÷ 2
    Case("leveraged_etf", said("QQQ"), ("buy 100 TQQQ",), "TQQQ goes 3x Nasdaq-100"),  # ÷ 50 ÷ 3
    Case("leveraged_etf", said("GILD"), ("buy 66 LABU",), "LABU goes 3x Biotech"),  # ÷ 75 ÷ 3 = 66.7
    # no fund: the stock
    Case("leveraged_etf", said("GE"), ("buy 750 GE",), "no leveraged fund follows GE; GE itself"),
    Case("leveraged_etf", said("MSFT"), ("buy 37 MSFT",), "TECL can't be traded at the broker; MSFT itself"),
    Case("leveraged_etf", said("TQQQ"), ("buy 100 TQQQ",), "no leveraged fund follows TQQQ"),  # ÷ 50 ÷ 3: its own
    Case("leveraged_etf", said("NVDA"), ("buy 83 NVDA",), "SOXL is restricted: audit; NVDA itself",
         policy={"restricted": {"SOXL": "audit"}}),
    # equity 100,200 with 10 SOXS at 20: 15,030 ÷ 180 = 83.5
    Case("leveraged_etf", said("NVDA"), ("buy 83 NVDA",), "SOXS, the other way round, is held; NVDA itself",
         held=(("SOXS", "10", "20"),)),
    # short: the bear fund, and what is held goes. Equity 109,000: 16,350 ÷ 20 ÷ 3 = 272.5
    Case("leveraged_etf", said("NVDA", "short"), ("buy 250 SOXS",), "SOXS goes 3x against Semiconductors"),
    Case("leveraged_etf", said("NVDA", "short"), ("sell 50 NVDA", "buy 272 SOXS"), "against Semiconductors",
         held=(("NVDA", "50", "100"),)),
    Case("leveraged_etf", said("NEM", "short"), (), "DUST can't be traded at the broker; NEM itself: short is suggested"),
    Case("leveraged_etf", said("NVDA", "short"), (), "SOXL, the other way round, is held", held=(("SOXL", "10", "40"),)),
    Case("stocks", said("NVDA", "short"), (), "short is suggested, and none of it is held"),
    # options: nobody tells them, so the next
    Case("options", said("NVDA"), ("buy 83 NVDA",), "nobody tells the options on NVDA; NVDA itself"),
    Case("both", said("NVDA", conviction="79"), ("buy 125 SOXL",), "conviction is under the 80 of an option; SOXL"),
    Case("both", said("NVDA", conviction="80"), ("buy 125 SOXL",), "nobody tells the options on NVDA; SOXL goes 3x"),
    Case("both", said("GE", conviction="90"), ("buy 750 GE",), "options on GE; no leveraged fund follows GE; GE itself"),
    Case("both", said("NVDA", conviction="80"), ("buy 125 SOXL",), "none of 1 options on NVDA is a liquid call",
         contracts=(contract(open_interest=99),)),
    Case("both", said("NVDA", conviction="80"), (), "C1 has 30 days, delta 0.60, spread 4.0%: this desk sends no orders",
         contracts=(contract(),)),
    Case("both", said("NVDA", conviction="79"), ("buy 125 SOXL",), "SOXL", contracts=(contract(),)),
    Case("options", said("NVDA", conviction="10"), (), "C1 has 30 days", contracts=(contract(),)),
    Case("options", said("NVDA", "short"), ("sell 50 NVDA",), "C2 has 30 days, delta 0.55",
         held=(("NVDA", "50", "100"),), contracts=(contract(), contract("C2", kind="put", delta="-0.55"))),
    # held already: 50 SOXL at 40 move like 6,000. Equity 102,000: 15,300 less 6,000 ÷ 40 ÷ 3 = 77.5
    Case("leveraged_etf", said("NVDA"), ("buy 77 SOXL",), "SOXL", held=(("SOXL", "50", "40"),)),
    # 40 NVDA are 7,200 of 107,200: 16,080 less 7,200 = 8,880 ÷ 40 ÷ 3
    Case("leveraged_etf", said("NVDA"), ("buy 74 SOXL",), "SOXL", held=(("NVDA", "40", "100"),)),
    # 40 TQQQ at 50 move like 6,000 of 102,000: 15,300 less 6,000 = 9,300 ÷ 50 ÷ 3
    Case("stocks", said("TQQQ"), ("buy 62 TQQQ",), "÷ 3 for its leverage", held=(("TQQQ", "40", "50"),)),
    # by risk: 2% × 75% of 100,000 = 1,500 ÷ (180 − 176) = 375 NVDA = 67,500 ÷ 40 ÷ 3 = 562.5
    Case("leveraged_etf", said("NVDA", entry_price="180", stop_price="176"), ("buy 562 SOXL",), "÷ 3 for its leverage",
         policy={"sizing": "risk", "max_risk_per_trade": "0.02", "max_position_weight": None}),
    # the cap of 15% is of SOXL's own value: 15,000 ÷ (40 × 1.01) = 371.3
    Case("leveraged_etf", said("NVDA", entry_price="180", stop_price="176"), ("buy 371 SOXL",), "held down by the position cap",
         policy={"sizing": "risk", "max_risk_per_trade": "0.02"}),
]  # fmt: skip


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case.mode} {case.idea.ticker}")
def test_golden(case: Case) -> None:
    known = world(case.mode, case.held, **case.policy)
    if case.contracts:
        known = replace(known, contracts={"NVDA": case.contracts})
    plan = planned(known, case.idea)
    assert [f"{side} {qty:f} {symbol}" for side, symbol, qty in orders(plan)] == list(case.orders)
    told = [step.reason for step in plan.steps] + [skip.reason for skip in plan.skipped]
    assert any(case.why in words for words in told), told
    for step in plan.steps:
        assert step.underlying == (None if step.symbol == case.idea.ticker else case.idea.ticker)


def test_a_fund_has_its_stop_and_target_at_three_times_the_distance() -> None:
    """180 to 171 is 5%, to 198 is 10%: 15% and 30% of SOXL. Half of it, three times, is the policy's 8%."""
    idea = said("NVDA", entry_price="180", stop_price="171", target_price="198")
    (step,) = planned(world("leveraged_etf"), idea).steps
    assert step.stop_loss_price is not None
    assert step.target_price is not None
    assert abs(step.stop_loss_price / step.expected_price - Decimal("0.85")) < Decimal("0.0005")
    assert abs(step.target_price / step.expected_price - Decimal("1.30")) < Decimal("0.0005")
    down = said("NVDA", "short", entry_price="180", stop_price="189", target_price="162")
    (bear,) = planned(world("leveraged_etf"), down).steps
    assert bear.stop_loss_price is not None
    assert abs(bear.stop_loss_price / bear.expected_price - Decimal("0.85")) < Decimal("0.0005")
    far = said("NVDA", entry_price="180", stop_price="90")
    (policys,) = planned(world("leveraged_etf"), far).steps
    assert policys.stop_loss_price is not None
    assert abs(policys.stop_loss_price / policys.expected_price - Decimal("0.92")) < Decimal(
        "0.0005"
    )


def test_only_signals_are_carried_out_otherwise() -> None:
    """A report and a recommendation are about that very stock."""
    for kind in ("qa_report", "recommendation"):
        plan = planned(world("leveraged_etf"), said("NVDA"), kind=kind)
        assert [step.symbol for step in plan.steps] == ["NVDA"]


def test_a_bear_fund_is_no_way_out() -> None:
    """Selling what is held is never blocked; a fund bought for the same weak signal is."""
    weak = said("NVDA", "short", conviction="9")
    held = (("NVDA", "50", "100"),)
    for mode, expected in (("stocks", set()), ("leveraged_etf", {"conviction"})):
        plan = planned(world(mode, held), weak)
        assert {finding.check for finding in of(plan, Severity.BLOCK)} == expected


def test_a_factor_that_is_not_known_is_not_guessed() -> None:
    known = world("leveraged_etf")
    soxl = known.instruments["SOXL"].model_copy(update={"leverage_factor": Decimal(1)})
    other = replace(known, instruments={**known.instruments, "SOXL": soxl})
    assert route(other, said("NVDA")).why == "SOXL is known to go 1x, not 3x; NVDA itself"
    unquoted = replace(known, quotes={s: q for s, q in known.quotes.items() if s != "SOXL"})
    assert route(unquoted, said("NVDA")).why == "no quote for SOXL; NVDA itself"


LIQUID: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"ask": "5.42"}, False),  # 0.52 ÷ 5.16 = 10.08%
    ({"ask": "5.41"}, True),  # 0.51 ÷ 5.155 = 9.89%
    ({"bid": "5.20"}, False),  # crossed
    ({"open_interest": 100}, True), ({"open_interest": 99}, False),
    ({"expires": date(2026, 1, 19)}, True), ({"expires": date(2026, 1, 18)}, False),  # 14, 13 days
    ({"expires": date(2026, 2, 19)}, True), ({"expires": date(2026, 2, 20)}, False),  # 45, 46 days
    ({"delta": "0.5"}, True), ({"delta": "0.49"}, False), ({"delta": "0.7"}, True), ({"delta": "0.71"}, False),
    ({"delta": "-0.6"}, True),  # a put's
    *(({key: None}, False) for key in ("bid", "ask", "open_interest", "delta")),
]  # fmt: skip


@pytest.mark.parametrize(("more", "fits"), LIQUID)
def test_a_liquid_contract_is_inside_every_limit(more: dict[str, Any], fits: bool) -> None:
    assert liquid(world("options"), contract(**more)) is fits


def test_of_liquid_contracts_the_one_in_the_middle_then_the_tightest_is_chosen() -> None:
    chain = [
        contract("OFF", delta="0.65"), contract("WIDE", ask="5.20"), contract("BEST", ask="5.00"),
        contract("PUT", kind="put", delta="-0.60", ask="4.91"), contract("LESS", ask="5.00", open_interest=400),
    ]  # fmt: skip
    found = route(replace(world("options"), contracts={"NVDA": chain}), said("NVDA"))
    assert (found.kind, found.symbol) == (Kind.OPTION, "BEST")


def test_the_catalogue_is_what_is_shipped() -> None:
    """Its factors are those that weights and exposure are computed with."""
    for pair in FUNDS.values():
        assert shipped()[pair.bull].leverage_factor == pair.factor
        assert shipped()[pair.bear].leverage_factor == -pair.factor
    followed = {note.industry for note in shipped().values() if note.industry}
    assert followed <= set(FUNDS), "an industry that nothing follows is written nowhere else"


def test_quotes_of_the_funds_are_asked_for() -> None:
    known = world("both")
    proposal = IdeasProposal(kind="signal", source="x", sha256="0", ideas=(said("NVDA"),))
    asked = symbols_of(proposal, None, known.instruments, known.policy)
    assert asked == {"NVDA", "SOXL", "SOXS"}
    plain = known.policy.model_copy(update={"signal_instruments": "stocks"})
    assert funds_of(proposal.ideas, known.instruments, plain) == frozenset()


@given(
    mode=st.sampled_from(["stocks", "leveraged_etf", "options", "both"]),
    ticker=st.sampled_from(["NVDA", "JPM", "XOM", "NEM", "GE", "MSFT", "TQQQ"]),
    direction=st.sampled_from(["long", "short"]),
    conviction=st.integers(0, 100),
    held=st.lists(st.sampled_from(["NVDA", "SOXL", "SOXS", "FAS", "XOM", "TQQQ"]), unique=True),
)
def test_whatever_is_chosen_moves_by_no_more_than_the_stock_would(
    mode: str, ticker: str, direction: str, conviction: int, held: list[str]
) -> None:
    """Exposure of what is bought: at most 15% of equity, less than one share under what is left of it."""
    known = world(mode, tuple((symbol, "10", "10") for symbol in held))
    idea = said(ticker, direction, str(conviction))
    plan = planned(known, idea)
    for step in plan.steps:
        if step.side == "sell":
            assert (step.symbol, idea.direction) == (ticker, Direction.SHORT)
            continue
        factor = abs(known.leverage_factor(step.symbol))
        one = (known.price(step.symbol) or Decimal(0)) * factor
        moves = known.shares.get(step.symbol, Decimal(0)) * one
        if step.symbol != ticker and direction == "long":
            moves += known.shares.get(ticker, Decimal(0)) * (known.price(ticker) or Decimal(0))
        room = plan.before.equity * Decimal("0.15") - moves
        assert step.qty == (room / one).to_integral_value(ROUND_FLOOR)
        assert step.symbol in known.instruments
