"""The desk's settings: command line over environment (QUARTERDECK_*, sections by `__`) over
config.toml in the home. The fields below are the one table; `config show`, `config check` and
docs/settings.md are derived from them. `services.desk.config.load` reads them."""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from db.model.base import Environment
from services.desk.addresses import http_address, websocket_address

PREFIX = "QUARTERDECK_"

Seconds = Annotated[Decimal, Field(gt=0)]
HttpAddress = Annotated[str, AfterValidator(http_address)]
WebsocketAddress = Annotated[str, AfterValidator(websocket_address)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{name!r} is no time zone such as America/New_York") from error
    return name


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SimSettings(Section):
    """What the simulated exchange is started with; unset means the exchange's own default."""

    book: str = Field("rebalance", description="Opening book: rebalance, nov10, or a file.")
    seed: int | None = Field(None, description="Seed of the random walk: same seed, same prices.")
    volatility: Decimal | None = Field(
        None, ge=0, description="Basis points a price moves in a second; 0 stands still."
    )
    tick: int | None = Field(None, gt=0, description="Milliseconds between two quotes.")
    fill_delay: int | None = Field(
        None, ge=0, description="Milliseconds from an order's acceptance to its earliest fill."
    )
    fill_model: Literal["paper", "realistic"] | None = Field(
        None, description="What trading costs: nothing as on paper, or as in real life."
    )
    scenario: str | None = Field(
        None, min_length=1, description="A bad day to practise: a shipped name or a file."
    )
    tape: Path | None = Field(None, description="Folder of recorded prices to play instead.")
    speed: Seconds | None = Field(None, description="Exchange seconds per true second.")
    clock: str | None = Field(None, description="The exchange's time: open, real, or an ISO start.")
    requests: Path | None = Field(None, description="File that takes every request as a JSON line.")
    rate_limit: int | None = Field(
        None, ge=0, description="Requests a minute that the exchange allows; 0 allows any number."
    )
    port: int = Field(0, ge=0, le=65535, description="TCP port on loopback; 0 takes a free one.")


class BrokerSettings(Section):
    """An Alpaca-compatible server. The four addresses may be overridden, with loopback too."""

    trading_url: HttpAddress = Field(description="Base of the trading API.")
    trading_stream_url: WebsocketAddress = Field(description="Stream of order updates.")
    data_url: HttpAddress = Field(
        "https://data.alpaca.markets", description="Base of the market-data API."
    )
    data_stream_url: WebsocketAddress = Field(
        "wss://stream.data.alpaca.markets/v2/iex", description="Stream of market data."
    )
    key: SecretStr | None = Field(
        None, min_length=1, description="API key id; else APCA_API_KEY_ID, keyring."
    )
    secret: SecretStr | None = Field(
        None, min_length=1, description="API secret; else APCA_API_SECRET_KEY, keyring."
    )


class PaperSettings(BrokerSettings):
    trading_url: HttpAddress = Field(
        "https://paper-api.alpaca.markets", description="Base of the trading API."
    )
    trading_stream_url: WebsocketAddress = Field(
        "wss://paper-api.alpaca.markets/stream", description="Stream of order updates."
    )


class LiveSettings(BrokerSettings):
    trading_url: HttpAddress = Field(
        "https://api.alpaca.markets", description="Base of the trading API."
    )
    trading_stream_url: WebsocketAddress = Field(
        "wss://api.alpaca.markets/stream", description="Stream of order updates."
    )


class Quotes(StrEnum):
    """Where a manual desk has its prices from."""

    NONE = "none"
    SIM = "sim"
    ALPACA = "alpaca"


class ManualSettings(Section):
    """A broker without an API: what the trader keeps, and where prices come from, if anywhere."""

    portfolio: Path | None = Field(
        None, description="Portfolio to begin with, once: PORTFOLIO.md, a book or a .csv."
    )
    number: str | None = Field(
        None, description="The account's number at the broker, for the tickets."
    )
    quotes: Quotes = Field(
        Quotes.NONE, description="Prices: none (typed), sim (practice) or alpaca (data API alone)."
    )
    data_url: HttpAddress = Field(
        "https://data.alpaca.markets", description="Base of the market-data API."
    )
    key: SecretStr | None = Field(
        None, min_length=1, description="Data API key id; else APCA_API_KEY_ID, keyring."
    )
    secret: SecretStr | None = Field(
        None, min_length=1, description="Data API secret; else APCA_API_SECRET_KEY, keyring."
    )


class DeskSettings(BaseSettings):
    """One desk's settings. Made by `load`, which names what is wrong in sentences."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__"
    )

    environment: Environment = Field(
        Environment.SIM, description="Where orders go: sim, paper, live or manual."
    )
    account_name: str = Field("main", min_length=1, description="Our name of the account.")
    policy: str = Field("standard", min_length=1, description="Policy when none is named.")
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        "America/New_York", description="Time zone that times are shown in."
    )
    reconcile_seconds: Seconds = Field(
        Decimal(60), description="Seconds between two comparisons with the broker."
    )
    console: dict[str, Any] = Field({}, description="The console's own settings, checked by it.")
    sim: SimSettings = Field(SimSettings(), description="The simulated exchange.")
    paper: PaperSettings = Field(PaperSettings(), description="Alpaca's paper account.")
    live: LiveSettings = Field(LiveSettings(), description="Alpaca's live account.")
    manual: ManualSettings = Field(ManualSettings(), description="A broker without an API.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over: it reads the three layers itself, to name each one's faults."""
        return (init_settings,)

    @property
    def broker(self) -> BrokerSettings | None:
        """The server of the chosen environment; None for the simulated exchange and by hand."""
        if self.environment in (Environment.SIM, Environment.MANUAL):
            return None
        return self.live if self.environment is Environment.LIVE else self.paper

    @property
    def keys(self) -> BrokerSettings | ManualSettings | None:
        """The section that may hold the chosen environment's API keys."""
        return self.manual if self.environment is Environment.MANUAL else self.broker
