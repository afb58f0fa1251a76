"""All the engine's state, and where its changes are handed to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from services.exchange.engine.accounts import Account, Position
from services.exchange.engine.activities import Activity, Fill
from services.exchange.engine.orders import Order
from services.exchange.engine.trade_updates import TradeUpdate


class Records(Protocol):
    """Where changed records go: see store.Store."""

    def put_fact(self, name: str, value: str) -> None: ...
    def put_account(self, account: Account) -> None: ...
    def put_position(self, position: Position) -> None: ...
    def put_order(self, order: Order) -> None: ...
    def put_activity(self, activity: Activity) -> None: ...
    def announce(self, update: TradeUpdate) -> None: ...


@dataclass
class Ledger:
    """All the engine's state, as it was loaded and as it becomes."""

    accounts: dict[str, Account]
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    journal: list[Activity] = field(default_factory=list)
    _by_account: dict[str, list[Activity]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._index(self.journal)

    def add(self, activity: Activity) -> None:
        self.journal.append(activity)
        self._index([activity])

    def activities(self, account: str) -> list[Activity]:
        """Of one account, oldest first."""
        return list(self._by_account.get(account, ()))

    @property
    def fills(self) -> list[Fill]:
        return [activity for activity in self.journal if isinstance(activity, Fill)]

    def _index(self, activities: Iterable[Activity]) -> None:
        for activity in activities:
            self._by_account.setdefault(activity.account, []).append(activity)
