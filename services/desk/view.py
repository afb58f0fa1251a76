"""What a console is shown: a pure function of what the desk knows."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from db.model.alert import Alert
from db.model.market import Quote
from db.model.order import BrokerOrder
from db.model.plan import Phase
from db.model.portfolio import Portfolio, Position
from db.model.post_trade import PostTrade
from db.model.run import ChildOrder, PlanRun
from db.model.snapshot import OrderRow, PlanRow, PositionRow

MOST_CLOSED_ORDERS = 200
"""Closed orders kept on the blotter; all of them are in the journal."""
MOST_ENDED_PLANS = 50
NOTHING: Mapping[str, PostTrade] = MappingProxyType({})
_WEIGHT = Decimal("0.0001")
_CENT = Decimal("0.01")


def position_rows(
    portfolio: Portfolio,
    quotes: Mapping[str, Quote],
    sectors: Mapping[str, str],
    protections: Mapping[str, tuple[Decimal | None, Decimal | None]],
    locked: frozenset[str],
    in_our_time: Callable[[datetime], datetime],
    guards: Mapping[tuple[str, str], str],
) -> dict[str, PositionRow]:
    """One row a holding, priced at the freshest mid, else at the broker's last price. Quotes are
    dated in market time, rows in ours, so that a price's age is told by one clock."""
    return {
        position.symbol: _position_row(
            position,
            quotes.get(position.symbol),
            sectors.get(position.symbol, ""),
            protections.get(position.symbol, (None, None)),
            portfolio.equity,
            position.symbol in locked,
            in_our_time,
            guards.get((position.account, position.symbol), ""),
        )
        for position in sorted(portfolio.positions, key=lambda held: held.symbol)
    }


def _position_row(
    position: Position,
    quote: Quote | None,
    sector: str,
    protection: tuple[Decimal | None, Decimal | None],
    equity: Decimal,
    locked: bool,
    in_our_time: Callable[[datetime], datetime],
    guard: str,
) -> PositionRow:
    price = quote.mid if quote is not None and quote.mid is not None else position.current_price
    value = None if price is None else position.qty * price
    gain = None if price is None else (price - position.avg_entry_price) * position.qty
    cost = position.avg_entry_price * abs(position.qty)
    return PositionRow(
        symbol=position.symbol,
        account=position.account,
        sector=sector,
        qty=position.qty,
        avg_entry_price=position.avg_entry_price,
        price=price,
        price_at=in_our_time(quote.at) if quote is not None and quote.mid is not None else None,
        value=None if value is None else value.quantize(_CENT),
        weight=None if value is None or not equity else (value / equity).quantize(_WEIGHT),
        unrealized_pl=None if gain is None else gain.quantize(_CENT),
        unrealized_plpc=None if gain is None or not cost else (gain / cost).quantize(_WEIGHT),
        stop_price=protection[0],
        target_price=protection[1],
        guard=guard,
        locked=locked,
    )


def order_rows(runs: Iterable[PlanRun], foreign: Iterable[BrokerOrder]) -> dict[str, OrderRow]:
    """Working orders first, then the newest closed ones; orders that are not ours are marked."""
    ours = [order for run in runs for order in run.all_orders]
    working = [order for order in ours if not order.state.terminal]
    closed = sorted((order for order in ours if order.state.terminal), key=_moment, reverse=True)[
        :MOST_CLOSED_ORDERS
    ]
    rows = {order.client_order_id: _order_row(order) for order in (*working, *closed)}
    for order in foreign:
        if order.side is not None and order.state is not None:
            rows[order.client_order_id] = _foreign_row(order)
    return rows


def _moment(order: ChildOrder) -> datetime:
    moment = order.closed_at or order.intended_at
    assert moment is not None  # every order in a run was intended
    return moment


def _order_row(order: ChildOrder) -> OrderRow:
    return OrderRow(
        client_order_id=order.client_order_id,
        plan_id=order.plan_id,
        step=order.step,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        qty=order.qty,
        type=order.type,
        limit_price=order.limit_price,
        state=order.state,
        filled_qty=order.filled_qty,
        filled_avg_price=order.filled_avg_price,
        reason=order.reason,
        at=order.closed_at or order.acknowledged_at or order.sent_at or order.intended_at,
    )


def _foreign_row(order: BrokerOrder) -> OrderRow:
    assert order.side is not None and order.state is not None
    return OrderRow(
        client_order_id=order.client_order_id,
        plan_id=None,
        step=None,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        qty=order.qty or Decimal(0),
        type=order.type,
        limit_price=order.limit_price,
        state=order.state,
        filled_qty=order.filled_qty,
        filled_avg_price=order.filled_avg_price,
        reason="not ours",
        at=order.submitted_at,
        external=True,
    )


def plan_rows(
    runs: Iterable[PlanRun], found: Mapping[str, PostTrade] = NOTHING
) -> dict[str, PlanRow]:
    """Open plans and the newest ended ones, newest first."""
    newest = sorted(runs, key=lambda run: run.plan.created_at, reverse=True)
    ended = [run for run in newest if run.state.ended][:MOST_ENDED_PLANS]
    shown = [run for run in newest if not run.state.ended or run in ended]
    rows = {run.plan.plan_id: plan_row(run) for run in shown}
    return {
        key: row.model_copy(update={"offer": found[key].offer}) if key in found else row
        for key, row in rows.items()
    }


def plan_row(run: PlanRun) -> PlanRow:
    plan = run.plan
    return PlanRow(
        plan_id=plan.plan_id,
        revision=plan.revision,
        created_at=plan.created_at,
        source=plan.source,
        state=run.state,
        verdict=plan.verdict,
        excepted=bool(run.exceptions),
        mode=run.mode,
        steps=len(plan.steps),
        steps_done=sum(run.step_done(step) for step in plan.steps),
        sells=len(plan.phase_steps(Phase.SELL)),
        buys=len(plan.phase_steps(Phase.BUY)),
        reason=run.reason,
        hash=plan.hash,
        escalated_to=None if run.escalation is None else run.escalation.to,
        deadline=None if run.escalation is None else run.escalation.deadline,
    )


def open_alerts(alerts: Iterable[Alert]) -> dict[str, Alert]:
    """What has not cleared, and what cleared without being seen."""
    return {
        alert.alert_id: alert
        for alert in alerts
        if alert.cleared_at is None or alert.acknowledged_at is None
    }
