"""Positions at their prices. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from db.model.base import plain
from db.model.portfolio import Position
from services.monitoring.situation import Price, Situation
from services.monitoring.watched.observation import Observation, position_id

PRICE_BAND = Decimal("0.005")
"""A stop or target is left behind when the price is 0.5% on the good side of it."""


def stops(now: Situation) -> Iterator[Observation]:
    for position, price, stop in _guarded(now, "stop_price"):
        yield _crossing(now, position, price, stop, "stop", losing=True)


def targets(now: Situation) -> Iterator[Observation]:
    for position, price, target in _guarded(now, "target_price"):
        yield _crossing(now, position, price, target, "target", losing=False)


def _guarded(now: Situation, name: str) -> Iterator[tuple[Position, Price | None, Decimal]]:
    for position in now.positions:
        protection = now.protection_of(position)
        level: Decimal | None = getattr(protection, name) if protection else None
        if position.qty and level is not None:
            yield position, now.price_of(position.symbol), level


def _crossing(
    now: Situation,
    position: Position,
    price: Price | None,
    level: Decimal,
    name: str,
    *,
    losing: bool,
) -> Observation:
    """A price at or through `level`, on the losing side of the position or on the winning one. An
    old price can raise the alert but not clear it."""
    if price is None:
        return Observation(position_id(position), on=False, over=False, values={})
    falling = losing is (position.qty > 0)
    # Distance on the good side of the level, as a fraction of it: 0 or less is at or through.
    distance = (price.price - level) / level if falling else (level - price.price) / level
    return Observation(
        position_id(position),
        on=distance <= 0,
        over=distance > PRICE_BAND and price.age <= now.policy.stale_price_seconds,
        values={
            "symbol": position.symbol,
            "account": position.account,
            "qty": plain(position.qty),
            "price": plain(price.price),
            name: plain(level),
            "age": plain(round(price.age, 1)),
            "source": price.source,
        },
    )


def stale_prices(now: Situation) -> Iterator[Observation]:
    limit = now.policy.stale_price_seconds
    for symbol in sorted({position.symbol for position in now.positions if position.qty}):
        price = now.price_of(symbol)
        old = price is None or price.age > limit
        age = (
            "none has come" if price is None else f"the last is {plain(round(price.age, 1))} s old"
        )
        yield Observation(
            symbol,
            on=now.market_open and old,
            over=not now.market_open or not old,
            values={"symbol": symbol, "age": age, "limit": str(limit)},
        )


def left_open(now: Situation) -> Iterator[Observation]:
    for position in now.left_open:
        values = {
            "symbol": position.symbol,
            "account": position.account,
            "qty": plain(position.qty),
        }
        yield Observation(position_id(position), on=True, over=False, values=values)
