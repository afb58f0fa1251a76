"""What PORTFOLIO.md says (spec 2.A): the portfolio at an instant, for people and for the next run."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from db.model.base import Exact, Noun, Utc
from services.reports.markup import MISSING, one_line

ZONES = {
    "UTC": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
"""Names of zones that are read back, in hours from UTC. Any other is written as its offset."""


def _optional(text: str) -> str | None:
    return None if one_line(text) in ("", MISSING) else one_line(text)


Text = Annotated[str, AfterValidator(one_line), Field(min_length=1)]
OptionalText = Annotated[str, AfterValidator(_optional)] | None


class AccountLine(Noun):
    account: Text
    value: Exact
    cash: Exact
    buying_power: Exact | None = None


class HoldingLine(Noun):
    """One position. Weight and gain are fractions; a figure that is not known is None."""

    ticker: Text
    quantity: Exact
    entry_price: Exact | None
    price: Exact | None
    value: Exact | None
    weight: Exact | None
    unrealized_plpc: Exact | None
    sector: Text
    account: Text
    entry_date: date | None = None
    stop_loss: Exact | None = None
    profit_target: Exact | None = None
    conviction_tier: OptionalText = None


class WorkingOrderLine(Noun):
    client_order_id: Text
    account: Text
    ticker: Text
    side: Text
    quantity: Exact | None
    type: Text
    limit_price: Exact | None = None
    stop_price: Exact | None = None
    filled_quantity: Exact
    status: Text


class SectorLine(Noun):
    sector: Text
    weight: Exact
    cap: Exact | None = None
    headroom: Exact | None = None
    tickers: tuple[Text, ...] = ()


class PortfolioReport(Noun):
    """`generated_at` to the minute; `zone` is a name of ZONES or an offset such as `+05:30`."""

    generated_at: Utc
    zone: str = "UTC"
    total_value: Exact
    cash: Exact
    cash_weight: Exact | None
    accounts: tuple[AccountLine, ...] = ()
    holdings: tuple[HoldingLine, ...] = ()
    working_orders: tuple[WorkingOrderLine, ...] = ()
    sectors: tuple[SectorLine, ...] = ()
    notes: tuple[Text, ...] = ()
    """One line an execution."""
    action_plan: str = ""
    """Verbatim, whatever it is; empty when there is none."""

    @field_validator("generated_at")
    @classmethod
    def _to_the_minute(cls, moment: datetime) -> datetime:
        return moment.replace(second=0, microsecond=0)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        offset_of(zone)
        return zone


def zone_at(moment: datetime, zone: tzinfo) -> str:
    """How PORTFOLIO.md names `zone` at `moment`: by its usual name where that is read back as the
    same offset, else by the offset."""
    local = moment.astimezone(zone)
    name, offset = local.tzname() or "", local.utcoffset() or timedelta(0)
    if name in ZONES and timedelta(hours=ZONES[name]) == offset:
        return name
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def offset_of(zone: str) -> tzinfo:
    """The zone of that name or offset. Raises ValueError."""
    if zone in ZONES:
        return timezone(timedelta(hours=ZONES[zone])) if ZONES[zone] else UTC
    try:
        found = datetime.strptime(zone, "%z").tzinfo
    except ValueError:
        found = None
    if found is None or zone[:1] not in "+-":
        raise ValueError(f"time zone {zone!r}, expected {', '.join(ZONES)} or an offset as +05:30")
    return found
