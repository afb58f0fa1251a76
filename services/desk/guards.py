"""What the monitor is told of protection: what is bare, what was executed, what is too much."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from db.clock import Clock
from db.model.order import Side
from db.model.portfolio import Portfolio
from db.model.run import ChildOrder
from services.desk.facts import FactsSource
from services.execution.engine import Engine
from services.execution.protection import RENEW_AFTER
from services.execution.reducing import open_qty
from services.monitoring.situation import Executed, OverCovered, Renewal, Unprotected

TOLD = timedelta(hours=16)
"""How long an executed stop or target is told of: over the night."""


class Guards:
    def __init__(self, engine: Engine, facts: FactsSource, clock: Clock) -> None:
        self._engine = engine
        self._facts = facts
        self._clock = clock
        self._looked_at: float | None = None
        self._over: dict[str, OverCovered] = {}
        self._over_before: frozenset[str] = frozenset()

    def seen(self, portfolio: Portfolio) -> dict[str, Any]:
        """Fields of a `Situation`."""
        return {
            "unprotected": tuple(
                Unprotected(
                    account=one.held.step.account,
                    symbol=one.held.step.symbol,
                    qty=one.qty,
                    why=one.why,
                    by_desk=one.by_desk,
                    stop_price=one.held.stop,
                )
                for one in self._engine.protector.bare()
            ),
            "executed": self._executed(),
            "over_covered": self._over_covered(portfolio),
            "renewals": self._renewals(),
        }

    def _executed(self) -> tuple[Executed, ...]:
        now = self._clock.now()
        return tuple(
            executed_of(order)
            for run in self._engine.book.runs.values()
            for order in run.protective
            if order.filled_qty and (order.closed_at is None or now - order.closed_at < TOLD)
        )

    def _over_covered(self, portfolio: Portfolio) -> tuple[OverCovered, ...]:
        """By the broker's figures alone, and only what two looks agree on: three calls are not one
        instant."""
        if self._facts.portfolio_at != self._looked_at:
            self._looked_at = self._facts.portfolio_at
            self._over_before = frozenset(self._over)
            self._over = {f"{o.account}/{o.symbol}": o for o in over_covered(portfolio)}
        return tuple(one for key, one in self._over.items() if key in self._over_before)

    def _renewals(self) -> tuple[Renewal, ...]:
        now = self._clock.now()
        return tuple(
            Renewal(
                order=order.client_order_id, symbol=order.symbol, days=(now - order.sent_at).days
            )
            for run in self._engine.book.runs.values()
            for order in run.protective
            if order.state.working and order.sent_at and now - order.sent_at >= RENEW_AFTER
        )


def executed_of(order: ChildOrder) -> Executed:
    stopped = order.parent is not None or order.limit_price is None
    return Executed(
        order=order.parent or order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        qty=order.filled_qty,
        price=(order.filled_avg_price or Decimal(0)).quantize(Decimal("0.01")),
        level=order.stop_price if stopped else order.limit_price,
        stopped=stopped,
    )


def over_covered(portfolio: Portfolio) -> tuple[OverCovered, ...]:
    """Long positions of which more is open to be sold than is held, a pair counted once."""
    found = []
    for held in portfolio.positions:
        orders = [o for o in portfolio.orders if o.symbol == held.symbol]
        selling = open_qty(orders, Side.SELL)
        if held.qty > 0 and selling > held.qty:
            found.append(
                OverCovered(
                    account=held.account, symbol=held.symbol, held=held.qty, open_qty=selling
                )
            )
    return tuple(found)
