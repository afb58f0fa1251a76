"""Every market data stream in one table: its path, its channels, what is refused on it."""

from dataclasses import dataclass

STOCK_CHANNELS = (
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "imbalances",
)
STOCK_METERED = ("trades", "quotes")


@dataclass(frozen=True)
class Feed:
    """`hub` names the fan-out it listens to; feeds of one hub share an account's connections.

    `metered` are the channels Alpaca's symbol limit counts; `following` are listed with the
    trades without being asked for; `starless` channels want their symbols named (413);
    `packed_only` refuses what is not MessagePack (412).
    """

    name: str
    path: str
    hub: str
    channels: tuple[str, ...] = STOCK_CHANNELS
    metered: tuple[str, ...] = STOCK_METERED
    following: tuple[str, ...] = ("corrections", "cancelErrors")
    starless: tuple[str, ...] = ()
    packed_only: bool = False


def _options(name: str) -> Feed:
    return Feed(
        name,
        f"/v1beta1/{name}",
        hub="options",
        channels=STOCK_METERED,
        following=(),
        starless=("quotes",),
        packed_only=True,
    )


FEEDS = (
    Feed("iex", "/v2/iex", hub="stocks"),
    Feed("sip", "/v2/sip", hub="stocks"),
    Feed("delayed_sip", "/v2/delayed_sip", hub="delayed"),
    Feed("test", "/v2/test", hub="test"),
    _options("indicative"),
    _options("opra"),
    Feed("news", "/v1beta1/news", hub="news", channels=("news",), metered=(), following=()),
)
ALL_CHANNELS = frozenset(channel for feed in FEEDS for channel in feed.channels) | {"orderbooks"}
