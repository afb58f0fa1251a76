"""Bracket, OCO and OTO: who is held, who works, and what one's fate does to the others."""

from dataclasses import replace
from decimal import Decimal

import pytest
from exchange_world import World

from services.exchange.engine.errors import RefusedError
from services.exchange.engine.fill_model import Execution, TouchFills
from services.exchange.engine.orders import Order, StopLoss, TakeProfit
from services.exchange.engine.rules import DEFAULT_RULES
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Quote

TARGET, STOP = TakeProfit(limit_price=Decimal(55)), StopLoss(stop_price=Decimal(45))


class Fours(TouchFills):
    """Fills four shares at a time."""

    def execute(self, order: Order, quote: Quote, board: Board) -> Execution | None:
        whole = super().execute(order, quote, board)
        return whole and whole._replace(qty=min(whole.qty, Decimal(4)))


def group(world: World, order_class: str, limit: str | None = "50.01", **more) -> list[Order]:
    """Parent, then legs, as accepted."""
    exits = {"take_profit": TARGET, "stop_loss": STOP}
    fields = {"symbol": "ABC", "side": "buy", "order_class": order_class, **exits, **more}
    parent = world.submit(fields.pop("side"), "10", limit, **fields)
    return [parent, *(world.ledger.orders[leg] for leg in parent.leg_ids)]


def oco(world: World) -> list[Order]:
    return group(world, "oco", "55", symbol="XYZ", side="sell")


def working(world: World, **exits) -> list[Order]:
    """A bracket whose entry is filled."""
    orders = group(world, "bracket", **exits)
    world.settle()
    return orders


def test_legs_are_held_until_the_entry_is_filled_and_the_stop_after_it(world):
    entry, target, stop = group(world, "bracket", "49")
    assert world.events(target) == world.events(stop) == ["held"]
    world.settle()
    assert world.statuses(entry, target, stop) == ["new", "held", "held"]
    world.trade("ABC", "44", bid="43.99", ask="50")  # a stop that is not armed
    assert world.statuses(entry, target, stop) == ["new", "held", "held"]
    world.quote("ABC", "48.9", "49")
    assert world.statuses(entry, target, stop) == ["filled", "new", "held"]
    assert world.events(target) == ["held", "new"]
    assert world.events(stop) == ["held"]
    assert world.events()[-2:] == ["fill", "new"]


def test_legs_wait_for_the_whole_entry():
    world = World(fill_model=Fours())
    entry, target, stop = working(world)
    assert world.statuses(entry, target, stop) == ["partially_filled", "held", "held"]
    world.quote("ABC", "49.99", "50.01")
    world.quote("ABC", "49.99", "50.01")
    assert world.statuses(entry, target, stop) == ["filled", "new", "held"]


@pytest.mark.parametrize(
    ("price", "ends", "events", "held"),
    [
        ("55.01", ["filled", "canceled"], [["held", "new", "fill"], ["held", "canceled"]], 0),
        ("45", ["canceled", "filled"], [["held", "new", "canceled"], ["held", "fill"]], 0),
        ("50", ["new", "held"], [["held", "new"], ["held"]], 10),
    ],
)
def test_one_exit_fills_and_the_other_is_cancelled(world, price, ends, events, held):
    _, target, stop = working(world)
    world.trade("ABC", price)
    assert world.statuses(target, stop) == ends
    assert [world.events(target), world.events(stop)] == events
    assert world.held("ABC") == held


def test_a_pair_of_exits_reserves_once(world):
    working(world)
    (position,) = [p for p in world.venue.floor.positions("main") if p.symbol == "ABC"]
    assert world.venue.floor.available_qty(position) == 0
    oco(world)
    world.settle()
    (position,) = [p for p in world.venue.floor.positions("main") if p.symbol == "XYZ"]
    assert world.venue.floor.available_qty(position) == 90


def test_a_partial_exit_leaves_the_stop_the_rest():
    world = World(fill_model=Fours())
    _, target, stop = working(world)
    for _ in range(2):
        world.quote("ABC", "49.99", "50.01")
    world.quote("ABC", "55", "55.02")
    assert world.order(target).filled_qty == 4
    assert (world.order(stop).qty, world.order(stop).status) == (6, "held")
    world.trade("ABC", "45")
    assert world.statuses(target, stop) == ["partially_filled", "partially_filled"]
    assert world.order(target).leaves_qty == world.order(stop).leaves_qty == 2
    world.quote("ABC", "44", "44.02")
    assert world.statuses(target, stop) == ["canceled", "filled"]
    assert world.held("ABC") == 0


def test_an_elected_stop_limit_keeps_the_shares_for_both(world):
    _, target, stop = group(
        world, "bracket", stop_loss=StopLoss(stop_price=Decimal(45), limit_price=Decimal("44.5"))
    )
    world.settle()
    world.trade("ABC", "44")
    assert world.statuses(target, stop) == ["new", "new"]
    assert world.events(stop) == ["held", "new"]
    (position,) = [p for p in world.venue.floor.positions("main") if p.symbol == "ABC"]
    assert world.venue.floor.available_qty(position) == 0
    world.quote("ABC", "44.6", "44.7")
    assert world.statuses(target, stop) == ["canceled", "filled"]


@pytest.mark.parametrize("member", [0, 1, 2])
def test_cancelling_any_member_of_a_waiting_bracket_cancels_it(world, member):
    orders = group(world, "bracket", "49")
    world.settle()
    world.venue.request_cancel("main", orders[member].id)
    world.settle()
    assert world.statuses(*orders) == ["canceled"] * 3
    assert [world.events(order)[-1] for order in orders] == ["canceled"] * 3


@pytest.mark.parametrize("member", [1, 2])
def test_cancelling_one_exit_cancels_the_other(world, member):
    orders = working(world)
    world.venue.request_cancel("main", orders[member].id)
    world.settle()
    assert world.statuses(*orders) == ["filled", "canceled", "canceled"]


def test_legs_may_go_without_a_word():
    world = World(rules=replace(DEFAULT_RULES, legs_tell_of_cancel=False))
    entry, target, stop = group(world, "bracket", "49")
    world.settle()
    world.venue.request_cancel("main", entry.id)
    world.settle()
    assert world.statuses(entry, target, stop) == ["canceled"] * 3
    assert (world.events(entry)[-1], world.events(target), world.events(stop)) == (
        "canceled",
        ["held"],
        ["held"],
    )


def test_an_entry_that_ends_partly_filled_leaves_its_shares_unprotected():
    world = World(fill_model=Fours())
    entry, target, stop = working(world)
    world.venue.request_cancel("main", entry.id)
    world.settle()
    assert world.statuses(entry, target, stop) == ["canceled"] * 3
    assert world.held("ABC") == 4


def test_a_bracket_expires_as_a_whole(world):
    orders = working(world)
    world.clock.pass_(hours=4)
    world.quote("ABC", "49.99", "50.01")
    assert world.statuses(*orders) == ["filled", "expired", "expired"]


@pytest.mark.parametrize(
    ("price", "ends"), [("55.01", ["filled", "canceled"]), ("45", ["canceled", "filled"])]
)
def test_an_oco_is_two_exits_of_which_one_fills(world, price, ends):
    target, stop = oco(world)
    world.settle()
    assert world.statuses(target, stop) == ["new", "held"]
    world.trade("XYZ", price)
    assert world.statuses(target, stop) == ends
    assert world.held() == 90


@pytest.mark.parametrize("member", [0, 1])
def test_cancelling_either_of_an_oco_cancels_both(world, member):
    orders = oco(world)
    world.settle()
    world.venue.request_cancel("main", orders[member].id)
    world.settle()
    assert world.statuses(*orders) == ["canceled", "canceled"]


@pytest.mark.parametrize(
    ("exit_", "price", "works_as"),
    [({"stop_loss": None}, "55.01", "limit"), ({"take_profit": None}, "45", "stop")],
)
def test_the_one_leg_of_an_oto_works_when_its_entry_is_filled(world, exit_, price, works_as):
    entry, leg = group(world, "oto", **exit_)
    assert world.order(leg).status == "held"
    world.settle()
    assert world.statuses(entry, leg) == ["filled", "new"]
    assert world.order(leg).type == works_as
    world.trade("ABC", price)
    assert (world.order(leg).status, world.held("ABC")) == ("filled", 0)


@pytest.mark.parametrize(
    ("member", "changes", "price"),
    [(1, {"limit_price": Decimal(52)}, "52.01"), (2, {"stop_price": Decimal(48)}, "48")],
)
def test_a_leg_is_replaced_and_stays_in_its_group(world, member, changes, price):
    orders = working(world)
    other = orders[3 - member]
    new = world.venue.replace("main", orders[member].id, changes)
    world.settle()
    assert world.order(orders[member]).status == "replaced"
    assert world.order(new).status == ("held" if member == 2 else "new")
    assert new.id in world.order(orders[0]).leg_ids
    (position,) = [p for p in world.venue.floor.positions("main") if p.symbol == "ABC"]
    assert world.venue.floor.available_qty(position) == 0
    world.trade("ABC", price)
    assert world.statuses(new, other) == ["filled", "canceled"]


def test_an_entry_is_replaced_and_its_legs_follow_the_new_one(world):
    entry, target, stop = group(world, "bracket", "49")
    world.settle()
    new = world.venue.replace("main", entry.id, {"limit_price": Decimal("49.5")})
    world.settle()
    assert world.statuses(entry, new, target, stop) == ["replaced", "new", "held", "held"]
    world.quote("ABC", "49.4", "49.5")
    assert world.statuses(new, target, stop) == ["filled", "new", "held"]


def test_the_target_of_an_oco_is_replaced_and_the_stop_still_goes_with_it(world):
    target, stop = oco(world)
    world.settle()
    new = world.venue.replace("main", target.id, {"limit_price": Decimal(53)})
    world.settle()
    assert world.statuses(target, new, stop) == ["replaced", "new", "held"]
    world.quote("XYZ", "53", "53.02")
    assert world.statuses(new, stop) == ["filled", "canceled"]


def test_the_qty_of_a_leg_cannot_be_replaced(world):
    _, target, _ = working(world)
    with pytest.raises(RefusedError):
        world.venue.replace("main", target.id, {"qty": Decimal(5)})


def test_groups_outlive_a_restart(world):
    orders = working(world)
    world.restart()
    world.trade("ABC", "45")
    assert world.statuses(*orders) == ["filled", "canceled", "filled"]


def test_an_entry_filled_while_its_leg_is_being_replaced_arms_the_replacement(world):
    entry, target, stop = group(world, "bracket", "49")
    world.settle()
    new = world.venue.replace("main", stop.id, {"stop_price": Decimal(44)})
    world.quote("ABC", "48.9", "49")
    world.settle()
    assert world.statuses(entry, target, stop, new) == ["filled", "new", "replaced", "held"]
    world.trade("ABC", "44")
    assert world.statuses(target, new) == ["canceled", "filled"]
