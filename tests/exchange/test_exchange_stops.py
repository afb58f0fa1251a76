"""Stops: what elects them, what they become, and how trailing ones follow."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from exchange_world import World

from services.exchange.engine.orders import Side, Terms
from services.exchange.engine.triggers import collared, trailing_stop
from services.exchange.market.quotes import Trade

EVENING = datetime(2026, 3, 3, 22, 0, tzinfo=UTC)  # five in the afternoon


def stop(world: World, side: str = "sell", at: str = "48", **more):
    price = Decimal(at)
    kind = "stop_limit" if "limit" in more else "stop"
    order = world.submit(side, "10", type=more.pop("type", kind), stop_price=price, **more)
    world.settle()
    return order


@pytest.mark.parametrize(
    ("side", "stop_price", "price", "elected"),
    [
        ("sell", "48", "48.01", False),
        ("sell", "48", "48", True),
        ("sell", "48", "40", True),
        ("buy", "52", "51.99", False),
        ("buy", "52", "52", True),
        ("buy", "52", "53", True),
    ],
)
def test_a_stop_is_elected_by_a_trade_at_or_through_it(world, side, stop_price, price, elected):
    order = stop(world, side, stop_price)
    world.trade("XYZ", price)
    assert (world.order(order).elected_at is not None) is elected
    assert (world.order(order).status == "filled") is elected


def test_quotes_alone_elect_no_stop(world):
    order = stop(world)
    world.quote("XYZ", "40", "40.02")
    assert world.order(order).status == "new"


def test_a_trade_outside_the_quote_elects_no_stop(world):
    order = stop(world)
    world.trade("XYZ", "40", bid="49.99", ask="50.01")
    assert world.order(order).status == "new"


def test_no_stop_is_elected_outside_the_regular_session(world):
    order = stop(world, time_in_force="gtc")
    world.clock.at = EVENING
    world.trade("XYZ", "40")
    assert (world.order(order).status, world.order(order).elected_at) == ("new", None)


def test_a_gap_through_a_stop_fills_at_the_quote_not_at_the_stop(world):
    order = stop(world)
    world.trade("XYZ", "41")
    assert world.order(order).filled_avg_price == Decimal("40.99")


def test_a_second_of_a_tape_elects_by_its_low(world):
    order = stop(world)
    price = Decimal(50)
    world.tick(
        Trade("XYZ", 1, price, 100, world.clock.at, price, price, Decimal("47.9")),
    )
    assert world.order(order).filled_avg_price == Decimal("49.99")


def test_a_stop_limit_works_at_its_limit_once_elected(world):
    order = stop(world, limit="47.5")
    world.quote("XYZ", "47.9", "47.95")
    assert world.order(order).status == "new"  # marketable, but not elected
    world.trade("XYZ", "46")
    assert world.order(order).elected_at is not None
    assert world.order(order).status == "new"  # elected, but under its limit
    world.quote("XYZ", "47.6", "47.7")
    assert world.order(order).filled_avg_price == Decimal("47.6")


@pytest.mark.parametrize(
    ("price", "worst"), [("20", "20.80"), ("49.99", "51.98"), ("50", "51.25"), ("100", "102.50")]
)
def test_a_collar_is_4_percent_under_50_dollars_and_2_and_a_half_from_there(price, worst):
    assert collared(Decimal(price)) == Decimal(worst)


def test_a_buy_stop_becomes_a_stop_limit_and_a_sell_stop_does_not(world):
    buy = stop(world, "buy", "52")
    world.trade("XYZ", "54", bid="53.99", ask="54")
    assert world.order(buy).status == "new"  # 52 and 2.5 % are 53.30
    assert world.order(buy).limit_price is None
    world.quote("XYZ", "53.29", "53.30")
    assert world.order(buy).filled_avg_price == Decimal("53.30")


def test_a_market_buy_that_opens_is_collared_and_one_that_covers_is_not():
    world = World(held="-10", cash="100000", multiplier="2")
    world.quote("XYZ", "59.99", "60")  # far from the last trade, 50
    opening = world.submit("buy", "1", symbol="ABC")
    world.quote("ABC", "59.99", "60")
    covering = world.submit("buy", "1")
    world.settle()
    assert world.statuses(opening, covering) == ["new", "filled"]
    world.trade("ABC", "60", ask="60.01")
    assert world.order(opening).filled_avg_price == Decimal("60.01")


@pytest.mark.parametrize(
    ("side", "trail", "hwm", "expected"),
    [
        ("sell", {"trail_price": "1"}, "50", "49"),
        ("sell", {"trail_percent": "10"}, "50", "45"),
        ("sell", {"trail_percent": "1"}, "50.55", "50.04"),
        ("buy", {"trail_price": "1"}, "50", "51"),
        ("buy", {"trail_percent": "10"}, "50", "55"),
        ("buy", {"trail_percent": "1"}, "50.55", "51.06"),
    ],
)
def test_a_trailing_stop_is_the_trail_away_from_its_best_price(side, trail, hwm, expected):
    terms = Terms(
        client_order_id="",
        symbol="XYZ",
        side=Side(side),
        type="trailing_stop",
        time_in_force="day",
        qty=Decimal(1),
        **{name: Decimal(value) for name, value in trail.items()},
    )
    assert trailing_stop(terms, Decimal(hwm)) == Decimal(expected)


@pytest.mark.parametrize(
    ("side", "path", "stops", "end"),
    [
        ("sell", ["51", "50.5", "52", "51.01"], ["50", "50", "51", "51"], "51"),
        ("buy", ["49", "49.5", "48", "48.99"], ["50", "50", "49", "49"], "49"),
    ],
)
def test_a_trailing_stop_follows_one_way_and_is_elected_the_other(world, side, path, stops, end):
    order = world.submit(side, "10", type="trailing_stop", trail_price=Decimal(1))
    world.settle()
    assert world.order(order).hwm == 50
    seen = []
    for price in path:
        world.trade("XYZ", price)
        seen.append(world.order(order).stop_price)
    assert seen == [Decimal(price) for price in stops]
    assert world.order(order).status == "new"
    world.trade("XYZ", end)
    assert world.order(order).status == "filled"


def test_a_replaced_trailing_stop_keeps_its_best_price(world):
    order = world.submit("sell", "10", type="trailing_stop", trail_price=Decimal(2))
    world.settle()
    world.trade("XYZ", "53")
    new = world.venue.replace("main", order.id, {"trail": "1"})
    world.settle()
    assert (world.order(new).hwm, world.order(new).stop_price) == (53, 52)


def test_elected_stops_go_on_after_a_restart(world):
    order = stop(world, limit="47.5")
    world.trade("XYZ", "46")
    world.restart()
    world.quote("XYZ", "47.6", "47.7")
    assert world.order(order).status == "filled"
