"""What an exchange is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from services.exchange.book import BookAccount
from services.exchange.engine.rules import DEFAULT_RULES, Rules
from services.exchange.engine.trading_models import MODELS
from services.exchange.scenarios.reading import Scenario
from services.exchange.streams.limits import DataLimits, TradeLimits

HOST = "127.0.0.1"
FILL_MODELS = tuple(MODELS)


@dataclass(frozen=True)
class Settings:
    """`clock` is "open", "real" or a start time; seconds are true seconds.

    `volatility` is the standard deviation of a second's move in basis points; `accounts` are
    beside the book's, or instead of those with the same name.
    """

    book: Path | None = None
    accounts: Mapping[str, BookAccount] = field(default_factory=dict)
    tape: Path | None = None
    state: Path | None = None
    requests: Path | None = None
    port: int = 0
    seed: int = 7
    volatility: Decimal = Decimal(1)
    tick: float = 1.0
    clock: str | datetime = "open"
    speed: float = 1.0
    fill_model: str = FILL_MODELS[0]
    fill_delay: float = 0.15
    partials: bool = False
    rate_limit: int = 200
    rules: Rules = DEFAULT_RULES
    scenarios: tuple[Scenario, ...] = ()
    control: bool = False
    data_limits: DataLimits = field(default_factory=DataLimits)
    trade_limits: TradeLimits = field(default_factory=TradeLimits)
