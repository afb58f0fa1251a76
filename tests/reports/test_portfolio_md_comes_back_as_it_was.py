"""Spec 2.A: PORTFOLIO.md is written for people and read back without loss."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.directive import read as read_directive
from services.reports.portfolio import (
    ZONES,
    AccountLine,
    HoldingLine,
    PortfolioReport,
    SectorLine,
    WorkingOrderLine,
    zone_at,
)
from services.reports.portfolio_md import PortfolioFormatError, money, parse, percent, render

REBALANCE = """Suggested rebalancing:
- Reduce Materials from 46.8% to 25%
- Target Cash position: 5%
"""
REPORT = PortfolioReport(
    generated_at=datetime(2026, 1, 5, 21, 32, tzinfo=UTC),
    zone="MST",
    total_value=Decimal(100_000),
    cash=Decimal(2_500),
    cash_weight=Decimal("0.025"),
    accounts=(
        AccountLine(account="main", value=Decimal(100_000), cash=Decimal(2_500), buying_power=None),
    ),
    holdings=(
        HoldingLine(
            ticker="NEM", quantity=Decimal(150), entry_price=Decimal(50), price=Decimal(80),
            value=Decimal(12_000), weight=Decimal("0.12"), unrealized_plpc=Decimal("0.6"),
            sector="Materials", account="main", entry_date=date(2025, 11, 3),
            stop_loss=Decimal("46"), profit_target=None, conviction_tier="High",
        ),
    ),
    sectors=(
        SectorLine(
            sector="Materials", weight=Decimal("0.468"), cap=Decimal("0.4"),
            headroom=Decimal("-0.068"), tickers=("NEM", "FCX"),
        ),
    ),
    notes=("2026-01-05 sold 150 NEM at $80.00",),
    action_plan=REBALANCE,
)  # fmt: skip

TEXT = """# PORTFOLIO
**Generated:** 2026-01-05 at 14:32 MST

## A. Portfolio overview
- Total portfolio value: $100,000.00
- Cash: $2,500.00 (2.5%)

## B. Accounts
| Account | Value | Cash | Buying power |
| --- | --- | --- | --- |
| main | $100,000.00 | $2,500.00 | — |

## C. Current holdings
| Ticker | Quantity | Entry price | Price | Value | Weight | Unrealised P&L % | Sector | Account | Entry date | Stop loss | Profit target | Conviction tier |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| NEM | 150 | $50.00 | $80.00 | $12,000.00 | 12.0% | 60.0% | Materials | main | 2025-11-03 | $46.00 | — | High |

## D. Working orders
None.

## E. Sector allocation
| Sector | Weight | Cap | Headroom | Tickers |
| --- | --- | --- | --- | --- |
| Materials | 46.8% | 40.0% | -6.8% | NEM, FCX |

## F. Notes
- 2026-01-05 sold 150 NEM at $80.00

## ACTION PLAN
Suggested rebalancing:
- Reduce Materials from 46.8% to 25%
- Target Cash position: 5%
"""


def test_it_is_written_as_the_specification_shows() -> None:
    assert render(REPORT) == TEXT
    assert parse(TEXT) == REPORT


def test_the_directive_in_it_is_read_by_intake() -> None:
    proposal = read_directive("PORTFOLIO.md", TEXT, TEXT.encode())
    assert [directive.sector for directive in proposal.directives] == ["Materials"]
    assert proposal.generated_at == REPORT.generated_at
    assert proposal.stated_value == REPORT.total_value
    assert proposal.stated_cash_weight == REPORT.cash_weight


words = st.text(min_size=1, max_size=30).filter(lambda text: text.strip() and text.isprintable())
wild = st.one_of(
    words,
    st.text(alphabet="\\|`*_[]<>&;#-+. \n\t1)!$~^:=(", min_size=1, max_size=12).map(
        lambda text: f"x{text}"
    ),
    st.sampled_from(
        ["<b>x</b>", "a | b", "&amp;", "1. one", "- x", "# PORTFOLIO", "## ACTION PLAN",
         "http://x.y/_z_", "**x**", "\x1b[31mred", "\\|", "---", "=== ", "> x", "```", "[a](b)"]
    ),
)  # fmt: skip
exact = st.decimals(-(10**9), 10**9, places=6)
fraction = st.decimals(-5, 5, places=7)
maybe = st.one_of(st.none(), exact)
maybe_fraction = st.one_of(st.none(), fraction)

reports = st.builds(
    PortfolioReport,
    generated_at=st.datetimes(
        datetime(2000, 1, 3), datetime(2100, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
    ),
    zone=st.sampled_from([*ZONES, "+05:30", "-03:30"]),
    total_value=exact,
    cash=exact,
    cash_weight=maybe_fraction,
    accounts=st.lists(
        st.builds(AccountLine, account=wild, value=exact, cash=exact, buying_power=maybe), max_size=2
    ).map(tuple),
    holdings=st.lists(
        st.builds(
            HoldingLine, ticker=wild, quantity=exact, entry_price=maybe, price=maybe, value=maybe,
            weight=maybe_fraction, unrealized_plpc=maybe_fraction, sector=wild, account=wild,
            entry_date=st.one_of(st.none(), st.dates()), stop_loss=maybe, profit_target=maybe,
            conviction_tier=st.one_of(st.none(), wild),
        ),
        max_size=2,
    ).map(tuple),
    working_orders=st.lists(
        st.builds(
            WorkingOrderLine, client_order_id=wild, account=wild, ticker=wild, side=wild,
            quantity=maybe, type=wild, limit_price=maybe, stop_price=maybe, filled_quantity=exact,
            status=wild,
        ),
        max_size=2,
    ).map(tuple),
    sectors=st.lists(
        st.builds(
            SectorLine, sector=wild, weight=fraction, cap=maybe_fraction, headroom=maybe_fraction,
            tickers=st.lists(st.sampled_from(["NEM", "BRK.B", "AA"]), max_size=3).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    notes=st.lists(wild, max_size=3).map(tuple),
    action_plan=st.one_of(st.text(max_size=60), wild, st.just(REBALANCE)),
)  # fmt: skip


@given(report=reports)
@settings(max_examples=150, deadline=None)
def test_any_report_comes_back_equal(report: PortfolioReport) -> None:
    assert parse(render(report)) == report


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0", "$0.00"), ("-1234.5", "-$1,234.50"), ("33.333333", "$33.333333"), ("1E+3", "$1,000.00")],
)
def test_money_keeps_every_digit(value: str, shown: str) -> None:
    assert money(Decimal(value)) == shown


@pytest.mark.parametrize(("value", "shown"), [("0.468", "46.8%"), ("0.05", "5.0%"), ("0", "0.0%")])
def test_weights_are_percent(value: str, shown: str) -> None:
    assert percent(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("zone", "name"),
    [("America/Phoenix", "MST"), ("America/New_York", "EST"), ("Asia/Kolkata", "+05:30"),
     ("Asia/Shanghai", "+08:00"), ("UTC", "UTC")],
)  # fmt: skip
def test_a_zone_is_named_only_as_it_is_read_back(zone: str, name: str) -> None:
    assert zone_at(REPORT.generated_at, ZoneInfo(zone)) == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: it does not begin with '# PORTFOLIO'"),
        (TEXT.replace("MST", "XYZ"), "line 2: time zone 'XYZ'"),
        (
            TEXT.replace("| NEM | 150 |", "| NEM | many |"),
            "line 16: 'many' can't be read as Quantity",
        ),
        (
            TEXT.replace("| NEM | 150 |", "| NEM | NaN |"),
            "line 16: 'NaN' can't be read as Quantity",
        ),
        (TEXT.replace("Sector | Weight", "Sector | Share"), "expected the columns Sector, Weight"),
        (TEXT.replace("## F. Notes", "## Remarks"), "it has no section '## F. Notes'"),
        (TEXT.replace("(2.5%)", ""), "can't be read as Cash"),
        (TEXT.replace("2026-01-05 at", "2026-13-05 at"), "line 2: month must be in 1..12"),
    ],
    ids=range(8),
)
def test_what_can_not_be_read_is_said_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(PortfolioFormatError) as refused:
        parse(text)
    assert sentence in str(refused.value)
