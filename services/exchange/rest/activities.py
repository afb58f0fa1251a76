"""/v2/account/activities, with and without a type in the path."""

from services.exchange.engine.activities import Activity
from services.exchange.engine.errors import invalid
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import NEW_YORK

PAGE = 100
TRADES = frozenset({"FILL"})
# The types Alpaca documents; which of them happen here: engine/activities.py.
OTHERS = (
    "TRANS MISC ACATC ACATS CFEE CIL CSD CSW DIV DIVCGL DIVCGS DIVFEE DIVFT DIVNRA DIVROC DIVTW"
    " DIVTXEX DIVWH EXTRD FEE FOPT FXTRD INT INTNRA INTPNL INTTW JNL JNLC JNLS MA MEM NC OCT"
    " OPASN OPCA OPCSH OPEXC OPEXP OPTRD PTC PTR REORG SC SPIN SPLIT SSO SSP SWP VOF WH"
)
KINDS = TRADES | frozenset(OTHERS.split())
CATEGORIES = ("trade_activity", "non_trade_activity", "")


def activities(exchange: Exchange, call: Call) -> Answer:
    """Pages by the last id (alpaca.md §3.3); a `date` without a page size gives the whole day."""
    kinds = _kinds(call)
    newest_first = call.choice("direction", ("asc", "desc"), "desc") == "desc"
    size = call.count("page_size", PAGE, PAGE)
    after, until, day = call.moment("after"), call.moment("until"), call.day("date")
    if day is not None and (after is not None or until is not None):
        raise invalid("date cannot be used with after or until")
    everything = exchange.venue.floor.ledger.activities(call.account)
    found = [
        activity
        for activity in _rest_of(everything, call.text("page_token"), newest_first=newest_first)
        if activity.kind in kinds
        and (after is None or activity.at > after)
        and (until is None or activity.at < until)
        and (day is None or activity.at.astimezone(NEW_YORK).date() == day)
    ]
    whole_day = day is not None and call.text("page_size") is None
    return Answer([activity.as_wire() for activity in (found if whole_day else found[:size])])


def _kinds(call: Call) -> frozenset[str]:
    category = call.choice("category", CATEGORIES, "")
    asked = [call.path["kind"]] if "kind" in call.path else call.names("activity_types")
    if asked and category:
        raise invalid("category cannot be used with activity types")
    kinds = frozenset(kind.upper() for kind in asked)
    for kind in sorted(kinds - KINDS):
        raise invalid(f"invalid activity type: {kind}")
    if kinds:
        return kinds
    return {"": KINDS, CATEGORIES[0]: TRADES, CATEGORIES[1]: KINDS - TRADES}[category]


def _rest_of(
    everything: list[Activity], token: str | None, *, newest_first: bool
) -> list[Activity]:
    """What comes after the id of a page's last activity."""
    ordered = everything[::-1] if newest_first else everything
    if token is None:
        return ordered
    for place, activity in enumerate(ordered, start=1):
        if activity.id == token:
            return ordered[place:]
    raise invalid("invalid page_token")
