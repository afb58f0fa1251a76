"""Orders that somebody else places at the broker."""

from decimal import Decimal

from desk_world import RunningDesk
from pydantic import SecretStr

from db.clock import SystemClock
from db.model.order import OrderRequest, OrderType, Side, TimeInForce
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.port import Confirmed


async def stop_order(desk: RunningDesk, symbol: str, qty: int, price: str) -> str:
    """A protective stop; its id."""
    hello = desk.exchange.hello
    endpoints = Endpoints.among(hello)
    keys = SecretStr(hello["key"]), SecretStr(hello["secret"])
    broker = AlpacaBroker("main", *keys, endpoints, SystemClock())
    request = OrderRequest(
        client_order_id=f"a-stop-{symbol}",
        account="main",
        symbol=symbol,
        side=Side.SELL,
        qty=Decimal(qty),
        type=OrderType.STOP,
        stop_price=Decimal(price),
        time_in_force=TimeInForce.GTC,
    )
    try:
        assert isinstance(await broker.submit(request, permit=lambda: None), Confirmed)
    finally:
        await broker.close()
    return request.client_order_id
