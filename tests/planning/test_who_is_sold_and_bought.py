"""Sell and buy candidates, stubs, caps, what is skipped and what is refused."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from planning_world import basket, directive, facts, listed, of, orders

from db.model.plan import Plan, Severity, Verdict
from db.model.portfolio import Account, Portfolio
from services.intake.refusal import RefusedInputError
from services.planning import Facts, make_plan

MARKET = [
    listed("OLD", "100", "Materials"),
    listed("MID", "50", "Materials", adv=40_000_000),
    listed("NEW", "200", "Technology"),
    listed("ALT", "20", "Technology"),
]
RANKS = {"Technology": 1, "Materials": 8}
PICKS = (("NEW", "Technology", 80), ("ALT", "Technology", 70))


def book(**more: Any) -> Facts:
    known: dict[str, Any] = {
        "positions": (("OLD", "400", "80"), ("MID", "400", "40")),
        "cash": "40000",
        "ranks": RANKS,
        "picks": PICKS,
    }
    return facts(market=MARKET, **{**known, **more})


def plan_of(known: Facts, *bullets: str) -> Plan:
    return make_plan(directive(*bullets), known, "3f9a", "sim")


def test_equal_gains_are_ranked_by_dollar_volume() -> None:
    known = book()  # both stand at +25%; MID trades 2 bn a day, OLD 0.5 bn
    plan = plan_of(known, "Reduce Materials from 60% to 30%")
    assert orders(plan) == [("sell", "MID", 400), ("sell", "OLD", 100)]
    less = plan_of(known, "Reduce Materials from 60% to 50%")
    assert orders(less) == [("sell", "MID", 200)]


def test_no_stub_is_left_when_the_target_allows_it() -> None:
    known = book(positions=(("OLD", "400", "50"), ("MID", "400", "60")))
    plan = plan_of(known, "Reduce Materials from 60% to 20.3%")
    assert orders(plan) == [("sell", "OLD", 400)]
    assert "no stub of $300.00" in plan.steps[0].reason
    kept = plan_of(known, "Reduce Materials from 60% to 21%")
    assert orders(kept) == [("sell", "OLD", 390)]


def test_a_position_held_in_fractions_goes_whole() -> None:
    known = book(positions=(("OLD", "100.5", "50"), ("MID", "400", "60")))
    plan = plan_of(known, "Exit Materials")
    assert ("sell", "OLD", Decimal("100.5")) in orders(plan)
    assert plan.after.sector_weight_of("Materials") == 0


def test_shares_tied_to_other_orders_are_not_sold() -> None:
    known = book()
    tied = tuple(
        p.model_copy(update={"qty_available": Decimal(0)}) if p.symbol == "MID" else p
        for p in known.portfolio.positions
    )
    known = replace(known, portfolio=known.portfolio.model_copy(update={"positions": tied}))
    plan = plan_of(known, "Reduce Materials from 60% to 50%")
    assert orders(plan) == [("sell", "OLD", 100)]
    assert [(s.symbol, s.reason) for s in plan.skipped] == [
        ("MID", "all shares are tied to other orders")
    ]


def test_what_passes_a_position_cap_goes_to_the_other_picks() -> None:
    known = book(positions=(("OLD", "400", "80"), ("NEW", "50", "150")), cash="50000")
    plan = plan_of(known, "Increase Technology from 10% to 25%")
    bought = {s.symbol: s.qty * s.reference_price for s in plan.steps}
    assert plan.after.weight_of("NEW") <= Decimal("0.15")
    assert bought["NEW"] > 4500
    assert bought["ALT"] > 9_500
    assert of(plan, Severity.BLOCK) == []
    assert "as much as the position may hold" in plan.steps[0].reason


def test_what_no_pick_may_take_is_said() -> None:
    known = book(picks=(("NEW", "Technology", 80),))
    plan = plan_of(known, "Increase Technology from 0% to 30%")
    assert plan.after.weight_of("NEW") <= Decimal("0.15")
    assert plan.skipped[-1].symbol == "Technology"
    assert "finds no pick that may take it" in plan.skipped[-1].reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"picks": (("NEW", "Technology", 60), PICKS[1])}, "conviction 60 is under the minimum of 65"),
        ({"picks": (("NIX", "Technology", 90), PICKS[1])}, "the broker does not list it"),
        ({"picks": (("OLD", "Technology", 90), PICKS[1])}, "the analysis counts it as Technology, the instruments as Materials"),
        ({"ranks": {"Technology": 6}}, "Technology ranks 6, the policy asks for 5 or better"),
        ({"ranks": {"Energy": 1}}, "the rank of Technology is not known, and the policy asks for 5 or better"),
    ],
)  # fmt: skip
def test_a_pick_that_may_not_be_bought_is_skipped_with_its_reason(
    change: dict[str, object], reason: str
) -> None:
    plan = plan_of(book(**change), "Increase Technology from 0% to 10%")
    assert plan.skipped[0].reason == reason


def test_restricted_and_untradable_picks_are_skipped() -> None:
    known = book()
    policy = known.policy.model_copy(update={"restricted": {"NEW": "audit"}})
    halted = known.instruments["ALT"].model_copy(update={"tradable": False})
    known = replace(known, policy=policy, instruments={**known.instruments, "ALT": halted})
    plan = plan_of(known, "Increase Technology from 0% to 10%")
    assert [s.reason for s in plan.skipped] == [
        "restricted: audit",
        "it can't be traded at the broker now",
        "$10,000.00 of $10,000.00 finds no pick that may take it",
    ]
    assert plan.steps == ()


def test_a_pick_without_a_price_blocks_what_was_asked() -> None:
    known = book()
    known = replace(known, quotes={s: q for s, q in known.quotes.items() if s != "NEW"})
    plan = plan_of(known, "Increase Technology from 0% to 10%")
    assert plan.verdict is Verdict.BLOCKED
    assert [f.message for f in of(plan, Severity.BLOCK)] == [
        "quote_fresh can't be checked: no quote for NEW."
    ]


def test_a_pick_that_is_held_but_not_quoted_is_not_bought_blindly() -> None:
    known = book(positions=(("NEW", "10", "150"),))
    known = replace(known, quotes={s: q for s, q in known.quotes.items() if s != "NEW"})
    plan = plan_of(known, "Increase Technology from 0% to 10%")
    assert plan.verdict is Verdict.BLOCKED
    assert "NEW" not in {s.symbol for s in plan.steps}


def test_the_cash_target_scales_the_buys() -> None:
    known = book(cash="15000", positions=(("OLD", "850", "80"),))
    plan = plan_of(known, "Increase Technology from 0% to 20%", "Target Cash position: 10%")
    assert plan.after.cash >= Decimal("0.10") * plan.before.equity
    assert plan.after.cash - Decimal("0.10") * plan.before.equity < 450
    assert "scaled to" in plan.steps[0].reason


@pytest.mark.parametrize(
    ("bullets", "said"),
    [
        (("Exit Technlogy",), "Portfolio.md line 2: sector: Technlogy is not a known sector, expected one of Energy"),
        (("Exit Materials", "Reduce Basic Materials from 9% to 3%"), "line 3: sector: Materials has a directive on line 2 already"),
        (("Add Energy to 10%",), "line 2: sector: buying Energy needs a market analysis with picks for it; the one loaded has none"),
    ],
)  # fmt: skip
def test_sectors_that_nobody_knows_or_covers_are_refused(
    bullets: tuple[str, ...], said: str
) -> None:
    known = facts(
        (("OLD", "400", "80"),), [*MARKET, listed("GAS", "9", "Energy")], ranks=RANKS, picks=PICKS
    )
    with pytest.raises(RefusedInputError) as refused:
        plan_of(known, *bullets)
    assert said in str(refused.value)


def test_buying_without_any_analysis_is_refused() -> None:
    with pytest.raises(RefusedInputError, match="none is loaded"):
        plan_of(book(ranks=None, picks=()), "Add Technology to 10%")


def test_sectors_may_be_called_by_their_other_names() -> None:
    plan = plan_of(book(), "Reduce basic materials from 60% to 50%", "Add tech to 10%")
    assert {s.sector for s in plan.steps} == {"Materials", "Technology"}


def test_a_target_already_reached_is_left_alone_and_said() -> None:
    plan = plan_of(book(), "Reduce Materials from 80% to 70%")
    assert plan.steps == ()
    assert plan.skipped[0].reason == "it is at 60.0% already, the target is 70.0%"


def test_a_portfolio_other_than_the_author_saw_is_a_warning() -> None:
    plan = plan_of(book(), "Reduce Materials from 65% to 50%")
    (warning,) = [f for f in of(plan, Severity.WARN) if f.check == "stated_weight"]
    assert warning.message == (
        "Materials stands at 60.0%; the author saw 65.0%: a material difference."
    )
    close = plan_of(book(), "Reduce Materials from 62% to 50%")
    assert not [f for f in close.findings if f.check == "stated_weight"]


def test_a_book_with_a_price_missing_is_blocked_whole() -> None:
    known = book()
    blind = tuple(p.model_copy(update={"current_price": None}) for p in known.portfolio.positions)
    known = replace(
        known,
        quotes={s: q for s, q in known.quotes.items() if s != "OLD"},
        portfolio=known.portfolio.model_copy(update={"positions": blind}),
    )
    plan = plan_of(known, "Reduce Materials from 60% to 50%")
    assert (plan.steps, plan.verdict) == ((), Verdict.BLOCKED)


@pytest.mark.parametrize(
    ("line", "header", "said"),
    [
        ("NIX,buy,1", "symbol,side,qty", "basket.csv line 2: symbol: NIX is not a symbol that the broker lists"),
        ("NEW,buy,1,ira", "symbol,side,qty,account", "line 2: account: there is no account ira, expected one of main"),
        ("NEW,buy,150", "symbol,side,notional", "line 2: notional: $150.00 is less than one share of NEW at $200.07"),
    ],
)  # fmt: skip
def test_a_basket_that_names_what_nobody_knows_is_refused(
    line: str, header: str, said: str
) -> None:
    with pytest.raises(RefusedInputError) as refused:
        make_plan(basket(line, header=header), book(), "b0e1", "sim")
    assert said in str(refused.value)


def test_a_notional_becomes_whole_shares_at_the_conservative_price() -> None:
    plan = make_plan(basket("NEW,buy,2001", header="symbol,side,notional"), book(), "b0e1", "sim")
    (step,) = plan.steps
    assert step.qty == 10
    assert step.expected_value <= 2001
    assert step.reason == "Line 2 asks to buy $2,001.00 of NEW: 10 whole shares at $200.07."


def test_a_basket_keeps_its_types_and_limits_on_the_safe_tick() -> None:
    header = "symbol,side,qty,type,limit_price,time_in_force"
    lines = ("NEW,buy,10,limit,199.999,gtc", "OLD,sell,10,limit,101.001,day")
    plan = make_plan(basket(*lines, header=header), book(), "b0e1", "sim")
    sell, buy = plan.steps
    assert (sell.limit_price, buy.limit_price) == (Decimal("101.01"), Decimal("199.99"))
    assert (buy.type.value, buy.time_in_force.value, buy.expected_price) == (
        "limit", "gtc", Decimal("199.99"),
    )  # fmt: skip


def test_a_held_symbol_can_be_sold_without_a_quote() -> None:
    known = replace(book(), quotes={})
    plan = make_plan(basket("OLD,sell,10"), known, "b0e1", "sim")
    assert (plan.verdict, plan.steps[0].expected_price) == (Verdict.CONDITIONAL, 99)


def test_a_buy_without_a_quote_is_blocked_and_not_forgotten() -> None:
    known = replace(book(), quotes={})
    plan = make_plan(basket("NEW,buy,10", "OLD,sell,10"), known, "b0e1", "sim")
    assert orders(plan) == [("sell", "OLD", 10)]
    assert plan.skipped[0].symbol == "NEW"
    assert plan.verdict is Verdict.BLOCKED


def test_what_another_account_holds_pays_nothing() -> None:
    known = book()
    accounts = (
        Account(name="main", number="1", cash=Decimal(30_000), equity=Decimal(90_000), buying_power=Decimal(30_000)),
        Account(name="ira", number="2", cash=Decimal(10_000), equity=Decimal(10_000), buying_power=Decimal(10_000)),
    )  # fmt: skip
    portfolio = Portfolio(as_of=known.now, accounts=accounts, positions=known.portfolio.positions)
    known = replace(known, portfolio=portfolio)
    plan = plan_of(known, "Increase Technology from 0% to 29%")
    assert {s.account for s in plan.steps} == {"main"}
    header = "symbol,side,qty,account"
    over = make_plan(basket("NEW,buy,60,ira", header=header), known, "b0e1", "sim")
    assert {f.check for f in of(over, Severity.BLOCK)} >= {"cash_path", "account_cash"}
