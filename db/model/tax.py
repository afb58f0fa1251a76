"""What the sales of a plan realise: an estimate for the trader, never a tax return."""

from datetime import date

from db.model.base import Exact, Noun, Positive


class TakenLot(Noun):
    """A lot, or part of one, that a sale takes."""

    acquired: date
    qty: Positive
    price: Exact
    gain: Exact
    long_term: bool
    """Held for more than a year."""


class TaxNotice(Noun):
    """What one sale realises, dollars. Losses are negative, and so is the tax that they save."""

    step: int
    account: str
    symbol: str
    method: str
    """fifo, highest_cost or least_gain."""
    lots: tuple[TakenLot, ...] = ()
    short_term: Exact
    long_term: Exact
    undated_qty: Exact
    """Shares of no known lot: counted at the average price, as if short-term."""
    undated: Exact | None
    """Their gain; None where nobody knows what they cost."""
    tax: Exact | None
    tax_per_point: Exact | None
    """Dollars of tax for each percentage point of the portfolio that is sold: the price of moving."""
