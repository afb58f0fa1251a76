"""A plan with one step's quantity changed while it runs: same plan, next revision."""

from decimal import Decimal

from db.model.plan import Plan


def resized(plan: Plan, n: int, qty: Decimal) -> Plan:
    """Step `n` of `plan` for `qty` shares. Raises KeyError when there is no such step.

    The steps already sent are history, so the dry run of the whole is not made again: what
    remains is checked on the broker's fresh figures before each phase."""
    old = plan.step(n)
    step = old.model_copy(
        update={
            "qty": qty,
            "expected_value": qty * old.expected_price,
            "expected_cash_after": old.expected_cash_after
            + (old.expected_value - qty * old.expected_price),
            "reason": f"{old.reason} (cut from {old.qty}: cash)",
        }
    )
    steps = tuple(step if s.n == n else s for s in plan.steps)
    return plan.model_copy(update={"steps": steps, "revision": plan.revision + 1})
