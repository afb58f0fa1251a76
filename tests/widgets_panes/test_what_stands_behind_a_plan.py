"""Behind a plan: a recommendation's six checks, and what is traded in place of what was suggested."""

import pytest

from widgets.plan_detail import detail, instead, validation

CHECKS = {"conviction": True, "position_cap": False, "sector_cap": True}
FOUND = {"ticker": "NVDA", "status": "REJECTED", "checks": CHECKS, "reasons": [], "message": ""}


def test_each_check_is_a_line() -> None:
    assert [line.plain for line in validation({"validation": FOUND})] == [
        "NVDA REJECTED", "✓ conviction", "✗ position_cap failed", "✓ sector_cap",
    ]  # fmt: skip
    assert "Stock validation\nNVDA REJECTED\n" in detail({"validation": FOUND}, 80).plain


@pytest.mark.parametrize("found", [None, "REJECTED", {}])
def test_what_is_no_validation_breaks_nothing(found: object) -> None:
    shown = [line.plain for line in validation({"validation": found})]
    assert shown in ([], [" "])


def test_what_is_traded_in_place_of_what_was_suggested_is_told_with_its_reason() -> None:
    fund = {"n": 2, "symbol": "SOXL", "underlying": "NVDA", "reason": "SOXL goes 3x."}
    document = {"steps": [{"n": 1, "symbol": "JPM", "underlying": None, "reason": "x"}, fund]}
    assert [line.plain for line in instead(document)] == ["2 SOXL for NVDA SOXL goes 3x."]
    assert "In place of what was suggested\n2 SOXL for NVDA" in detail(document, 80).plain
