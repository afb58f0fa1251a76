"""Behind a plan that a recommendation became: approved or rejected, and each of the six checks."""

import pytest

from widgets.plan_detail import detail, validation

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
