"""Through any sequence of orders: no share is promised twice, nothing is spent twice."""

from decimal import Decimal
from typing import Any

from exchange_world import World
from hypothesis import given, settings
from hypothesis import strategies as st

from services.exchange.engine.errors import RefusedError
from services.exchange.engine.fill_model import Execution, FillModel, TouchFills
from services.exchange.engine.order_entry import read_terms
from services.exchange.engine.orders import Order, Side
from services.exchange.engine.pre_trade import kept_qty

PRICES = ["44", "47", "49", "50", "51", "53", "56"]


class Halves:
    """Every second execution is cut to half of it, in whole shares."""

    def __init__(self) -> None:
        self._model: FillModel = TouchFills()
        self._cut = False

    def execute(self, order: Order, *market: Any) -> Execution | None:
        whole = self._model.execute(order, *market)
        self._cut = not self._cut
        if whole is None or whole.qty < 2 or not self._cut:
            return whole
        return Execution(whole.qty // 2, whole.price)


def exits(side: str, target: str, stop: str) -> dict[str, Any]:
    low, high = sorted((target, stop))
    target, stop = (high, low) if side == "buy" else (low, high)
    return {"take_profit": {"limit_price": target}, "stop_loss": {"stop_price": stop}}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    side, price, other = (
        draw(st.sampled_from(choices)) for choices in (["buy", "sell"], PRICES, PRICES)
    )
    body = {
        "symbol": draw(st.sampled_from(["XYZ", "ABC"])),
        "qty": str(draw(st.integers(1, 60))),
        "side": side,
        "time_in_force": draw(st.sampled_from(["day", "gtc"])),
    }
    kind = draw(st.sampled_from(["market", "limit", "stop", "bracket", "oco", "oto"]))
    if kind in ("market", "limit", "stop"):
        name = {"limit": "limit_price", "stop": "stop_price"}.get(kind)
        return {**body, "type": kind, **({name: price} if name else {})}
    if kind == "oco":
        flipped = "sell" if side == "buy" else "buy"
        return {**body, "type": "limit", "order_class": kind, **exits(flipped, price, other)}
    entry = {"type": "market"} if draw(st.booleans()) else {"type": "limit", "limit_price": price}
    both = exits(side, price, other)
    if kind == "oto":
        both.pop(draw(st.sampled_from(sorted(both))))
    return {**body, **entry, "order_class": kind, **both}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), bodies()),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("replace"), st.integers(0, 9), st.sampled_from(PRICES)),
        st.tuples(st.just("quote"), st.sampled_from(["XYZ", "ABC"]), st.sampled_from(PRICES)),
        st.tuples(st.just("settle")),
    ),
    max_size=40,
)


def take(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case "submit", body:
            world.venue.submit("main", read_terms(body))
        case "cancel", index:
            orders = world.venue.floor.open_orders("main")
            if orders:
                world.venue.request_cancel("main", orders[index % len(orders)].id)
        case "replace", index, price:
            orders = world.venue.floor.open_orders("main")
            if orders:
                order = orders[index % len(orders)]
                name = "limit_price" if order.limit_price is not None else "stop_price"
                world.venue.replace("main", order.id, {name: Decimal(price)})
        case "quote", symbol, price:
            world.trade(symbol, price)
        case _:
            world.settle()


@given(steps, st.sampled_from(["1", "2", "4"]))
@settings(max_examples=300, deadline=None)
def test_no_share_is_promised_twice(steps, multiplier):
    world = World(multiplier=multiplier, fill_model=Halves())
    floor = world.venue.floor
    for step in steps:
        try:
            take(world, step)
        except RefusedError:
            continue
        for position in floor.positions("main"):
            kept = kept_qty(floor.open_orders("main"), position.symbol)
            assert 0 <= kept <= abs(position.qty)
            assert floor.available_qty(position) == abs(position.qty) - kept
        for order in world.ledger.orders.values():
            assert order.filled_qty <= order.reserved_qty
            assert (order.intent == "sell_to_close") <= (order.side is Side.SELL)
        assert floor.standing("main").buying_power >= 0
        if multiplier == "1":
            assert all(position.qty > 0 for position in floor.positions("main"))
