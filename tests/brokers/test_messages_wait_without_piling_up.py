"""A slow consumer gets the latest quote of each symbol, and every fact in its order."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from db.model.market import Quote
from services.brokers.alpaca.mailbox import Mailbox
from services.brokers.alpaca.supervision import Backoff
from services.brokers.port import BrokerMessage, StreamState

AT = datetime(2026, 3, 3, tzinfo=UTC)

QUOTES = st.builds(
    lambda symbol, bid: Quote(symbol=symbol, bid=Decimal(bid), at=AT),
    st.sampled_from(["AAA", "BBB", "CCC"]),
    st.integers(1, 100),
)
FACTS = st.builds(
    lambda n: StreamState(stream="orders", connected=True, reason=str(n)), st.integers(0, 9)
)


@given(st.lists(st.one_of(QUOTES, FACTS), max_size=40))
def test_facts_keep_their_order_and_quotes_are_the_latest(sent: list[BrokerMessage]) -> None:
    async def take_all() -> list[BrokerMessage]:
        mailbox = Mailbox()
        mailbox.put(sent)
        latest = {message.symbol for message in sent if isinstance(message, Quote)}
        facts = [message for message in sent if not isinstance(message, Quote)]
        taken = [await mailbox.get() for _ in range(len(latest) + len(facts))]
        return [message for message in taken if message is not None]

    taken = asyncio.run(take_all())
    facts = [message for message in taken if not isinstance(message, Quote)]
    assert facts == [message for message in sent if not isinstance(message, Quote)]
    quotes = {message.symbol: message for message in taken if isinstance(message, Quote)}
    assert quotes == {message.symbol: message for message in sent if isinstance(message, Quote)}


async def test_closing_wakes_the_consumer() -> None:
    mailbox = Mailbox()
    waiting = asyncio.ensure_future(mailbox.get())
    await asyncio.sleep(0)
    mailbox.close()
    assert await waiting is None


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_pause_between_connections_doubles_within_its_bounds(
    failures: int, jitter: float
) -> None:
    backoff = Backoff(first=1.0, longest=30.0, jitter=lambda: jitter)
    full = min(2.0 ** min(failures - 1, 10), 30.0)
    assert full / 2 <= backoff.delay(failures) <= full
