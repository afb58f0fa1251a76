"""Before and after the session only limit DAY orders that ask for it (spec 3, market_hours)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from plan_makers import make_plan
from risk_world import order, world, worst

from db.model.market import MarketClock
from db.model.order import OrderType, TimeInForce
from db.model.plan import Severity, Step
from db.model.run import PlanRun
from db.model.slicing import Algorithm, AlgorithmName
from services.brokers.alpaca.adapter import order_body
from services.execution.decide import next_child
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError
from services.planning import make_plan as plan_of
from services.planning.guidance import unsliceable
from services.risk.case import case_of
from services.risk.facts import Facts
from services.risk.run import RULES

PASS, WARN, BLOCK = Severity.PASS, Severity.WARN, Severity.BLOCK


def at(moment: str, opens: str, is_open: bool = False) -> Facts:
    """The facts at a moment (UTC), the next session opening at another."""
    now, next_open = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (moment, opens))
    clock = MarketClock(
        at=now, is_open=is_open, next_open=next_open, next_close=next_open + timedelta(hours=6.5)
    )
    facts = world(held={"BBB": "9"}, clock=clock)
    portfolio = facts.portfolio.model_copy(update={"as_of": now})
    return replace(facts, now=now, portfolio=portfolio)


def asking(text: str, kind: str = "limit", lasting: str = "day") -> Step:
    return order(text, limit="100" if kind == "limit" else None).model_copy(
        update={
            "extended_hours": True, "type": OrderType(kind), "time_in_force": TimeInForce(lasting),
        }
    )  # fmt: skip


EXT, REGULAR = asking("buy 9 AAA"), order("buy 9 AAA")
# New York is five hours behind UTC in January; Monday the 5th has a session from 14:30 to 21:00.
EARLY = ("2026-01-05T13:00", "2026-01-05T14:30")
OPEN = ("2026-01-05T15:00", "2026-01-06T14:30")
EVENING = ("2026-01-05T22:00", "2026-01-06T14:30")
# when, orders, expected
TABLE: list[tuple[tuple[str, str], tuple[Step, ...], Severity]] = [
    (EARLY, (EXT,), PASS),  # 08:00 in New York
    (("2026-01-05T09:00", "2026-01-05T14:30"), (EXT,), PASS),  # 04:00
    (("2026-01-05T08:59", "2026-01-05T14:30"), (EXT,), BLOCK),  # 03:59
    (EARLY, (REGULAR,), BLOCK),
    (EARLY, (EXT, order("buy 9 CCC", n=2)), BLOCK),  # one of the two does not ask
    (EARLY, (EXT, order("sell 9 BBB", n=2)), WARN),  # and that one is an exit
    (EARLY, (asking("buy 9 AAA", "market"),), BLOCK),
    (EARLY, (asking("buy 9 AAA", lasting="gtc"),), BLOCK),
    (EARLY, (asking("sell 9 BBB", "market"),), WARN),
    (EVENING, (EXT,), WARN),  # 17:00; on the evening of a holiday the clock says the same
    (EVENING, (REGULAR,), BLOCK),
    (("2026-01-06T00:59", "2026-01-06T14:30"), (EXT,), WARN),  # 19:59
    (("2026-01-06T01:00", "2026-01-06T14:30"), (EXT,), BLOCK),  # 20:00
    (("2026-11-27T18:30", "2026-11-30T14:30"), (EXT,), WARN),  # 13:30, after half a day
    (
        ("2026-01-01T16:00", "2026-01-02T14:30"),
        (EXT,),
        BLOCK,
    ),  # 11:00 of a holiday: no session ends so early
    (("2026-01-03T16:00", "2026-01-05T14:30"), (EXT,), BLOCK),  # a Saturday
    (OPEN, (EXT,), PASS),
    (OPEN, (EXT, order("buy 9 CCC", n=2)), PASS),
    (OPEN, (asking("buy 9 AAA", "market"),), BLOCK),
]


@pytest.mark.parametrize(("when", "orders", "expected"), TABLE)
def test_who_may_trade_when(
    when: tuple[str, str], orders: tuple[Step, ...], expected: Severity
) -> None:
    found = list(RULES["market_hours"](case_of(at(*when, is_open=when is OPEN), orders)))
    assert worst(found) is expected, found
    assert all(finding.message.endswith(".") for finding in found)


HEADER = "symbol,side,qty,type,limit_price,extended_hours\n"


@pytest.mark.parametrize(("said", "asks"), [("yes", True), ("no", False), ("", False)])
def test_from_the_basket_to_the_wire(said: str, asks: bool) -> None:
    proposal = recognise("basket.csv", f"{HEADER}AAA,buy,9,limit,100,{said}\n".encode())
    (step,) = plan_of(proposal, at(*EARLY), "1", "sim").steps
    assert step.extended_hours is asks
    run = PlanRun(plan=make_plan(step))
    assert order_body(next_child(run, step).request())["extended_hours"] is asks


def test_another_word_is_refused_where_it_stands() -> None:
    with pytest.raises(RefusedInputError, match=r"line 2: extended_hours: .*yes"):
        recognise("basket.csv", f"{HEADER}AAA,buy,9,limit,100,perhaps\n".encode())


def test_it_is_not_sent_in_pieces() -> None:
    twap = Algorithm(name=AlgorithmName.TWAP, minutes=Decimal(60))
    assert unsliceable(EXT, twap, world()) is not None
    assert unsliceable(REGULAR, twap, world()) is None
