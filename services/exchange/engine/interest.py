"""What borrowed money and borrowed shares cost overnight. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from services.exchange.engine.accounts import Account
from services.exchange.engine.activities import INTEREST
from services.exchange.engine.day_end import Owed
from services.exchange.engine.floor import Floor
from services.exchange.engine.orders import ZERO, is_contract

CENT = Decimal("0.01")
DAYS = Decimal(360)  # the money market's year


@dataclass(frozen=True)
class Rates:
    """Yearly, as fractions. `hard_to_borrow` is for shares not easy to borrow."""

    margin: Decimal = Decimal("0.12")
    borrow: Decimal = Decimal("0.003")
    hard_to_borrow: Decimal = Decimal("0.15")


def owed_overnight(rates: Rates, floor: Floor, account: Account, nights: int) -> Iterable[Owed]:
    """What an account owes for borrowing over so many nights: cash, then each share sold short."""
    if debit := margin_interest(rates, account.cash, nights):
        yield Owed(INTEREST, debit, f"margin interest, {_counted(nights)}")
    for held in floor.positions(account.name):
        board = floor.market.find(held.symbol)
        if held.qty >= 0 or board is None or is_contract(held.symbol):
            continue
        value = -held.value(board.price)
        easy = board.listing.easy_to_borrow
        if fee := borrow_cost(rates, value, nights, easy_to_borrow=easy):
            yield Owed(INTEREST, fee, f"borrowing {held.symbol}, {_counted(nights)}", held.symbol)


def margin_interest(rates: Rates, cash: Decimal, nights: int) -> Decimal:
    """Dollars owed for a debit of cash held over so many nights; nothing on a credit."""
    return _owed(max(-cash, ZERO), rates.margin, nights)


def borrow_cost(
    rates: Rates, short_value: Decimal, nights: int, *, easy_to_borrow: bool
) -> Decimal:
    """Dollars owed for a short position worth `short_value` (positive)."""
    rate = rates.borrow if easy_to_borrow else rates.hard_to_borrow
    return _owed(short_value, rate, nights)


def _owed(amount: Decimal, rate: Decimal, nights: int) -> Decimal:
    return (amount * rate * nights / DAYS).quantize(CENT, ROUND_HALF_UP)


def _counted(nights: int) -> str:
    return "1 night" if nights == 1 else f"{nights} nights"
