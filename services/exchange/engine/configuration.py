"""What an account's owner may set, as asked for and as shown (alpaca.md §3). Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from services.exchange import wire
from services.exchange.engine.accounts import Account, Configuration
from services.exchange.engine.errors import invalid
from services.exchange.engine.option_rules import trading_level
from services.exchange.engine.rules import Rules

_Reader = Callable[[object], object]


def _one_of(*words: str) -> _Reader:
    def read(value: object) -> object:
        if str(value) not in words:
            raise ValueError
        return str(value)

    return read


def _level(value: object) -> object:
    level = wire.decimal(value)
    if level not in range(4):
        raise ValueError
    return int(level)


_CHECKS = _one_of("entry", "exit", "both")
READERS: dict[str, _Reader] = {
    "suspend_trade": wire.boolean,
    "no_shorting": wire.boolean,
    "fractional_trading": wire.boolean,
    "max_margin_multiplier": _one_of("1", "2", "4"),
    "max_options_trading_level": _level,
    "trade_confirm_email": _one_of("all", "none"),
    "ptp_no_exception_entry": wire.boolean,
    "disable_overnight_trading": wire.boolean,
    "dtbp_check": _CHECKS,
    "pdt_check": _CHECKS,
}
COUNTED = ("dtbp_check", "pdt_check")  # gone with the day-trade fields (alpaca.md §0, 15)


def configured(old: Configuration, body: Mapping[str, Any]) -> Configuration:
    """With what a body changes; 422 for a name or a value that is none."""
    changes = {}
    for name, value in body.items():
        if name not in READERS:
            raise invalid(f"{name} cannot be configured")
        try:
            changes[name] = READERS[name](value)
        except ValueError as error:
            raise invalid(f"invalid {name}") from error
    return old.model_copy(update=changes)


def as_wire(account: Account, rules: Rules) -> dict[str, Any]:
    shown = account.configuration.model_dump()
    shown["max_options_trading_level"] = trading_level(account)
    if rules.day_trades != "legacy_pdt":
        shown = {name: value for name, value in shown.items() if name not in COUNTED}
    return shown
