"""The unmodified alpaca-py clients ask all the exchange tells beside orders and prices."""

import warnings
from datetime import date, timedelta
from uuid import UUID

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.requests import CorporateActionsRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    AssetClass,
    AssetExchange,
    AssetStatus,
    ContractType,
    CorporateActionDateType,
    CorporateActionType,
    OrderSide,
    TimeInForce,
)
from alpaca.trading.requests import (
    CreateWatchlistRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetCorporateAnnouncementsRequest,
    GetOptionContractsRequest,
    GetPortfolioHistoryRequest,
    MarketOrderRequest,
    UpdateWatchlistRequest,
)


@pytest.fixture
def client(exchange) -> TradingClient:
    return TradingClient(exchange.key, exchange.secret, url_override=exchange.trading_url)


def test_assets_parse_and_filter(client):
    everything = client.get_all_assets()
    assert len(everything) > 540
    assert {asset.status for asset in everything} == {AssetStatus.ACTIVE, AssetStatus.INACTIVE}
    asked = GetAssetsRequest(
        status=AssetStatus.ACTIVE,
        asset_class=AssetClass.US_EQUITY,
        exchange=AssetExchange.ARCA,
        attributes="has_options",
    )
    funds = {asset.symbol: asset for asset in client.get_all_assets(asked)}
    assert funds["SPY"] == client.get_asset("SPY") == client.get_asset(funds["SPY"].id)
    with pytest.raises(APIError, match="asset not found"):
        client.get_asset("ZZZZ")


def test_clock_and_calendar_parse(client):
    assert client.get_clock().is_open
    asked = GetCalendarRequest(start=date(2026, 11, 25), end=date(2026, 11, 30))
    days = client.get_calendar(asked)
    assert [(day.date.day, day.close.hour) for day in days] == [(25, 16), (27, 13), (30, 16)]
    assert len(client.get_calendar()) > 15_000
    assert client.get("/clock", {"markets": "NYSE"}, api_version="v3")["clocks"]
    assert client.get("/calendar/NYSE", api_version="v3")["calendar"]


def test_watchlists_live_and_outlive_a_kill(client, exchange):
    made = client.create_watchlist(CreateWatchlistRequest(name="mine", symbols=["AAPL", "SPY"]))
    added = client.add_asset_to_watchlist_by_id(made.id, "NVDA")
    assert [asset.symbol for asset in added.assets] == ["AAPL", "SPY", "NVDA"]
    left = client.remove_asset_from_watchlist_by_id(made.id, "SPY")
    assert [asset.symbol for asset in left.assets] == ["AAPL", "NVDA"]
    renamed = client.update_watchlist_by_id(made.id, UpdateWatchlistRequest(name="ours"))
    assert renamed.name == "ours"
    exchange.kill()
    exchange.restart()
    again = TradingClient(exchange.key, exchange.secret, url_override=exchange.trading_url)
    assert [(w.id, w.name, w.assets) for w in again.get_watchlists()] == [(made.id, "ours", None)]
    assert again.get_watchlist_by_id(made.id) == renamed
    other = again.create_watchlist(CreateWatchlistRequest(name="mine", symbols=[]))
    assert other.id != made.id
    again.delete_watchlist_by_id(made.id)
    with pytest.raises(APIError, match="watchlist not found"):
        again.get_watchlist_by_id(made.id)


def test_option_contracts_parse_in_pages(client):
    asked = GetOptionContractsRequest(
        underlying_symbols=["AAPL", "SPY"],
        type=ContractType.CALL,
        expiration_date_gte=date.today() - timedelta(days=1),  # noqa: DTZ011
        limit=20,
    )
    page = client.get_option_contracts(asked)
    assert len(page.option_contracts) == 20
    assert {contract.type for contract in page.option_contracts} == {ContractType.CALL}
    following = asked.model_copy(update={"page_token": page.next_page_token})
    more = client.get_option_contracts(following).option_contracts
    assert more[0].symbol > page.option_contracts[-1].symbol
    one = page.option_contracts[0]
    assert client.get_option_contract(one.symbol).id == one.id
    with pytest.raises(APIError, match="position does not exist"):
        client.exercise_options_position(one.symbol)


def test_portfolio_history_parses(client):
    for asked in (
        None,
        GetPortfolioHistoryRequest(period="1D", timeframe="1Min", extended_hours=True),
        GetPortfolioHistoryRequest(period="1M", timeframe="1D", pnl_reset="no_reset"),
        GetPortfolioHistoryRequest(intraday_reporting="continuous", cashflow_types="ALL"),
    ):
        history = client.get_portfolio_history(asked)
        assert history.base_value == 100_000
        assert len(history.timestamp) == len(history.equity) == len(history.profit_loss)
        assert set(history.equity) == {100_000}


def test_corporate_actions_parse(client, exchange):
    asked = GetCorporateAnnouncementsRequest(
        ca_types=[CorporateActionType.DIVIDEND, CorporateActionType.SPLIT],
        since=date(2026, 1, 1),
        until=date(2026, 3, 1),
        symbol="AAPL",
        date_type=CorporateActionDateType.EX_DATE,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert client.get_corporate_announcements(asked) == []
    with pytest.raises(APIError, match="announcement not found"):
        client.get_corporate_announcement_by_id(UUID(int=0))
    data = CorporateActionsClient(exchange.key, exchange.secret, url_override=exchange.data_url)
    answer = data.get_corporate_actions(CorporateActionsRequest(symbols=["AAPL"]))
    assert not any(answer.data.values())


def test_activities_come_by_the_generic_get(client):
    for _ in range(3):
        client.submit_order(
            MarketOrderRequest(
                symbol="AAPL", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY
            )
        )
    fills = client.get("/account/activities", {"activity_types": "FILL"})
    assert [fill["symbol"] for fill in fills] == ["AAPL"] * 3
    first = client.get("/account/activities/FILL", {"page_size": 2})
    rest = client.get("/account/activities/FILL", {"page_token": first[-1]["id"]})
    assert first + rest == fills
