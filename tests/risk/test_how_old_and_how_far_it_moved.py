"""The ladder of a portfolio's age, and minor, material and critical change (spec 3, Freshness)."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_world import STANDARD, SYMBOLS, findings, steps, with_limits, world

from db.model.plan import Finding, Severity, Step
from services.risk.case import case_of, could_not_check
from services.risk.facts import Facts
from services.risk.freshness import (
    Change,
    Move,
    Rung,
    caveats,
    change_findings,
    kind_of,
    rung,
)
from services.risk.standing import standing

PASS, WARN, BLOCK = Severity.PASS, Severity.WARN, Severity.BLOCK


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        # To 1 h, to 2 h, to 4 h, beyond; each line belongs to the rung below it.
        ("0", Rung.PROCEED),
        ("60", Rung.PROCEED),
        ("60.1", Rung.CAVEAT),
        ("120", Rung.CAVEAT),
        ("120.1", Rung.STALE),
        ("240", Rung.STALE),
        ("240.1", Rung.STOP),
        ("100000", Rung.STOP),
    ],
)
def test_the_ladder(minutes: str, found: Rung) -> None:
    assert rung(Decimal(minutes), STANDARD) is found


def test_the_ladder_is_the_policys() -> None:
    hasty = with_limits(
        portfolio_caveat_minutes=1, portfolio_stale_minutes=2, portfolio_stop_minutes=3
    )
    assert [rung(Decimal(n), hasty) for n in (1, 2, 3, 4)] == list(Rung)


@pytest.mark.parametrize(
    ("age", "severity", "words"),
    [(60, PASS, 0), (61, WARN, 1), (121, WARN, 1), (241, BLOCK, 0)],
)
def test_an_age_is_worth_a_word_before_it_stops(age: int, severity: Severity, words: int) -> None:
    (found,) = findings("portfolio_age", world(age=age), "buy 1 AAA")
    assert found.severity is severity
    assert len(caveats([found])) == words


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        ("0.10", "0.1004", Change.NONE),  # 0.04% is shown as 0.0%
        ("0.10", "0.1005", Change.MINOR),
        ("0.10", "0.119999", Change.MINOR),
        ("0.10", "0.12", Change.MATERIAL),  # 2 points to the cent: "2% or more"
        ("0.12", "0.10", Change.MATERIAL),  # less is a change as well
        ("0.02", "0", Change.MATERIAL),  # gone
    ],
)
def test_how_far_a_weight_may_move(was: str, now: str, kind: Change) -> None:
    assert kind_of(Move("position", "AAA", Decimal(was), Decimal(now)), STANDARD) is kind


def test_where_any_change_is_material_none_is_still_none() -> None:
    strictest = with_limits(material_change=0)
    still, moved = (Move("cash", "cash", Decimal("0.1"), Decimal(now)) for now in ("0.1", "0.1001"))
    assert kind_of(still, strictest) is Change.NONE
    assert kind_of(moved, strictest) is Change.MATERIAL


# Equity $100,000: AAA $10,000 (10%), BBB $13,000 (13%), cash $77,000 (77%).
MADE_ON = world(cash="77000", held={"AAA": "100", "BBB": "130"})


def judged(now: Facts, *orders: str, done: Sequence[Step] = ()) -> dict[str, list[Finding]]:
    case = case_of(now, steps(now, *orders))
    found = list(change_findings(standing(MADE_ON), case, done))
    return {
        check: [f for f in found if f.check == check]
        for check in ("portfolio_change", "cap_breached")
    }


@pytest.mark.parametrize(
    ("cash", "held", "prices", "material", "broken"),
    [
        # As it was.
        ("77000", {"AAA": "100", "BBB": "130"}, {}, set(), set()),
        # AAA at $105: 10,500 / 100,500 = 10.45%; the others move by less: minor.
        ("77000", {"AAA": "100", "BBB": "130"}, {"AAA": "105"}, set(), set()),
        # AAA at $130: 13,000 / 103,000 = 12.62% (+2.62 points), its sector alike; cash
        # 77,000 / 103,000 = 74.76% (−2.24); BBB 12.62% (−0.38).
        ("77000", {"AAA": "100", "BBB": "130"}, {"AAA": "130"},
         {"AAA", "Sector AAA", "cash"}, set()),
        # BBB at $125: 16,250 / 103,250 = 15.74%, over its cap of 15%, 13% when planned: critical,
        # and +2.74 points is material; cash 74.58% (−2.42).
        ("77000", {"AAA": "100", "BBB": "130"}, {"BBB": "125"},
         {"BBB", "Sector BBB", "cash"}, {"BBB"}),
        # $3,000 left: 74,000 / 97,000 = 76.29% (−0.71), AAA 10.31%, BBB 13.40%: minor.
        ("74000", {"AAA": "100", "BBB": "130"}, {}, set(), set()),
        # $8,000 left: 69,000 / 92,000 = 75% (−2), AAA 10.87%, BBB 14.13% (+1.13): cash alone.
        ("69000", {"AAA": "100", "BBB": "130"}, {}, {"cash"}, set()),
        # Someone sold 20 AAA: 8,000 / 100,000 = 8% (−2), cash 79% (+2).
        ("79000", {"AAA": "80", "BBB": "130"}, {}, {"AAA", "Sector AAA", "cash"}, set()),
        # 20 CCC that were not there: 2% (+2), cash 75% (−2).
        ("75000", {"AAA": "100", "BBB": "130", "CCC": "20"}, {},
         {"CCC", "Sector CCC", "cash"}, set()),
    ],
)  # fmt: skip
def test_what_moved_since_the_plan_was_made(
    cash: str, held: dict[str, str], prices: dict[str, str], material: set[str], broken: set[str]
) -> None:
    now = world(cash=cash, held=held, prices=prices)
    found = judged(now, "buy 10 DDD")
    blocked = {check: {f.subject for f in rows if f.severity is BLOCK} for check, rows in found.items()}  # fmt: skip
    assert blocked == {"portfolio_change": material, "cap_breached": broken}
    moved = prices or cash != "77000"
    assert len(caveats(found["portfolio_change"])) == (1 if moved and not material else 0)
    selling = judged(now, "sell 10 AAA")
    assert BLOCK not in {f.severity for rows in selling.values() for f in rows}  # invariant 20


def test_a_cap_that_the_plan_itself_brings_back_does_not_stop_it() -> None:
    # BBB at $120: 15,600 / 102,600 = 15.20%, over 15%. Selling 20: 13,200 / 102,600 = 12.87%.
    now = world(cash="77000", held={"AAA": "100", "BBB": "130"}, prices={"BBB": "120"})
    (stopped,) = judged(now, "buy 10 DDD")["cap_breached"]
    assert stopped.severity is BLOCK
    (cured,) = judged(now, "sell 20 BBB", "buy 10 DDD")["cap_breached"]
    assert cured.severity is PASS


def test_a_cap_that_was_broken_when_the_plan_was_made_is_inherited() -> None:
    # 160 BBB of $100,000 are 16%; at $101 16,160 / 100,160 = 16.13%: no news, and a minor change.
    made_on = world(cash="84000", held={"BBB": "160"})
    now = world(cash="84000", held={"BBB": "160"}, prices={"BBB": "101"})
    case = case_of(now, steps(now, "buy 10 DDD"))
    found = list(change_findings(standing(made_on), case))
    assert [f.severity for f in found] == [PASS, PASS]
    assert len(caveats(found)) == 1


def test_what_nobody_knows_is_not_unchanged_invariant_21() -> None:
    now = world(cash="77000", held={"AAA": "100", "ZZZ": "5"})
    unpriced = tuple(
        position.model_copy(update={"current_price": None}) for position in now.portfolio.positions
    )
    portfolio = now.portfolio.model_copy(update={"positions": unpriced})
    blind = replace(now, quotes={}, portfolio=portfolio)
    (found,) = judged(blind, "buy 10 DDD")["portfolio_change"]
    assert found.severity is BLOCK
    assert could_not_check(found)


@given(
    held=st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 400), min_size=1),
    filled=st.lists(st.tuples(st.sampled_from(SYMBOLS), st.booleans(), st.integers(1, 400)), max_size=5),
)  # fmt: skip
def test_what_the_plan_itself_did_is_no_change(
    held: dict[str, int], filled: list[tuple[str, bool, int]]
) -> None:
    """Whatever fills at the prices that stand, the portfolio with it taken back is the one before."""
    before = world(cash="1000000", held={s: str(q) for s, q in held.items()})
    cash, left, done = Decimal(1_000_000), dict(held), []
    for n, (symbol, sells, qty) in enumerate(filled, 1):
        share = min(qty, left.get(symbol, 0)) if sells else qty
        if not share:
            continue
        left[symbol] = left.get(symbol, 0) + (-share if sells else share)
        cash += share * Decimal(100) * (1 if sells else -1)
        (step,) = steps(before, f"{'sell' if sells else 'buy'} {share} {symbol}")
        done.append(step.model_copy(update={"n": n, "expected_price": Decimal(100)}))
    now = world(cash=str(cash), held={s: str(q) for s, q in left.items() if q})
    case = case_of(now, steps(now, "buy 1 EEE"))
    for found in change_findings(standing(before), case, done):
        assert found.severity is PASS, found
        assert found.values.get("moved", "0") == "0"
