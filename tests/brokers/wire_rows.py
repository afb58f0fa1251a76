"""Rows as Alpaca sends them (alpaca.md §3), to be changed by a test."""

from typing import Any


def order_row(**changes: Any) -> dict[str, Any]:
    return {
        "id": "3f0c7c6e-52b1-4c0e-9d1b-0a6f4a5c7712",
        "client_order_id": "qd-3f9a-s02-c1-a1",
        "created_at": "2026-03-03T14:31:02.118204311Z",
        "updated_at": "2026-03-03T14:31:02.120887204Z",
        "submitted_at": "2026-03-03T14:31:02.117950022Z",
        "filled_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": "b1d0a0de-7a51-4b0d-8a0e-5b7d1f0c2a11",
        "symbol": "XYZ",
        "asset_class": "us_equity",
        "notional": None,
        "qty": "12",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "time_in_force": "day",
        "limit_price": "45.5",
        "stop_price": None,
        "status": "new",
        "extended_hours": False,
        "legs": None,
        **changes,
    }


def position_row(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "QRS",
        "exchange": "NYSE",
        "asset_class": "us_equity",
        "qty": "-40",
        "qty_available": "-40",
        "side": "short",
        "avg_entry_price": "22.1",
        "market_value": "-868",
        "current_price": "21.7",
        **changes,
    }


def account_row(**changes: Any) -> dict[str, Any]:
    return {
        "id": "0d2a5b0e-11b2-4c44-a1f5-7f1f0c1e2d33",
        "account_number": "PA3SIM00001",
        "status": "ACTIVE",
        "cash": "61250.4",
        "equity": "100830.9",
        "last_equity": "100412.15",
        "multiplier": "2",
        "buying_power": "161535.3",
        "shorting_enabled": True,
        "trading_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        **changes,
    }


def activity_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"20260303093102118::{number:08d}-3b52-4c1b-9d0e-6d5b0b6c7e10",
        "activity_type": "FILL",
        "type": "partial_fill",
        "transaction_time": "2026-03-03T14:31:02.118Z",
        "price": "45.48",
        "qty": "5",
        "cum_qty": "5",
        "leaves_qty": "7",
        "side": "buy",
        "symbol": "XYZ",
        "order_id": "3f0c7c6e-52b1-4c0e-9d1b-0a6f4a5c7712",
        "order_status": "partially_filled",
        **changes,
    }


def update_message(event: str = "new", **data: Any) -> dict[str, Any]:
    return {
        "stream": "trade_updates",
        "data": {
            "event": event,
            "at": "2026-03-03T14:31:02.121Z",
            "timestamp": "2026-03-03T14:31:02.118204311Z",
            "execution_id": "c9a1f7d2-0c1f-4a63-8a9b-7c1f7f0e1d55",
            "order": order_row(),
            **data,
        },
    }
