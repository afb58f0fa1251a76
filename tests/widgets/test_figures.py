"""Figures on the screen: signs by character and by colour, half up, and a missing number is no zero."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.table.fields import (
    Field,
    age,
    money,
    percent,
    price,
    qty,
    signed_money,
    signed_percent,
)

D = Decimal
finite = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (money(D("1234567.891")), "1,234,567.89"),
        (money(D("0.005")), "0.01"),
        (money(D("-0.001")), "0.00"),
        (money(D("-12")), "−12.00"),
        (money(D(0)), "0.00"),
        (price(D("412.5")), "412.50"),
        (price(D("0.1234")), "0.1234"),
        (price(D("12.345678")), "12.3457"),
        (price(D(100)), "100.00"),
        (qty(D("1200")), "1,200"),
        (qty(D("1200.000")), "1,200"),
        (qty(D("1E+3")), "1,000"),
        (qty(D("0.125000000")), "0.125"),
        (qty(D("-5")), "−5"),
        (percent(D("0.0125")), "1.25%"),
        (percent(D("-0.5"), 0), "−50%"),
    ],
)
def test_written(written: str, expected: str) -> None:
    assert written == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (signed_money(D("1234.5")), Field("▲ +1,234.50", "gain")),
        (signed_money(D("-0.5")), Field("▼ −0.50", "loss")),
        (signed_money(D("0.001")), Field("0.00")),
        (signed_percent(D("0.0125")), Field("▲ +1.25%", "gain")),
        (signed_percent(D("-0.0125"), 1), Field("▼ −1.3%", "loss")),
        (age(timedelta(seconds=3)), Field("3s")),
        (age(timedelta(seconds=-1)), Field("0s")),
        (age(timedelta(seconds=150)), Field("2m")),
        (age(timedelta(hours=30)), Field("1d")),
        (age(timedelta(seconds=60), timedelta(seconds=60)), Field("1m!", "stale")),
    ],
)
def test_written_with_a_tone(written: Field, expected: Field) -> None:
    assert written == expected


@pytest.mark.parametrize("missing", [None, D("NaN"), D("sNaN"), D("Infinity"), D("1E+400")])
def test_what_is_missing_is_a_dash(missing: Decimal | None) -> None:
    assert [f(missing) for f in (money, price, qty, percent)] == ["—"] * 4
    assert str(signed_money(missing)) == str(signed_percent(missing)) == str(age(None)) == "—"


@given(finite)
def test_a_quantity_is_written_exactly(value: Decimal) -> None:
    assert Decimal(qty(value).replace(",", "").replace("−", "-")) == value


@given(finite)
def test_money_is_never_off_by_more_than_half_a_cent(value: Decimal) -> None:
    assert abs(Decimal(money(value).replace(",", "").replace("−", "-")) - value) <= D("0.005")


@given(finite)
def test_the_sign_is_said_thrice(value: Decimal) -> None:
    field = signed_money(value)
    assert (field.tone == "gain") == ("▲" in field.text) == ("+" in field.text)
    assert (field.tone == "loss") == ("▼" in field.text) == ("−" in field.text)
