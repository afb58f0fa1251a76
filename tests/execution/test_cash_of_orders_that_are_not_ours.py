"""What open buys that are not ours may still cost is spoken for (invariant 16)."""

from decimal import Decimal
from typing import Any

import pytest
from risk_world import NOW, STANDARD

from db.model.market import Quote
from db.model.order import BrokerOrder, OrderState, Side
from services.execution.gate import reserved_elsewhere

QUOTES = {"AAA": Quote(symbol="AAA", bid=Decimal(99), ask=Decimal(100), at=NOW, source="a test")}


@pytest.mark.parametrize(
    ("given", "cost"),
    [
        ({"limit_price": "98"}, "980"),
        ({"limit_price": "98", "filled_qty": "4"}, "588"),
        ({}, "1005"),
        ({"stop_price": "120"}, "1206"),
        ({"qty": None, "notional": "750"}, "750"),
        ({"symbol": "ZZZ"}, "0"),
        ({"side": Side.SELL, "limit_price": "98"}, "0"),
        ({"account": "ira", "limit_price": "98"}, "0"),
    ],
)
def test_an_open_buy_elsewhere_reserves_its_worst_cost(given: dict[str, Any], cost: str) -> None:
    told = {
        "order_id": "1", "client_order_id": "web-1", "account": "main", "symbol": "AAA",
        "side": Side.BUY, "qty": "10", "status": "new", "state": OrderState.ACKNOWLEDGED,
    }  # fmt: skip
    order = BrokerOrder.model_validate({**told, **given})
    policy = STANDARD.model_copy(update={"limit_band": Decimal("0.005")})
    assert reserved_elsewhere([order], "main", QUOTES, policy) == Decimal(cost)
