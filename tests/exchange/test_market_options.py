"""Option contracts: which there are, what they cost, how their boards follow the underlying."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchange.book import Listing
from services.exchange.market.boards import Market
from services.exchange.market.options import (
    RATE,
    Contract,
    contracts_of,
    expiries,
    strikes_around,
    value,
)
from services.exchange.market.quotes import Quote
from services.exchange.sessions import session_of

NOW = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
XYZ = Listing(symbol="XYZ", price=Decimal(50), has_options=True)
ABC = Listing(symbol="ABC", price=Decimal(50))
CONTRACTS = contracts_of(XYZ, NOW)


@given(
    st.sampled_from(CONTRACTS), st.floats(5, 500), st.timedeltas(timedelta(0), timedelta(days=2))
)
def test_call_minus_put_is_spot_minus_discounted_strike(contract, spot, later):
    now = NOW + later
    call, put = (
        value(Contract("XYZ", contract.expires, right, contract.strike), spot, now)
        for right in "CP"
    )
    years = (contract.closes - now).total_seconds() / (365 * 86_400)
    owed = float(contract.strike) * exp(-RATE * years)
    assert call.price - put.price == pytest.approx(spot - owed, abs=1e-6)
    assert call.delta - put.delta == pytest.approx(1, abs=1e-9)
    assert (call.gamma, call.vega) == pytest.approx((put.gamma, put.vega))
    assert call.volatility == put.volatility


@given(st.sampled_from(CONTRACTS), st.floats(20, 120))
def test_a_contract_is_worth_its_rights_and_moves_with_its_delta(contract, spot):
    worth, above = value(contract, spot, NOW), value(contract, spot * 1.0001, NOW)
    assert 0 <= worth.price <= max(spot, float(contract.strike))
    gained = above.price - worth.price
    assert gained >= -1e-9 if contract.is_call else gained <= 1e-9
    assert abs(worth.delta) <= 1
    assert worth.gamma >= 0 <= worth.vega


@given(st.sampled_from(CONTRACTS))
def test_an_occ_symbol_says_all_there_is(contract):
    assert Contract.parsed(contract.symbol) == contract
    assert len(contract.symbol) == len("XYZ") + 15


@pytest.mark.parametrize(
    "text", ["", "XYZ", "XYZ260320C0005000", "XYZ261320C00050000", "XYZ260320X00050000"]
)
def test_what_is_no_occ_symbol_is_refused(text):
    with pytest.raises(ValueError, match=r"option symbol|time data|unconverted|does not match"):
        Contract.parsed(text)


def test_contracts_expire_on_fridays_or_on_the_session_before():
    days = expiries(date(2026, 3, 3))
    assert days == (
        date(2026, 3, 6),
        date(2026, 3, 13),
        date(2026, 3, 20),
        date(2026, 3, 27),
        date(2026, 4, 17),
        date(2026, 5, 15),
        date(2026, 6, 18),  # the 19th is a holiday
    )
    assert all(session_of(day) for day in days)


@given(st.dates(date(2024, 1, 1), date(2028, 1, 1)), st.integers(1, 120))
def test_what_is_listed_stays_listed_until_it_expires(day, later):
    after = day + timedelta(days=later)
    assert {d for d in expiries(day) if d > after} <= set(expiries(after))


def test_strikes_are_evenly_around_the_price_and_positive():
    assert strikes_around(Decimal("50.30"))[10] == 50
    assert len(strikes_around(Decimal(50))) == 21
    assert min(strikes_around(Decimal("0.60"))) > 0


def test_what_expired_this_afternoon_is_gone():
    friday = datetime(2026, 3, 6, 20, 59, tzinfo=UTC)
    before, after = contracts_of(XYZ, friday), contracts_of(XYZ, friday + timedelta(minutes=1))
    assert date(2026, 3, 6) in {contract.expires for contract in before}
    assert date(2026, 3, 6) not in {contract.expires for contract in after}
    assert contracts_of(ABC, NOW) == ()


def quoted(market: Market, mid: str, seconds: int) -> set[str]:
    at, price = NOW + timedelta(seconds=seconds), Decimal(mid)
    quote = Quote("XYZ", price - Decimal("0.01"), 1, price + Decimal("0.01"), 1, at)
    update = market.take([quote], at)
    assert {q.symbol for q in update.options} <= update.quoted
    return update.quoted


def test_a_contract_that_was_asked_for_is_quoted_with_its_underlying():
    market = Market([XYZ, ABC], [])
    call, put = "XYZ260320C00050000", "XYZ260320P00050000"
    assert market.find(call) is None
    quoted(market, "50", 0)
    board = market.find(call)
    assert board is not None
    assert board.quote is not None
    before = board.quote
    assert 0 < before.bid < before.ask
    assert market.find(board.asset_id) is board
    assert market.find(put.lower()) is not None
    assert quoted(market, "55", 1) == {"XYZ", call, put}
    after = market.find(call)
    assert after is board
    assert board.quote.bid > before.bid + 3
    market.halt("XYZ")
    assert market.find(call).halted


def test_what_is_not_listed_is_not_found():
    market = Market([XYZ, ABC], [])
    quoted(market, "50", 0)
    for symbol in ("ABC260320C00050000", "NOPE260320C00050000", "XYZ260321C00050000"):
        assert market.find(symbol) is None
