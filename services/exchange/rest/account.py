"""/v2/account and its configurations."""

from typing import Any

from services.exchange.engine.acceptance import trades_of_days
from services.exchange.engine.configuration import as_wire, configured
from services.exchange.engine.option_rules import trading_level
from services.exchange.engine.order_entry import read_body
from services.exchange.engine.standing import DAY_TRADER, Standing
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import NEW_YORK
from services.exchange.wire import instant, number

PATTERN = 4  # day trades in five business days make a pattern day trader


def account(exchange: Exchange, call: Call) -> Answer:
    floor = exchange.venue.floor
    today = exchange.clock.now().astimezone(NEW_YORK).date().isoformat()
    now = floor.standing(call.account)
    counted = floor.rules.day_trades == "legacy_pdt"
    made = trades_of_days(floor, call.account).made if counted else None
    return Answer(account_as_wire(now, today, made))


def configurations(exchange: Exchange, call: Call) -> Answer:
    floor = exchange.venue.floor
    return Answer(as_wire(floor.ledger.accounts[call.account], floor.rules))


def configure(exchange: Exchange, call: Call) -> Answer:
    """What is absent or null stays as it is (alpaca.md §3)."""
    account = exchange.venue.floor.ledger.accounts[call.account]
    changed = configured(account.configuration, read_body(call.body))
    exchange.venue.change_account(call.account, configuration=changed)
    return configurations(exchange, call)


def account_as_wire(now: Standing, asof: str, day_trades: int | None) -> dict[str, Any]:
    """GET /v2/account (alpaca.md §3.3). `day_trades` None: they are not counted, and the fields
    removed on 2026-07-06 are absent."""
    account, equity = now.account, number(now.equity)
    counted = {}
    if day_trades is not None:
        power = now.daytrading_buying_power if now.multiplier == DAY_TRADER else 0 * now.cash
        counted = {
            "pattern_day_trader": day_trades >= PATTERN,
            "daytrade_count": day_trades,
            "daytrading_buying_power": number(power),
        }
    return {
        "id": account.id,
        "account_number": account.account_number,
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": number(now.cash),
        "equity": equity,
        "last_equity": number(account.last_equity),
        "portfolio_value": equity,
        "long_market_value": number(now.long_market_value),
        "short_market_value": number(now.short_market_value),
        "position_market_value": number(now.position_value),
        "initial_margin": number(now.initial_margin),
        "maintenance_margin": number(now.maintenance_margin),
        "last_maintenance_margin": number(now.last_maintenance_margin),
        "sma": number(now.excess),
        "multiplier": number(now.multiplier),
        "buying_power": number(now.buying_power),
        "effective_buying_power": number(now.buying_power),
        "regt_buying_power": number(now.regt_buying_power),
        "non_marginable_buying_power": number(now.non_marginable_buying_power),
        "options_buying_power": number(now.options_buying_power),
        "options_approved_level": account.options_approved_level,
        "options_trading_level": trading_level(account),
        "shorting_enabled": now.may_short,
        "trading_blocked": account.trading_blocked,
        "transfers_blocked": account.transfers_blocked,
        "account_blocked": account.account_blocked,
        "trade_suspended_by_user": account.configuration.suspend_trade,
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "balance_asof": asof,
        "created_at": instant(account.created_at),
        "account_name": account.name,
        **counted,
    }
