"""What an account is worth and may spend, and what orders keep of it (alpaca.md §8.5, §8.12)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from exchange_world import World
from hypothesis import given
from hypothesis import strategies as st

from services.exchange.engine.accounts import Account, Configuration, Position
from services.exchange.engine.contracts import collateral, uncovered_calls
from services.exchange.engine.errors import RefusedError
from services.exchange.engine.order_entry import read_terms
from services.exchange.engine.orders import Order
from services.exchange.engine.standing import Holding, Standing

MARKET = {"symbol": "ABC", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
LIMIT = {**MARKET, "type": "limit", "limit_price": "45"}
SHORT = {**MARKET, "side": "sell"}


def account(**changes: Any) -> Account:
    plain = {
        "name": "main",
        "id": "1",
        "account_number": "SIM000001",
        "key": "k",
        "secret": "s",
        "cash": Decimal(10_000),
        "multiplier": Decimal(2),
        "last_equity": Decimal(10_000),
        "created_at": datetime(2026, 3, 3, tzinfo=UTC),
    }
    return Account.model_validate({**plain, **changes})


def holding(qty: str, price: str, symbol: str = "XYZ", *, marginable: bool = True) -> Holding:
    held = Position(account="main", symbol=symbol, qty=Decimal(qty), cost=Decimal(0))
    return Holding(held, Decimal(price), marginable)


def ask(world: World, body: dict[str, Any]) -> Order:
    return world.venue.submit("main", read_terms(body, world.venue.floor.rules))


def power(world: World) -> Decimal:
    return world.venue.floor.standing("main").buying_power


LONG_100 = (holding("100", "40"),)
SHORT_100 = (holding("-100", "40"),)


@pytest.mark.parametrize(
    ("changes", "holdings", "reserved", "shown"),
    [
        # multiplier 1: cash
        ({"multiplier": 1}, LONG_100, 0, {"buying_power": 10_000, "initial_margin": 4_000}),
        ({"multiplier": 1}, LONG_100, 2_500, {"buying_power": 7_500}),
        # multiplier 2: (equity − initial margin) × 2, dollar for dollar less what is reserved
        ({}, (), 0, {"buying_power": 20_000, "non_marginable_buying_power": 10_000}),
        (
            {},
            LONG_100,
            0,
            {
                "equity": 14_000,
                "initial_margin": 2_000,
                "maintenance_margin": 1_200,
                "buying_power": 24_000,
                "regt_buying_power": 24_000,
            },
        ),
        ({}, LONG_100, 546, {"buying_power": 23_454, "non_marginable_buying_power": 9_454}),
        (
            {},
            (holding("100", "40", marginable=False),),
            0,
            {"initial_margin": 4_000, "buying_power": 20_000},
        ),
        # a short is owed: equity falls by its value, its proceeds are tied up
        (
            {"cash": 14_000},
            SHORT_100,
            0,
            {
                "equity": 10_000,
                "short_market_value": -4_000,
                "position_value": 4_000,
                "initial_margin": 2_000,
                "buying_power": 16_000,
                "non_marginable_buying_power": 8_000,
            },
        ),
        # multiplier 4: what the last close allows, less what was put on since
        ({"multiplier": 4}, (), 0, {"buying_power": 40_000, "regt_buying_power": 20_000}),
        (
            {"multiplier": 4, "last_equity": 14_000, "last_position_value": 4_000},
            LONG_100,
            0,
            {"buying_power": 51_200, "last_maintenance_margin": 1_200},
        ),
        ({"multiplier": 4, "cash": 6_000}, LONG_100, 1_000, {"buying_power": 35_000}),
        # too little equity for margin, or the owner wants none
        ({"cash": 1_999}, (), 0, {"multiplier": 1, "buying_power": 1_999, "may_short": False}),
        ({"cash": 2_000}, (), 0, {"multiplier": 2, "buying_power": 4_000, "may_short": True}),
        (
            {"multiplier": 4, "configuration": Configuration(max_margin_multiplier="2")},
            (),
            0,
            {"multiplier": 2, "buying_power": 20_000},
        ),
        ({"configuration": Configuration(no_shorting=True)}, (), 0, {"may_short": False}),
        # options are paid in full, what is written is secured
        (
            {},
            (holding("2", "5", "XYZ260417C00050000"),),
            0,
            {"long_market_value": 1_000, "initial_margin": 1_000, "buying_power": 20_000},
        ),
        (
            {},
            (holding("-1", "5", "XYZ260417P00050000"),),
            0,
            {"equity": 9_500, "options_buying_power": 5_000},
        ),
    ],
)
def test_buying_power_follows_the_formulas(changes, holdings, reserved, shown):
    now = Standing(account(**changes), holdings, Decimal(reserved))
    assert {name: getattr(now, name) for name in shown} == shown


money = st.decimals(-100_000, 100_000, places=2)
holdings = st.lists(
    st.builds(
        holding,
        st.integers(-500, 500).map(str),
        st.decimals("0.01", 500, places=2).map(str),
        st.sampled_from(["XYZ", "ABC", "XYZ260417C00050000", "XYZ260417P00050000"]),
        marginable=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda each: each.position.symbol,
)


@given(
    st.builds(
        account,
        cash=money,
        multiplier=st.sampled_from([1, 2, 4]),
        last_equity=money,
        last_position_value=st.decimals(0, 100_000, places=2),
    ),
    holdings,
    st.decimals(0, 100_000, places=2),
    st.decimals(0, 1),
)
def test_no_buying_power_is_ever_negative(who, held, reserved, part):
    now = Standing(who, tuple(held), reserved, reserved * part)
    for name in ("regt", "daytrading", "non_marginable", "options"):
        assert getattr(now, f"{name}_buying_power") >= 0
    assert now.buying_power >= 0
    assert now.equity == now.cash + now.long_market_value + now.short_market_value


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (LIMIT, "450"),
        (MARKET, "500.1"),
        ({**MARKET, "qty": None, "notional": "77.5"}, "77.5"),
        ({**MARKET, "type": "stop", "stop_price": "60"}, "600"),
        ({**LIMIT, "type": "stop_limit", "stop_price": "60", "limit_price": "61"}, "610"),
        (SHORT, "515.103"),
        ({**SHORT, "type": "limit", "limit_price": "60"}, "600"),
        ({**SHORT, "type": "limit", "limit_price": "50.5"}, "515.103"),
        ({**SHORT, "symbol": "XYZ"}, "0"),
    ],
)
def test_what_opens_keeps_its_cost_until_it_ends(body, kept):
    world = World(multiplier="2")
    before = power(world)
    order = ask(world, {name: value for name, value in body.items() if value is not None})
    assert before - power(world) == Decimal(kept)
    world.venue.cancel_now("main", order.id)
    assert power(world) == before


@pytest.mark.parametrize(
    ("hour", "kept"), [(10, "500.1"), (8, "500"), (17, "500"), (22, "500"), (3, "500")]
)
def test_outside_the_session_a_market_order_keeps_the_middle_or_the_last_trade(hour, kept):
    world = World(multiplier="2")
    world.clock.at = world.clock.at.replace(hour=(hour + 5) % 24, day=4 if hour > 18 else 3)
    before = power(world)
    ask(world, MARKET)
    assert before - power(world) == Decimal(kept)


def test_more_than_there_is_is_refused_with_both_numbers():
    world = World(multiplier="1", cash="1825.95", held="0")
    world.venue.change_account("main", cash=Decimal("1825.95"))
    with pytest.raises(RefusedError) as refusal:
        ask(world, {**LIMIT, "qty": "40.6", "limit_price": "45"})
    assert (refusal.value.status, refusal.value.body) == (
        403,
        {
            "code": 40310000,
            "message": "insufficient buying power",
            "buying_power": "1825.95",
            "cost_basis": "1827",
        },
    )


def test_while_an_order_is_replaced_the_larger_of_both_is_kept():
    world = World()
    order = ask(world, {**LIMIT, "qty": "100"})
    world.settle()
    before = power(world)
    smaller = world.venue.replace("main", order.id, {"qty": Decimal(50)})
    assert power(world) == before
    world.settle()
    assert power(world) - before == 2250
    world.venue.replace("main", smaller.id, {"qty": Decimal(80)})
    assert power(world) == before + 2250 - 1350


C50, C55, P45, P50 = (
    f"XYZ260417{right}" for right in ("C00050000", "C00055000", "P00045000", "P00050000")
)


@pytest.mark.parametrize(
    ("contracts", "shares", "tied", "naked"),
    [
        ({C50: 3}, {}, 0, 0),
        ({P50: -1}, {}, 5000, 0),
        ({C50: -1}, {"XYZ": 100}, 0, 0),
        ({C50: -1}, {"XYZ": 99}, 5000, 1),
        ({C50: -2}, {"XYZ": 100}, 5000, 1),
        ({C50: -1, C55: 1}, {}, 500, 0),
        ({C50: 1, C55: -1}, {}, 0, 0),
        ({P50: -1, P45: 1}, {}, 500, 0),
        ({P50: -2, P45: 1}, {}, 5500, 0),
        ({P50: -1, C55: 1}, {}, 5000, 0),
        ({P50: -1, C55: -1}, {"XYZ": 100}, 5000, 0),
    ],
)
def test_what_is_written_ties_up_its_worst_case(contracts, shares, tied, naked):
    signed = {symbol: Decimal(qty) for symbol, qty in contracts.items()}
    held = {symbol: Decimal(qty) for symbol, qty in shares.items()}
    assert (collateral(signed, held), uncovered_calls(signed, held)) == (tied, naked)


@pytest.mark.parametrize(
    ("symbol", "worth"), [("XYZ260227C00048000", "200"), ("XYZ260227P00048000", "0")]
)
def test_a_contract_past_its_end_is_worth_its_exercise(symbol, worth):
    world = World()
    held = Position(account="main", symbol=symbol, qty=Decimal(1), cost=Decimal(100))
    world.ledger.positions = {("main", symbol): held}
    assert world.venue.floor.standing("main").long_market_value == Decimal(worth)
