"""Whatever is asked of it, the exchange neither makes nor loses a share or a cent."""

from contextlib import suppress
from decimal import Decimal

from exchange_world import World
from hypothesis import given, settings
from hypothesis import strategies as st

from services.exchange.engine.errors import RefusedError
from services.exchange.engine.fill_model import PartialFills, TouchFills
from services.exchange.engine.orders import Side

CENTS = st.integers(3000, 7000).map(lambda cents: Decimal(cents) / 100)
QTY = st.one_of(
    st.integers(1, 150).map(Decimal), st.decimals("0.000000001", "20", places=9, allow_nan=False)
)
SYMBOL = st.sampled_from(["XYZ", "ABC"])
SIDE = st.sampled_from(["buy", "sell"])
INDEX = st.integers(0, 50)
ACTION = st.one_of(
    st.tuples(st.just("market"), SYMBOL, SIDE, QTY),
    st.tuples(st.just("limit"), SYMBOL, SIDE, QTY, CENTS),
    st.tuples(st.just("notional"), SYMBOL, SIDE, st.integers(1, 3000).map(Decimal)),
    st.tuples(st.just("quote"), SYMBOL, CENTS, st.integers(1, 50)),
    st.tuples(st.just("cancel"), INDEX),
    st.tuples(st.just("replace"), INDEX, CENTS),
    st.tuples(st.just("settle")),
    st.tuples(st.just("close"), SYMBOL),
)


def act(world: World, action: tuple) -> None:
    kind, *rest = action
    orders = list(world.ledger.orders.values())
    if kind == "market":
        symbol, side, qty = rest
        world.submit(side, str(qty), symbol=symbol)
    elif kind == "limit":
        symbol, side, qty, price = rest
        world.submit(side, str(qty), str(price), symbol=symbol)
    elif kind == "notional":
        symbol, side, dollars = rest
        world.submit(side, None, symbol=symbol, notional=dollars)
    elif kind == "quote":
        symbol, bid, spread = rest
        world.quote(symbol, str(bid), str(bid + Decimal(spread) / 100))
    elif kind == "cancel" and orders:
        world.venue.request_cancel("main", orders[rest[0] % len(orders)].id)
    elif kind == "replace" and orders:
        order = orders[rest[0] % len(orders)]
        if order.limit_price is not None:
            world.venue.replace("main", order.id, {"limit_price": rest[1]})
    elif kind == "settle":
        world.settle()
    elif kind == "close":
        world.venue.close_position("main", rest[0], qty=None, percentage=None)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTION, max_size=40), st.booleans(), st.sampled_from(["1", "2"]))
def test_cash_shares_and_reservations_always_add_up(actions, partials, multiplier):
    touch = TouchFills()
    world = World(fill_model=PartialFills(touch, 1) if partials else touch, multiplier=multiplier)
    for action in actions:
        with suppress(RefusedError):  # a refusal must change nothing: the sums below show it
            act(world, action)
        fills = world.kept.fills
        signed = [(f, f.qty if f.side == "buy" else -f.qty) for f in fills]
        assert world.cash == 10_000 - sum(qty * fill.price for fill, qty in signed)
        for symbol, start in (("XYZ", 100), ("ABC", 0)):
            held = world.held(symbol)
            assert held == start + sum(qty for fill, qty in signed if fill.symbol == symbol)
            assert held >= 0
        for position in world.venue.floor.positions("main"):
            assert 0 <= world.venue.floor.available_qty(position) <= position.qty
        for order in world.ledger.orders.values():
            mine = [f for f in fills if f.order_id == order.id]
            carried = world.ledger.orders[order.replaces].filled_qty if order.replaces else 0
            assert order.filled_qty == carried + sum(f.qty for f in mine)
            if order.qty is not None:
                assert order.filled_qty <= order.qty
            elif order.side is Side.BUY:
                assert order.filled_cost <= order.notional
        assert world.venue.floor.standing("main").buying_power >= 0


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTION, max_size=25))
def test_a_refusal_changes_no_buying_power(actions):
    world = World()
    for action in actions:
        before = world.venue.floor.standing("main").buying_power
        try:
            act(world, action)
        except RefusedError:
            assert world.venue.floor.standing("main").buying_power == before
