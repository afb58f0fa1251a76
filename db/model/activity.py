"""Money and shares that moved at the broker without an order: fees, interest, dividends, splits."""

from db.model.base import Exact, Noun, Utc


class Activity(Noun):
    """One entry of the account's activities. It changes our books at most once, by its id."""

    activity_id: str
    account: str
    kind: str
    """The broker's own word: FEE, INT, DIV, CSD, SPLIT …; perhaps one that we do not know."""
    net_amount: Exact | None = None
    """Dollars that cash changed by, negative when it fell."""
    symbol: str = ""
    qty: Exact | None = None
    """Shares that came, negative when they went."""
    at: Utc | None = None
    """None where the broker tells only a date, or nothing."""
    date: str = ""
    description: str = ""
    void: bool = False
    """Canceled by the broker: it moves nothing."""
