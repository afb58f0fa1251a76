"""/v2/account/activities."""

from services.exchange.engine.errors import invalid
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import NEW_YORK

PAGE = 100


def activities(exchange: Exchange, call: Call) -> Answer:
    """Fills are the only activity here; other types give an empty list. Pages by last id."""
    kinds = call.path.get("kind") or call.text("activity_types") or "FILL"
    if "FILL" not in kinds.upper().split(","):
        return Answer([])
    direction = call.choice("direction", ("asc", "desc"), "desc")
    size = call.count("page_size", PAGE, PAGE)
    after, until, day = call.moment("after"), call.moment("until"), call.moment("date")
    found = [
        fill
        for fill in exchange.venue.floor.ledger.fills
        if fill.account == call.account
        and (after is None or fill.at > after)
        and (until is None or fill.at < until)
        and (day is None or fill.at.astimezone(NEW_YORK).date() == day.date())
    ]
    if direction == "desc":
        found.reverse()
    token = call.text("page_token")
    if token is not None:
        ids = [fill.id for fill in found]
        if token not in ids:
            raise invalid("invalid page_token")
        found = found[ids.index(token) + 1 :]
    whole_day = day is not None and call.text("page_size") is None
    return Answer([fill.as_wire() for fill in (found if whole_day else found[:size])])
