"""Whatever is asked of whatever is known: a plan, or one sentence."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from planning_world import basket, facts, listed

from db.model.plan import Severity, Verdict, verdict_of
from db.model.proposal import BasketProposal
from services.intake.refusal import RefusedInputError
from services.planning import Facts, make_plan

SYMBOLS = ("AAA", "BBB", "CCC", "NIX")
MARKET = [
    listed("AAA", "100", "A"), listed("BBB", "0.73", "B", adv=0), listed("CCC", "4000", "", spread_bps=90),
]  # fmt: skip
HEADER = "symbol,side,qty,notional,type,limit_price,stop_price"

size = st.one_of(
    st.integers(1, 10**7).map(lambda n: f"{n},"),
    st.decimals("0.001", 1000, places=3).map(lambda n: f"{n},"),
    st.integers(1, 10**7).map(lambda n: f",{n}"),
)
kind = st.sampled_from(["market,,", "limit,90.555,", "stop,,3.3", "stop_limit,0.7,0.8", ",,"])
lines = st.builds(
    lambda symbol, side, much, how: f"{symbol},{side},{much},{how}",
    st.sampled_from(SYMBOLS), st.sampled_from(["buy", "sell"]), size, kind,
)  # fmt: skip


@st.composite
def books(draw: st.DrawFn) -> Facts:
    held = draw(st.lists(st.sampled_from(SYMBOLS[:3]), unique=True))
    known = facts(
        tuple((symbol, str(draw(st.integers(1, 500))), "50") for symbol in held),
        MARKET,
        cash=str(draw(st.integers(-20_000, 50_000))),
        policy=draw(st.sampled_from(["standard", "strict", "active", "swing", "leveraged"])),
    )
    quotes = {s: q for s, q in known.quotes.items() if draw(st.booleans())}
    half = {
        s: q.model_copy(update={"ask": None}) if draw(st.booleans()) else q
        for s, q in quotes.items()
    }
    clock = known.clock if draw(st.booleans()) else None
    return replace(known, quotes=half, clock=clock)


@settings(max_examples=300)
@given(books(), st.lists(lines, min_size=1, max_size=5))
def test_any_basket(known: Facts, asked: list[str]) -> None:
    proposal: BasketProposal = basket(*asked, header=HEADER)
    try:
        plan = make_plan(proposal, known, "b0e1", "sim")
    except RefusedInputError as refused:
        assert str(refused).endswith(".")
        return
    assert plan.verdict is verdict_of(plan.findings)
    assert len(plan.steps) + len(plan.skipped) == len(asked)
    assert not plan.skipped or plan.verdict is Verdict.BLOCKED
    for step in plan.steps:
        assert step.expected_price > 0
        assert step.expected_value == step.qty * step.expected_price
    if not any(f.severity is Severity.BLOCK for f in plan.findings):
        cash = [s.expected_cash_after for s in plan.steps if s.side == "buy"]
        assert all(c >= 0 for c in cash) or known.policy.allows_leverage
        assert all(known.held(s.account, s.symbol) >= s.qty for s in plan.steps if s.side == "sell")
