"""What the trader types of a ticket, read strictly: one sentence, and nothing is booked. Pure.

A refusal is final; a doubt is a question: what is meant after all is said once more, with that."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation

from db.model.base import plain
from db.model.order import Fill, Side
from db.model.ticket import Claim, Ticket

LARGEST = Decimal("1e11")
MOST_DECIMALS = 9
FAR = Decimal("0.2")
"""A price further than this from the expected one is asked about."""
LARGE_FEE = Decimal("0.05")
"""A fee of more than this part of the trade is asked about."""
CLOCKS_DIFFER = timedelta(minutes=2)
_CLOCK = re.compile(r"^(\d{1,2}):(\d\d)(?::(\d\d))?$")
_LONGEST = 60


class WrongInputError(ValueError):
    """What was typed can't be: one sentence, nothing is booked."""


def read_claim(ticket: Ticket, typed: Mapping[str, str], now: datetime, zone: tzinfo) -> Claim:
    """The fill typed as text: `qty`, `price`, and perhaps `fee`, `at`, `confirmation`. Raises
    WrongInputError."""
    qty, price = _positive(typed, "qty", "quantity"), _positive(typed, "price", "price")
    if ticket.left <= 0:
        raise WrongInputError(f"The ticket for {_size(ticket)} is filled in full already.")
    if qty > ticket.left:
        done = f", {plain(ticket.filled_qty)} of them typed in" if ticket.filled_qty else ""
        raise WrongInputError(
            f"The ticket is for {_size(ticket)}{done}: {plain(ticket.left)} can still fill, not "
            f"{plain(qty)}."
        )
    fee = _number(typed.get("fee", "").strip() or "0", "fee")
    if fee < 0 or fee >= qty * price:
        raise WrongInputError(
            f"A fee of {plain(fee)} can't be: it is under the worth of the trade."
        )
    at = read_time(typed.get("at", ""), now, zone)
    if at < ticket.shown_at - CLOCKS_DIFFER:
        raise WrongInputError(
            f"The ticket was shown at {ticket.shown_at.astimezone(zone):%H:%M}: it can't have "
            f"filled at {at.astimezone(zone):%H:%M} before."
        )
    confirmation = " ".join(typed.get("confirmation", "").split())
    if len(confirmation) > _LONGEST or not confirmation.isprintable():
        raise WrongInputError(f"A confirmation number has at most {_LONGEST} plain characters.")
    request = ticket.request
    fill = Fill(
        execution_id=execution_id(ticket, qty, price, typed.get("at", ""), confirmation),
        account=request.account,
        order_id=ticket.order_id,
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        side=request.side,
        qty=qty,
        price=price,
        at=at,
    )
    return Claim(fill=fill, fee=fee, confirmation=confirmation, typed_at=now)


def execution_id(ticket: Ticket, qty: Decimal, price: Decimal, at: str, confirmation: str) -> str:
    """Of what was typed, so that the same words are the same execution. A number of the broker's is
    its name whatever else was typed."""
    name = f"typed:{ticket.request.client_order_id}"
    if confirmation:
        return f"{name}:{confirmation}"
    when = f"@{at.strip()}" if at.strip() else ""
    return f"{name}:{plain(qty)}x{plain(price)}{when}"


def doubt(ticket: Ticket, claim: Claim, expected: Decimal | None) -> str | None:
    """What makes the fill unlikely, as a question; None when nothing does."""
    fill, request = claim.fill, ticket.request
    for other in ticket.claims:
        same = (other.fill.qty, other.fill.price) == (fill.qty, fill.price)
        if other.fill.execution_id.partition("#")[0] == fill.execution_id or same:
            return (
                f"{plain(other.fill.qty)} at {plain(other.fill.price)} of this ticket is typed in "
                "already. Did it fill a second time?"
            )
    limit = request.limit_price
    if limit is not None and not request.oco:
        worse = fill.price < limit if request.side is Side.SELL else fill.price > limit
        if worse:
            side = request.side.value
            return f"A {side} with the limit {plain(limit)} at {plain(fill.price)}: is that so?"
    if expected and abs(fill.price / expected - 1) > FAR:
        away = abs(fill.price / expected - 1)
        return f"{plain(fill.price)} is {away:.0%} away from the {plain(expected)} expected: is that so?"
    if claim.fee > LARGE_FEE * fill.qty * fill.price:
        return f"A fee of {plain(claim.fee)} on {plain(fill.qty * fill.price)}: is that so?"
    return None


def meant_again(ticket: Ticket, claim: Claim) -> Claim:
    """The claim under an id that no other has: said a second time on purpose."""
    taken = {other.fill.execution_id for other in ticket.claims}
    name, n = claim.fill.execution_id, 1
    while (unique := name if n == 1 else f"{name}#{n}") in taken:
        n += 1
    fill = claim.fill.model_copy(update={"execution_id": unique})
    return claim.model_copy(update={"fill": fill})


def read_time(text: str, now: datetime, zone: tzinfo) -> datetime:
    """Empty is now; `14:32` or `14:32:05` is today in `zone`; else ISO 8601. Raises
    WrongInputError."""
    text = text.strip()
    if not text:
        return now
    moment: datetime
    try:
        if clock := _CLOCK.match(text):
            hour, minute, second = (int(part or 0) for part in clock.groups())
            moment = now.astimezone(zone).replace(
                hour=hour, minute=minute, second=second, microsecond=0
            )
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    except ValueError:
        raise WrongInputError(
            f"{_shown(text)} is no time: expected one like 14:32, or 2026-01-05T14:32."
        ) from None
    if moment > now + CLOCKS_DIFFER:
        raise WrongInputError(f"{text} is still to come; it is {now.astimezone(zone):%H:%M} now.")
    return min(moment, now)


def read_price(text: str) -> Decimal:
    """A price somebody typed. Raises WrongInputError."""
    return _positive({"price": text}, "price", "price")


def read_reason(text: str) -> str:
    """Raises WrongInputError."""
    reason = " ".join(text.split())
    if not reason:
        raise WrongInputError("A reason is needed; it is written down.")
    return reason


def _positive(typed: Mapping[str, str], name: str, words: str) -> Decimal:
    text = typed.get(name, "").strip()
    if not text:
        raise WrongInputError(f"The {words} is missing.")
    number = _number(text, words)
    if number <= 0:
        raise WrongInputError(f"The {words} must be above zero, not {_shown(text)}.")
    return number


def _number(text: str, words: str) -> Decimal:
    """Dollars and thousands may be marked as brokers do: `$1,234.50`."""
    try:
        bare = text.removeprefix("$")
        if "," in bare and not re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", bare):
            raise InvalidOperation
        number = Decimal(bare.replace(",", ""))
    except InvalidOperation:
        raise WrongInputError(
            f"The {words} {_shown(text)} is no number, expected one like 41.25."
        ) from None
    if not number.is_finite() or abs(number) > LARGEST:
        raise WrongInputError(f"The {words} {_shown(text)} is no sensible number.")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MOST_DECIMALS:
        raise WrongInputError(f"The {words} {_shown(text)} has more than {MOST_DECIMALS} decimals.")
    return number


def _size(ticket: Ticket) -> str:
    return f"{plain(ticket.qty)} {ticket.request.symbol}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
