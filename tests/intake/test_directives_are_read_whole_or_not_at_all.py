"""A rebalancing directive: each bullet is understood, or the file is refused with its line."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.model.proposal import Action, DirectiveProposal
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError

CASE = Path(__file__).parents[1] / "data" / "cases" / "rebalance" / "Portfolio.md"


def plan(*bullets: str) -> bytes:
    return ("# PORTFOLIO\n\n## ACTION PLAN\n" + "\n".join(f"- {b}" for b in bullets)).encode()


def read(*bullets: str) -> DirectiveProposal:
    found = recognise("Portfolio.md", plan(*bullets))
    assert isinstance(found, DirectiveProposal)
    return found


def test_the_case_says_what_its_author_meant() -> None:
    found = recognise("Portfolio.md", CASE.read_bytes())
    assert isinstance(found, DirectiveProposal)
    said = [
        (d.action, d.sector, d.stated_weight, d.target_weight, d.line) for d in found.directives
    ]
    assert said == [
        (Action.SELL, "Materials", Decimal("0.468"), Decimal("0.25"), 20),
        (Action.BUY, "Technology", Decimal("0.067"), Decimal("0.16"), 21),
        (Action.BUY, "Healthcare", Decimal(0), Decimal("0.10"), 22),
    ]
    assert found.target_cash_weight == Decimal("0.05")
    assert found.stated_value == 100_000
    assert found.stated_cash_weight == Decimal("0.025")
    assert found.generated_at == datetime(2026, 1, 5, 14, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bullet", "action", "sector", "stated", "target"),
    [
        ("Reduce Materials from 46.8% to 25%", Action.SELL, "Materials", "0.468", "0.25"),
        ("reduce materials FROM 46.80 % to 25.0%.", Action.SELL, "materials", "0.468", "0.25"),
        ("**Increase** Technology from 6.7% to 16%", Action.BUY, "Technology", "0.067", "0.16"),
        ("Add Healthcare from 0% to 10%", Action.BUY, "Healthcare", "0", "0.10"),
        ("Add Real Estate to 10%", Action.BUY, "Real Estate", None, "0.10"),
        ("Exit Energy", Action.SELL, "Energy", None, "0"),
        ("Exit Consumer Staples.", Action.SELL, "Consumer Staples", None, "0"),
        ("Increase Energy from 5% to 5%", Action.HOLD, "Energy", "0.05", "0.05"),
        ("Reduce Materials\n  from 46.8% to 25%", Action.SELL, "Materials", "0.468", "0.25"),
    ],
)
def test_every_form_of_a_directive(
    bullet: str, action: Action, sector: str, stated: str | None, target: str
) -> None:
    (one,) = read(bullet).directives
    assert (one.action, one.sector, one.target_weight) == (action, sector, Decimal(target))
    assert one.stated_weight == (None if stated is None else Decimal(stated))


@pytest.mark.parametrize(
    "bullet",
    [
        "Reduce Materials from 46.8% to",
        "Reduce Materials from 46.8 to 25",
        "Reduce Materials to 25%",
        "Reduce Materials from lots to 25%",
        "Reduce Materials",
        "Redcue Materials from 46.8% to 25%",
        "Exitt Energy",
        "Exit Energy by half",
        "Sell all Materials",
        "Reduce Materials from 46.8% to 25% unless it rains",
        "Reduce Materials from 46.8% to 25%, Energy from 5% to 3%",
        "Reduce Materials and Energy from 46.8% to 25%",
        "Reduce from 46.8% to 25%",
        "Reduce Materials from 25% to 46.8%",
        "Increase Materials from 25% to 20%",
        "Increase Materials from -5% to 20%",
        "Increase Materials from 5% to 120%",
        "Increase Materials from 5% to NaN%",
        "Increase Materials from 5% to ٢٠%",
        "Reduce Cash from 20% to 5%",
        "Target Cash position: lots",
        "Target Cash position: 5",
        "Materials 25%",
        "~~Reduce Materials from 46.8% to 25%~~",
    ],
)
def test_half_a_rebalance_is_worse_than_none(bullet: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        read("Add Healthcare to 10%", bullet)
    assert refused.value.line == 5
    assert refused.value.field
    assert str(refused.value).startswith("Portfolio.md line 5: ")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("# PORTFOLIO\n", None, "no ACTION PLAN section"),
        ("## ACTION PLAN\n", None, "holds no directive"),
        ("## ACTION PLAN\n- Watch the Fed\n", None, "holds no directive"),
        ("## ACTION PLAN\n- Target Cash position: 5%\n", None, "holds no directive"),
        ("## ACTION PLAN\n- Exit Energy\n```\n- Exit Materials\n```\n", 4, "must be a bullet"),
        ("## ACTION PLAN\n- Exit Energy\n\nAlso\n\n    - Exit Materials\n", 6, "must be a bullet"),
        ("## ACTION PLAN\n- Exit Energy\n\n• Reduce Materials from 46% to 25%\n", 4, "must be a bullet"),
        ("## ACTION PLAN\n- Exit Energy\n\nText\n• Reduce Materials from 46% to 25%\n", 5, "must be a bullet"),
        ("## ACTION PLAN\n- Exit Energy\n\n| what | to |\n|---|---|\n| Reduce Materials | 25% |\n", 6, "must be a bullet"),
        ("## ACTION PLAN\n<!--\n- Exit Energy\n-->\n", None, "holds no directive"),
        ("## ACTION PLAN\n- Exit Energy\n## ACTION PLAN\n- Exit Materials\n", 3, "a second ACTION PLAN"),
        ("## ACTION PLAN\n- Exit Energy\n\n- exit  energy\n", 4, "has a directive on line 2 already"),
        ("## ACTION PLAN\n- Exit Energy\n- Target Cash: 5%\n- Target Cash: 6%\n", 4, "stands on line 3 already"),
        ("## ACTION PLAN\n- Exit Energy\n\nAdd Healthcare to 10%\n", 4, "must be a bullet"),
        ("## ACTION PLAN\n- Add Energy to 60%\n- Add Materials to 40%\n- Target Cash: 1%\n", 2, "sum to 101.0%, expected at most 100.5%"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_whole_plan_is_refused(text: str, line: int | None, said: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        recognise("Portfolio.md", text.encode())
    assert said in str(refused.value)
    assert refused.value.line == line


def test_targets_up_to_half_a_point_over_the_whole_are_rounding() -> None:
    assert (
        len(read("Add Energy to 60%", "Add Materials to 40%", "Target Cash: 0.5%").directives) == 2
    )


def test_notes_and_other_sections_are_not_directives() -> None:
    text = (
        "# PORTFOLIO\n## F. Notes\n- Reduce Energy from 9% to 1% was done\n"
        "## ACTION PLAN\nSuggested:\n- Watch earnings on Thursday\n"
        "- Hold Financials\n- later:\n  1. Exit Energy\n"
        "## Appendix\n- Exit Materials\n"
    )
    found = recognise("x", text.encode())
    assert isinstance(found, DirectiveProposal)
    assert [d.sector for d in found.directives] == ["Energy"]


def test_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    plain = CASE.read_bytes()
    crlf, marked = plain.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + plain
    said = {
        recognise("Portfolio.md", data).model_copy(update={"sha256": ""})
        for data in (plain, crlf, marked)
    }
    assert len(said) == 1


def test_the_name_of_the_file_decides_nothing() -> None:
    assert isinstance(recognise("orders.csv", CASE.read_bytes()), DirectiveProposal)


def test_an_unknown_zone_leaves_the_time_unknown_rather_than_wrong() -> None:
    text = CASE.read_bytes().replace(b"MST", b"XYT")
    found = recognise("Portfolio.md", text)
    assert isinstance(found, DirectiveProposal)
    assert found.generated_at is None


weights = st.decimals(0, 100, places=2)


@given(
    sector=st.from_regex(r"[A-Z][a-z]{2,12}( [A-Z][a-z]{2,8})?", fullmatch=True),
    a=weights,
    b=weights,
)
def test_what_is_written_in_the_grammar_is_read_back(sector: str, a: Decimal, b: Decimal) -> None:
    verb = "Reduce" if a > b else "Increase"
    if sector.casefold() == "cash" or {"from", "to", "and"} & set(sector.casefold().split()):
        return
    (one,) = read(f"{verb} {sector} from {a}% to {b}%").directives
    assert (one.sector, one.stated_weight, one.target_weight) == (sector, a / 100, b / 100)
