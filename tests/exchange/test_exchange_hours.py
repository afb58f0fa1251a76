"""Phases of a day, times in force and auctions: when what works, and how it ends."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from exchange_world import World

from services.exchange.engine.day_end import FACT, Owed
from services.exchange.engine.fill_model import Execution, TouchFills
from services.exchange.engine.orders import Order
from services.exchange.engine.rules import DEFAULT_RULES
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Quote
from services.exchange.sessions import NEW_YORK, Phase, phase_at, session_of


def local(day: str, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=NEW_YORK).astimezone(UTC)


WINTER, SUMMER, HALF, SATURDAY = "2026-03-03", "2026-07-01", "2026-11-27", "2026-03-07"


@pytest.mark.parametrize("day", [WINTER, SUMMER, "2026-03-09", HALF])
def test_a_day_has_its_phases_in_new_york_summer_and_winter(day):
    half = day == HALF
    close, end = ("13:00", "17:00") if half else ("16:00", "20:00")
    steps = [
        ("03:59:59", Phase.CLOSED),
        ("04:00:00", Phase.PRE_MARKET),
        ("09:29:59", Phase.PRE_MARKET),
        ("09:30:00", Phase.REGULAR),
        (f"{close}:00", Phase.AFTER_HOURS),
        (f"{end}:00", Phase.CLOSED),
    ]
    assert [phase_at(local(day, time)) for time, _ in steps] == [phase for _, phase in steps]
    assert phase_at(local(day, f"{close}:00") - timedelta(microseconds=1)) is Phase.REGULAR


@pytest.mark.parametrize("day", [SATURDAY, "2026-07-03", "2026-12-25"])
def test_a_day_off_is_closed_from_morning_to_night(day):
    assert session_of(date.fromisoformat(day)) is None
    assert {phase_at(local(day, f"{hour:02}:00")) for hour in range(24)} == {Phase.CLOSED}


@pytest.mark.parametrize(
    ("time", "works"),
    [
        ("03:00", False),
        ("04:00", True),
        ("09:00", True),
        ("12:00", True),
        ("16:30", True),
        ("20:30", False),
    ],
)
def test_a_limit_flagged_for_extended_hours_works_before_and_after_the_session(time, works):
    world = World()
    world.clock.at = local(WINTER, time)
    order = world.submit("buy", "1", "50.01", extended_hours=True)
    assert order.status == ("pending_new" if works else "accepted")
    world.settle()
    world.quote("XYZ", "49.99", "50.01")
    assert world.order(order).status == ("filled" if works else "accepted")


@pytest.mark.parametrize("time", ["08:00", "17:00"])
def test_what_is_not_flagged_waits_for_the_regular_session(world, time):
    resting = world.submit("buy", "1", "49", time_in_force="gtc")
    world.settle()
    world.clock.at = local("2026-03-04" if time == "08:00" else WINTER, time)
    queued = world.submit("buy", "1", "50.01")
    world.settle()
    world.quote("XYZ", "48.9", "49")
    assert world.statuses(resting, queued) == ["new", "accepted"]
    world.clock.at = local("2026-03-04", "09:30")
    world.quote("XYZ", "48.9", "49")
    world.settle()
    assert world.statuses(resting, queued) == ["filled", "filled"]


def test_a_queued_order_is_released_at_the_open_of_a_day_of_daylight_saving(world):
    world.clock.at = local(SATURDAY, "12:00")
    order = world.submit("buy", "1", "49")
    world.clock.at = local("2026-03-09", "09:30") - timedelta(seconds=1)
    world.quote("XYZ", "49.99", "50.01")
    world.settle()
    assert world.order(order).status == "accepted"
    world.clock.at += timedelta(seconds=1)
    assert world.clock.at.hour == 13
    world.quote("XYZ", "49.99", "50.01")
    world.settle()
    assert world.order(order).status == "new"


@pytest.mark.parametrize(
    ("more", "ends", "still"),
    [
        ({"time_in_force": "day"}, (WINTER, "16:00"), "expired"),
        ({"time_in_force": "day", "extended_hours": True}, (WINTER, "20:00"), "expired"),
        ({"time_in_force": "gtc"}, ("2026-06-01", "16:15"), "canceled"),
        ({"time_in_force": "cls"}, (WINTER, "16:00"), "expired"),
    ],
)
def test_an_order_ends_with_its_time_in_force(world, more, ends, still):
    order = world.submit("buy", "1", "10", **more)
    world.settle()
    assert order.expires_at == local(*ends)
    world.clock.at = order.expires_at - timedelta(microseconds=1)
    world.quote("XYZ", "49.99", "50.01")
    assert world.order(order).status == "new"
    world.clock.at = order.expires_at
    world.quote("XYZ", "49.99", "50.01")
    assert world.order(order).status == still
    assert world.events()[-1] == still


def test_a_day_order_of_a_half_day_ends_at_one(world):
    world.clock.at = local(HALF, "12:00")
    assert world.submit("buy", "1", "10").expires_at == local(HALF, "13:00")


def test_the_end_of_a_day_order_is_a_setting():
    world = World(rules=replace(DEFAULT_RULES, day_end="canceled"))
    order = world.submit("buy", "1", "10")
    world.settle()
    world.clock.at = order.expires_at
    world.quote("XYZ", "49.99", "50.01")
    assert (world.order(order).status, world.events()[-1]) == ("canceled", "canceled")


class Halves(TouchFills):
    def execute(self, order: Order, quote: Quote, board: Board) -> Execution | None:
        whole = super().execute(order, quote, board)
        return whole and whole._replace(qty=whole.qty // 2)


@pytest.mark.parametrize(
    ("tif", "limit", "status", "filled"),
    [("ioc", "51", "canceled", 5), ("ioc", "50", "canceled", 0), ("fok", "51", "canceled", 0)],
)
def test_the_rest_of_an_immediate_order_is_cancelled(tif, limit, status, filled):
    world = World(fill_model=Halves())
    order = world.submit("buy", "10", limit, time_in_force=tif)
    world.settle()
    assert (world.order(order).status, world.order(order).filled_qty) == (status, filled)


def test_fill_or_kill_fills_whole(world):
    order = world.submit("buy", "10", "51", time_in_force="fok")
    world.settle()
    assert world.order(order).status == "filled"


@pytest.mark.parametrize(
    ("limit", "status", "price"),
    [(None, "filled", "50.20"), ("50.5", "filled", "50.20"), ("50", "expired", None)],
)
def test_an_opg_order_fills_at_the_first_print_or_expires(world, limit, status, price):
    world.clock.at = local(WINTER, "08:00")
    order = world.submit("buy", "10", limit, time_in_force="opg")
    world.settle()
    assert world.order(order).status == "accepted"
    world.clock.at = local(WINTER, "09:30")
    world.quote("XYZ", "49.99", "50.01")
    world.settle()
    assert world.order(order).status == "new"  # no quote fills it
    world.trade("XYZ", "50.20")
    assert world.order(order).status == status
    assert world.order(order).filled_avg_price == (price and Decimal(price))


@pytest.mark.parametrize(
    ("limit", "status", "price"),
    [(None, "filled", "50.20"), ("50.5", "filled", "50.20"), ("50", "expired", None)],
)
def test_a_cls_order_fills_at_the_last_print_or_expires(world, limit, status, price):
    order = world.submit("buy", "10", limit, time_in_force="cls")
    world.settle()
    world.clock.at = local(WINTER, "15:59")
    world.trade("XYZ", "50.20")
    assert world.order(order).status == "new"
    world.clock.at = local(WINTER, "16:00")
    world.quote("XYZ", "60", "60.02")
    assert world.order(order).status == status
    assert world.order(order).filled_avg_price == (price and Decimal(price))


def test_a_halted_symbol_has_no_auction(world):
    order = world.submit("buy", "10", "51", time_in_force="cls")
    world.settle()
    world.market.halt("XYZ", "T1")
    world.clock.at = local(WINTER, "16:00")
    world.quote("ABC", "49.99", "50.01")
    assert world.order(order).status == "expired"


def nightly(floor, account, nights):
    yield Owed("INT", Decimal(nights), "margin interest")


def test_a_day_ends_once_with_its_interest_and_yesterdays_equity():
    world = World(overnight=nightly)
    world.trade("XYZ", "60")
    world.clock.at = local(WINTER, "16:00")
    for _ in range(2):
        world.quote("XYZ", "59.99", "60.01")
    assert world.kept.facts[FACT] == WINTER
    account = world.ledger.accounts["main"]
    assert (account.cash, account.last_equity) == (9999, 9999 + 6000)
    world.restart()
    world.quote("XYZ", "59.99", "60.01")
    (interest,) = world.ledger.activities("main")
    assert (interest.kind, interest.net_amount, interest.date) == (
        "INT",
        -1,
        date.fromisoformat(WINTER),
    )


def test_a_weekend_costs_three_nights():
    world = World(overnight=nightly)
    world.clock.at = local("2026-03-06", "16:00")
    world.quote("XYZ", "49.99", "50.01")
    amounts = [entry.net_amount for entry in world.ledger.activities("main")]
    assert amounts == [-1, -1, -1, -3]


def test_an_immediate_order_does_not_wait_for_a_halt_to_end(world):
    world.market.halt("XYZ", "T1")
    order = world.submit("buy", "10", "51", time_in_force="ioc")
    world.settle()
    assert world.order(order).status == "canceled"


def test_an_exchange_begun_in_the_evening_does_not_end_the_day_it_has_not_seen():
    world = World(overnight=nightly)
    world.kept.facts.clear()
    world.clock.at = local(WINTER, "18:00")
    world.restart()
    world.quote("XYZ", "49.99", "50.01")
    assert world.ledger.activities("main") == []
    world.clock.at = local("2026-03-04", "16:00")
    world.quote("XYZ", "49.99", "50.01")
    assert [entry.date.day for entry in world.ledger.activities("main")] == [4]
