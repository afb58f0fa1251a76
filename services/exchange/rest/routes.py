"""The whole REST surface: method, path, who answers. What is not here is 404."""

from services.exchange.rest import (
    account,
    activities,
    assets,
    corporate_actions,
    market_data,
    markets,
    orders,
    positions,
    reference,
)
from services.exchange.rest.call import Handler

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/v2/orders", orders.submit),
    ("GET", "/v2/orders", orders.listing),
    ("DELETE", "/v2/orders", orders.cancel_all),
    ("GET", "/v2/orders:by_client_order_id", orders.by_client_id),
    ("GET", "/v2/orders/{order_id}", orders.by_id),
    ("PATCH", "/v2/orders/{order_id}", orders.replace),
    ("DELETE", "/v2/orders/{order_id}", orders.cancel),
    ("GET", "/v2/positions", positions.listing),
    ("DELETE", "/v2/positions", positions.close_all),
    ("GET", "/v2/positions/{symbol}", positions.one),
    ("DELETE", "/v2/positions/{symbol}", positions.close),
    ("GET", "/v2/account", account.account),
    ("GET", "/v2/account/configurations", account.configurations),
    ("PATCH", "/v2/account/configurations", account.configure),
    ("GET", "/v2/account/activities", activities.activities),
    ("GET", "/v2/account/activities/{kind}", activities.activities),
    ("GET", "/v2/clock", reference.clock),
    ("GET", "/v2/calendar", reference.calendar),
    ("GET", "/v3/clock", markets.clock),
    ("GET", "/v3/calendar/{market}", markets.calendar),
    ("GET", "/v2/assets", assets.assets),
    ("GET", "/v2/assets/{symbol}", assets.asset),
    ("GET", "/v2/corporate_actions/announcements", corporate_actions.announcements),
    (
        "GET",
        "/v2/corporate_actions/announcements/{announcement_id}",
        corporate_actions.announcement,
    ),
    ("GET", "/v1/corporate-actions", corporate_actions.data),
    ("GET", "/v2/stocks/quotes/latest", market_data.latest_quotes),
    ("GET", "/v2/stocks/trades/latest", market_data.latest_trades),
    ("GET", "/v2/stocks/bars/latest", market_data.latest_bars),
    ("GET", "/v2/stocks/snapshots", market_data.snapshots),
)
DATA_PREFIX = "/v2/stocks/"  # market data has no part in the trading rate limit
