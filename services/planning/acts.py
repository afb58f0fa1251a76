"""What one step does besides its order: protection that goes, and protection that comes (spec 4,
Sequencing)."""

from decimal import Decimal
from typing import Protocol

from db.model.base import plain
from db.model.order import Side
from services.risk.facts import Facts


class Order(Protocol):
    """As much of a step as its acts follow from."""

    @property
    def account(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def side(self) -> Side: ...
    @property
    def qty(self) -> Decimal: ...
    @property
    def protection(self) -> str: ...
    @property
    def stop_loss_price(self) -> Decimal | None: ...
    @property
    def target_price(self) -> Decimal | None: ...


def acts_of(facts: Facts, order: Order) -> tuple[str, ...]:
    """In their order; nothing where the order is all there is to it.

    Shares that our protection holds are given free before they are sold, and what stays is
    protected again: one step with three acts."""
    if order.side is Side.SELL:
        return _selling(facts, order)
    prices = (("stop", order.stop_loss_price), ("target", order.target_price))
    said = [f"{name} {price:f}" for name, price in prices if price is not None]
    if order.protection != "broker" or not said:
        return ()
    return (f"buy {plain(order.qty)}", f"protect them: {', '.join(said)}")


def _selling(facts: Facts, order: Order) -> tuple[str, ...]:
    held = facts.position(order.account, order.symbol)
    if held is None or not held.qty_protected or order.qty <= held.qty_available:
        return ()
    left = held.qty - order.qty
    acts = [f"cancel the protection of {plain(held.qty_protected)}", f"sell {plain(order.qty)}"]
    if left > 0:
        acts.append(f"protect the {plain(left)} that stay")
    return tuple(acts)
