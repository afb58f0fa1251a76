"""What goes with what in an order, by the tables of order_types (alpaca.md §8.2, §8.3, §9). Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import gcd

from services.exchange.engine.errors import invalid, unprocessable
from services.exchange.engine.order_types import (
    FEWEST_LEGS,
    FIELDS_OF_CLASSES,
    OPTION_CLASSES,
    OPTION_TIMES_IN_FORCE,
    OPTION_TYPES,
    ORDER_CLASSES,
    ORDER_TYPES,
    TIMES_IN_FORCE,
)
from services.exchange.engine.orders import Side, Terms, is_contract
from services.exchange.engine.rules import Rules

LEAST_TRAIL_PERCENT = Decimal("0.1")
UNDERLYING = slice(None, -15)  # of an OCC symbol: all before date, right and strike


def check_terms(terms: Terms, rules: Rules) -> None:
    """Raises the RefusedError of the first rule broken. Knows no account and no market."""
    _check_class(terms)
    _check_prices(terms)
    _check_time_in_force(terms)
    if terms.fractional:
        _check_fractional(terms)
    if terms.extended_hours:
        _check_extended(terms)
    if terms.order_class == "mleg":
        _check_legs(terms)
    elif is_contract(terms.symbol):
        _check_option(terms)
    if terms.order_class == "mleg" or is_contract(terms.symbol):
        _check_option_time(terms, rules)
    _check_exits(terms)


def _check_prices(terms: Terms) -> None:
    kind = ORDER_TYPES[terms.type]
    _check_price(terms, "stop_price", terms.stop_price, needed=kind.stop_price)
    _check_price(terms, "limit_price", terms.limit_price, needed=kind.limit_price)
    trails = [name for name in ("trail_price", "trail_percent") if getattr(terms, name) is not None]
    if trails and not kind.trail:
        raise unprocessable(f"{_words(terms.type)} orders must not have {trails[0]}")
    if kind.trail and len(trails) != 1:
        raise invalid("trailing stop orders require one of trail_price and trail_percent")
    if terms.trail_percent is not None and terms.trail_percent < LEAST_TRAIL_PERCENT:
        raise invalid("trail_percent must be >= 0.1")


def _check_price(terms: Terms, name: str, given: Decimal | None, *, needed: bool) -> None:
    if needed == (given is not None):
        return
    if terms.type == "market":
        raise invalid("market orders require no stop or limit price")
    if needed:
        raise invalid(f"{_words(terms.type)} orders require a {_words(name)}")
    raise unprocessable(f"{_words(terms.type)} orders must not have {name}")


def _check_class(terms: Terms) -> None:
    kind, name = ORDER_CLASSES[terms.order_class], terms.order_class or "simple"
    given = {
        "take_profit": terms.take_profit is not None,
        "stop_loss": terms.stop_loss is not None,
        "legs": bool(terms.option_legs),
    }
    for field in FIELDS_OF_CLASSES:
        if given[field] and field not in (*kind.needs, *kind.takes):
            raise unprocessable(f"{name} orders must not have {field}")
        if field in kind.needs and not given[field]:
            raise unprocessable(f"{name} orders require {field}")
    chosen = [field for field in kind.takes if given[field]]
    if kind.takes and not 1 <= len(chosen) <= kind.most_legs:
        raise unprocessable(f"{name} orders require one of {' and '.join(kind.takes)}")
    if terms.type not in kind.types:
        raise unprocessable(f"{name} orders must be {_one_of(kind.types)} orders")
    if terms.time_in_force not in kind.times_in_force:
        raise unprocessable(f"{name} orders must be {_times(kind.times_in_force)} orders")


def _check_time_in_force(terms: Terms) -> None:
    types = TIMES_IN_FORCE[terms.time_in_force].types
    if terms.type not in types:
        raise unprocessable(f"{terms.time_in_force} orders must be {_one_of(types)} orders")


def _check_fractional(terms: Terms) -> None:
    if not ORDER_CLASSES[terms.order_class].single:
        raise unprocessable("fractional orders must be simple orders")
    if not TIMES_IN_FORCE[terms.time_in_force].fractional:
        raise unprocessable("fractional orders must be DAY orders")
    if not ORDER_TYPES[terms.type].fractional:
        types = [name for name, kind in ORDER_TYPES.items() if kind.fractional]
        raise unprocessable(f"fractional orders must be {_one_of(types)} orders")


def _check_extended(terms: Terms) -> None:
    lasting = TIMES_IN_FORCE[terms.time_in_force].extended_hours
    single = ORDER_CLASSES[terms.order_class].single
    if not (terms.type == "limit" and lasting and single) or is_contract(terms.symbol):
        raise unprocessable("extended hours order must be DAY or GTC limit orders")


def _check_option(terms: Terms) -> None:
    if terms.order_class not in OPTION_CLASSES:
        raise unprocessable("options orders must be simple or mleg orders")
    if terms.type not in OPTION_TYPES:
        raise unprocessable(f"options orders must be {_one_of(OPTION_TYPES)} orders")
    if terms.fractional:
        raise unprocessable("options orders must be for whole contracts")


def _check_option_time(terms: Terms, rules: Rules) -> None:
    lasting = rules.option_gtc and terms.type == "limit" and terms.time_in_force == "gtc"
    if not lasting and terms.time_in_force not in OPTION_TIMES_IN_FORCE:
        raise unprocessable(f"options orders must be {_times(OPTION_TIMES_IN_FORCE)} orders")


def _check_legs(terms: Terms) -> None:
    legs = terms.option_legs
    if not FEWEST_LEGS <= len(legs) <= ORDER_CLASSES["mleg"].most_legs:
        raise unprocessable("mleg orders must have 2 to 4 legs")
    symbols = [leg.symbol for leg in legs]
    if len(set(symbols)) != len(symbols):
        raise unprocessable("mleg orders must have legs in different contracts")
    if not all(is_contract(symbol) for symbol in symbols):
        raise unprocessable("mleg orders must have legs in options")
    if len({symbol[UNDERLYING] for symbol in symbols}) > 1:
        raise unprocessable("mleg orders must have legs in one underlying")
    if gcd(*(leg.ratio_qty for leg in legs)) != 1:
        raise unprocessable("mleg orders must have leg ratios in simplest form")


def _check_exits(terms: Terms) -> None:
    """Take-profit beyond the stop, seen from the position (alpaca.md §8.8)."""
    if terms.take_profit is None or terms.stop_loss is None:
        return
    protects_long = (terms.side is Side.SELL) is ORDER_CLASSES[terms.order_class].closes
    target, stop = terms.take_profit.limit_price, terms.stop_loss.stop_price
    if protects_long and target <= stop:
        raise unprocessable("take_profit.limit_price must be > stop_loss.stop_price")
    if not protects_long and target >= stop:
        raise unprocessable("take_profit.limit_price must be < stop_loss.stop_price")


def _one_of(names: Iterable[str]) -> str:
    *first, last = (name.replace("_", " ") for name in names)
    return f"{', '.join(first)} or {last}" if first else last


def _words(name: str) -> str:
    return name.replace("_", " ")


def _times(names: Sequence[str]) -> str:
    return _one_of(name.upper() for name in names)
