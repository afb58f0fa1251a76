"""An exception covers exactly the findings that it names, at no worse than the figures shown, and some
checks nobody can except (spec 3, Escalation)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from risk_world import ACTIVE, CLOSED, NOW, STANDARD, findings, steps, with_limits, working, world

from db.model.base import plain
from db.model.escalation import Escalation, Outcome, Trigger, Violation
from db.model.plan import Finding, Severity
from services.risk.case import case_of
from services.risk.catalogue import BY_ID, CHECKS
from services.risk.exceptions import (
    NotExceptedError,
    blocks_of,
    covers,
    excepted,
    trigger_of,
    violations,
)
from services.risk.run import check

BLOCK, WARN = Severity.BLOCK, Severity.WARN
FORBIDDEN = {
    # Named by spec 3.
    "trading_state", "share_sufficiency", "duplicate_order", "tradable",
    # Negative cash, by whatever figure: on the way, at the end, the broker's, and margin that is missing.
    "cash_path", "account_cash", "buying_power", "intraday_margin",
    # Not tradable, by its exchange.
    "halted_symbol",
    # "Stop" in spec 3, Freshness: read again or proposed again, never let pass.
    "portfolio_age", "cap_breached",
}  # fmt: skip
MEASURED = sorted(c.id for c in CHECKS if c.excepted and c.worse)
AS_IT_READS = sorted(c.id for c in CHECKS if c.excepted and not c.worse)


def granted(*asked: Violation) -> Escalation:
    return Escalation(
        escalation_id="3f9a-x1", plan_id="3f9a", revision=1, plan_hash="0", trigger=Trigger.BLOCKED,
        violations=asked, report="3f9a-r1-dry-run.md", asked="", to="Jane Roe", by="ana",
        requested_at=NOW, deadline=NOW + timedelta(minutes=30), outcome=Outcome.GRANTED,
        approver="Jane Roe", reason="a good one", number=1, of=2, day="2026-01-05",
    )  # fmt: skip


def block(check: str, subject: str = "AAA", step: int | None = 1, **values: Decimal) -> Finding:
    shown = {name: plain(value) for name, value in values.items()}
    return Finding(check=check, severity=BLOCK, subject=subject, message=f"{check} is over.", values=shown, step=step)  # fmt: skip


def figures(name: str, figure: Decimal) -> dict[str, Decimal]:
    return {way[1:]: figure for way in BY_ID[name].worse}


def test_exactly_these_nobody_can_except() -> None:
    assert {c.id for c in CHECKS if not c.excepted} == FORBIDDEN


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_what_nobody_can_except_is_refused_and_never_covered(name: str) -> None:
    with pytest.raises(NotExceptedError, match=f"^{name} can't be excepted by anybody"):
        violations([block("sector_cap", "Tech", after=Decimal("0.42")), block(name)])
    forged = Violation(check=name, subject="AAA", step=1, message=f"{name} is over.")
    for named in (forged, forged.model_copy(update={"step": None})):
        assert excepted([block(name)], [granted(named)])[0].severity is BLOCK


def test_what_can_not_be_checked_or_measured_is_not_excepted() -> None:
    blind = Finding(check="sector_cap", severity=BLOCK, subject="plan", message="sector_cap can't be checked: no price for BBB.")  # fmt: skip
    with pytest.raises(NotExceptedError, match="What can't be checked can't be excepted"):
        violations([blind])
    with pytest.raises(NotExceptedError, match="names no figures"):
        violations([block("sector_cap")])


@pytest.mark.parametrize("name", MEASURED)
@given(
    shown=st.decimals("-1000", "1000000", places=6),
    now=st.decimals("-1000", "1000000", places=6),
)
def test_a_worse_figure_is_never_let_pass(name: str, shown: Decimal, now: Decimal) -> None:
    """Against what the approver was shown: `bounds`, three figures, never better than the finding."""
    (asked,) = violations([block(name, **figures(name, shown))])
    found = block(name, **figures(name, now))
    passes = excepted([found], [granted(asked)])[0].severity is WARN
    worse = any(
        now > asked.bounds[way[1:]] if way[0] == "+" else now < asked.bounds[way[1:]]
        for way in BY_ID[name].worse
    )
    assert passes is not worse
    for way in BY_ID[name].worse:
        bound = asked.bounds[way[1:]]
        assert bound >= shown if way[0] == "+" else bound <= shown
        # At most one of the third digit away: 0.4123 is granted up to 0.413, not up to 0.42.
        assert abs(bound - shown) <= Decimal(1).scaleb(shown.adjusted() - 2)


NAMES = st.sampled_from([*MEASURED, *AS_IT_READS, *sorted(FORBIDDEN)])
BLOCKS = st.builds(
    lambda name, subject, step, figure: block(name, subject, step, **figures(name, figure)),
    NAMES, st.sampled_from(["AAA", "BBB", "plan"]), st.sampled_from([1, 2, None]),
    st.decimals("0.01", "10", places=2),
)  # fmt: skip


@given(asked=st.lists(BLOCKS, min_size=1, max_size=4), found=st.lists(BLOCKS, max_size=6))
def test_what_is_not_named_is_never_let_pass(asked: list[Finding], found: list[Finding]) -> None:
    try:
        named = violations(asked)
    except NotExceptedError:
        assert any(not BY_ID[finding.check].excepted for finding in asked)
        return
    about = {(f.check, f.subject) for f in asked}
    after = excepted(found, [granted(*named)])
    assert [f.check for f in after] == [f.check for f in found]
    for was, now in zip(found, after, strict=True):
        if now.severity is BLOCK:
            assert now.message.startswith(was.message)
            continue
        assert (was.check, was.subject) in about
        assert BY_ID[was.check].excepted
        assert now.message.endswith("Excepted by Jane Roe: a good one.")
        assert (now.values, now.step) == (was.values, was.step)
    assert excepted(found, []) == tuple(found)


@given(asked=st.lists(BLOCKS, min_size=1, max_size=4))
def test_what_was_asked_for_passes_as_it_was(asked: list[Finding]) -> None:
    assume(all(BY_ID[finding.check].excepted for finding in asked))
    after = excepted(asked, [granted(*violations(asked))])
    assert blocks_of(after) == ()


def test_an_order_is_excepted_by_its_step_and_a_plan_by_its_subject() -> None:
    of_order, of_plan = (
        violations([block(name, "AAA", 1, **{key: Decimal("0.2")})])[0]
        for name, key in (("adv_share", "share"), ("position_cap", "after"))
    )
    assert (of_order.step, of_plan.step) == (1, None)
    assert not covers(of_order, block("adv_share", "AAA", 2, share=Decimal("0.1")))
    assert covers(of_plan, block("position_cap", "AAA", 2, after=Decimal("0.2")))


def test_a_rule_without_figures_is_covered_only_as_it_reads() -> None:
    (asked,) = violations([block("restricted", "AAA", 1)])
    other = block("restricted", "AAA", 1).model_copy(update={"message": "AAA is restricted: sued."})
    assert covers(asked, block("restricted", "AAA", 1))
    assert not covers(asked, other)


def test_of_one_subject_found_twice_the_worse_is_asked_for() -> None:
    found = [block("sector_cap", "Tech", after=Decimal(n)) for n in ("0.4151", "0.4212", "0.41")]
    (asked,) = violations(found)
    assert asked.bounds == {"after": Decimal("0.422")}
    assert asked.covered == "after ≤ 0.422"
    (less,) = violations([block("min_equity", equity=Decimal(24_999))])
    assert less.covered == "equity ≥ 24900"


@pytest.mark.parametrize(
    ("names", "trigger"),
    [
        (["portfolio_change"], Trigger.MATERIAL_CHANGE),
        (["portfolio_change", "sector_cap"], Trigger.BLOCKED),
        (["order_value"], Trigger.BLOCKED),
    ],
)
def test_why_somebody_is_asked(names: list[str], trigger: Trigger) -> None:
    asked = violations([block(name, **figures(name, Decimal("0.5"))) for name in names])
    assert trigger_of(asked) is trigger


# --- the checks' own findings have the figures that the catalogue promises --------------------

REAL = {
    "sector_cap": (world(cash="100000", sectors={"AAA": "Tech", "BBB": "Tech"}), ["buy 300 AAA", "buy 300 BBB"]),
    "cash_buffer": (world(), ["buy 195 AAA"]),
    "position_cap": (world(), ["buy 50 AAA"]),
    "sector_increase": (world(policy=with_limits(max_sector_increase="0.1")), ["buy 30 AAA"]),
    "settled_funds": (world(held={"AAA": "10"}, unsettled={"AAA": "8"}), ["sell 5 AAA"]),
    "min_position": (world(), ["buy 1 AAA"]),
    "min_trade": (world(held={"AAA": "20"}, prices={"AAA": "50"}), ["buy 1 AAA"]),
    "leverage": (world(cash="1000", held={"AAA": "100"}), ["buy 50 AAA"]),
    "leveraged_cap": (world(factors={"AAA": "3"}), ["buy 80 AAA"]),
    "position_count": (world(held={"AAA": "1"}, policy=with_limits(max_positions=1)), ["buy 10 BBB"]),
    "order_value": (world(cash="1000000"), ["buy 600 AAA"]),
    "adv_share": (world(cash="90000000"), ["buy 60000 AAA"]),
    "quote_fresh": (world(quote_age=60), ["buy 10 AAA"]),
    "risk_per_trade": (world(policy=with_limits(max_risk_per_trade="0.001")), ["buy 10 AAA"]),
    "portfolio_at_risk": (world(policy=with_limits(max_portfolio_at_risk="0.001")), ["buy 10 AAA"]),
    "daily_loss": (world(cash="20000", began=Decimal(40000)), ["buy 1 AAA"]),
    "min_equity": (world(policy=ACTIVE), ["buy 1 AAA"]),
    "loss_streak": (world(policy=ACTIVE, losses=3), ["buy 1 AAA"]),
}  # fmt: skip
"""Check → a portfolio and orders that it blocks."""
ELSEWHERE = {
    "price_collar", "value_at_risk", "portfolio_change", "signal_fresh", "conviction", "sector_rank",
    "duplicate_ticker",
}  # fmt: skip
"""Their tables are in rooms of their own (limits, bars, snapshots, ideas)."""


@pytest.mark.parametrize("name", MEASURED)
def test_a_real_finding_can_be_asked_for_and_is_covered_as_it_is(name: str) -> None:
    if name in ELSEWHERE:
        assert name not in REAL
        return
    facts, orders = REAL[name]
    found = blocks_of(findings(name, facts, *orders))  # type: ignore[arg-type]
    assert found, name
    asked = violations(found)
    assert all(one.bounds for one in asked)
    assert blocks_of(excepted(found, [granted(*asked)])) == ()


def test_an_exception_to_one_check_leaves_the_others_as_they_are() -> None:
    """A plan that breaks several rules: with all but one excepted, that one still blocks."""
    facts = world(cash="30000", orders=(working("sell 5 AAA"),), policy=STANDARD, clock=CLOSED)
    found = check(case_of(facts, steps(facts, "buy 60 AAA")))
    blocks = [f for f in blocks_of(found) if BY_ID[f.check].excepted]
    assert {f.check for f in blocks} == {"position_cap", "opposite_order", "market_hours"}
    for left in blocks:
        others = violations([f for f in blocks if f is not left])
        assert blocks_of(excepted(found, [granted(*others)])) == (left,)


def test_a_block_that_grew_says_what_was_let_pass() -> None:
    (asked,) = violations([block("position_cap", after=Decimal("0.1602"))])
    (grown,) = excepted([block("position_cap", after=Decimal("0.17"))], [granted(asked)])
    assert (grown.severity, grown.message) == (
        BLOCK, "position_cap is over. Jane Roe let pass only after ≤ 0.161.",
    )  # fmt: skip
