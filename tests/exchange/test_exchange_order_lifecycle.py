"""An order's life in the engine: status by status, event by event."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from exchange_world import World

from services.exchange.engine.errors import RefusedError
from services.exchange.engine.fill_model import Execution, TouchFills
from services.exchange.engine.orders import TRANSITIONS, Order, Status
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Quote


class Halves(TouchFills):
    """Fills half of what is left, but never less than a share."""

    def execute(self, order: Order, quote: Quote, board: Board) -> Execution | None:
        whole = super().execute(order, quote, board)
        return whole and whole._replace(qty=max(whole.qty // 2, Decimal(1)))


def test_a_market_order_goes_pending_new_then_new_then_filled_at_the_touch(world):
    buy = world.submit("buy", "10")
    assert buy.status == "pending_new"
    world.settle()
    assert world.events() == ["pending_new", "new", "fill"]
    filled = world.order(buy)
    assert (filled.status, filled.filled_avg_price) == ("filled", Decimal("50.01"))
    assert (world.cash, world.held()) == (Decimal("9499.90"), 110)
    sale = world.submit("sell", "10")
    world.settle()
    assert world.order(sale).filled_avg_price == Decimal("49.99")
    assert (world.cash, world.held()) == (Decimal("9999.80"), 100)


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        ("buy", "50.01", "50.01"),
        ("buy", "51", "50.01"),
        ("buy", "50", None),
        ("sell", "49.99", "49.99"),
        ("sell", "49", "49.99"),
        ("sell", "50", None),
    ],
)
def test_a_limit_fills_only_at_the_limit_or_better(world, side, limit, price):
    order = world.submit(side, "1", limit)
    world.settle()
    assert world.order(order).filled_avg_price == (price and Decimal(price))


def test_a_resting_limit_fills_when_the_quote_comes_to_it(world):
    order = world.submit("buy", "10", "49")
    world.settle()
    assert world.order(order).status == "new"
    world.quote("ABC", "40", "41")
    assert world.order(order).status == "new"
    world.quote("XYZ", "48.5", "48.98")
    assert world.order(order).filled_avg_price == Decimal("48.98")


def test_an_order_works_for_the_fill_delay_before_it_is_matched():
    world = World(fill_delay=0.15)
    order = world.submit("buy", "10")
    world.steps.pop()()
    world.quote("XYZ", "49.90", "49.95")
    assert world.order(order).status == "new"
    assert world.delays == [0, 0.15]
    world.settle()
    assert world.order(order).filled_avg_price == Decimal("49.95")


def test_nothing_matches_against_a_side_nobody_quotes(world):
    world.quote("XYZ", "49.99", "0")
    order = world.submit("buy", "10")
    world.settle()
    assert world.order(order).status == "new"


def test_partial_fills_add_up_and_each_is_an_activity():
    world = World(fill_model=Halves())
    order = world.submit("buy", "7")
    world.settle()
    for ask in ("50.02", "50.03", "50.04"):
        world.quote("XYZ", "49.99", ask)
    fills = world.kept.fills
    assert [fill.qty for fill in fills] == [3, 2, 1, 1]
    assert [(fill.cum_qty, fill.leaves_qty) for fill in fills] == [(3, 4), (5, 2), (6, 1), (7, 0)]
    assert world.events() == ["pending_new", "new", *["partial_fill"] * 3, "fill"]
    assert world.order(order).filled_cost == sum(fill.qty * fill.price for fill in fills)
    assert [update.position_qty for update in world.kept.updates[2:]] == [103, 105, 106, 107]


def test_a_cancel_is_a_request_and_what_was_filled_stays(world):
    world = World(fill_model=Halves())
    order = world.submit("buy", "8")
    world.settle()
    world.venue.request_cancel("main", order.id)
    assert world.order(order).status == "pending_cancel"
    world.venue.request_cancel("main", order.id)
    world.settle()
    cancelled = world.order(order)
    assert (cancelled.status, cancelled.filled_qty, world.held()) == ("canceled", 4, 104)
    assert world.events()[-1] == "canceled"
    world.quote("XYZ", "1", "2")
    assert world.held() == 104


def test_an_ioc_order_fills_at_once_or_is_cancelled(world):
    filled = world.submit("buy", "1", "51", time_in_force="ioc")
    missed = world.submit("buy", "1", "50", time_in_force="ioc")
    world.settle()
    assert (world.order(filled).status, world.order(missed).status) == ("filled", "canceled")


def test_a_day_order_expires_at_the_close_and_a_gtc_order_stays(world):
    day = world.submit("buy", "1", "10")
    gtc = world.submit("buy", "1", "10", time_in_force="gtc")
    world.settle()
    world.clock.pass_(hours=4)
    world.quote("XYZ", "9", "9.5")
    assert world.order(day).status == "expired"
    assert world.order(gtc).status == "new"  # nothing trades after the close
    world.clock.pass_(days=90)
    world.quote("XYZ", "20", "21")
    assert world.order(gtc).status == "canceled"  # 90 days on, at a quarter past four


def test_an_order_after_hours_is_accepted_and_works_from_the_next_open(world):
    world.clock.at = datetime(2026, 3, 7, 15, 0, tzinfo=UTC)  # a Saturday
    order = world.submit("buy", "1")
    world.settle()
    assert world.events() == ["accepted"]
    assert order.expires_at == datetime(2026, 3, 9, 20, 0, tzinfo=UTC)  # daylight saving by then
    world.clock.at = datetime(2026, 3, 9, 13, 30, tzinfo=UTC)
    world.quote("XYZ", "49.99", "50.01")
    world.settle()
    assert world.events() == ["accepted", "new", "fill"]


def test_a_replacement_is_a_new_order_that_takes_the_old_ones_place(world):
    old = world.submit("buy", "10", "49")
    with pytest.raises(RefusedError):
        world.venue.replace("main", old.id, {"limit_price": Decimal(48)})  # still pending_new
    world.settle()
    new = world.venue.replace("main", old.id, {"limit_price": Decimal("48.5")})
    assert world.order(old).status == "pending_replace"
    assert world.venue.floor.standing("main").reserved == 490  # the larger of both
    world.settle()
    assert (world.order(old).status, world.order(old).replaced_by) == ("replaced", new.id)
    assert (world.order(new).status, new.replaces) == ("new", old.id)
    assert world.events()[-2:] == ["replaced", "new"]
    world.quote("XYZ", "48", "48.4")
    assert (world.order(new).status, world.held()) == ("filled", 110)


def test_a_replacement_counts_what_the_old_order_already_filled():
    world = World(fill_model=Halves())
    old = world.submit("buy", "8")
    world.settle()
    with pytest.raises(RefusedError) as refused:
        world.venue.replace("main", old.id, {"qty": Decimal(4)})
    assert refused.value.body["message"] == "qty must be > filled_qty"
    new = world.venue.replace("main", old.id, {"qty": Decimal(6)})
    world.settle()
    world.quote("XYZ", "49.99", "50.01")
    assert (world.order(new).filled_qty, world.held()) == (6, 106)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "order parameters are not changed"),
        ({"limit_price": Decimal(49)}, "order parameters are not changed"),
        ({"qty": Decimal(100_000)}, "insufficient buying power"),
    ],
)
def test_a_replacement_is_checked_like_an_order(world, changes, message):
    old = world.submit("buy", "10", "49")
    world.settle()
    with pytest.raises(RefusedError) as refused:
        world.venue.replace("main", old.id, changes)
    assert refused.value.body["message"] == message
    assert world.order(old).status == "new"


def test_a_notional_buy_spends_its_dollars_and_a_notional_sale_never_oversells(world):
    buy = world.submit("buy", None, notional=Decimal(100))
    world.settle()
    assert world.order(buy).filled_qty == Decimal("1.999600079")  # 100 / 50.01, truncated
    assert world.order(buy).status == "filled"
    everything = world.held() * Decimal("49.99")
    sale = world.submit("sell", None, notional=everything)
    world.quote("XYZ", "40", "40.02")
    world.settle()
    assert (world.order(sale).status, world.held()) == ("filled", 0)


def test_what_was_under_way_at_a_restart_is_finished(world):
    cancelling = world.submit("buy", "1", "10")
    replacing = world.submit("buy", "1", "11")
    world.settle()
    world.venue.request_cancel("main", cancelling.id)
    new = world.venue.replace("main", replacing.id, {"limit_price": Decimal(12)})
    fresh = world.submit("buy", "1")
    world.restart()
    world.settle()
    assert [world.order(o).status for o in (cancelling, replacing, new, fresh)] == [
        "canceled",
        "replaced",
        "new",
        "filled",
    ]


@pytest.mark.parametrize("status", list(Status))
def test_no_status_is_reached_outside_the_table(world, status):
    order = world.submit("buy", "1", "10")
    allowed = TRANSITIONS[order.status]
    if status in allowed:
        assert order.moved(status).status is status
    else:
        with pytest.raises(ValueError, match="cannot go from"):
            order.moved(status)


def test_updated_at_only_grows_although_the_clock_stands(world):
    for price in range(10, 20):
        world.submit("buy", "1", str(price))
    world.settle()
    stamps = [order.updated_at for order in world.kept.orders]
    assert stamps == sorted(set(stamps))
