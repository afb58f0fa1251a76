"""What is known of the past: trades, tax lots and the trading day."""

from datetime import date

from db.model.base import Exact, Noun, Positive, Utc
from db.model.order import Side


class PastTrade(Noun):
    """A purchase or sale in any account of the trader, this broker's or another's."""

    account: str
    symbol: str
    side: Side
    qty: Positive
    price: Positive
    at: Utc
    gain: Exact | None = None
    """Realised by a sale, dollars; None for a purchase, or where nobody knows it."""


class TradeRecord(Noun):
    """Trades of all accounts, complete from `since` on."""

    since: Utc
    trades: tuple[PastTrade, ...] = ()
    why: str = ""
    """Why nothing is known before `since`, where somebody might ask."""


class TaxLot(Noun):
    """Shares of one symbol bought at one price on one day."""

    account: str
    symbol: str
    qty: Positive
    price: Exact
    """Cost of a share, dollars."""
    acquired: date
    """The exchange's date."""


class DayState(Noun):
    """The trading day so far (spec 6). None: not known."""

    start_equity: Exact | None = None
    """Of all accounts together, at the close before."""
    losses_in_a_row: int | None = None
