"""Cash and the loss of the day. Pure."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from services.monitoring.situation import Situation
from services.monitoring.watched.observation import Observation, percent

CASH_BAND = Decimal("0.0005")
"""Weight above the cash buffer at which it counts as restored."""
LOSS_BAND = Decimal("0.05")
"""Share of the daily loss limit by which a level must be left."""


def cash(now: Situation) -> Iterator[Observation]:
    least, weight = now.policy.min_cash_weight, now.cash_weight
    if least is None:
        return
    if weight is None:
        yield Observation("portfolio", on=False, over=False, values={})
        return
    yield Observation(
        "portfolio",
        on=weight < least,
        over=weight >= least + CASH_BAND,
        values={"weight": percent(weight), "buffer": percent(least), "cash": f"{now.cash:,.2f}"},
    )


def daily_loss(level: Decimal) -> Callable[[Situation], Iterator[Observation]]:
    """Loss since the day's start at `level` of the policy's limit."""

    def watch(now: Situation) -> Iterator[Observation]:
        limit = now.policy.daily_loss_limit
        if not limit:
            return
        if now.equity is None or not now.day_start_equity or now.day_start_equity <= 0:
            yield Observation("portfolio", on=False, over=False, values={})
            return
        lost = (now.day_start_equity - now.equity) / now.day_start_equity
        used = lost / limit
        yield Observation(
            "portfolio",
            on=used >= level,
            over=used < level - LOSS_BAND,
            values={
                "lost": percent(lost),
                "used": percent(used),
                "limit": percent(limit),
                "dollars": f"{now.day_start_equity - now.equity:,.2f}",
            },
        )

    return watch
