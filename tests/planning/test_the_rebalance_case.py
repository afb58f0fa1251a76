"""Everything that must come out of the rebalance case under the standard policy."""

from decimal import Decimal

from planning_world import of, orders, rebalance, rebalance_facts

from db.model.order import Side
from db.model.plan import Phase, Severity, Verdict
from services.planning import revise


def test_sells_lock_the_largest_gains_and_raise_what_the_directive_asks() -> None:
    plan = rebalance()
    sells = [(s.symbol, s.qty) for s in plan.phase_steps(Phase.SELL)]
    assert sells == [("NEM", 150), ("AA", 125), ("FCX", 120)]
    assert sum(s.qty * s.reference_price for s in plan.phase_steps(Phase.SELL)) == 21_800
    materials = sum((h.value for h in plan.after.holdings if h.sector == "Materials"), Decimal(0))
    assert materials == 25_000  # of the 100,000 it had: 25.0% at mid prices


def test_buys_spread_by_conviction_in_whole_shares() -> None:
    plan = rebalance()
    buys = {s.symbol: s for s in plan.phase_steps(Phase.BUY)}
    for sector, dollars, convictions in (
        ("Technology", Decimal(9300), {"NVDA": 74, "AVGO": 70, "MSFT": 68}),
        ("Healthcare", Decimal(10_000), {"LLY": 72, "ABBV": 66}),
    ):
        for symbol, conviction in convictions.items():
            share = dollars * conviction / sum(convictions.values())
            step = buys[symbol]
            assert step.sector == sector
            assert step.qty == share // step.reference_price
            assert step.conviction == conviction
    assert {s: b.qty for s, b in buys.items()} == {
        "NVDA": 18, "LLY": 6, "AVGO": 9, "MSFT": 7, "ABBV": 23,
    }  # fmt: skip
    assert [b.conviction for b in buys.values()] == [74, 72, 70, 68, 66]


def test_unh_is_skipped_and_the_plan_says_why() -> None:
    (skipped,) = rebalance().skipped
    assert (skipped.symbol, skipped.reason) == ("UNH", "conviction 60 is under the minimum of 65")


def test_every_sell_stands_before_every_buy() -> None:
    plan = rebalance()
    assert [s.n for s in plan.steps] == list(range(1, 9))
    assert [s.side for s in plan.steps] == [Side.SELL] * 3 + [Side.BUY] * 5


def test_cash_stays_at_five_percent_or_more_at_every_buy() -> None:
    plan = rebalance()
    running = plan.before.cash
    for step in plan.steps:
        sign = 1 if step.side is Side.SELL else -1
        running += sign * step.expected_value
        assert step.expected_cash_after == running
        if step.side is Side.BUY:
            assert running >= Decimal("0.05") * plan.before.equity
    assert running == plan.after.cash
    assert Decimal("0.05") <= plan.after.cash_weight < Decimal("0.06")


def test_the_verdict_is_conditional_with_the_one_warning_about_cash() -> None:
    plan = rebalance()
    assert plan.verdict is Verdict.CONDITIONAL
    assert of(plan, Severity.BLOCK) == []
    (warning,) = of(plan, Severity.WARN)
    assert warning.check == "cash_buffer"
    assert warning.message == (
        "Cash goes from 2.5% to 5.6%, under the warning line of 8.0% (minimum 5.0%)."
    )


def test_materials_over_its_cap_is_inherited_and_cured() -> None:
    (cured,) = [f for f in rebalance().findings if f.subject == "Materials"]
    assert (cured.check, cured.severity) == ("sector_cap", Severity.PASS)
    assert "comes down from 46.8% to 25.0%" in cured.message


def test_prices_are_conservative_and_protection_follows_the_policy() -> None:
    plan = rebalance()
    quotes = rebalance_facts().quotes
    for step in plan.steps:
        quote = quotes[step.symbol]
        assert quote.bid is not None
        assert quote.ask is not None
        if step.side is Side.SELL:
            assert step.expected_price < quote.bid
            assert (step.stop_loss_price, step.target_price) == (None, None)
        else:
            assert step.expected_price > quote.ask
            assert step.stop_loss_price is not None
            assert step.target_price is not None
            assert abs(step.stop_loss_price / step.expected_price - Decimal("0.92")) < Decimal(
                "1e-3"
            )
            assert abs(step.target_price / step.expected_price - Decimal("1.16")) < Decimal("1e-3")
    assert 0 < plan.estimated_cost < 30


def test_each_buy_names_the_sells_that_pay_for_it() -> None:
    plan = rebalance()
    for step in plan.phase_steps(Phase.BUY):
        assert step.funded_by
        assert step.needs == step.funded_by
        assert set(step.funded_by) <= {1, 2, 3}
    assert plan.step(8).funded_by[-1] == 3


def test_dropping_a_sell_that_pays_blocks_the_buys() -> None:
    plan, facts = rebalance(), rebalance_facts()
    without_nem = revise(plan, facts, drop=[1])
    blocked = {f.check for f in of(without_nem, Severity.BLOCK)}
    assert {"cash_path", "cash_buffer"} <= blocked
    only_sells = revise(plan, facts, drop=[4, 5, 6, 7, 8])
    assert only_sells.verdict is Verdict.SAFE
    assert orders(only_sells) == orders(plan)[:3]
