"""Figures from daily closes, by numpy: what was, not what will be. Rounded to four places, so that
the same bars give the same figure everywhere."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from db.model.market import Bar

DAYS = 60
"""Returns looked at."""
LEAST = 40
"""Common returns under which nothing is said."""
TAIL = 0.05

Floats = npt.NDArray[np.float64]


def returns(bars: Mapping[str, Sequence[Bar]], symbols: Sequence[str]) -> Floats | None:
    """Daily returns on the last days that all symbols have, one row a symbol; None where those are
    too few to say anything."""
    closes = [
        {bar.date: bar.close for bar in bars.get(symbol, ())[-2 * DAYS :]} for symbol in symbols
    ]
    if not closes:
        return None
    common: set[date] = set(closes[0]).intersection(*closes[1:])
    days = sorted(common)[-(DAYS + 1) :]
    if len(days) < LEAST + 1:
        return None
    table = np.array([[float(one[day]) for day in days] for one in closes])
    if not (table > 0).all():
        return None
    moved: Floats = table[:, 1:] / table[:, :-1] - 1
    return moved


def value_at_risk(values: Sequence[Decimal], moved: Floats, equity: Decimal) -> Decimal:
    """The loss, a fraction of equity, that 95 of 100 of the days stay under, had the holdings
    (signed dollars) been held on each: historical simulation, the worse neighbour of the quantile."""
    weights = np.array([float(value / equity) for value in values])
    worst = np.quantile(weights @ moved, TAIL, method="lower")
    return _exact(max(-float(worst), 0.0))


def correlation(one: Floats, other: Floats) -> Decimal | None:
    """Pearson's, of two rows; None where one of them never moved."""
    if not one.std() or not other.std():
        return None
    return _exact(float(np.corrcoef(one, other)[0, 1]))


def _exact(figure: float) -> Decimal:
    return Decimal(f"{figure:.4f}")
