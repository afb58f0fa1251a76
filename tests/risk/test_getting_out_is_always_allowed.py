"""A reducing order is never blocked by a cap, count, conviction or exposure check; and what is not
known never makes a verdict better (invariants 20, 21)."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from risk_world import CLOSED, STANDARD, SWING, SYMBOLS, steps, with_limits, world, worst

from db.model.order import Side
from db.model.plan import Severity
from services.risk.case import case_of
from services.risk.catalogue import BY_ID
from services.risk.facts import Facts
from services.risk.run import check

HARSH = with_limits(
    max_position_weight="0.01",
    max_sector_weight="0.01",
    min_cash_weight="0.9",
    warn_cash_weight="0.95",
    max_leverage="0.1",
    max_sector_increase="0",
    max_leveraged_weight="0",
    max_positions=0,
    min_position_value="1000000",
    min_trade_value="1000000",
    max_order_value="1",
    warn_adv_share="0",
    max_adv_share="0",
    restricted=dict.fromkeys(SYMBOLS, "audit"),
)

holdings = st.dictionaries(
    st.sampled_from(SYMBOLS), st.integers(1, 5000).map(str), min_size=1, max_size=5
)


@given(
    held=holdings,
    cash=st.integers(-100_000, 100_000),
    part=st.integers(1, 100),
    clock=st.sampled_from([CLOSED, None]),
    blind=st.booleans(),
    sectors=st.dictionaries(st.sampled_from(SYMBOLS), st.just("One")),
    factors=st.dictionaries(st.sampled_from(SYMBOLS), st.just("3")),
)
def test_a_plan_that_only_reduces_is_never_blocked_by_a_cap(
    held: dict[str, str], cash: int, part: int, clock: None, blind: bool,
    sectors: dict[str, str], factors: dict[str, str],
) -> None:  # fmt: skip
    facts = world(
        cash=str(cash), held=held, policy=HARSH, clock=clock, sectors=sectors, factors=factors,
        unknown_adv=SYMBOLS, quote_age=900,
    )  # fmt: skip
    if blind:
        facts = replace(facts, quotes={})
    selling = [f"sell {max(1, int(qty) * part // 100)} {symbol}" for symbol, qty in held.items()]
    for finding in check(case_of(facts, steps(facts, *selling))):
        applies = BY_ID[finding.check].reducing
        assert applies or finding.severity is not Severity.BLOCK, finding


@given(
    held=holdings,
    cash=st.integers(0, 50_000),
    buys=st.lists(
        st.tuples(st.sampled_from(SYMBOLS), st.integers(1, 60)),
        max_size=3,
        unique_by=lambda b: b[0],
    ),
    swing=st.booleans(),
    lost=st.sets(
        st.sampled_from(["quotes", "clock", "volume", "instruments", "prices"]), min_size=1
    ),
    symbol=st.sampled_from(SYMBOLS),
)
def test_losing_data_never_makes_a_verdict_better(
    held: dict[str, str], cash: int, buys: list[tuple[str, int]], swing: bool, lost: set[str],
    symbol: str,
) -> None:  # fmt: skip
    facts = world(cash=str(cash), held=held, policy=SWING if swing else STANDARD)
    orders = steps(facts, *(f"buy {qty} {name}" for name, qty in buys))
    poorer = without(facts, lost, symbol)
    rank = [Severity.PASS, Severity.WARN, Severity.BLOCK]
    known, unknown = (worst(check(case_of(f, orders))) for f in (facts, poorer))
    assert rank.index(unknown) >= rank.index(known)


def without(facts: Facts, lost: set[str], symbol: str) -> Facts:
    """The facts with some of what is known of `symbol`, or the clock, gone."""
    quotes, instruments, portfolio = dict(facts.quotes), dict(facts.instruments), facts.portfolio
    if "quotes" in lost:
        quotes.pop(symbol)
    if "prices" in lost:
        blank = tuple(
            p.model_copy(update={"current_price": None}) if p.symbol == symbol else p
            for p in portfolio.positions
        )
        portfolio = portfolio.model_copy(update={"positions": blank})
    if "volume" in lost:
        instruments[symbol] = instruments[symbol].model_copy(update={"average_daily_volume": None})
    if "instruments" in lost:
        instruments.pop(symbol)
    clock = None if "clock" in lost else facts.clock
    return replace(facts, quotes=quotes, instruments=instruments, portfolio=portfolio, clock=clock)


def test_covering_a_short_is_getting_out_too() -> None:
    facts = world(cash="5000", held={"AAA": "-10"}, policy=HARSH)
    found = check(case_of(facts, steps(facts, "buy 10 AAA")))
    assert worst(found) is not Severity.BLOCK
    assert facts.reduces("main", "AAA", Side.BUY, Decimal(11)) is False
