"""All the engine's state, and where its changes are handed to."""

from dataclasses import dataclass, field
from typing import Protocol

from services.exchange.engine.accounts import Account, Position
from services.exchange.engine.activities import Fill
from services.exchange.engine.orders import Order
from services.exchange.engine.trade_updates import TradeUpdate


class Records(Protocol):
    """Where changed records go: see store.Store."""

    def put_account(self, account: Account) -> None: ...
    def put_position(self, position: Position) -> None: ...
    def put_order(self, order: Order) -> None: ...
    def put_fill(self, fill: Fill) -> None: ...
    def announce(self, update: TradeUpdate) -> None: ...


@dataclass
class Ledger:
    """All the engine's state, as it was loaded and as it becomes."""

    accounts: dict[str, Account]
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
