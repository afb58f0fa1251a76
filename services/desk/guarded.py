"""How a bought step, and a position, is protected: for documents and panes. Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from db.model.base import plain
from db.model.plan import Step
from db.model.run import PlanRun
from services.execution.lots import Key
from services.execution.protection import Held, covers, parts_of, prices_of, protected_step

FIELDS = {"client_order_id", "state", "qty", "filled_qty", "limit_price", "stop_price", "reason"}
ZERO = Decimal(0)


def protection_of(run: PlanRun, step: Step) -> dict[str, Any] | None:
    """None of a step that nothing protects, or of which nothing filled."""
    if not protected_step(step) or not run.filled_qty(step.n):
        return None
    stop, target = prices_of(run, step)
    parts = parts_of(run, step.n)
    if parts:
        stop, target = parts[-1].stop_price or stop, parts[-1].limit_price or target
    covered = sum((covers(run, order) for order in parts), ZERO)
    sold = [o for o in run.protective if o.step == step.n and o.filled_qty]
    qty = sum((o.filled_qty for o in sold), ZERO)
    paid = sum((o.filled_qty * (o.filled_avg_price or ZERO) for o in sold), ZERO)
    why = run.unprotected.get(step.n) or run.watched.get(step.n)
    return {
        "by": "broker" if covered else "desk" if step.protection == "desk" or why else "none",
        "qty": plain(covered),
        "stop_price": None if stop is None else plain(stop),
        "target_price": None if target is None else plain(target),
        "stop_condition": step.stop_condition.value,
        "reason": why or "",
        "exited_qty": plain(qty),
        "exited_avg_price": plain(paid / qty) if qty else None,
        "orders": [
            order.model_dump(mode="json", include=FIELDS)
            for order in run.protective
            if order.step == step.n
        ],
    }


def guards(lots: Iterable[Held]) -> dict[Key, str]:
    """(account, symbol) → `broker`: all bought shares are protected there; `part`; `none`; `desk`:
    watched here, as intended."""
    found: dict[Key, set[str]] = {}
    for held in lots:
        if held.step.protection == "desk":
            how = "desk"
        elif held.covered >= held.qty:
            how = "broker"
        else:
            how = "part" if held.covered else "none"
        found.setdefault((held.step.account, held.step.symbol), set()).add(how)
    return {key: next(iter(hows)) if len(hows) == 1 else "part" for key, hows in found.items()}
