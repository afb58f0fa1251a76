"""What protects positions, at the broker and here. Pure."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from db.model.base import plain
from services.monitoring.situation import Situation, Unprotected
from services.monitoring.watched.observation import Observation


def unprotected(*, by_desk: bool) -> Callable[[Situation], Iterator[Observation]]:
    def watch(now: Situation) -> Iterator[Observation]:
        found: dict[str, list[Unprotected]] = {}
        for one in now.unprotected:
            if one.by_desk is by_desk:
                found.setdefault(f"{one.account}/{one.symbol}", []).append(one)
        for subject, each in found.items():
            values = {
                "symbol": each[0].symbol,
                "account": each[0].account,
                "qty": plain(sum((one.qty for one in each), Decimal(0))),
                "why": "; ".join(dict.fromkeys(one.why for one in each)),
            }
            yield Observation(subject, on=True, over=False, values=values)

    return watch


def executed(*, stopped: bool) -> Callable[[Situation], Iterator[Observation]]:
    def watch(now: Situation) -> Iterator[Observation]:
        for one in now.executed:
            if one.stopped is stopped:
                values = {
                    "symbol": one.symbol,
                    "account": one.account,
                    "qty": plain(one.qty),
                    "price": plain(one.price),
                    "level": "" if one.level is None else f" of {plain(one.level)}",
                    "order": one.order,
                }
                yield Observation(one.order, on=True, over=False, values=values)

    return watch


def over_covered(now: Situation) -> Iterator[Observation]:
    for one in now.over_covered:
        values = {
            "symbol": one.symbol,
            "account": one.account,
            "held": plain(one.held),
            "open": plain(one.open_qty),
        }
        yield Observation(f"{one.account}/{one.symbol}", on=True, over=False, values=values)


def closed_through(now: Situation) -> Iterator[Observation]:
    for one in now.closed_through:
        values = {
            "symbol": one.symbol,
            "account": one.account,
            "close": plain(one.close),
            "stop": plain(one.stop),
            "date": one.date,
            "plan": f"Plan {one.plan_id} sells it" if one.plan_id else "No exit could be planned",
        }
        yield Observation(
            f"{one.account}/{one.symbol}@{one.date}", on=True, over=False, values=values
        )


def exits(now: Situation) -> Iterator[Observation]:
    for one in now.exits:
        values = {
            "symbol": one.symbol,
            "account": one.account,
            "qty": plain(one.qty),
            "price": plain(one.price),
            "stop": plain(one.stop),
            "plan": one.plan_id,
        }
        yield Observation(one.plan_id, on=True, over=False, values=values)


def renewals(now: Situation) -> Iterator[Observation]:
    for one in now.renewals:
        values = {"symbol": one.symbol, "order": one.order, "days": str(one.days)}
        yield Observation(one.order, on=True, over=False, values=values)
