"""Spec 6, Reconciliation: every difference is found, explained, and ends by adoption."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.model.event import Event, EventDraft
from db.model.order import BrokerOrder, OrderState, OrderType, Side
from db.model.portfolio import Position
from db.model.reconciliation import MismatchKind
from db.model.run import ChildOrder
from services.reconciliation.compare import LISTED, adoptions, compare, confirmed
from services.reconciliation.expected import after, from_rows, history

NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
Shares = dict[tuple[str, str], Decimal]


def position(symbol: str, qty: Decimal, account: str = "main") -> Position:
    return Position(
        account=account, symbol=symbol, qty=qty, qty_available=qty, avg_entry_price=Decimal("45.5")
    )


def ours(
    state: OrderState = OrderState.ACKNOWLEDGED, key: str = "qd-1", **given: Any
) -> ChildOrder:
    return ChildOrder(
        client_order_id=key, plan_id="p1", step=1, account="main", symbol="NEM", side=Side.SELL,
        qty=Decimal(10), type=OrderType.MARKET, state=state, sent_at=NOON, **given,
    )  # fmt: skip


def theirs(key: str = "qd-1") -> BrokerOrder:
    return BrokerOrder(
        order_id=f"b-{key}", client_order_id=key, account="main", symbol="NEM", side=Side.SELL,
        qty=Decimal(10), status="new", state=OrderState.ACKNOWLEDGED, submitted_at=NOON,
    )  # fmt: skip


quantities = st.integers(-20, 20).map(Decimal)
books: st.SearchStrategy[Shares] = st.dictionaries(
    st.tuples(st.sampled_from(["main", "ira"]), st.sampled_from(["NEM", "AA", "NVDA"])),
    quantities.filter(bool),
)
order_keys = st.sets(st.sampled_from(["qd-1", "qd-2", "web-1"]))


def held(book: Shares) -> tuple[Position, ...]:
    return tuple(position(symbol, qty, account) for (account, symbol), qty in book.items())


def journalled(drafts: tuple[EventDraft, ...]) -> list[Event]:
    return [
        Event(**draft.model_dump(), seq=n, at=NOON, prev_hash="", hash="")
        for n, draft in enumerate(drafts, start=1)
    ]


@given(expected=books, broker=books, mine=order_keys, listed=order_keys)
def test_an_unchanged_snapshot_gives_the_same_again(
    expected: Shares, broker: Shares, mine: set[str], listed: set[str]
) -> None:
    def look(at: datetime) -> Any:
        return compare(
            expected, held(broker), [ours(key=key) for key in mine], map(theirs, listed), at
        )

    first, second = look(NOON), look(NOON + timedelta(minutes=1))
    assert first.mismatches == second.mismatches
    assert confirmed(first, second) == second
    assert first.clean is (expected == broker and mine == listed)
    assert len({one.key for one in first.mismatches}) == len(first.mismatches)


@given(expected=books, broker=books)
def test_adopting_everything_makes_it_clean(expected: Shares, broker: Shares) -> None:
    drafts = adoptions(expected, held(broker))
    assert len(drafts) == len(compare(expected, held(broker), (), (), NOON).mismatches)
    adopted = after(expected, journalled(drafts))
    assert compare(adopted, held(broker), (), (), NOON).clean
    assert adoptions(adopted, held(broker)) == ()


@given(expected=books, broker=books, mine=order_keys, listed=order_keys)
def test_what_the_trader_left_alone_is_not_said_again(
    expected: Shares, broker: Shares, mine: set[str], listed: set[str]
) -> None:
    sides = (expected, held(broker), [ours(key=key) for key in mine], [*map(theirs, listed)], NOON)
    keys = {one.key for one in compare(*sides).mismatches}
    assert compare(*sides, ignored=keys).clean


@pytest.mark.parametrize(
    ("mine", "broker", "kind", "said"),
    [
        (
            None,
            10,
            MismatchKind.GHOST,
            "The broker holds 10 NEM at 45.5 in main, our journal none.",
        ),
        (10, None, MismatchKind.ORPHAN, "Our journal holds 10 NEM in main, the broker none."),
        (
            10,
            12,
            MismatchKind.QUANTITY,
            "The broker holds 12 NEM in main, our journal 10 NEM: 2 more.",
        ),
        (10, -3, MismatchKind.QUANTITY, "holds 3 NEM short in main, our journal 10 NEM: 13 fewer."),
    ],
)
def test_a_position_that_differs_is_named_and_explained(
    mine: int | None, broker: int | None, kind: MismatchKind, said: str
) -> None:
    expected = {} if mine is None else {("main", "NEM"): Decimal(mine)}
    positions = [] if broker is None else [position("NEM", Decimal(broker))]
    (found,) = compare(expected, positions, [], [], NOON).mismatches
    assert (found.kind, found.symbol, found.ours, found.broker) == (
        kind, "NEM", Decimal(mine or 0), Decimal(broker or 0),
    )  # fmt: skip
    assert said in found.explanation


def test_it_says_since_when_and_which_fills_and_orders() -> None:
    rows = [
        {
            "account": "main", "symbol": "NEM", "qty": "10", "avg_entry_price": "45.5", "fills": 2,
            "since": "2026-01-05T15:00:00.000000Z", "changed_at": "2026-01-05T15:04:00.000000Z",
            "changed_by": "fill e2 of order qd-0",
        },
        {
            "account": "main", "symbol": "AA", "qty": "0", "avg_entry_price": None, "fills": 3,
            "since": "2026-01-05T15:00:00.000000Z", "changed_at": "2026-01-05T15:05:00.000000Z",
            "changed_by": "fill e9 of order qd-8",
        },
    ]  # fmt: skip
    assert from_rows(rows) == {("main", "NEM"): Decimal(10)}
    found = compare(
        from_rows(rows),
        [position("NEM", Decimal(6)), position("AA", Decimal(5))],
        [ours(OrderState.UNKNOWN)],
        [],
        NOON,
        history=history(rows),
    )
    ghost, quantity = found.mismatches
    assert "sold out 2026-01-05 15:05 UTC by fill e9 of order qd-8" in ghost.explanation
    assert "held since 2026-01-05 15:00 UTC, 2 fills since" in quantity.explanation
    assert "last changed 2026-01-05 15:04 UTC by fill e2 of order qd-0" in quantity.explanation
    assert "qd-1 (sell 10, 0 filled, unknown)" in quantity.explanation


@pytest.mark.parametrize("state", list(OrderState))
def test_only_an_order_that_the_broker_must_list_can_be_lost(state: OrderState) -> None:
    found = compare({}, [], [ours(state)], [], NOON).mismatches
    assert [one.kind for one in found] == [MismatchKind.LOST_ORDER] * (state in LISTED)
    if found:
        assert "qd-1 (sell 10 NEM, sent 2026-01-05 17:00 UTC, 0 filled)" in found[0].explanation


def test_an_open_order_that_we_never_sent_is_external() -> None:
    (found,) = compare({}, [], [], [theirs("web-1")], NOON).mismatches
    assert found.kind is MismatchKind.EXTERNAL_ORDER
    assert found.explanation == (
        "The broker lists order web-1 (sell 10 NEM, open since 2026-01-05 17:00 UTC) as open; we "
        "never sent it."
    )


@pytest.mark.parametrize("state", list(OrderState))
def test_an_order_that_ours_says_is_over_can_not_be_open(state: OrderState) -> None:
    found = compare({}, [], [ours(state, closed_at=NOON)], [theirs()], NOON).mismatches
    assert [one.kind for one in found] == [MismatchKind.EXTERNAL_ORDER] * state.terminal
    assert all(f"ours says {state.value} since" in one.explanation for one in found)


def test_a_fill_on_its_way_is_no_mismatch_on_the_second_look() -> None:
    expected, filled = {("main", "NEM"): Decimal(10)}, {("main", "NEM"): Decimal(6)}
    first = compare(expected, [position("NEM", Decimal(6))], [], [], NOON)
    second = compare(filled, [position("NEM", Decimal(6))], [], [], NOON)
    moving = compare(filled, [position("NEM", Decimal(2))], [], [], NOON)
    assert not first.clean
    assert confirmed(first, second).clean
    assert confirmed(first, moving).clean


def test_an_order_replaced_at_the_broker_is_still_ours_invariant_13() -> None:
    leg = ours(order_id="b-web-1", chain=("b-1",), chain_filled=Decimal(0))
    assert compare({}, (), [leg], [theirs("web-1")], NOON).clean
    stranger = ours(order_id="b-2", chain=("b-1",), chain_filled=Decimal(0))
    kinds = [m.kind for m in compare({}, (), [stranger], [theirs("web-1")], NOON).mismatches]
    assert kinds == [MismatchKind.EXTERNAL_ORDER, MismatchKind.LOST_ORDER]
