"""Cash, holdings and activities: shorts, fees, splits, dividends, contracts, trades elsewhere."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from exchange_world import World

from services.exchange.engine.booking import Cost
from services.exchange.engine.errors import RefusedError
from services.exchange.engine.orders import OptionLeg, Side

CALL, PUT, FAR_CALL = "XYZ260306C00050000", "XYZ260306P00050000", "XYZ260306C00051000"
AFTER_EXPIRY = datetime(2026, 3, 6, 21, 0, tzinfo=UTC)


def rich(**more) -> World:
    return World(cash="100000", multiplier="2", **more)


def totals(world: World) -> Decimal:
    """What never changes: cash, holdings at cost, less profit and income, with fees."""
    account = world.ledger.accounts["main"]
    at_cost = sum(position.cost for position in world.ledger.positions.values())
    return account.cash + at_cost - account.realised - account.income + account.fees


def entries(world: World) -> list[tuple]:
    return [
        (entry.kind, entry.symbol, entry.qty, entry.net_amount)
        for entry in world.ledger.activities("main")
        if entry.kind != "FILL"
    ]


def traded(world: World, side: str, qty: str, price: str, symbol: str = "ABC") -> None:
    at = Decimal(price)
    world.trade(symbol, price, bid=price, ask=price)
    order = world.submit(side, qty, symbol=symbol)
    world.settle()
    assert world.order(order).filled_avg_price == at


@pytest.mark.parametrize(
    ("trades", "realised", "cost"),
    [
        ([("buy", "10", "50")], "0", "500"),
        ([("buy", "10", "50"), ("sell", "4", "51")], "4", "300"),
        ([("buy", "10", "50"), ("buy", "10", "52"), ("sell", "20", "50")], "-20", "0"),
        ([("sell", "10", "50")], "0", "-500"),
        ([("sell", "10", "50"), ("buy", "4", "49")], "4", "-300"),
        ([("sell", "10", "50"), ("sell", "10", "52"), ("buy", "20", "51")], "0", "0"),
    ],
)
def test_profit_is_realised_by_what_closes_long_and_short(trades, realised, cost):
    world = rich()
    for side, qty, price in trades:
        traded(world, side, qty, price)
    assert world.ledger.accounts["main"].realised == Decimal(realised)
    assert world.ledger.positions["main", "ABC"].cost == Decimal(cost)
    assert totals(world) == 104_000


def test_a_short_tells_its_position_signed():
    world = rich()
    traded(world, "sell", "10", "50")
    assert (world.held("ABC"), world.kept.updates[-1].position_qty) == (-10, -10)


def test_a_fill_costs_what_the_schedule_says_and_each_fee_is_an_entry():
    def costs(before, after):
        yield Cost("commission", Decimal("0.35"))
        yield Cost("taf", after.filled_qty / 1000)

    world = rich(costs=costs)
    traded(world, "buy", "10", "50")
    assert world.cash == 100_000 - 500 - Decimal("0.36")
    assert entries(world) == [
        ("FEE", "ABC", None, Decimal("-0.35")),
        ("FEE", "ABC", None, Decimal("-0.01")),
    ]
    assert [a.kind for a in world.ledger.activities("main")] == ["FILL", "FEE", "FEE"]
    assert totals(world) == 104_000


@pytest.mark.parametrize(
    ("new", "old", "qty", "shares"), [(2, 1, "200", "100"), (3, 2, "150", "50"), (1, 3, None, None)]
)
def test_a_split_changes_shares_and_not_cost(new, old, qty, shares):
    world = rich()
    world.venue.split("XYZ", new, old)
    expected = Decimal(qty or "33.333333333")
    position = world.ledger.positions["main", "XYZ"]
    assert (position.qty, position.cost) == (expected, 4000)
    assert entries(world) == [("SPLIT", "XYZ", Decimal(shares or "-66.666666667"), 0)]


def test_open_orders_follow_a_split_into_whole_shares_and_no_other(world):
    kept = world.submit("sell", "10", "60")
    world.settle()
    world.venue.split("XYZ", 2, 1)
    restated = world.order(kept)
    assert (restated.qty, restated.limit_price, restated.status) == (20, 30, "new")
    assert world.events()[-1] == "restated"
    world.venue.split("XYZ", 1, 3)
    assert (world.order(kept).status, world.events()[-1]) == ("canceled", "canceled")


@pytest.mark.parametrize(("held", "paid"), [("100", "50"), ("-40", "-20")])
def test_a_dividend_is_paid_to_who_holds_and_by_who_is_short(held, paid):
    world = rich(held=held)
    before = totals(world)
    world.venue.dividend("XYZ", Decimal("0.5"))
    assert entries(world) == [("DIV", "XYZ", Decimal(held), Decimal(paid))]
    assert world.cash == 100_000 + Decimal(paid)
    assert totals(world) == before


def test_an_account_can_be_restricted_and_given_cash(world):
    world.venue.change_account("main", trading_blocked=True, cash=Decimal(12_000))
    account = world.ledger.accounts["main"]
    assert (account.trading_blocked, account.cash, account.income) == (True, 12_000, 2000)
    assert entries(world) == [("JNLC", None, None, 2000)]


def test_a_trade_elsewhere_is_an_order_with_a_strange_name(world):
    order = world.venue.outside_trade("main", "XYZ", Side.SELL, Decimal(10))
    assert order.client_order_id.startswith("outside-")
    assert world.events() == ["pending_new", "new", "fill"]
    assert (world.held(), world.cash) == (90, Decimal("10499.90"))


def test_contracts_cost_a_hundred_times_their_price():
    world = rich()
    order = world.submit("buy", "2", symbol=CALL)
    world.settle()
    price = world.order(order).filled_avg_price
    assert world.cash == 100_000 - 200 * price
    assert world.ledger.positions["main", CALL].cost == 200 * price


@pytest.mark.parametrize(
    ("symbol", "price", "kind", "shares"),
    [
        (CALL, "50.01", "OPEXC", 300),
        (CALL, "50.00", "OPEXP", 100),
        (PUT, "49.99", "OPEXC", -100),
        (PUT, "50.00", "OPEXP", 100),
    ],
)
def test_a_contract_a_cent_in_the_money_is_exercised_on_its_last_day(symbol, price, kind, shares):
    world = rich()
    world.submit("buy", "2", symbol=symbol)
    world.settle()
    before = totals(world)
    world.trade("XYZ", price)
    world.clock.at = AFTER_EXPIRY
    world.quote("ABC", "49.99", "50.01")
    assert (world.held(symbol), world.held()) == (0, shares)
    assert {entry[0] for entry in entries(world)} == {kind}
    assert totals(world) == before


def test_who_wrote_a_contract_in_the_money_is_assigned():
    world = rich()
    world.submit("sell", "1", symbol=CALL)
    world.settle()
    assert world.held(CALL) == -1
    world.trade("XYZ", "55")
    world.clock.at = AFTER_EXPIRY
    world.quote("ABC", "49.99", "50.01")
    assert (world.held(CALL), world.held()) == (0, 0)
    assert entries(world)[-1] == ("OPASN", "XYZ", -100, 5000)


def test_a_holding_of_contracts_is_exercised_on_request():
    world = rich()
    world.submit("buy", "1", symbol=CALL)
    world.settle()
    cash = world.cash
    world.venue.exercise("main", CALL)
    assert (world.held(CALL), world.held(), world.cash) == (0, 200, cash - 5000)
    with pytest.raises(RefusedError):
        world.venue.exercise("main", CALL)


def test_a_spread_fills_all_its_legs_at_once_within_its_net_price():
    world = rich()
    legs = (
        OptionLeg(symbol=CALL, side=Side.BUY, ratio_qty=1, position_intent="buy_to_open"),
        OptionLeg(symbol=FAR_CALL, side=Side.SELL, ratio_qty=1, position_intent="sell_to_open"),
    )

    def spread(limit: str):
        order = world.submit("buy", "2", limit, symbol="", order_class="mleg", option_legs=legs)
        world.settle()
        return order

    dear, cheap = spread("4.99"), spread("0.01")
    assert world.statuses(dear, cheap) == ["filled", "new"]
    assert (world.held(CALL), world.held(FAR_CALL)) == (2, -2)
    bought, written = (world.ledger.orders[leg] for leg in world.order(dear).leg_ids)
    net = bought.filled_avg_price - written.filled_avg_price
    assert (world.order(dear).filled_avg_price, world.cash) == (net, 100_000 - 200 * net)
    assert world.events(bought)[-1] == world.events(written)[-1] == "fill"
    world.venue.request_cancel("main", cheap.id)
    world.settle()
    ended = world.order(cheap)
    assert world.statuses(ended, *map(world.ledger.orders.get, ended.leg_ids)) == ["canceled"] * 3


def lived(seed_of_names: str = "a") -> World:
    world = rich()
    world.submit("buy", "10", client_order_id=f"{seed_of_names}-1")
    world.settle()
    resting = world.submit("sell", "5", "60")
    world.settle()
    world.venue.replace("main", resting.id, {"limit_price": Decimal(61)})
    world.settle()
    world.venue.dividend("XYZ", Decimal("0.1"))
    return world


def said(world: World) -> tuple:
    kept = world.kept
    records = [*kept.accounts, *kept.positions, *kept.orders, *kept.activities]
    return [r.model_dump_json() for r in records], [u.as_wire() for u in kept.updates], kept.facts


def test_the_same_seed_requests_and_clock_give_the_same_bytes():
    assert said(lived()) == said(lived())
    assert said(lived()) != said(lived("b"))


def test_no_id_is_given_twice_not_even_after_a_restart():
    world = lived()
    world.restart()
    for _ in range(3):
        world.submit("buy", "1", "10")
    world.settle()
    made = [order.id for order in world.ledger.orders.values()]
    made += [order.client_order_id for order in world.ledger.orders.values()]
    made += [update.execution_id for update in world.kept.updates]
    made += [
        entry.id.split("::")[1] for entry in world.ledger.activities("main") if entry.kind == "DIV"
    ]
    assert len(made) == len(set(made))
