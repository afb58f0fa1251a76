"""The realistic model: only the size shown, slippage that grows, fees, interest, borrow."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
from exchange_world import World
from hypothesis import given
from hypothesis import strategies as st

from services.exchange.book import Listing
from services.exchange.engine.activities import Entry
from services.exchange.engine.fees import FeeSchedule, fees_of_fill
from services.exchange.engine.interest import Rates, borrow_cost, margin_interest, owed_overnight
from services.exchange.engine.orders import Order, Status
from services.exchange.engine.realistic import RealisticFills, slippage_bps

SCHEDULE = FeeSchedule()
BIG = Listing(symbol="XYZ", price=Decimal(50), adv=1_000_000)


def world(held: str = "100", multiplier: str = "1", cash: str = "10000000") -> World:
    return World(
        cash=cash,
        held=held,
        multiplier=multiplier,
        fill_model=RealisticFills(seed=7),
        costs=partial(fees_of_fill, SCHEDULE),
        overnight=partial(owed_overnight, Rates()),
        listings=[BIG, Listing(symbol="ABC", price=Decimal(50))],
    )


def entries(seen: World, kind: str) -> list[Entry]:
    return [one for one in seen.kept.activities if isinstance(one, Entry) and one.kind == kind]


# (order's shares, average daily volume) -> basis points
SLIPPAGE = [
    ("1", 1_000_000, "2.0008"),
    ("5000", 1_000_000, "6"),
    ("10000", 1_000_000, "10"),
    ("999999", 1_000_000, "10"),
    ("1", 0, "10"),  # nobody knows the volume: the dearest
]


@pytest.mark.parametrize(("qty", "adv", "bps"), SLIPPAGE)
def test_slippage_grows_from_two_to_ten_basis_points(qty: str, adv: int, bps: str) -> None:
    assert slippage_bps(Decimal(qty), adv) == Decimal(bps)


def test_an_order_takes_what_the_quote_shows_and_waits_for_the_next() -> None:
    # Quotes by hand show 100 shares a side.
    seen = world()
    order = seen.submit("buy", "250")
    seen.settle()
    assert seen.order(order).filled_qty == 100
    seen.quote("XYZ", "49.99", "50.01")
    seen.quote("XYZ", "49.99", "50.01")
    assert seen.order(order).status is Status.FILLED
    assert [fill.qty for fill in seen.kept.fills] == [100, 100, 50]


def test_two_orders_share_what_one_quote_shows() -> None:
    seen = world()
    first, second = seen.submit("buy", "70"), seen.submit("buy", "70")
    seen.settle()
    assert (seen.order(first).filled_qty, seen.order(second).filled_qty) == (70, 30)


def test_a_buy_pays_more_than_the_ask_and_never_more_than_its_limit() -> None:
    seen = world()
    market, limit = seen.submit("buy", "10"), seen.submit("buy", "10", limit="50.01")
    seen.settle()
    # 50.01 + 2.008 bps = 50.0200…, up to the cent.
    assert seen.order(market).filled_avg_price == Decimal("50.03")
    assert seen.order(limit).filled_avg_price == Decimal("50.01")


def test_a_sell_gets_less_than_the_bid() -> None:
    seen = world()
    order = seen.submit("sell", "10")
    seen.settle()
    # 49.99 - 2.008 bps = 49.9799…, down to the cent.
    assert seen.order(order).filled_avg_price == Decimal("49.97")


def test_latency_is_the_seeds_and_differs_by_order() -> None:
    seen = world()
    orders = [seen.submit("buy", "1") for _ in range(5)]
    again, other = RealisticFills(seed=7), RealisticFills(seed=8)
    delays = [RealisticFills(seed=7).delay(order) for order in orders]
    assert delays == [again.delay(order) for order in orders]
    assert delays != [other.delay(order) for order in orders]
    assert len(set(delays)) == 5
    assert all(0.02 <= delay <= 0.12 for delay in delays)


# One sale of 100 at 49.97 = 4,997.00: commission max(0.35, 100 x 0.0035) = 0.35;
# SEC 4,997 x 27.80 / 1,000,000 = 0.1389 -> 0.14; TAF 100 x 0.000166 = 0.0166 -> 0.02;
# CAT 100 x 0.000035 = 0.0035 -> 0.01.
def test_a_sale_pays_commission_and_the_regulators() -> None:
    seen = world()
    seen.submit("sell", "100")
    seen.settle()
    paid = {one.description: -one.net_amount for one in entries(seen, "FEE")}
    assert paid == {
        "commission": Decimal("0.35"),
        "sec": Decimal("0.14"),
        "taf": Decimal("0.02"),
        "cat": Decimal("0.01"),
    }
    assert seen.cash == 10_000_000 + Decimal("4997.00") - sum(paid.values())


def test_a_purchase_pays_no_fee_of_a_sale() -> None:
    seen = world()
    seen.submit("buy", "100")
    seen.settle()
    assert {one.description for one in entries(seen, "FEE")} == {"commission", "cat"}


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_many_small_fills_cost_what_one_does(parts: list[int]) -> None:
    order = _order(sum(parts))
    whole = sum(cost.amount for cost in fees_of_fill(SCHEDULE, order, _filled(order, sum(parts))))
    paid, before = Decimal(0), order
    for part in parts:
        after = _filled(before, part)
        paid += sum(cost.amount for cost in fees_of_fill(SCHEDULE, before, after))
        before = after
    assert paid == whole


@pytest.mark.parametrize(
    ("cash", "nights", "owed"),
    [
        ("1000", 1, "0"),  # nobody pays for a credit
        ("-10000", 1, "3.33"),  # 10,000 x 0.12 / 360 = 3.3333
        ("-10000", 3, "10.00"),  # over a weekend
    ],
)
def test_margin_interest_is_twelve_per_cent_a_year(cash: str, nights: int, owed: str) -> None:
    assert margin_interest(Rates(), Decimal(cash), nights) == Decimal(owed)


@pytest.mark.parametrize(("easy", "owed"), [(True, "0.08"), (False, "4.17")])
def test_borrowed_shares_cost_by_how_hard_they_are_to_borrow(easy: bool, owed: str) -> None:
    # 10,000 x 0.003 / 360 = 0.0833; 10,000 x 0.15 / 360 = 4.1667
    assert borrow_cost(Rates(), Decimal(10_000), 1, easy_to_borrow=easy) == Decimal(owed)


def test_a_night_in_debt_is_booked_at_the_close_as_interest() -> None:
    seen = world(cash="10000", multiplier="2", held="100")
    seen.quote("XYZ", "49.99", "50.01")
    for _ in range(2):
        seen.submit("buy", "100")
        seen.settle()
        seen.quote("XYZ", "49.99", "50.01")
    seen.submit("buy", "80")
    seen.settle()
    debit = -seen.cash
    assert debit > 0
    seen.clock.forward(datetime(2026, 3, 3, 21, 1, tzinfo=UTC))
    seen.quote("XYZ", "49.99", "50.01")
    (charged,) = entries(seen, "INT")
    assert -charged.net_amount == margin_interest(Rates(), -debit, 1)
    assert charged.description == "margin interest, 1 night"


def test_the_same_seed_and_the_same_orders_end_in_the_same_bytes() -> None:
    assert _told(world()) == _told(world())


def _told(seen: World) -> list[bytes]:
    for side, qty in (("buy", "150"), ("sell", "40"), ("buy", "7")):
        seen.submit(side, qty, client_order_id=f"{side}-{qty}")
        seen.settle()
        seen.quote("XYZ", "50.00", "50.03")
    frames: Iterable[bytes] = (str(update.as_wire()).encode() for update in seen.kept.updates)
    return [*frames, *(str(one.as_wire()).encode() for one in seen.kept.activities)]


def _order(qty: int) -> Order:
    seen = world(held=str(qty))
    return seen.submit("sell", str(qty))


def _filled(order: Order, qty: int) -> Order:
    cost = order.filled_cost + qty * Decimal("49.97")
    return order.model_copy(update={"filled_qty": order.filled_qty + qty, "filled_cost": cost})
