"""Spec 6, Reconciliation: every difference is found, explained, and ends by adoption. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from books_world import NOON, child
from hypothesis import given
from hypothesis import strategies as st

from db.model.event import Event, EventDraft
from db.model.order import BrokerOrder, Fill, OrderState, OrderType, Side
from db.model.policy import Policy
from db.model.portfolio import Account, Portfolio, Position
from db.model.reconciliation import ACTIONS, MismatchKind
from db.model.run import ChildOrder
from services.reconciliation.compare import Mismatches, Theirs, adoptions, compare, confirmed
from services.reconciliation.expected import Books, Held, after, history, traded
from services.reconciliation.missed import day_start, missed
from services.reconciliation.orders import LISTED
from services.reconciliation.positions import Story
from services.risk.policy import load_policy

POLICY = load_policy("standard")
Shares = dict[tuple[str, str], Decimal]
NEM = ("main", "NEM")


def position(
    symbol: str, qty: Decimal | int, account: str = "main", average: str = "45.5"
) -> Position:
    return Position(
        account=account, symbol=symbol, qty=Decimal(qty), qty_available=Decimal(qty),
        avg_entry_price=Decimal(average),
    )  # fmt: skip


def ours(
    state: OrderState = OrderState.ACKNOWLEDGED, key: str = "qd-1", **given: Any
) -> ChildOrder:
    told = {"side": Side.SELL, "type": OrderType.MARKET, "state": state, "order_id": f"b-{key}"}
    return child(key, **{**told, **given})


def theirs(key: str = "qd-1", **given: Any) -> BrokerOrder:
    told = {
        "order_id": f"b-{key}", "client_order_id": key, "account": "main", "symbol": "NEM",
        "side": Side.SELL, "qty": Decimal(10), "status": "new",
        "state": OrderState.ACKNOWLEDGED, "submitted_at": NOON,
    }  # fmt: skip
    return BrokerOrder.model_validate({**told, **given})


def booked(shares: Shares, average: Decimal | None = None) -> Books:
    return Books(held={key: Held(qty, average) for key, qty in shares.items() if qty})


def found(
    books: Books,
    positions: Iterable[Position] = (),
    orders: Iterable[ChildOrder] = (),
    listed: Iterable[BrokerOrder] = (),
    accounts: tuple[Account, ...] = (),
    policy: Policy = POLICY,
    story: Story | None = None,
    **told: Any,
) -> Mismatches:
    portfolio = Portfolio(
        as_of=NOON, accounts=accounts, positions=tuple(positions), orders=tuple(listed)
    )
    return compare(books, orders, Theirs(portfolio, **told), policy, story)


quantities = st.integers(-20, 20).map(Decimal)
books_of_shares: st.SearchStrategy[Shares] = st.dictionaries(
    st.tuples(st.sampled_from(["main", "ira"]), st.sampled_from(["NEM", "AA", "NVDA"])),
    quantities.filter(bool),
)
order_keys = st.sets(st.sampled_from(["qd-1", "qd-2", "web-1"]))


def held(book: Shares) -> tuple[Position, ...]:
    return tuple(position(symbol, qty, account) for (account, symbol), qty in book.items())


def journalled(drafts: Iterable[EventDraft]) -> list[Event]:
    return [
        Event(**draft.model_dump(), seq=n, at=NOON, prev_hash="", hash="")
        for n, draft in enumerate(drafts, start=1)
    ]


@given(expected=books_of_shares, broker=books_of_shares, mine=order_keys, listed=order_keys)
def test_an_unchanged_snapshot_gives_the_same_again(
    expected: Shares, broker: Shares, mine: set[str], listed: set[str]
) -> None:
    def look() -> Mismatches:
        return found(
            booked(expected), held(broker), [ours(key=k) for k in mine], map(theirs, listed)
        )

    assert look() == look() == confirmed(look(), look())
    assert (look() == ()) is (expected == broker and mine == listed)
    assert len({one.key for one in look()}) == len(look())


@given(expected=books_of_shares, broker=books_of_shares)
def test_adopting_everything_makes_it_clean(expected: Shares, broker: Shares) -> None:
    books = booked(expected)
    drafts = adoptions(books, held(broker))
    assert len(drafts) == len(found(books, held(broker)))
    adopted = after(books, journalled(drafts))
    assert found(adopted, held(broker)) == ()
    assert adoptions(adopted, held(broker)) == ()


@pytest.mark.parametrize(
    ("mine", "broker", "kind", "said"),
    [
        (0, 10, MismatchKind.GHOST, "The broker holds 10 NEM at 45.5 in main, our journal none."),
        (10, 0, MismatchKind.ORPHAN, "Our journal holds 10 NEM in main, the broker none."),
        (10, 12, MismatchKind.QUANTITY,
         "The broker holds 12 NEM in main, our journal 10 NEM: 2 more."),
        (10, -3, MismatchKind.SIDE, "holds 3 NEM short in main, our journal 10 NEM: 13 fewer."),
    ],
)  # fmt: skip
def test_a_position_that_differs_is_named_and_explained(
    mine: int, broker: int, kind: MismatchKind, said: str
) -> None:
    positions = [position("NEM", broker)] if broker else []
    (one,) = found(booked({NEM: Decimal(mine)}), positions)
    assert (one.kind, one.symbol, one.ours, one.broker) == (
        kind, "NEM", Decimal(mine), Decimal(broker),
    )  # fmt: skip
    assert said in one.explanation


@pytest.mark.parametrize(
    ("average", "tolerance", "differs"),
    [("45.5", "0.02", False), ("46.4", "0.02", False), ("46.5", "0.02", True), ("99", None, False)],
)
def test_an_average_price_may_drift_as_far_as_the_policy_says(
    average: str, tolerance: str | None, differs: bool
) -> None:
    wide = None if tolerance is None else Decimal(tolerance)
    policy = POLICY.model_copy(update={"average_price_tolerance": wide})
    books = booked({NEM: Decimal(10)}, Decimal("45.5"))
    kinds = [m.kind for m in found(books, [position("NEM", 10, average=average)], policy=policy)]
    assert kinds == [MismatchKind.AVERAGE_PRICE] * differs


def test_it_says_since_when_and_which_fills_and_orders() -> None:
    rows: list[Mapping[str, Any]] = [
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
    ghost, quantity = found(
        booked({NEM: Decimal(10)}),
        [position("NEM", 6), position("AA", 5)],
        [ours(OrderState.UNKNOWN)],
        story=Story(history(rows)),
    )
    assert "sold out 2026-01-05 15:05 UTC by fill e9 of order qd-8" in ghost.explanation
    assert "held since 2026-01-05 15:00 UTC, 2 fills since" in quantity.explanation
    assert "last changed 2026-01-05 15:04 UTC by fill e2 of order qd-0" in quantity.explanation
    assert "qd-1 (sell 10, 0 filled, unknown)" in quantity.explanation


@pytest.mark.parametrize("state", list(OrderState))
def test_only_an_order_that_the_broker_must_list_can_be_lost(state: OrderState) -> None:
    lost = found(Books(), orders=[ours(state)])
    assert [one.kind for one in lost] == [MismatchKind.LOST_ORDER] * (state in LISTED)
    if lost:
        assert "qd-1 (sell 10 NEM, sent 2026-01-05 17:00 UTC, 0 filled)" in lost[0].explanation


def test_an_open_order_that_we_never_sent_is_external_until_it_is_adopted() -> None:
    (one,) = found(Books(), listed=[theirs("web-1")])
    assert one.kind is MismatchKind.EXTERNAL_ORDER
    assert one.explanation == (
        "The broker lists order web-1 (sell 10 NEM, open since 2026-01-05 17:00 UTC) as open; we "
        "never sent it."
    )
    assert found(Books(external={"b-web-1": "web-1"}), listed=[theirs("web-1")]) == ()


@pytest.mark.parametrize("state", list(OrderState))
def test_an_order_that_ours_says_is_over_can_not_be_open(state: OrderState) -> None:
    over = found(Books(), orders=[ours(state, closed_at=NOON)], listed=[theirs()])
    assert [one.kind for one in over] == [MismatchKind.EXTERNAL_ORDER] * state.terminal
    assert all(f"ours says {state.value} since" in one.explanation for one in over)


def test_an_order_replaced_at_the_broker_is_still_ours_invariant_13() -> None:
    leg = ours(order_id="b-web-1", chain=("b-1",), chain_filled=Decimal(0))
    assert found(Books(), orders=[leg], listed=[theirs("web-1")]) == ()
    stranger = ours(order_id="b-2", chain=("b-1",), chain_filled=Decimal(0))
    kinds = [m.kind for m in found(Books(), orders=[stranger], listed=[theirs("web-1")])]
    assert kinds == [MismatchKind.EXTERNAL_ORDER, MismatchKind.LOST_ORDER]


@pytest.mark.parametrize(
    ("mine", "reported", "executed", "flagged"),
    [
        (7, 7, 7, None),
        (7, 7, None, None),
        (7, 5, 5, 5),
        (5, 7, 7, 7),
        (7, 7, 9, 9),
        (7, 7, 4, 4),
    ],
)
def test_the_fills_of_an_order_sum_to_the_brokers_figure_or_it_is_flagged_invariant_11(
    mine: int, reported: int, executed: int | None, flagged: int | None
) -> None:
    order = ours(OrderState.CANCELED, filled_qty=Decimal(mine))
    early = datetime(2026, 1, 5, 16, 0, tzinfo=UTC)
    report = theirs(filled_qty=Decimal(reported), updated_at=early)
    sums = None if executed is None else {"b-qd-1": Decimal(executed)}
    kinds = found(Books(), orders=[order], reports={"qd-1": report}, executed=sums)
    assert [(m.kind, m.broker) for m in kinds] == (
        [] if flagged is None else [(MismatchKind.FILLS, Decimal(flagged))]
    )


def test_executions_that_may_be_on_their_way_are_waited_for() -> None:
    order = ours(OrderState.CANCELED, filled_qty=Decimal(7))
    report = theirs(filled_qty=Decimal(7), updated_at=NOON)
    told = {"reports": {"qd-1": report}, "executed": {"b-qd-1": Decimal(4)}}
    assert found(Books(), orders=[order], **told) == ()


def account(cash: str, equity: str = "10000") -> tuple[Account, ...]:
    return (
        Account(name="main", number="1", cash=Decimal(cash), equity=Decimal(equity),
                buying_power=Decimal(0)),
    )  # fmt: skip


def test_cash_may_differ_as_far_as_the_policy_says() -> None:
    books = Books(cash={"main": Decimal(10_000)})
    assert found(books, accounts=account("10001")) == ()
    (one,) = found(books, accounts=account("9998.50"))
    assert (one.kind, one.symbol) == (MismatchKind.CASH, "")
    assert "$1.50 less" in one.explanation
    assert found(Books(), accounts=account("9998.50")) == ()


def test_equity_is_cash_and_positions_or_it_is_said() -> None:
    whole = position("NEM", 10).model_copy(update={"current_price": Decimal(100)})
    books = booked({NEM: Decimal(10)})
    assert found(books, [whole], accounts=account("9000", "10000")) == ()
    (one,) = found(books, [whole], accounts=account("9000", "12000"))
    assert one.kind is MismatchKind.EQUITY
    unpriced = position("NEM", 10)
    assert found(books, [unpriced], accounts=account("9000", "12000")) == ()


fills = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(1, 9), st.integers(10, 60)), max_size=8
)


@given(trades=fills)
def test_an_average_price_is_what_was_paid_for_what_is_left(
    trades: list[tuple[Side, int, int]],
) -> None:
    held_now: Held | None = None
    for side, qty, price in trades:
        before = held_now.qty if held_now else Decimal(0)
        held_now = traded(held_now, fill(side, qty, price))
        change = Decimal(qty if side is Side.BUY else -qty)
        assert held_now.qty == before + change
        assert (held_now.average is None) == (held_now.qty == 0)
        if held_now.average is not None:
            assert Decimal("9.999") <= held_now.average <= Decimal("60.001")


@given(trades=fills, shuffled=st.randoms())
def test_an_average_of_fills_that_were_told_late_is_unknown_and_never_wrong(
    trades: list[tuple[Side, int, int]], shuffled: Random
) -> None:
    """The order of purchases and sales is part of it, and a dead stream tells them in any."""
    happened = [
        fill(*trade, name=f"x{n}").model_copy(update={"at": NOON + timedelta(seconds=n)})
        for n, trade in enumerate(trades)
    ]
    true: Held | None = None
    for each in happened:
        true = traded(true, each)
    in_order = after(Books(), map(told, happened)).held.get(NEM)
    assert in_order == (true if true and true.qty else None)
    late = list(happened)
    shuffled.shuffle(late)
    known = after(Books(), map(told, late)).held.get(NEM)
    assert known is None if in_order is None else known and known.qty == in_order.qty
    if known is not None and known.average is not None:
        assert known == in_order


def told(fill: Fill) -> Event:
    return Event(
        seq=1, at=fill.at, kind="FillReceived", plan_id="3f9a", account="main", symbol="NEM",
        payload={"fill": fill.to_json()}, prev_hash="", hash="",
    )  # fmt: skip


def fill(side: Side, qty: int, price: int, name: str = "x", order_id: str = "b-qd-1") -> Fill:
    return Fill(
        execution_id=name, account="main", order_id=order_id, symbol="NEM", side=side,
        qty=Decimal(qty), price=Decimal(price), at=NOON,
    )  # fmt: skip


@given(parts=st.lists(st.integers(1, 5), min_size=1, max_size=5), known=st.integers(0, 5))
def test_missed_fills_come_one_by_one_up_to_the_brokers_figure(
    parts: list[int], known: int
) -> None:
    executions = [fill(Side.SELL, qty, 50 + n, f"x{n}") for n, qty in enumerate(parts)]
    known = min(known, len(parts))
    before = sum(parts[:known])
    order = ours(
        qty=30, filled_qty=Decimal(before), filled_avg_price=Decimal(50) if before else None,
        executions=tuple(f"x{n}" for n in range(known)),
    )  # fmt: skip
    report = theirs(filled_qty=Decimal(sum(parts)), filled_avg_price=Decimal(50))
    steps = missed(order, report, executions)
    assert [one.execution_id for _, one in steps] == [f"x{n}" for n in range(known, len(parts))]
    assert [told.filled_qty for told, _ in steps] == [
        sum(parts[: n + 1]) for n in range(known, len(parts))
    ]
    short = report.model_copy(update={"filled_qty": Decimal(sum(parts) + 1)})
    assert missed(order, short, executions) == ()  # one is not listed yet: the figure counts alone


def test_a_day_begins_at_midnight_in_new_york() -> None:
    late = datetime(2026, 1, 6, 3, 0, tzinfo=UTC)
    assert day_start(late, None) == datetime(2026, 1, 5, 5, 0, tzinfo=UTC)
    assert day_start(late, NOON) == day_start(NOON)


def test_every_kind_of_difference_may_be_looked_into_and_left_alone() -> None:
    assert set(ACTIONS) == set(MismatchKind)
    assert all({"investigate", "ignore"} <= set(actions) for actions in ACTIONS.values())
