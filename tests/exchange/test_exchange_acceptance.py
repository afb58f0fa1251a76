"""Account and market → accepted, or the refusal with its status, code, message and fields."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from exchange_world import World

from services.exchange.engine.accounts import Position
from services.exchange.engine.errors import RefusedError
from services.exchange.engine.order_entry import read_terms
from services.exchange.engine.orders import Order
from services.exchange.engine.rules import Rules
from services.exchange.sessions import NEW_YORK

MARKET = {"symbol": "XYZ", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
SELL = {**MARKET, "side": "sell"}
ABC, ABC_SELL = {**MARKET, "symbol": "ABC"}, {**SELL, "symbol": "ABC"}
EXITS = {"take_profit": {"limit_price": "60"}, "stop_loss": {"stop_price": "40"}}
SHORT_EXITS = {"take_profit": {"limit_price": "40"}, "stop_loss": {"stop_price": "60"}}
OCO = {**SELL, "type": "limit", "order_class": "oco", **EXITS}
WRONG, AGAINST, FORBIDDEN, PATTERN = 40010001, 42210000, 40310000, 40310100

Setup = Callable[[World], object]


def limit(body: dict[str, Any], price: str, **more: Any) -> dict[str, Any]:
    return {**body, "type": "limit", "limit_price": price, **more}


def stop(body: dict[str, Any], price: str, **more: Any) -> dict[str, Any]:
    return {**body, "type": "stop", "stop_price": price, **more}


def ask(world: World, body: dict[str, Any]) -> Order:
    terms = read_terms(body, world.venue.floor.rules)
    return world.venue.submit("main", terms)


def resting(*bodies: dict[str, Any]) -> Setup:
    return lambda world: [ask(world, body) for body in bodies]


def listed(symbol: str = "ABC", **flags: bool) -> Setup:
    def change(world: World) -> None:
        board = world.market.boards[symbol]
        board.listing = board.listing.model_copy(update=flags)

    return change


def holding(qty: str, symbol: str = "ABC") -> Setup:
    def hold(world: World) -> None:
        held = Position(account="main", symbol=symbol, qty=Decimal(qty), cost=Decimal(qty) * 50)
        world.ledger.positions["main", symbol] = held

    return hold


def account(**changes: Any) -> Setup:
    return lambda world: world.venue.change_account("main", **changes)


def configured(**changes: Any) -> Setup:
    def change(world: World) -> None:
        old = world.ledger.accounts["main"].configuration
        world.venue.change_account("main", configuration=old.model_copy(update=changes))

    return change


def at(hour: int, minute: int, day: int = 3) -> Setup:
    """New York time in March 2026."""

    def move(world: World) -> None:
        local = datetime(2026, 3, day, hour, minute, tzinfo=NEW_YORK)
        world.clock.at = local.astimezone(UTC)

    return move


def both(*setups: Setup) -> Setup:
    return lambda world: [setup(world) for setup in setups]


def nothing(world: World) -> None: ...


def refused(world: World, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    before = dict(world.ledger.orders)
    with pytest.raises(RefusedError) as refusal:
        ask(world, body)
    assert world.ledger.orders == before
    return refusal.value.status, refusal.value.body


@pytest.mark.parametrize(
    ("setup", "body", "status", "code", "message"),
    [
        # the account
        (
            account(account_blocked=True),
            MARKET,
            403,
            FORBIDDEN,
            "account is not authorized to trade",
        ),
        (
            account(trading_blocked=True),
            SELL,
            403,
            FORBIDDEN,
            "account is not authorized to trade",
        ),
        (
            configured(suspend_trade=True),
            SELL,
            403,
            FORBIDDEN,
            "new orders are rejected by user request",
        ),
        (
            account(liquidation_only=True),
            MARKET,
            403,
            FORBIDDEN,
            "account is restricted to liquidation only",
        ),
        # the asset
        (nothing, {**MARKET, "symbol": "ZZZ"}, 422, AGAINST, 'asset "ZZZ" not found'),
        (listed(active=False), ABC, 422, AGAINST, 'asset "ABC" is not active'),
        (listed(tradable=False), ABC, 422, AGAINST, 'asset "ABC" is not tradable'),
        (
            listed(fractionable=False),
            {**ABC, "qty": "1.5"},
            403,
            FORBIDDEN,
            'asset "ABC" is not fractionable',
        ),
        (
            configured(fractional_trading=False),
            {**ABC, "qty": "1.5"},
            403,
            FORBIDDEN,
            "account is not allowed to trade fractional shares",
        ),
        # auctions
        *(
            (
                at(hour, minute),
                {**MARKET, "time_in_force": "opg"},
                403,
                FORBIDDEN,
                "opg orders must be submitted after 7:00pm and before 9:28am",
            )
            for hour, minute in ((9, 28), (12, 0), (18, 59))
        ),
        *(
            (
                at(hour, minute),
                {**MARKET, "time_in_force": "cls"},
                403,
                FORBIDDEN,
                "cls orders must be submitted after 7:00pm and before 3:50pm",
            )
            for hour, minute in ((15, 50), (18, 59))
        ),
        # prices against the market
        (
            nothing,
            limit(ABC, "0.5"),
            403,
            FORBIDDEN,
            "cost basis must be >= minimal amount of order 1",
        ),
        # positions
        (
            nothing,
            {**SELL, "position_intent": "sell_to_open"},
            422,
            AGAINST,
            "position intent mismatch, inferred: sell_to_close, specified: sell_to_open",
        ),
        (
            nothing,
            {**ABC_SELL, "position_intent": "sell_to_close"},
            422,
            AGAINST,
            "position intent mismatch, inferred: sell_to_open, specified: sell_to_close",
        ),
        (
            holding("-10"),
            {**ABC, "position_intent": "buy_to_open"},
            422,
            AGAINST,
            "position intent mismatch, inferred: buy_to_close, specified: buy_to_open",
        ),
        (
            resting(limit(ABC, "45")),
            ABC_SELL,
            403,
            FORBIDDEN,
            "cannot open a short sell while a long buy order is open",
        ),
        (
            resting(limit(ABC_SELL, "55")),
            ABC,
            403,
            FORBIDDEN,
            "cannot open a long buy while a short sell order is open",
        ),
        (
            configured(no_shorting=True),
            ABC_SELL,
            403,
            FORBIDDEN,
            "account is not allowed to short",
        ),
        (
            account(multiplier=Decimal(1)),
            ABC_SELL,
            403,
            FORBIDDEN,
            "account is not allowed to short",
        ),
        (
            configured(max_margin_multiplier="1"),
            ABC_SELL,
            403,
            FORBIDDEN,
            "account is not allowed to short",
        ),
        (
            both(account(cash=Decimal(1999)), holding("0", "XYZ")),
            ABC_SELL,
            403,
            FORBIDDEN,
            "account is not allowed to short",
        ),
        (listed(shortable=False), ABC_SELL, 422, AGAINST, 'asset "ABC" cannot be sold short'),
        (
            listed(easy_to_borrow=False),
            limit(ABC_SELL, "55", time_in_force="gtc"),
            422,
            AGAINST,
            'only day orders are allowed for hard-to-borrow asset "ABC"',
        ),
        (
            nothing,
            {**ABC_SELL, "qty": "1.5"},
            422,
            AGAINST,
            "fractional orders cannot be sold short",
        ),
        # classes
        (
            nothing,
            {**MARKET, "order_class": "bracket", **EXITS},
            422,
            AGAINST,
            "bracket orders must be entry orders",
        ),
        (
            holding("-10"),
            {**ABC, "order_class": "bracket", **EXITS},
            422,
            AGAINST,
            "bracket orders must be entry orders",
        ),
        (
            holding("-10"),
            {**ABC, "order_class": "oto", "stop_loss": {"stop_price": "40"}},
            422,
            AGAINST,
            "oto orders must be entry orders",
        ),
        (nothing, {**OCO, "symbol": "ABC"}, 422, AGAINST, "oco orders must be exit orders"),
    ],
)
def test_what_the_account_or_the_market_forbids_is_refused(setup, body, status, code, message):
    world = World(multiplier="2")
    setup(world)
    assert refused(world, body) == (status, {"code": code, "message": message})


@pytest.mark.parametrize(
    ("setup", "body", "intent"),
    [
        (nothing, MARKET, "buy_to_open"),
        (nothing, SELL, "sell_to_close"),
        (nothing, {**SELL, "qty": "100"}, "sell_to_close"),
        (nothing, ABC_SELL, "sell_to_open"),
        (holding("-10"), ABC, "buy_to_close"),
        (holding("-10"), ABC_SELL, "sell_to_open"),
        (resting(limit(ABC, "45")), limit(ABC, "44"), "buy_to_open"),
        (listed(easy_to_borrow=False), ABC_SELL, "sell_to_open"),
        (account(liquidation_only=True), SELL, "sell_to_close"),
        (configured(fractional_trading=False), {**SELL, "qty": "1.5"}, "sell_to_close"),
        (at(9, 27), {**MARKET, "time_in_force": "opg"}, "buy_to_open"),
        (at(19, 0), {**MARKET, "time_in_force": "opg"}, "buy_to_open"),
        (at(12, 0, day=7), {**MARKET, "time_in_force": "opg"}, "buy_to_open"),
        (at(15, 49), {**MARKET, "time_in_force": "cls"}, "buy_to_open"),
        (at(19, 0), {**MARKET, "time_in_force": "cls"}, "buy_to_open"),
        (nothing, {**ABC, "order_class": "bracket", **EXITS}, "buy_to_open"),
        (nothing, {**ABC_SELL, "order_class": "bracket", **SHORT_EXITS}, "sell_to_open"),
        (nothing, OCO, "sell_to_close"),
        (
            holding("-10"),
            {**OCO, "symbol": "ABC", "side": "buy", **SHORT_EXITS},
            "buy_to_close",
        ),
        (
            nothing,
            {**MARKET, "order_class": "oto", "stop_loss": {"stop_price": "40"}},
            "buy_to_open",
        ),
    ],
)
def test_the_intent_follows_from_the_position(setup, body, intent):
    world = World(multiplier="2")
    setup(world)
    assert ask(world, body).as_wire()["position_intent"] == intent


def test_a_wrong_intent_may_be_let_pass():
    world = World(multiplier="2", rules=Rules(intent_enforced=False))
    assert ask(world, {**SELL, "position_intent": "sell_to_open"}).intent == "sell_to_close"


def test_the_closing_cutoff_is_a_setting_and_comes_as_early_before_a_half_day():
    world = World(rules=Rules(cls_cutoff=time(15, 55)))
    at(15, 54)(world)
    assert ask(world, {**MARKET, "time_in_force": "cls"}).is_open
    world.clock.at = datetime(2026, 11, 27, 17, 55, tzinfo=UTC)  # 12:55, the day closes at one
    assert refused(world, {**MARKET, "time_in_force": "cls"})[1]["message"] == (
        "cls orders must be submitted after 7:00pm and before 12:55pm"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (stop(SELL, "50"), "stop price must be less than current price"),
        (stop(SELL, "51"), "stop price must be less than current price"),
        (stop(MARKET, "50"), "stop price must be greater than current price"),
        (stop(MARKET, "49"), "stop price must be greater than current price"),
        (
            {**stop(MARKET, "49"), "type": "stop_limit", "limit_price": "49"},
            "stop price must be greater than current price",
        ),
    ],
)
def test_a_stop_on_the_wrong_side_is_told_the_market(body, message):
    assert refused(World(), body) == (
        422,
        {"code": AGAINST, "message": message, "market_price": "50"},
    )


@pytest.mark.parametrize(
    ("body", "base"),
    [
        ({**ABC, "order_class": "bracket", "take_profit": {"limit_price": "60"}}, "50"),
        (limit(ABC, "45", order_class="bracket", take_profit={"limit_price": "60"}), "45"),
        (limit(ABC, "55", order_class="bracket", take_profit={"limit_price": "60"}), "50"),
        (limit(ABC, "45", order_class="oto"), "45"),
        (limit(SELL, "60", order_class="oco", take_profit={"limit_price": "60"}), "50"),
    ],
)
def test_a_stop_less_than_a_cent_under_the_base_price_is_told_it(body, base):
    price = Decimal(base)
    world = World(multiplier="2")
    assert refused(world, {**body, "stop_loss": {"stop_price": str(price - Decimal("0.005"))}})[0]
    assert refused(world, {**body, "stop_loss": {"stop_price": base}}) == (
        422,
        {
            "code": AGAINST,
            "message": "stop_loss.stop_price must be <= base_price - 0.01",
            "base_price": base,
        },
    )
    assert ask(world, {**body, "stop_loss": {"stop_price": str(price - Decimal("0.01"))}}).is_open


def test_of_a_short_the_base_price_rule_is_the_mirror():
    world = World(multiplier="2")
    body = limit(ABC_SELL, "52", order_class="bracket", take_profit={"limit_price": "40"})
    assert refused(world, {**body, "stop_loss": {"stop_price": "52"}}) == (
        422,
        {
            "code": AGAINST,
            "message": "stop_loss.stop_price must be >= base_price + 0.01",
            "base_price": "52",
        },
    )
    assert ask(world, {**body, "stop_loss": {"stop_price": "52.01"}}).is_open


def test_a_limit_far_from_the_market_may_be_refused():
    world = World(rules=Rules(limit_distance=Decimal(10)))
    assert ask(world, limit(MARKET, "45")).is_open
    assert refused(world, limit(MARKET, "44.99"))[1]["market_price"] == "50"


@pytest.mark.parametrize(
    ("setup", "body", "existing", "kept", "keepers"),
    [
        (nothing, {**SELL, "qty": "101"}, 100, 0, []),
        (resting(limit(SELL, "60", qty="100")), SELL, 100, 100, [0]),
        (
            resting(limit(SELL, "60", qty="60"), stop(SELL, "40", qty="30")),
            {**SELL, "qty": "11"},
            100,
            90,
            [0, 1],
        ),
        (resting({**OCO, "qty": "100"}), SELL, 100, 100, [0]),
        (resting({**OCO, "qty": "40"}), {**SELL, "qty": "61"}, 100, 40, [0]),
        (holding("-100", "XYZ"), {**MARKET, "qty": "101"}, 100, 0, []),
        (
            both(holding("-100", "XYZ"), resting(limit(MARKET, "40", qty="100"))),
            limit(MARKET, "41"),
            100,
            100,
            [0],
        ),
    ],
)
def test_what_open_orders_keep_is_kept_once(setup, body, existing, kept, keepers):
    world = World(multiplier="2")
    setup(world)
    orders = [order.id for order in world.ledger.orders.values() if order.parent_id is None]
    available = str(existing - kept)
    told = {
        "code": FORBIDDEN,
        "message": "insufficient qty available for order"
        f" (requested: {body['qty']}, available: {available})",
        "symbol": "XYZ",
        "available": available,
        "existing_qty": str(existing),
        "held_for_orders": str(kept),
    }
    related = {"related_orders": [orders[index] for index in keepers]} if keepers else {}
    assert refused(world, body) == (403, told | related)


def test_a_closing_of_the_position_is_not_told_the_orders_that_keep_it():
    world = World()
    ask(world, limit(SELL, "60", qty="100"))
    with pytest.raises(RefusedError) as refusal:
        world.venue.close_position("main", "XYZ", qty=None, percentage=None)
    assert refusal.value.body["held_for_orders"] == "100"
    assert "related_orders" not in refusal.value.body


STOPPED = "opposite side market/stop order exists"
LIMITED = "opposite side limit order exists. use complex/limit/stop_limit orders"


@pytest.mark.parametrize(
    ("open_order", "body", "reason"),
    [
        (limit(MARKET, "45"), SELL, STOPPED),
        (stop(SELL, "40"), MARKET, STOPPED),
        (stop(SELL, "40"), limit(MARKET, "30"), STOPPED),
        (limit(MARKET, "45"), stop(SELL, "40"), STOPPED),
        (limit(MARKET, "45"), limit(SELL, "45"), LIMITED),
        (limit(MARKET, "45"), limit(SELL, "44"), LIMITED),
        (limit(MARKET, "45"), limit(SELL, "45.01"), None),
        (
            {**stop(SELL, "40"), "type": "stop_limit", "limit_price": "39"},
            limit(MARKET, "39"),
            LIMITED,
        ),
        (
            {**stop(SELL, "40"), "type": "stop_limit", "limit_price": "39"},
            limit(MARKET, "38.99"),
            None,
        ),
        ({**SELL, "type": "trailing_stop", "trail_percent": "5"}, MARKET, None),
        (limit(MARKET, "45"), {**SELL, "type": "trailing_stop", "trail_percent": "5"}, None),
        (OCO, MARKET, None),
        (limit(MARKET, "45"), OCO, None),
    ],
)
def test_an_order_that_could_meet_ones_own_is_a_wash_trade(open_order, body, reason):
    world = World()
    resting_order = ask(world, open_order)
    if reason is None:
        assert ask(world, body).is_open
        return
    assert refused(world, body) == (
        403,
        {
            "code": FORBIDDEN,
            "message": "potential wash trade detected. use complex orders",
            "reject_reason": reason,
            "existing_order_id": resting_order.id,
        },
    )


@pytest.mark.parametrize(
    ("order_class", "exits", "shown"),
    [
        (
            "bracket",
            {**EXITS, "stop_loss": {"stop_price": "40", "limit_price": "39.5"}},
            [("limit", "60", None), ("stop_limit", "39.5", "40")],
        ),
        ("oto", {"stop_loss": {"stop_price": "40"}}, [("stop", None, "40")]),
        ("oto", {"take_profit": {"limit_price": "60"}}, [("limit", "60", None)]),
        ("oco", EXITS, [("stop", None, "40")]),
    ],
)
def test_a_group_is_a_parent_with_held_legs(order_class, exits, shown):
    world = World(multiplier="2")
    closes = order_class == "oco"
    body = limit(SELL if closes else ABC, "60" if closes else "45", qty="12")
    parent = ask(world, {**body, "order_class": order_class, **exits, "client_order_id": "mine"})
    legs = [world.ledger.orders[leg_id] for leg_id in parent.leg_ids]
    wires = [leg.as_wire() for leg in legs]
    assert [(w["type"], w["limit_price"], w["stop_price"]) for w in wires] == shown
    for leg, wire in zip(legs, wires, strict=True):
        assert leg.parent_id == parent.id
        assert (wire["side"], wire["position_intent"]) == ("sell", "sell_to_close")
        assert (wire["status"], wire["qty"], wire["order_class"]) == ("held", "12", order_class)
        assert wire["client_order_id"] != "mine"
    ids = {order.client_order_id for order in (parent, *legs)}
    assert len(ids) == 1 + len(legs)
    covers = {"bracket": [None, legs[0].id], "oco": [parent.id]}.get(order_class, [None])
    assert [leg.covered_by for leg in legs] == covers


FRIDAY = 20_000  # dollars: a small account's equity at the last close


def counted(**changes: Any) -> World:
    world = World(multiplier="2", rules=Rules(day_trades="legacy_pdt"))
    world.venue.change_account("main", last_equity=Decimal(FRIDAY), **changes)
    return world


def day_trade(world: World, symbol: str = "ABC") -> None:
    for side in ("buy", "sell"):
        ask(world, {**MARKET, "symbol": symbol, "side": side})
        world.settle()


def test_the_fourth_day_trade_is_denied_where_they_are_counted():
    world = counted()
    for _ in range(3):
        day_trade(world)
    ask(world, ABC)
    world.settle()
    denial = {"code": PATTERN, "message": "trade denied due to pattern day trading protection"}
    assert refused(world, ABC_SELL) == (403, denial)
    assert ask(world, SELL).is_open, "what was held overnight may be sold"


def test_a_bracket_counts_as_the_day_trade_it_may_become():
    world = counted()
    for _ in range(3):
        day_trade(world)
    bracket = {**ABC, "order_class": "bracket", **EXITS}
    assert refused(world, bracket)[1]["code"] == PATTERN


def test_pending_pairs_count():
    world = counted()
    for _ in range(2):
        day_trade(world)
    ask(world, {**ABC, "qty": "2"})
    world.settle()
    ask(world, limit(ABC_SELL, "60"))
    assert refused(world, limit(ABC_SELL, "61"))[1]["code"] == PATTERN


def test_day_trades_older_than_five_business_days_are_forgotten():
    world = counted()
    for _ in range(3):
        day_trade(world)
    world.clock.pass_(days=7)
    day_trade(world)
    assert world.held("ABC") == 0


@pytest.mark.parametrize("equity", [25_000, 100_000])
def test_who_has_the_equity_may_trade_as_often_as_he_likes(equity):
    world = counted()
    world.venue.change_account("main", last_equity=Decimal(equity))
    for _ in range(6):
        day_trade(world)
    assert world.held("ABC") == 0


def test_nobody_counts_in_todays_regime():
    world = World(multiplier="2")
    for _ in range(6):
        day_trade(world)
    assert world.held("ABC") == 0
