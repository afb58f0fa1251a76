"""The fan-outs of all market data streams, and what of a tick goes to which."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from services.exchange.market.boards import Board, Update
from services.exchange.market.quotes import Quote, Trade
from services.exchange.streams.data_hub import DataHub
from services.exchange.streams.messages import OPTIONS, STOCKS

DELAY = timedelta(minutes=15)  # of delayed_sip, on the exchange's clock
Find = Callable[[str], Board | None]


class DataHubs:
    """One hub for each name that a row of feeds.FEEDS has."""

    def __init__(self) -> None:
        self.of = {
            "stocks": DataHub(STOCKS),
            "delayed": DataHub(STOCKS),
            "test": DataHub(STOCKS),
            "options": DataHub(OPTIONS),
            "news": DataHub({}),
        }
        self._held_back = HeldBack(self.of["delayed"], DELAY)
        self._contracts = Contracts()

    def publish(self, now: datetime, update: Update, find: Find) -> None:
        """A tick of the market; `find` looks contracts up."""
        self.of["stocks"].publish(update)
        self._held_back.publish(now, update)
        options = self.of["options"]
        options.publish(self._contracts.update(find, options.symbols))

    def publish_test(self, update: Update) -> None:
        self.of["test"].publish(update)


class HeldBack:
    """A hub that hears everything late; kept only while somebody listens."""

    def __init__(self, hub: DataHub, by: timedelta) -> None:
        self._hub, self._by = hub, by
        self._held: deque[tuple[datetime, Update]] = deque()

    def publish(self, now: datetime, update: Update) -> None:
        if not self._hub.is_heard:
            return self._held.clear()
        self._held.append((now + self._by, update))
        while self._held[0][0] <= now:
            self._hub.publish(self._held.popleft()[1])
        return None


class Contracts:
    """What the contracts that somebody wants say that is new.

    They are looked up at every tick, which keeps them on the market's boards, trades included.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[Quote | None, Trade | None]] = {}

    def update(self, find: Find, symbols: Iterable[str]) -> Update:
        boards = ((symbol, find(symbol)) for symbol in sorted(symbols))
        seen = {symbol: (board.quote, board.trade) for symbol, board in boards if board}
        ticks = [tick for symbol, now in seen.items() for tick in self._news(symbol, *now)]
        self._last = seen
        return Update(ticks, [], [])

    def _news(
        self, symbol: str, quote: Quote | None, trade: Trade | None
    ) -> Iterator[Quote | Trade]:
        """What was last traded before anybody looked is no news."""
        if symbol not in self._last:
            return
        last_quote, last_trade = self._last[symbol]
        if quote and quote != last_quote:
            yield quote
        if trade and trade != last_trade:
            yield trade
