"""Each check of the catalogue: what passes, what warns, what blocks."""

from typing import Any

import pytest
from risk_world import (
    ACTIVE,
    CLOSED,
    NOW,
    STANDARD,
    SWING,
    findings,
    order,
    steps,
    with_limits,
    working,
    world,
    worst,
)

from db.model.instrument import UNCLASSIFIED
from db.model.plan import Severity
from services.risk.case import case_of
from services.risk.catalogue import BY_ID, CHECKS, DRY_RUN, RISK_GATE, SETS, Group
from services.risk.run import RULES, check

PASS, WARN, BLOCK = Severity.PASS, Severity.WARN, Severity.BLOCK
TIGHT = with_limits(max_sector_increase="0.10")
TEN = {f"S{n:02}": "1" for n in range(10)}
SIGNALS = {entry.id for entry in CHECKS if entry.group is Group.SIGNAL}
"""Proved in test_what_is_suggested.py."""
WITH_A_PAST = {"wash_sale", "correlation", "value_at_risk"}
"""Proved in test_what_was_before.py."""

# check, what is different from the plain world, orders, expected. 20,000 in cash, every price 100: an
# order at the market is expected at 100.01 + 2 bps = 100.04 to buy, 99.99 − 2 bps = 99.96 to sell
TABLE: list[tuple[str, dict[str, Any], tuple[str, ...], Severity]] = [
    # cap 40%. 1,000 ÷ 20,000 = 5%; then 9,000 ÷ 20,000 = 45%; a sector that nobody knows
    ("sector_cap", {}, ("buy 10 AAA",), PASS),
    ("sector_cap", {"sectors": {"AAA": "T", "BBB": "T"}}, ("buy 50 AAA", "buy 40 BBB"), BLOCK),
    ("sector_cap", {"sectors": {"AAA": UNCLASSIFIED}}, ("buy 10 AAA",), WARN),
    # held 200: 15,000 ÷ 20,000 = 75% is inherited and better, 5,000 ÷ 20,000 = 25% restores it
    ("sector_cap", {"held": {"AAA": "200"}, "cash": "0"}, ("sell 50 AAA",), WARN),
    ("sector_cap", {"held": {"AAA": "200"}, "cash": "0"}, ("sell 150 AAA",), PASS),
    # with 20,000 in cash 50% is inherited: 21,000 ÷ 40,000 = 52.5% is worse; of another sector it stays
    ("sector_cap", {"held": {"AAA": "200"}}, ("buy 10 AAA",), BLOCK),
    ("sector_cap", {"held": {"AAA": "200"}}, ("buy 10 BBB",), WARN),
    (
        "sector_cap",
        {"held": {"AAA": "100", "BBB": "100"}, "sectors": {"AAA": "T", "BBB": "T", "CCC": "T"}},
        ("sell 100 AAA", "buy 70 CCC"),
        BLOCK,  # left breached by its own buying
    ),
    # cap 15%. 2,900 ÷ 20,000 = 14.5%, 3,100 is 15.5%; 10,000 ÷ 30,000 = 33% is inherited, 1,000 is 3.3%
    ("position_cap", {}, ("buy 29 AAA",), PASS),
    ("position_cap", {}, ("buy 31 AAA",), BLOCK),
    ("position_cap", {"held": {"AAA": "100"}}, ("buy 10 BBB",), WARN),
    ("position_cap", {"held": {"AAA": "100"}}, ("sell 90 AAA",), PASS),
    # limit 10 points here: 1,900 ÷ 20,000 = 9.5, 2,100 is 10.5
    ("sector_increase", {"policy": TIGHT}, ("buy 19 AAA",), PASS),
    ("sector_increase", {"policy": TIGHT}, ("buy 21 AAA",), BLOCK),
    # minimum 5%, warning at 8%. 20,000 − 186 × 100.04 = 1,392: 7.0%; − 192 × 100.04 = 792: 4.0%
    ("cash_buffer", {}, ("buy 10 AAA",), PASS),
    ("cash_buffer", {}, ("buy 186 AAA",), WARN),
    ("cash_buffer", {}, ("buy 192 AAA",), BLOCK),
    # 100 of 20,000 is inherited: with 5 × 99.96 it is 3.0%, better; what 4 × 100.04 takes again is its own
    ("cash_buffer", {"cash": "100", "held": {"AAA": "199"}}, ("sell 5 AAA",), WARN),
    ("cash_buffer", {"cash": "100", "held": {"AAA": "199"}}, ("sell 5 AAA", "buy 4 BBB"), BLOCK),
    # buffer 1,000 in the buy phase. 20,000 − 180 × 100.04 = 1,993; − 195 × 100.04 = 492
    ("cash_path", {}, ("buy 100 AAA", "buy 80 BBB"), PASS),
    ("cash_path", {}, ("buy 100 AAA", "buy 95 BBB"), BLOCK),
    # no cash: − 10 × 100.04 before the sale; 9,996 − 1,000 after it; − 500 + 99.96 is under zero and better
    ("cash_path", {"cash": "0", "held": {"AAA": "200"}}, ("buy 10 BBB", "sell 100 AAA"), BLOCK),
    ("cash_path", {"cash": "0", "held": {"AAA": "200"}}, ("sell 100 AAA", "buy 10 BBB"), PASS),
    ("cash_path", {"cash": "-500", "held": {"AAA": "200"}}, ("sell 1 AAA",), PASS),
    # leverage 2: down to − 20,000. 20,000 − 300 × 100.04 = − 10,012; − 401 × 100.04 = − 20,116
    ("cash_path", {"policy": SWING, "multiplier": "2"}, ("buy 300 AAA",), PASS),
    ("cash_path", {"policy": SWING, "multiplier": "4"}, ("buy 401 AAA",), BLOCK),
    ("restricted", {"policy": with_limits(restricted={"AAA": "audit"})}, ("buy 1 AAA",), BLOCK),
    ("restricted", {"policy": with_limits(restricted={"AAA": "audit"})}, ("buy 1 BBB",), PASS),
    # 10 held: 11 are too many, and so are 6 + 5; of 4 free 5; of none 1
    ("share_sufficiency", {"held": {"AAA": "10"}}, ("sell 10 AAA",), PASS),
    ("share_sufficiency", {"held": {"AAA": "10"}}, ("sell 11 AAA",), BLOCK),
    ("share_sufficiency", {"held": {"AAA": "10"}}, ("sell 6 AAA", "sell 5 AAA"), BLOCK),
    ("share_sufficiency", {"held": {"AAA": "10"}, "free": {"AAA": "4"}}, ("sell 5 AAA",), BLOCK),
    ("share_sufficiency", {}, ("sell 1 AAA",), BLOCK),
    # 10 − 4 unsettled = 6 may be sold; what is bought is not asked
    ("settled_funds", {"held": {"AAA": "10"}}, ("sell 10 AAA",), PASS),
    ("settled_funds", {"held": {"AAA": "10"}, "unsettled": {"AAA": "4"}}, ("sell 6 AAA",), PASS),
    ("settled_funds", {"held": {"AAA": "10"}, "unsettled": {"AAA": "4"}}, ("sell 7 AAA",), BLOCK),
    ("settled_funds", {"held": {"AAA": "9"}, "unsettled": {"AAA": "9"}}, ("buy 9 AAA",), PASS),
    # 20,000. 190 × 100.04 = 19,007.60, 201 × 100.04 = 20,108.04; 9 × 99.96 = 899.64 pay for 8 × 100.04 = 800.32
    ("buying_power", {}, ("buy 190 AAA",), PASS),
    ("buying_power", {}, ("buy 201 AAA",), BLOCK),
    ("buying_power", {"cash": "0", "held": {"AAA": "9"}}, ("sell 9 AAA", "buy 8 BBB"), PASS),
    ("market_hours", {}, ("buy 1 AAA",), PASS),
    ("market_hours", {"clock": CLOSED}, ("buy 1 AAA",), BLOCK),
    ("market_hours", {"clock": None}, ("buy 1 AAA",), BLOCK),
    ("market_hours", {"clock": CLOSED, "held": {"AAA": "9"}}, ("sell 9 AAA",), WARN),
    # minimum 500. 5 × 100 = 500, 4 × 100 = 400; 4 + 1 = 5; what is sold down to 100 is a reduction
    ("min_position", {}, ("buy 5 AAA",), PASS),
    ("min_position", {}, ("buy 4 AAA",), BLOCK),
    ("min_position", {"held": {"AAA": "4"}}, ("buy 1 AAA",), PASS),
    ("min_position", {"held": {"AAA": "9"}}, ("sell 8 AAA",), PASS),
    # minimum 500 in swing. 4 × 100 = 400, 5 × 100 = 500
    ("min_trade", {"policy": SWING, "held": {"AAA": "9"}}, ("buy 4 AAA",), BLOCK),
    ("min_trade", {"policy": SWING, "held": {"AAA": "9"}}, ("buy 5 AAA",), PASS),
    ("min_trade", {"policy": SWING}, ("buy 4 AAA",), PASS),  # min_position says it
    # 20,000. 199 × 100.04 = 19,907.96, 201 × 100.04 = 20,108.04; − 500 + 99.96 is inherited and better
    ("account_cash", {}, ("buy 199 AAA",), PASS),
    ("account_cash", {}, ("buy 201 AAA",), BLOCK),
    ("account_cash", {"cash": "-500", "held": {"AAA": "99"}}, ("sell 1 AAA",), WARN),
    # limit 1. 19,000 ÷ 20,000 = 0.95, 21,000 ÷ 20,000 = 1.05; 20,000 ÷ 15,000 = 1.33 is inherited, 1.27 better
    ("leverage", {}, ("buy 190 AAA",), PASS),
    ("leverage", {"multiplier": "2"}, ("buy 210 AAA",), BLOCK),
    ("leverage", {"cash": "-5000", "held": {"AAA": "200"}}, ("sell 10 AAA",), WARN),
    # cap 30%. 5,000 ÷ 20,000 = 25%, 7,000 is 35%, whichever way the fund goes
    ("leveraged_cap", {"factors": {"AAA": "3"}}, ("buy 50 AAA",), PASS),
    ("leveraged_cap", {"factors": {"AAA": "-3"}}, ("buy 70 AAA",), BLOCK),
    # 10 held, limit 10: an eleventh; more of one of them; limit 9: 10 are inherited
    (
        "position_count",
        {"policy": with_limits(max_positions=10), "held": TEN},
        ("buy 9 AAA",),
        BLOCK,
    ),
    (
        "position_count",
        {"policy": with_limits(max_positions=10), "held": TEN},
        ("buy 9 S01",),
        PASS,
    ),
    ("position_count", {"policy": with_limits(max_positions=9), "held": TEN}, ("buy 9 S01",), WARN),
    # limit 50,000. 490 × 100.04 = 49,019.60, 501 × 100.04 = 50,120.04; a sale has none
    ("order_value", {"cash": "90000"}, ("buy 490 AAA",), PASS),
    ("order_value", {"cash": "90000"}, ("buy 501 AAA",), BLOCK),
    ("order_value", {"held": {"AAA": "900"}}, ("sell 900 AAA",), PASS),
    # 1,000,000 a day. 0.9%, 1.1% (warning at 1%), 5.1% (limit 5%); not known is no pass
    ("adv_share", {}, ("buy 9000 AAA",), PASS),
    ("adv_share", {}, ("buy 11000 AAA",), WARN),
    ("adv_share", {}, ("buy 51000 AAA",), BLOCK),
    ("adv_share", {"unknown_adv": ("AAA",)}, ("buy 9 AAA",), BLOCK),
    # 5 s are allowed
    ("quote_fresh", {"quote_age": 5}, ("buy 9 AAA",), PASS),
    ("quote_fresh", {"quote_age": 6}, ("buy 9 AAA",), BLOCK),
    ("quote_fresh", {"quote_age": 6, "held": {"AAA": "9"}}, ("sell 9 AAA",), WARN),
    # no fractions of AAA are bought; held ones may go
    ("tradable", {}, ("buy 9 AAA",), PASS),
    ("tradable", {}, ("buy 9.5 AAA",), BLOCK),
    ("tradable", {"held": {"AAA": "9.5"}}, ("sell 9.5 AAA",), PASS),
    # the same symbol, side and size within 60 s
    ("duplicate_order", {}, ("buy 9 AAA", "buy 9 BBB"), PASS),
    ("duplicate_order", {}, ("buy 9 AAA", "buy 9 AAA"), BLOCK),
    ("duplicate_order", {"orders": (working("buy 9 AAA"),)}, ("buy 9 AAA",), BLOCK),
    ("duplicate_order", {"orders": (working("buy 9 AAA", 61),)}, ("buy 9 AAA",), PASS),
    # limit 10% of the 20,000 that the day began with: a loss of 2,000 is at it
    ("daily_loss", {"began": "20000"}, ("buy 9 AAA",), PASS),
    ("daily_loss", {"began": "22000"}, ("buy 9 AAA",), PASS),  # 2,000 ÷ 22,000 = 9.1%
    ("daily_loss", {"began": "22223"}, ("buy 9 AAA",), BLOCK),  # 2,223 ÷ 22,223 = 10.003%
    ("daily_loss", {"began": "22223", "held": {"AAA": "9"}}, ("sell 9 AAA",), PASS),  # 1,323: 6%
    ("daily_loss", {"began": None}, ("buy 9 AAA",), BLOCK),
    ("daily_loss", {"began": None, "held": {"AAA": "9"}}, ("sell 9 AAA",), WARN),
    ("daily_loss", {"began": "30000", "held": {"AAA": "9"}}, ("sell 9 AAA",), WARN),
    # 3 in a row in swing
    ("loss_streak", {"policy": SWING, "losses": 2}, ("buy 9 AAA",), PASS),
    ("loss_streak", {"policy": SWING, "losses": 3}, ("buy 9 AAA",), BLOCK),
    ("loss_streak", {"policy": SWING, "losses": None}, ("buy 9 AAA",), BLOCK),
    ("loss_streak", {"policy": SWING, "losses": 3, "held": {"AAA": "9"}}, ("sell 9 AAA",), WARN),
    ("trading_state", {}, ("buy 9 AAA",), PASS),
    ("trading_state", {"state": "REDUCING"}, ("buy 9 AAA",), BLOCK),
    ("trading_state", {"state": "HALTED"}, ("buy 9 AAA",), BLOCK),
    ("trading_state", {"state": "HALTED", "held": {"AAA": "9"}}, ("sell 9 AAA",), WARN),
    ("trading_state", {"state": None}, ("buy 9 AAA",), BLOCK),
    # minimum 25,000, to the cent
    ("min_equity", {"policy": ACTIVE, "cash": "25000"}, ("buy 9 AAA",), PASS),
    ("min_equity", {"policy": ACTIVE, "cash": "24999.99"}, ("buy 9 AAA",), BLOCK),
    ("min_equity", {"policy": ACTIVE, "held": {"AAA": "9"}}, ("sell 9 AAA",), PASS),
    # minutes: 60 pass, 240 warn, more blocks; not an exit
    ("portfolio_age", {"age": 60}, ("buy 9 AAA",), PASS),
    ("portfolio_age", {"age": 61}, ("buy 9 AAA",), WARN),
    ("portfolio_age", {"age": 240}, ("buy 9 AAA",), WARN),
    ("portfolio_age", {"age": 241}, ("buy 9 AAA",), BLOCK),
    ("portfolio_age", {"age": 241, "held": {"AAA": "9"}}, ("sell 9 AAA",), WARN),
    # maintenance is a quarter of what is held: 5,000; equity is cash + 20,000
    ("intraday_margin", {"held": {"AAA": "200"}, "cash": "-15000", "multiplier": "4"}, ("buy 9 BBB",), PASS),
    ("intraday_margin", {"held": {"AAA": "200"}, "cash": "-15001", "multiplier": "4"}, ("buy 9 BBB",), BLOCK),
    ("intraday_margin", {"held": {"AAA": "200"}, "cash": "-15001", "multiplier": "4"}, ("sell 9 AAA",), PASS),
    ("intraday_margin", {"held": {"AAA": "200"}, "cash": "-15001"}, ("buy 9 BBB",), PASS),  # no loan
    ("intraday_margin", {"multiplier": "4", "margin": None}, ("buy 9 BBB",), WARN),
    # 3 in five days and under 25,000
    ("day_trades", {"day_trades": 2}, ("buy 9 AAA",), PASS),
    ("day_trades", {"day_trades": 3}, ("buy 9 AAA",), WARN),
    ("day_trades", {"day_trades": 3, "cash": "25000"}, ("buy 9 AAA",), PASS),
    ("halted_symbol", {}, ("buy 9 AAA",), PASS),
    ("halted_symbol", {"halted": {"AAA": "news pending"}}, ("buy 9 AAA",), BLOCK),
    ("halted_symbol", {"halted": {"AAA": "news pending"}}, ("buy 9 BBB",), PASS),
    ("halted_symbol", {"halted": {"AAA": "news"}, "held": {"AAA": "9"}}, ("sell 9 AAA",), BLOCK),
    # halted when the stream was lost: it may trade again, and who wants out may try
    ("halted_symbol", {"halted_before": {"AAA": "news"}}, ("buy 9 AAA",), BLOCK),
    ("halted_symbol", {"halted_before": {"AAA": "news"}, "held": {"AAA": "9"}}, ("sell 9 AAA",), WARN),
    ("halted_symbol", {"halted_before": {"AAA": "news"}}, ("buy 9 BBB",), PASS),
    ("halted_symbol", {"halts_told": False}, ("buy 9 AAA",), PASS),  # nobody tells, and that is said
    # a stop 8.00 under what is paid: 100.04 − 92.04 = 8.00 a share; 5% of 20,000 is 1,000: 125 shares
    ("risk_per_trade", {}, ("buy 9 AAA",), PASS),
    ("risk_per_trade", {"stop": "92.04"}, ("buy 125 AAA",), PASS),
    ("risk_per_trade", {"stop": "92.04"}, ("buy 126 AAA",), BLOCK),
    ("risk_per_trade", {"held": {"AAA": "900"}}, ("sell 900 AAA",), PASS),
    # limit 15% of 20,000: 3,000. Held 100 × (100 − 80) = 2,000, bought 125 × 8.00 = 1,000
    ("portfolio_at_risk", {"policy": SWING, "stop": "92.03"}, ("buy 9 AAA",), PASS),
    ("portfolio_at_risk", {"policy": SWING, "cash": "10000", "held": {"BBB": "100"}, "stops": {"BBB": "80"}, "stop": "92.03"}, ("buy 124 AAA",), PASS),
    ("portfolio_at_risk", {"policy": SWING, "cash": "10000", "held": {"BBB": "100"}, "stops": {"BBB": "80"}, "stop": "92.04"}, ("buy 126 AAA",), BLOCK),
    # no stop known: 8% of 400 × 100 = 3,200 of 20,000 = 16%, inherited; selling makes it less
    ("portfolio_at_risk", {"policy": SWING, "cash": "-20000", "held": {"BBB": "400"}}, ("sell 1 BBB",), WARN),
    ("portfolio_at_risk", {"policy": SWING, "cash": "-20000", "held": {"BBB": "400"}}, ("sell 30 BBB",), PASS),
    ("opposite_order", {"orders": (working("sell 1 AAA"),)}, ("buy 9 AAA",), BLOCK),
    ("opposite_order", {"orders": (working("sell 1 AAA"),)}, ("buy 9 BBB",), PASS),
]  # fmt: skip


@pytest.mark.parametrize(("name", "different", "orders", "expected"), TABLE)
def test_check(
    name: str, different: dict[str, Any], orders: tuple[str, ...], expected: Severity
) -> None:
    stop = different.pop("stop", None) if "stop" in (different := dict(different)) else None
    found = findings(name, world(**different), *orders, stop=stop)
    assert worst(found) is expected, found
    assert all(finding.check == name for finding in found)
    assert all(finding.message.endswith(".") for finding in found)


@pytest.mark.parametrize(
    ("limit", "expected"),
    # collar 5% of the ask, 100.01: 0.49% beyond it, 5.01%, and far on the other side
    [("100.50", PASS), ("105.02", BLOCK), ("50", PASS)],
)
def test_a_limit_far_beyond_the_touch_is_a_typing_error(limit: str, expected: Severity) -> None:
    facts = world()
    case = case_of(facts, [order("buy 9 AAA", limit=limit)])
    assert worst(list(RULES["price_collar"](case))) is expected


def test_every_check_of_the_catalogue_has_one_rule_and_every_row_here_names_one() -> None:
    of_a_proposal_or_a_snapshot = {"stated_weight", "portfolio_change", "cap_breached"}
    assert set(RULES) | of_a_proposal_or_a_snapshot == set(BY_ID)
    assert len(BY_ID) == len(CHECKS)
    assert {row[0] for row in TABLE} | {"price_collar"} == set(RULES) - SIGNALS - WITH_A_PAST


def test_the_named_sets_are_six_six_eight_and_the_unified_one() -> None:
    assert set(DRY_RUN) == {
        "sector_cap", "cash_buffer", "position_cap", "sector_increase", "cash_path", "restricted",
    }  # fmt: skip
    assert set(SETS["stock validation"]) == {
        "conviction", "position_cap", "sector_cap", "cash_buffer", "restricted", "sector_rank",
    }  # fmt: skip
    assert len(RISK_GATE) == 8
    assert {*SETS["risk gate"], "correlation", "value_at_risk"} >= set(SETS["unified risk"])
    assert all(check in BY_ID for checks in SETS.values() for check in checks)


def test_every_threshold_named_by_the_catalogue_is_a_policy_key() -> None:
    for entry in CHECKS:
        assert entry.threshold == "" or hasattr(STANDARD, entry.threshold), entry.id


def test_a_switched_off_check_is_silent() -> None:
    optional = {e.id: e.threshold for e in CHECKS if e.threshold and e.id in RULES}
    never_silent = {"cash_path", "account_cash", "quote_fresh", "portfolio_age"}
    for name, key in optional.items():
        if name in never_silent:
            continue
        if name in SIGNALS:
            continue
        limits: dict[str, object] = {key: None}
        if name == "cash_buffer":
            limits["warn_cash_weight"] = None
        if name == "adv_share":
            limits["warn_adv_share"] = None
        assert findings(name, world(policy=with_limits(**limits)), "buy 10 AAA") == [], name


def test_a_held_position_without_a_price_makes_no_weight_pass() -> None:
    facts = world(held={"AAA": "10"})
    held = facts.portfolio.positions[0].model_copy(update={"current_price": None})
    blind = type(facts)(
        facts.portfolio.model_copy(update={"positions": (held,)}),
        {symbol: quote for symbol, quote in facts.quotes.items() if symbol != "AAA"},
        facts.instruments, facts.policy, None, facts.clock, NOW,
    )  # fmt: skip
    for name in ("sector_cap", "position_cap", "cash_buffer", "leverage", "leveraged_cap"):
        found = findings(name, blind, "buy 5 BBB")
        assert worst(found) is BLOCK
        assert found[0].message == f"{name} can't be checked: no price for AAA."


def test_findings_come_in_the_order_of_the_catalogue() -> None:
    facts = world()
    found = check(case_of(facts, steps(facts, "buy 10 AAA")))
    places = [list(BY_ID).index(finding.check) for finding in found]
    assert places == sorted(places)
