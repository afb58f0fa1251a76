"""A sliding minute: reads wait first, orders next, cancels never (spec 5, Submitting, step 6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from unruly_server import KEY, QUICK, SECRET, Unruly, answering

from db.clock import SystemClock
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.limiter import WINDOW, Lane, RequestLimiter
from services.brokers.port import BrokerUnavailableError, CancelOutcome

STEPS = st.lists(
    st.tuples(st.sampled_from(Lane), st.floats(0, 20, allow_nan=False)), min_size=1, max_size=300
)


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def limiter(clock: Hand) -> RequestLimiter:
    return RequestLimiter(clock, limit=20, reserve=4)


@given(STEPS)
def test_no_minute_holds_more_than_a_lanes_ceiling(steps: list[tuple[Lane, float]]) -> None:
    clock = Hand()
    limits = limiter(clock)
    sent: list[float] = []
    for lane, pause in steps:
        clock.at += pause / 10
        wait = limits.take(lane)
        before = sum(1 for at in sent if at + WINDOW > clock.at)
        ceiling = 20 - 4 * lane
        assert lane is not Lane.URGENT or wait == 0
        if wait == 0:
            assert lane is Lane.URGENT or before < ceiling
            sent.append(clock.at)
        else:
            assert before >= ceiling
        assert limits.budget().used == sum(1 for at in sent if at + WINDOW > clock.at)


@given(STEPS)
def test_after_the_wait_that_was_named_the_request_goes(steps: list[tuple[Lane, float]]) -> None:
    clock = Hand()
    limits = limiter(clock)
    for lane, pause in steps:
        clock.at += pause / 10
        wait = limits.take(lane)
        if wait > 0:
            assert wait <= WINDOW
            clock.at += wait + 1e-6
            assert limits.take(lane) == 0


def test_a_kill_goes_through_when_reads_and_orders_have_used_their_share() -> None:
    limits = limiter(Hand())
    while limits.take(Lane.READ) == 0:
        pass
    assert limits.budget().used == 12
    while limits.take(Lane.ORDER) == 0:
        pass
    assert limits.budget().used == 16
    assert [limits.take(Lane.URGENT) for _ in range(4)] == [0.0] * 4
    assert limits.budget().used == limits.budget().limit == 20


async def test_a_read_that_would_wait_longer_than_it_may_take_is_given_up_at_once(
    unruly: Unruly,
) -> None:
    """A plan was started a minute after the trader had asked for it: its facts had waited so long."""
    broker = AlpacaBroker(
        "main", SecretStr(KEY), SecretStr(SECRET), unruly.endpoints(), SystemClock(), QUICK,
        requests_a_minute=41,
    )  # fmt: skip
    unruly.handler = answering(200, [])
    assert await broker.positions() == ()
    with pytest.raises(BrokerUnavailableError, match="requests are used up; ask again in 60 s"):
        await broker.positions()
    unruly.handler = answering(204)
    assert await broker.cancel("b-1") is CancelOutcome.ACCEPTED
    await broker.close()
    assert [method for method, *_ in unruly.requests] == ["GET", "DELETE"]
