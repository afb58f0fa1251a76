"""What the proceeds of sales that have not settled yet paid for, in an account that lends nothing. Pure.

Sales settle with the next business day of the banks (T+1, SEC rule 15c6-1). Until then a cash account
may buy with them, and may not sell what they paid for (invariant 18)."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from zoneinfo import ZoneInfo

from db.model.order import Fill, Side
from db.model.portfolio import Account

NEW_YORK = ZoneInfo("America/New_York")
ZERO = Decimal(0)
SHARE = Decimal(1)


def lends_nothing(account: Account) -> bool:
    """A cash account: its broker says that it has no margin."""
    return account.multiplier is not None and account.multiplier <= 1


def unsettled_since(now: datetime) -> datetime:
    """The first moment whose sales have not settled at `now`."""
    day = now.astimezone(NEW_YORK).date()
    while not _settles(day):
        day -= timedelta(days=1)
    return datetime.combine(day, time(), NEW_YORK)


def bought_unsettled(cash: Decimal, fills: Iterable[Fill]) -> dict[str, Decimal]:
    """Symbol → shares that unsettled proceeds paid for. `cash`: the account's now; `fills`: all of
    its executions since `unsettled_since`. Settled cash is spent first; a share that was paid for
    in part counts whole."""
    told = sorted(fills, key=lambda fill: (fill.at, fill.execution_id))
    settled = cash - sum((_brought(fill) for fill in told), ZERO)
    found: dict[str, Decimal] = {}
    for fill in told:
        if fill.side is Side.SELL:
            continue
        cost = -_brought(fill)
        short = cost - max(min(settled, cost), ZERO)
        settled -= cost - short
        if short > 0:
            shares = min((short / fill.price).quantize(SHARE, ROUND_CEILING), fill.qty)
            found[fill.symbol] = found.get(fill.symbol, ZERO) + shares
    return found


def _brought(fill: Fill) -> Decimal:
    return fill.qty * fill.price * (1 if fill.side is Side.SELL else -1)


def _settles(day: date) -> bool:
    """Columbus Day and Veterans Day are traded on, and nothing settles then."""
    columbus = (day.month, day.weekday()) == (10, 0) and 8 <= day.day <= 14
    veterans = (day.month, day.day) == (11, 11) or (
        (day.month, day.day, day.weekday()) == (11, 12, 0)
    )
    return day.weekday() < 5 and not columbus and not veterans
