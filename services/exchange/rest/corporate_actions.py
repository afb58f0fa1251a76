"""/v2/corporate_actions/announcements (deprecated by Alpaca) and /v1/corporate-actions."""

from datetime import timedelta
from typing import Any

from services.exchange.corporate_actions import CorporateAction, announced
from services.exchange.engine.errors import Cause, RefusedError, invalid
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import NEW_YORK
from services.exchange.wire import number

LONGEST = timedelta(days=90)
ANNOUNCED = ("dividend", "merger", "spinoff", "split")
DATE_TYPES = ("declaration_date", "ex_date", "record_date", "payable_date")
MOST, USUAL = 1000, 100
# The types of the data API and the lists of the answer they come in.
LISTS = {
    "reverse_split": "reverse_splits",
    "forward_split": "forward_splits",
    "unit_split": "unit_splits",
    "cash_dividend": "cash_dividends",
    "stock_dividend": "stock_dividends",
    "spin_off": "spin_offs",
    "cash_merger": "cash_mergers",
    "stock_merger": "stock_mergers",
    "stock_and_cash_merger": "stock_and_cash_mergers",
    "redemption": "redemptions",
    "name_change": "name_changes",
    "worthless_removal": "worthless_removals",
    "rights_distribution": "rights_distributions",
}


def announcements(exchange: Exchange, call: Call) -> Answer:
    """`ca_types`, `since` and `until` must be given; at most 90 days."""
    kinds = [kind.lower() for kind in call.names("ca_types")]
    since, until = call.day("since"), call.day("until")
    if not kinds or not set(kinds) <= set(ANNOUNCED):
        raise invalid("invalid ca_types")
    if since is None or until is None:
        raise invalid("since and until are required")
    if not timedelta(0) <= until - since <= LONGEST:
        raise invalid("the date range must be between 0 and 90 days")
    call.choice("date_type", DATE_TYPES, "ex_date")  # all four dates are the same here
    symbol, cusip = call.text("symbol"), call.text("cusip")
    return Answer(
        [
            _announcement(action)
            for action in _known(exchange)
            if _announced_kind(action) in kinds
            and since <= action.day <= until
            and (symbol is None or action.symbol == symbol.upper())
            and cusip is None  # nothing here has one
        ]
    )


def announcement(exchange: Exchange, call: Call) -> Answer:
    for action in _known(exchange):
        if action.id == call.path["announcement_id"]:
            return Answer(_announcement(action))
    raise RefusedError(Cause.NO_ANNOUNCEMENT)


def data(exchange: Exchange, call: Call) -> Answer:
    """Today's when neither end is given; `ids` goes alone."""
    kinds, ids, symbols = call.names("types"), call.names("ids"), call.symbols()
    if not set(kinds) <= set(LISTS):
        raise invalid("invalid types")
    today = exchange.clock.now().astimezone(NEW_YORK).date()
    start, end = call.day("start") or today, call.day("end") or today
    size = call.count("limit", USUAL, MOST)
    newest_first = call.choice("sort", ("asc", "desc"), "asc") == "desc"
    filtered = kinds or symbols or call.names("cusips") or call.text("start") or call.text("end")
    if ids and filtered:
        raise invalid("ids cannot be used with other filters")
    if end < start:
        raise invalid("end must not be before start")
    found = [
        action
        for action in _known(exchange)
        if (action.id in ids if ids else start <= action.day <= end)
        and (not kinds or _type(action) in kinds)
        and (not symbols or action.symbol in symbols)
        and not call.names("cusips")
    ]
    if newest_first:
        found.reverse()
    page, following = _page(found, call.text("page_token"), size)
    lists: dict[str, list[dict[str, Any]]] = {}
    for action in page:
        lists.setdefault(LISTS[_type(action)], []).append(_datum(action))
    return Answer({"corporate_actions": lists, "next_page_token": following})


def _page(
    found: list[CorporateAction], token: str | None, size: int
) -> tuple[list[CorporateAction], str | None]:
    """The token of a page is the id of its last action."""
    ids = [action.id for action in found]
    if token is not None and token not in ids:
        raise invalid("invalid page_token")
    begin = 0 if token is None else ids.index(token) + 1
    page = found[begin : begin + size]
    return page, page[-1].id if begin + size < len(found) else None


def _known(exchange: Exchange) -> list[CorporateAction]:
    return announced(exchange.venue.floor.ledger.journal)


def _announced_kind(action: CorporateAction) -> str:
    return "split" if action.is_split else "dividend"


def _type(action: CorporateAction) -> str:
    if not action.is_split:
        return "cash_dividend"
    return "forward_split" if action.new_rate > action.old_rate else "reverse_split"


def _announcement(action: CorporateAction) -> dict[str, Any]:
    splits = {"forward_split": "stock_split", "reverse_split": "reverse_split"}
    day = action.day.isoformat()
    return {
        "id": action.id,
        "corporate_action_id": action.id,
        "ca_type": _announced_kind(action),
        "ca_sub_type": splits.get(_type(action), "cash"),
        "initiating_symbol": action.symbol,
        "initiating_original_cusip": "",
        "target_symbol": action.symbol,
        "target_original_cusip": "",
        **dict.fromkeys(DATE_TYPES, day),
        "cash": number(action.cash),
        "old_rate": number(action.old_rate),
        "new_rate": number(action.new_rate),
    }


def _datum(action: CorporateAction) -> dict[str, Any]:
    """Rates are numbers in the data API."""
    day = action.day.isoformat()
    dates = dict.fromkeys(("process_date", "ex_date", "record_date", "payable_date"), day)
    named = {"id": action.id, "symbol": action.symbol, **dates}
    rates = {"new_rate": float(action.new_rate), "old_rate": float(action.old_rate)}
    return {
        "cash_dividend": {
            **named,
            "cusip": "",
            "rate": float(action.cash),
            "special": False,
            "foreign": False,
        },
        "forward_split": {**named, "cusip": "", **rates},
        "reverse_split": {**named, "old_cusip": "", "new_cusip": "", **rates},
    }[_type(action)]
