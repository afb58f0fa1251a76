"""A trading day with alpaca-trade-api, unmodified, as its user would write it.

Addresses and keys come from the environment, as that library reads them. Ends with 0 when all was
as it should be, with an AssertionError where it was not. It is not run by our own interpreter: see
test_other_clients.py.
"""

import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import alpaca_trade_api as tradeapi
from alpaca_trade_api.rest import APIError, TimeFrame
from alpaca_trade_api.stream import Stream

DEADLINE = 20.0  # seconds for one event
SHAPES: tuple[dict[str, Any], ...] = (  # of buys in NVDA, which is quoted around 180
    {"type": "limit", "limit_price": "150"},
    {"type": "stop", "stop_price": "250"},
    {"type": "stop_limit", "stop_price": "250", "limit_price": "251"},
    {"type": "trailing_stop", "trail_price": "5"},
    {"type": "trailing_stop", "trail_percent": "5"},
    {"type": "limit", "limit_price": "150", "time_in_force": "gtc", "extended_hours": True},
    {"type": "limit", "limit_price": "150", "time_in_force": "cls"},
)


def main() -> None:
    api = tradeapi.REST()
    for part in (account, reference, every_type, changes, groups, positions, history, market_data):
        part(api)
    streams(api)


def account(api: Any) -> None:
    assert api.get_account().status == "ACTIVE"
    assert float(api.get_account().cash) > 0
    assert api.update_account_configurations(no_shorting=True).no_shorting is True
    assert api.update_account_configurations(no_shorting=False).no_shorting is False
    assert api.get_account_configurations().suspend_trade is False
    assert len(api.get_portfolio_history(period="1M", timeframe="1D").df) > 0


def reference(api: Any) -> None:
    assert api.get_clock().is_open
    assert api.get_calendar("2026-11-27", "2026-11-27")[0].close.isoformat() == "13:00:00"
    assert len(api.list_assets(status="active", asset_class="us_equity")) >= 500
    assert api.get_asset("AAPL").tradable
    watchlist = api.create_watchlist("mine", ["AAPL", "MSFT"])
    assert [asset["symbol"] for asset in api.get_watchlist(watchlist.id).assets] == ["AAPL", "MSFT"]
    api.add_to_watchlist(watchlist.id, "NVDA")
    api.delete_from_watchlist(watchlist.id, "AAPL")
    assert [asset["symbol"] for asset in api.get_watchlist_by_name("mine").assets] == [
        "MSFT",
        "NVDA",
    ]
    api.delete_watchlist(watchlist.id)
    assert api.get_watchlists() == []


def every_type(api: Any) -> None:
    for number, shape in enumerate(SHAPES):
        order = api.submit_order("NVDA", 1, **shape, client_order_id=f"shape-{number}")
        assert api.get_order(order.id).status in ("new", "accepted"), (shape, order)
        assert api.get_order_by_client_order_id(f"shape-{number}").id == order.id
    assert len(api.list_orders()) == len(SHAPES)
    api.cancel_all_orders()
    assert api.list_orders() == []
    bought = api.submit_order("AAPL", notional=100)
    assert api.get_order(bought.id).status == "filled"
    for time_in_force in ("ioc", "fok"):
        order = api.submit_order("AAPL", 1, time_in_force=time_in_force)
        assert api.get_order(order.id).status == "filled"


def changes(api: Any) -> None:
    order = api.submit_order("NVDA", 1, type="limit", limit_price="150")
    newer = api.replace_order(order.id, qty="2", limit_price="151.5")
    assert (newer.replaces, newer.qty, newer.limit_price) == (order.id, "2", "151.5")
    assert api.get_order(order.id).replaced_by == newer.id
    api.cancel_order(newer.id)
    assert api.get_order(newer.id).status == "canceled"
    assert [o.id for o in api.list_orders(status="closed", limit=1, symbols=["NVDA"])] == [newer.id]
    refused(lambda: api.submit_order("NVDA", 1, type="limit", limit_price="150.123"), 42210000)
    refused(lambda: api.submit_order("NVDA", 100_000), 40310000)
    refused(lambda: api.get_order("3f0c7c6e-52b1-4c0e-9d1b-0a6f4a5c7712"), 40410000)


def refused(ask: Callable[[], Any], code: int) -> None:
    try:
        ask()
    except APIError as error:
        assert error.code == code, error
    else:
        raise AssertionError(f"not refused with {code}")


def groups(api: Any) -> None:
    """An entry that fills, its legs; and the exit of what is held."""
    stop, profit = {"stop_price": "300"}, {"limit_price": "400"}
    entry = api.submit_order("UNH", 1, order_class="bracket", take_profit=profit, stop_loss=stop)
    assert [leg.side for leg in entry.legs] == ["sell", "sell"]
    seen = api.get_order(entry.id, nested=True)
    assert [leg.status for leg in seen.legs] == ["new", "held"]
    api.cancel_order(seen.legs[0].id)
    oco = api.submit_order(
        "UNH", 1, "sell", type="limit", order_class="oco", take_profit=profit, stop_loss=stop
    )
    assert len(api.list_orders(nested=True)) == 1
    api.cancel_order(oco.id)
    api.submit_order("ABBV", 1, order_class="oto", stop_loss={"stop_price": "150"})
    api.cancel_all_orders()


def positions(api: Any) -> None:
    held = {position.symbol for position in api.list_positions()}
    assert {"NEM", "UNH"} <= held
    assert float(api.get_position("NEM").qty) == 150
    assert api.close_position("NEM", qty=50).side == "sell"
    assert float(api.get_position("NEM").qty) == 100
    short = api.submit_order("NVDA", 1, "sell")
    assert api.get_order(short.id).status == "filled"
    assert api.get_position("NVDA").side == "short"
    assert api.close_position("NVDA").side == "buy"
    api.close_all_positions()
    assert api.list_positions() == []


def history(api: Any) -> None:
    fills = api.get_activities("FILL", direction="asc", page_size=100)
    assert {"NEM", "AAPL", "NVDA"} <= {fill.symbol for fill in fills}
    assert len(api.get_activities("FILL", page_size=1)) == 1


def market_data(api: Any) -> None:
    window = {"start": "2026-02-02", "end": "2026-02-20"}
    bars = api.get_bars("AAPL", TimeFrame.Day, **window).df
    assert len(bars) >= 13
    assert (bars.high >= bars.low).all()
    both = api.get_bars(["AAPL", "MSFT"], TimeFrame.Hour, **window, limit=20)
    assert len(both) == 20
    assert len(api.get_quotes("AAPL", **window, limit=5)) == 5
    assert len(api.get_trades("AAPL", **window, limit=5)) == 5
    assert api.get_latest_quote("AAPL").ap > api.get_latest_quote("AAPL").bp
    assert api.get_latest_trade("AAPL").p > 0
    assert api.get_latest_bar("AAPL").c > 0
    assert set(api.get_latest_quotes(["AAPL", "MSFT"])) == {"AAPL", "MSFT"}
    assert set(api.get_latest_trades(["AAPL", "MSFT"])) == {"AAPL", "MSFT"}
    assert set(api.get_latest_bars(["AAPL", "MSFT"])) == {"AAPL", "MSFT"}
    assert api.get_snapshot("AAPL").latest_quote.ap > 0
    assert set(api.get_snapshots(["AAPL", "MSFT"])) == {"AAPL", "MSFT"}


def streams(api: Any) -> None:
    """Both streams: quotes come, and an order's life."""
    quotes: queue.Queue[Any] = queue.Queue()
    updates: queue.Queue[Any] = queue.Queue()

    async def on_quote(quote: Any) -> None:
        quotes.put(quote)

    async def on_update(update: Any) -> None:
        updates.put(update)

    stream = Stream(data_stream_url=os.environ["APCA_API_DATA_URL"], data_feed="iex")
    stream.subscribe_quotes(on_quote, "AAPL")
    stream.subscribe_trade_updates(on_update)
    threading.Thread(target=stream.run, daemon=True).start()
    quote = quotes.get(timeout=DEADLINE)
    assert (quote.symbol, quote.ask_price > quote.bid_price) == ("AAPL", True)
    seen: list[str] = []
    while not seen:  # the two connect on their own: ask until one is heard
        order = api.submit_order("AAPL", 1)
        try:
            update = updates.get(timeout=1)
        except queue.Empty:
            continue
        assert update.order["symbol"] == order.symbol
        seen.append(update.event)
    while seen[-1] != "fill":
        seen.append(updates.get(timeout=DEADLINE).event)
    assert seen[-2:] == ["new", "fill"], seen


if __name__ == "__main__":
    main()
