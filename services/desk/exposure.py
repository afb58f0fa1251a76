"""Does an order only reduce what is held? Looked at in the last moment, on what is known then."""

from decimal import Decimal

from db.model.order import OrderState, Side
from db.model.run import ChildOrder, PlanState
from services.desk.facts import FactsSource
from services.desk.reconcile import Reconciler, foreign_orders
from services.execution.engine import Engine
from services.execution.reducing import more_than_reduces, open_qty, surely_held

UNSENT = (PlanState.PAUSED, PlanState.HALTED)
"""Intents of such plans leave only when the trader continues, and are looked at again then."""


class Exposure:
    """Our book and the broker's figures together: the one knows a fill first, or the other."""

    def __init__(self, engine: Engine, facts: FactsSource, reconciler: Reconciler) -> None:
        self._engine = engine
        self._facts = facts
        self._reconciler = reconciler

    def __call__(self, order: ChildOrder) -> str | None:
        """Why `order` might do more than reduce, or None (invariant 27)."""
        return self._more(order, beside_protection=True)

    def oversells(self, order: ChildOrder) -> str | None:
        """Why a sale might open a short position, or None (invariant 19). What protects the shares
        does not count: the broker refuses a sale of what it holds."""
        if order.side is not Side.SELL or order.protective:
            return None
        return self._more(order, beside_protection=False)

    def _more(self, order: ChildOrder, *, beside_protection: bool) -> str | None:
        portfolio = self._facts.portfolio
        if portfolio is None:
            return f"nobody knows how many {order.symbol} are held"
        position = portfolio.position(order.symbol, order.account)
        held = surely_held(
            self._reconciler.expects(order.account, order.symbol),
            position.qty if position is not None else Decimal(0),
        )
        theirs = (
            other
            for other in foreign_orders(portfolio.orders, self._engine)
            if other.symbol == order.symbol
        )
        others = self._ours(order, beside_protection) + open_qty(theirs, order.side)
        return more_than_reduces(order.symbol, order.side, order.qty, held, others)

    def _ours(self, order: ChildOrder, protection: bool) -> Decimal:
        """Shares that other orders of ours may still trade on the same side of the same holding."""
        left = Decimal(0)
        for run in self._engine.book.runs.values():
            protective = (o for o in run.protective if protection and o.parent is None)
            for other in (*run.orders, *protective):
                if other.client_order_id == order.client_order_id or not other.state.working:
                    continue
                if (other.account, other.symbol, other.side) != (
                    order.account,
                    order.symbol,
                    order.side,
                ):
                    continue
                if other.state is OrderState.INTENT and (run.state in UNSENT or run.state.ended):
                    continue
                left += other.remaining_qty
        return left
