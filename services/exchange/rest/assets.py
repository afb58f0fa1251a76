"""/v2/assets: what is listed, and with which flags."""

from typing import Any

from services.exchange.book import Listing
from services.exchange.engine.errors import Cause, RefusedError, invalid
from services.exchange.engine.orders import is_contract
from services.exchange.exchange import Exchange
from services.exchange.market.boards import Board
from services.exchange.rest.call import Answer, Call

EXCHANGES = ("AMEX", "ARCA", "ASCX", "BATS", "NYSE", "NASDAQ", "NYSEARCA", "OTC", "CRYPTO", "")
CLASSES = ("us_equity", "us_option", "crypto", "crypto_perp")
STATUSES = ("active", "inactive", "all")
ATTRIBUTES = (
    "ptp_no_exception",
    "ptp_with_exception",
    "ipo",
    "has_options",
    "options_late_close",
    "fractional_eh_enabled",
    "overnight_tradable",
    "overnight_halted",
)
HIGHEST_MARGIN, USUAL_MARGIN = 100, 30  # percent of the value


def assets(exchange: Exchange, call: Call) -> Answer:
    """Inactive ones too, unless `status` says otherwise; `attributes` asks for any of a list."""
    status = call.choice("status", STATUSES, "all")
    if call.choice("asset_class", CLASSES, "us_equity") != "us_equity":
        return Answer([])
    venue = call.choice("exchange", EXCHANGES, "")
    wanted = set(call.names("attributes"))
    if not wanted <= set(ATTRIBUTES):
        raise invalid("invalid attributes")
    rows = (asset_as_wire(board) for board in exchange.market.boards.values())
    return Answer(
        [
            row
            for row in rows
            if status in ("all", row["status"])
            and venue in ("", row["exchange"])
            and (not wanted or wanted & set(row["attributes"]))
        ]
    )


def asset(exchange: Exchange, call: Call) -> Answer:
    return Answer(asset_as_wire(listed(exchange, call.path["symbol"])))


def listed(exchange: Exchange, symbol_or_id: str) -> Board:
    """Raises the 404 of an asset there is not."""
    board = exchange.market.find(symbol_or_id)
    if board is None or is_contract(board.listing.symbol):
        raise RefusedError(Cause.NO_ASSET, {"symbol": symbol_or_id})
    return board


def asset_as_wire(board: Board) -> dict[str, Any]:
    """GET /v2/assets item; `sector` and `average_daily_volume` are extras clients ignore."""
    listing = board.listing
    margin = USUAL_MARGIN if listing.marginable else HIGHEST_MARGIN
    return {
        "id": board.asset_id,
        "class": "us_equity",
        "exchange": listing.venue,
        "symbol": listing.symbol,
        "name": listing.name or f"{listing.symbol} (simulated)",
        "status": "active" if listing.active else "inactive",
        "tradable": listing.active and listing.tradable,
        "marginable": listing.marginable,
        "maintenance_margin_requirement": margin,
        "margin_requirement_long": str(margin),
        "margin_requirement_short": str(margin),
        "shortable": listing.shortable,
        "easy_to_borrow": listing.easy_to_borrow,
        "fractionable": listing.fractionable,
        "attributes": _attributes(listing),
        "sector": listing.sector,
        "average_daily_volume": listing.adv,
    }


def _attributes(listing: Listing) -> list[str]:
    if not listing.active:
        return []
    held = {
        "has_options": listing.has_options,
        "fractional_eh_enabled": listing.fractionable and listing.tradable,
        "overnight_tradable": listing.tradable,
    }
    return [name for name, has in held.items() if has]
