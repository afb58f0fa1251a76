"""The manual environment put together: the trader's portfolio, and where prices come from."""

from pathlib import Path

from pydantic import SecretStr

from db.clock import Clock
from db.home import Home
from db.journal import Journal
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import PAPER, Endpoints
from services.brokers.manual.adapter import ManualBroker
from services.brokers.manual.ledger import Ledger
from services.brokers.manual.prices import MarketData, NoPrices, Practice, Prices
from services.desk.credentials import credentials
from services.desk.logs import configure
from services.desk.settings import DeskSettings, Quotes
from services.desk.simulator import ensure_exchange
from services.desk.statement import read_statement
from services.intake.refusal import RefusedInputError


class ManualError(Exception):
    """A manual desk can't begin: one sentence."""


async def manual_broker(
    home: Home, settings: DeskSettings, journal: Journal, clock: Clock
) -> ManualBroker:
    """The trader's own account, known from the journal; at the very first start from his portfolio.

    Raises ManualError, SettingsError or ExchangeError."""
    prices = await _prices(home, settings, clock)
    events = await journal.events()
    account = settings.account_name
    broker = ManualBroker(account, settings.manual.number, journal, events, clock, prices)
    if broker.ledger.statement is not None:
        return broker
    path = _portfolio(home, settings)
    try:
        statement = read_statement(
            path.name, path.read_bytes(), account, clock.now(), Ledger(), opening=True
        )
    except OSError as error:
        raise ManualError(f"{path} can't be read ({error.strerror}).") from error
    except RefusedInputError as error:
        raise ManualError(str(error)) from error
    await broker.enter_statement(statement)
    return broker


def _portfolio(home: Home, settings: DeskSettings) -> Path:
    """What the trader named, else PORTFOLIO.md where this desk will keep it."""
    if settings.manual.portfolio is not None:
        return settings.manual.portfolio
    if home.portfolio.exists():
        return home.portfolio
    raise ManualError(
        f"What do you hold? Put PORTFOLIO.md into {home.state}, or name a file that says it: "
        "--set manual.portfolio=FILE."
    )


async def _prices(home: Home, settings: DeskSettings, clock: Clock) -> Prices:
    """Orders never go to it, whatever it is."""
    name = settings.account_name
    match settings.manual.quotes:
        case Quotes.SIM:
            address = await ensure_exchange(home, settings.sim)
            key, secret = SecretStr(address.key), SecretStr(address.secret)
            endpoints = Endpoints.among(dict(address))
            configure((key, secret))
            return Practice(AlpacaBroker(name, key, secret, endpoints, clock), clock)
        case Quotes.ALPACA:
            key, secret, _ = credentials(settings)
            endpoints = PAPER.model_copy(update={"data_url": settings.manual.data_url})
            configure((key, secret))
            return MarketData(AlpacaBroker(name, key, secret, endpoints, clock), clock)
    return NoPrices(clock)
