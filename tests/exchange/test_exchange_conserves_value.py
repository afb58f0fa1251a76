"""Whatever is asked of it and whatever happens, the exchange neither makes nor loses a cent."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from exchange_world import World
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.exchange.engine.activities import Fill
from services.exchange.engine.behaviour import PROMPT, Behaviour, Reply
from services.exchange.engine.booking import Cost
from services.exchange.engine.day_end import Owed
from services.exchange.engine.errors import RefusedError
from services.exchange.engine.fill_model import PartialFills, TouchFills
from services.exchange.engine.orders import (
    TRANSITIONS,
    OptionLeg,
    Order,
    Side,
    StopLoss,
    TakeProfit,
    units,
)
from services.exchange.engine.pre_trade import kept_qty
from services.exchange.engine.rules import DEFAULT_RULES

CALL, FAR = "XYZ260306C00050000", "XYZ260306C00051000"
CENTS = st.one_of(st.integers(4900, 5100), st.integers(4000, 6000)).map(lambda n: Decimal(n) / 100)
WHOLE = st.one_of(st.integers(1, 20), st.integers(1, 150)).map(Decimal)
QTY = st.one_of(WHOLE, WHOLE, st.decimals("0.000000001", "20", places=9, allow_nan=False))
SHARE = st.sampled_from(["XYZ", "ABC"])
SIDE = st.sampled_from(["buy", "sell"])
INDEX = st.integers(0, 50)
TIF = st.sampled_from(["day", "gtc", "ioc", "fok", "opg", "cls"])
LASTING = st.sampled_from(["day", "gtc"])
OPEN_ORDER = st.tuples(st.just("order"), SHARE, SIDE, QTY, st.none() | CENTS, TIF, st.booleans())
ACTION = st.one_of(
    OPEN_ORDER,
    OPEN_ORDER,
    st.tuples(st.just("notional"), SHARE, SIDE, st.integers(1, 3000).map(Decimal)),
    st.tuples(st.just("stop"), SHARE, SIDE, QTY, CENTS, st.none() | CENTS, LASTING),
    st.tuples(st.just("trail"), SHARE, SIDE, QTY, st.integers(1, 5).map(Decimal), st.booleans()),
    st.tuples(
        st.just("group"),
        st.sampled_from(["bracket", "oco", "oto"]),
        SHARE,
        SIDE,
        st.integers(1, 60).map(Decimal),
        st.none() | CENTS,
        LASTING,
        st.integers(1, 400),
        st.integers(1, 400),
    ),
    st.tuples(st.just("contract"), SIDE, st.integers(1, 3).map(Decimal)),
    st.tuples(st.just("spread"), st.integers(1, 3).map(Decimal), st.integers(-300, 300)),
    st.tuples(st.just("exercise")),
    st.tuples(st.just("quote"), SHARE, CENTS, st.integers(1, 50)),
    st.tuples(st.just("trade"), SHARE, CENTS),
    st.tuples(st.just("trade"), SHARE, CENTS),
    st.tuples(st.just("trade"), SHARE, CENTS),
    st.tuples(st.just("cancel"), INDEX),
    st.tuples(st.just("replace"), INDEX, st.sampled_from(["limit_price", "stop_price"]), CENTS),
    st.tuples(st.just("replace"), INDEX, st.just("qty"), st.integers(1, 200).map(Decimal)),
    st.tuples(st.just("step")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("close"), SHARE),
    st.tuples(st.just("halt"), SHARE),
    st.tuples(st.just("resume"), SHARE),
    st.tuples(st.just("split"), SHARE, st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.just("dividend"), SHARE, CENTS),
    st.tuples(st.just("outside"), SHARE, SIDE, st.integers(1, 50).map(Decimal)),
    st.tuples(st.just("deposit"), st.integers(-500, 5000).map(Decimal)),
    st.tuples(st.just("hours"), st.sampled_from([1, 20, 72])),
    st.tuples(st.just("restart")),
)
REPLY = st.sampled_from([PROMPT, Reply(after=9), Reply(refused="no"), Reply(fills_first=True)])


class Moody(Behaviour):
    """Cancels and replaces are answered from a list, over and over."""

    def __init__(self, replies: list[Reply]) -> None:
        self._replies, self._asked = replies or [PROMPT], 0

    def cancel(self, order: Order) -> Reply:
        self._asked += 1
        return self._replies[self._asked % len(self._replies)]

    replace = cancel


def costs(before: Order, after: Order):
    yield Cost("taf", (after.filled_qty - before.filled_qty) / 1000)


def overnight(floor, account, nights):
    if account.cash < 0:
        yield Owed("INT", Decimal(nights), "margin interest")


def act(world: World, action: tuple) -> None:
    kind, *rest = action
    deed = DEEDS.get(kind)
    if deed is not None:
        deed(world, *rest)
        return
    orders = list(world.ledger.orders.values())
    if not orders:
        return
    order = orders[rest[0] % len(orders)]
    if kind == "cancel":
        world.venue.request_cancel("main", order.id)
    elif getattr(order, rest[1]) is not None:
        world.venue.replace("main", order.id, {rest[1]: rest[2]})


def order(world, symbol, side, qty, limit, tif, extended):
    more = {
        "symbol": symbol,
        "time_in_force": tif,
        "extended_hours": extended and limit is not None,
    }
    world.submit(side, str(qty), limit and str(limit), **more)


def stop(world, symbol, side, qty, at, limit, tif):
    more = {"symbol": symbol, "type": "stop_limit" if limit else "stop", "time_in_force": tif}
    world.submit(side, str(qty), limit and str(limit), stop_price=at, **more)


def trail(world, symbol, side, qty, away, percent):
    trail = {"trail_percent" if percent else "trail_price": away}
    world.submit(side, str(int(qty) + 1), symbol=symbol, type="trailing_stop", **trail)


def group(world, order_class, symbol, side, qty, limit, tif, up, down):
    """Exits around the market, the right way for the side, some with a limit under the stop."""
    price, entry = world.market.boards[symbol].price, side == "buy"
    entry = entry if order_class != "oco" else not entry
    above, below = price + Decimal(up) / 100, price - Decimal(down) / 100
    target, at = (above, below) if entry else (below, above)
    past = Decimal(-1 if entry else 1) / 10
    stop_loss = StopLoss(stop_price=at, limit_price=at + past if up % 2 else None)
    exits: dict[str, Any] = {"take_profit": TakeProfit(limit_price=target), "stop_loss": stop_loss}
    if order_class == "oto":
        del exits["take_profit" if up % 2 else "stop_loss"]
    limit = target if order_class == "oco" else limit
    more = {"symbol": symbol, "order_class": order_class, "time_in_force": tif, **exits}
    world.submit(side, str(qty), limit and str(limit), **more)


def spread(world, qty, cents):
    sides = (CALL, Side.BUY), (FAR, Side.SELL)
    legs = tuple(
        OptionLeg(symbol=s, side=side, ratio_qty=1, position_intent="") for s, side in sides
    )
    more = {"symbol": "", "order_class": "mleg", "option_legs": legs}
    world.submit("buy", str(qty), str(Decimal(cents) / 100), **more)


def step(world):
    if world.steps:
        world.steps.pop(0)()


DEEDS = {
    "order": order,
    "stop": stop,
    "trail": trail,
    "group": group,
    "spread": spread,
    "step": step,
    "notional": lambda w, s, side, dollars: w.submit(side, None, symbol=s, notional=dollars),
    "contract": lambda w, side, qty: w.submit(side, str(qty), symbol=CALL),
    "exercise": lambda w: w.venue.exercise("main", CALL),
    "quote": lambda w, s, bid, wide: w.quote(s, str(bid), str(bid + Decimal(wide) / 100)),
    "trade": lambda w, s, price: w.trade(s, str(price)),
    "settle": lambda w: w.settle(),
    "close": lambda w, s: w.venue.close_position("main", s, qty=None, percentage=None),
    "halt": lambda w, s: w.market.halt(s, "T1"),
    "resume": lambda w, s: w.market.resume(s),
    "split": lambda w, s, new, old: w.venue.split(s, new, old),
    "dividend": lambda w, s, cents: w.venue.dividend(s, cents),
    "outside": lambda w, s, side, qty: w.venue.outside_trade("main", s, Side(side), qty),
    "deposit": lambda w, cash: w.venue.change_account("main", cash=w.cash + cash),
    "hours": lambda w, hours: w.clock.pass_(hours=hours),
    "restart": lambda w: w.restart(),
}


def check_money(world: World) -> None:
    """Cash is what fills and entries say; and nothing is made or lost between the pots."""
    account, activities = world.ledger.accounts["main"], world.ledger.activities("main")
    cash, shares = Decimal(10_000), defaultdict(Decimal, {"XYZ": Decimal(100)})
    for activity in activities:
        if isinstance(activity, Fill):
            signed = activity.qty if activity.side == "buy" else -activity.qty
            shares[activity.symbol] += signed
            cash -= signed * activity.price * units(activity.symbol)
        else:
            cash += activity.net_amount
            if activity.kind != "DIV":
                shares[activity.symbol] += activity.qty or 0
    assert account.cash == cash
    positions = world.ledger.positions.values()
    assert {p.symbol: p.qty for p in positions if p.qty} == {s: q for s, q in shares.items() if q}
    at_cost = account.cash + sum(position.cost for position in positions)
    assert at_cost - account.realised - account.income + account.fees == 14_000


def check_orders(world: World) -> None:
    floor = world.venue.floor
    for position in floor.positions("main"):
        kept = kept_qty(floor.open_orders("main"), position.symbol)
        assert 0 <= kept <= abs(position.qty)
        assert floor.available_qty(position) == abs(position.qty) - kept
    for order in world.ledger.orders.values():
        if order.notional is None:
            assert 0 <= order.filled_qty <= order.reserved_qty == order.qty
        elif order.side is Side.BUY:
            assert order.filled_cost <= order.notional
    assert floor.standing("main").buying_power >= 0


ENDS = {"fill", "canceled", "expired", "replaced", "rejected"}
BEGINS = {"pending_new", "accepted", "held"}
AS_REPLACEMENT = {"new", "accepted", "held", "pending_cancel", "restated", *ENDS - {"fill"}}
LATE = {"order_cancel_rejected", "order_replace_rejected"}


def check_history(world: World) -> None:
    """Each order went by the table, told of each step, and nothing after its end but refusals."""
    states, events = defaultdict(list), defaultdict(list)
    for kept in world.kept.orders:
        states[kept.id].append(kept.status)
    for update in world.kept.updates:
        events[update.order.id].append(update.event)
    for passed in states.values():
        for before, after in pairwise(passed):
            assert after is before or after in TRANSITIONS[before]
    for order_id, told in events.items():
        replaces = world.ledger.orders[order_id].replaces
        assert told[0] in (BEGINS if replaces is None else AS_REPLACEMENT | LATE)
        ended = next((n for n, event in enumerate(told) if event in ENDS), len(told))
        assert set(told[ended + 1 :]) <= LATE
    stamps = [kept.updated_at for kept in world.kept.orders]
    assert stamps == sorted(stamps)
    executions = [update.execution_id for update in world.kept.updates]
    assert len(executions) == len(set(executions))
    ids = [activity.id for activity in world.ledger.activities("main")]
    assert len(ids) == len(set(ids))


def check_replay(world: World) -> None:
    again = world.kept.ledger()
    assert again == world.ledger


SETUP = {
    "partials": st.booleans(),
    "multiplier": st.sampled_from(["1", "2", "4"]),
    "replies": st.lists(REPLY, max_size=4),
    "keeps": st.booleans(),
}


def live(
    actions: list[tuple], partials: bool, multiplier: str, replies: list[Reply], keeps: bool
) -> None:
    touch = TouchFills()
    world = World(
        fill_model=PartialFills(touch, 1) if partials else touch,
        multiplier=multiplier,
        behaviour=Moody(replies),
        costs=costs,
        overnight=overnight,
        rules=replace(DEFAULT_RULES, replace_keeps_fills=keeps),
    )
    for action in actions:
        with suppress(RefusedError):  # a refusal must change nothing: the sums below show it
            act(world, action)
        check_money(world)
        check_orders(world)
    check_history(world)
    check_replay(world)


@settings(max_examples=200, deadline=None)
@given(actions=st.lists(ACTION, max_size=40), **SETUP)
def test_money_shares_and_reservations_always_add_up(actions, partials, multiplier, replies, keeps):
    live(actions, partials, multiplier, replies, keeps)


@settings(max_examples=60, deadline=None, phases=[Phase.generate])  # too long to be shrunk
@given(actions=st.lists(ACTION, min_size=60, max_size=80), **SETUP)
def test_they_still_do_after_a_long_day(actions, partials, multiplier, replies, keeps):
    live(actions, partials, multiplier, replies, keeps)


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
