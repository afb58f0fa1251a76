"""REDUCING lets out only what cannot leave the position larger, or turned around (invariant 27)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.model.order import BrokerOrder, OrderState, Side
from db.model.trading import Setter, TradingState
from services.execution.reducing import more_than_reduces, open_qty, surely_held
from services.execution.safety import CHANGES, Safety, may_set, stricter

QTY = st.integers(1, 200).map(Decimal)
SHARES = st.integers(-200, 200).map(Decimal)


class Files:
    """Latch files that say what a test wants."""

    def __init__(self, says: TradingState = TradingState.ACTIVE) -> None:
        self.says = says

    def state(self) -> TradingState:
        return self.says

    def set(self, *_: object) -> None:
        self.says = TradingState.HALTED

    def set_reducing(self, *_: object) -> None:
        self.says = stricter(self.says, TradingState.REDUCING)

    def unlatch(self) -> None:
        self.says = TradingState.REDUCING

    def clear(self) -> None:
        self.says = TradingState.ACTIVE


def order(side: Side, qty: Decimal, **changed: object) -> BrokerOrder:
    plain = BrokerOrder(
        order_id="b",
        client_order_id="c",
        account="main",
        symbol="AAA",
        side=side,
        qty=qty,
        type="market",
        status="new",
        state=OrderState.ACKNOWLEDGED,
    )
    return plain.model_copy(update=changed)


@given(position=SHARES, side=st.sampled_from(Side), qty=QTY, others=st.lists(QTY, max_size=4))
def test_what_is_let_out_leaves_no_more_and_never_turns_around(
    position: Decimal, side: Side, qty: Decimal, others: list[Decimal]
) -> None:
    """Invariant 27, over every fill of the order and of the open ones on its side."""
    standing = [order(side, each) for each in others]
    refused = more_than_reduces("AAA", side, qty, position, open_qty(standing, side))
    if refused is None:
        worst = position + (1 if side is Side.BUY else -1) * (qty + sum(others, Decimal(0)))
        for after in (position, position + (1 if side is Side.BUY else -1) * qty, worst):
            assert abs(after) <= abs(position)
            assert after == 0 or (after > 0) is (position > 0)


@given(qty=QTY, side=st.sampled_from(Side))
def test_nothing_leaves_from_flat_or_from_an_unknown_position(qty: Decimal, side: Side) -> None:
    assert more_than_reduces("AAA", side, qty, Decimal(0), Decimal(0)) is not None
    assert more_than_reduces("AAA", side, qty, None, Decimal(0)) is not None


@given(position=SHARES.filter(bool))
def test_getting_out_whole_is_let_out_long_and_short(position: Decimal) -> None:
    """Invariant 20: there is no cash, notional or count in it to refuse by."""
    side = Side.SELL if position > 0 else Side.BUY
    assert more_than_reduces("AAA", side, abs(position), position, Decimal(0)) is None


@given(ours=SHARES, broker=SHARES)
def test_only_what_both_books_cover_counts_as_held(ours: Decimal, broker: Decimal) -> None:
    sure = surely_held(ours, broker)
    assert abs(sure) <= min(abs(ours), abs(broker))
    if ours * broker <= 0:
        assert sure == 0


def test_a_stop_and_its_target_count_once() -> None:
    """Invariant 19."""
    stop = order(Side.SELL, Decimal(100), type="stop", order_class="oco")
    target = order(Side.SELL, Decimal(100), type="limit", order_class="oco")
    assert open_qty([stop, target], Side.SELL) == 100
    assert open_qty([stop, order(Side.SELL, Decimal(7))], Side.SELL) == 107
    assert open_qty([order(Side.BUY, Decimal(9))], Side.SELL) == 0
    half = order(Side.SELL, Decimal(10), filled_qty=Decimal(4))
    over = order(Side.SELL, Decimal(10), state=OrderState.CANCELED)
    assert open_qty([half, over], Side.SELL) == 6


@pytest.mark.parametrize("memory", TradingState)
@pytest.mark.parametrize("file", TradingState)
def test_the_stricter_of_journal_and_file_wins(memory: TradingState, file: TradingState) -> None:
    """Invariant 25."""
    assert Safety(Files(file), memory).state is stricter(memory, file)


def test_nothing_leaves_before_the_books_were_compared_whatever_the_state() -> None:
    """Invariant 25: boot is HALTED until reconciled."""
    safety = Safety(Files())
    safety.require(lambda: "the books were not compared with the broker's yet")
    assert safety.forbids(reducing=True) is not None
    assert safety.forbids(reducing=False) is not None


def test_who_may_set_which_state() -> None:
    active, reducing, halted = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
    for by in Setter:
        assert may_set(active, halted, by)
        assert may_set(reducing, halted, by)
        back = by is Setter.TRADER
        assert may_set(halted, active, by) is back
        assert may_set(reducing, active, by) is back
        assert may_set(halted, reducing, by) is (by is Setter.FLATTEN)
    assert not may_set(active, reducing, Setter.FLATTEN), "a flatten begins from HALTED"
    assert set(CHANGES) == {(a, b) for a in TradingState for b in TradingState if a is not b}
