"""From proposal to plan. Pure: same input, same plan, byte for byte (spec 4)."""

from services.planning.plan import PlanEditError, make_plan, revise
from services.risk.facts import Facts

__all__ = ["Facts", "PlanEditError", "make_plan", "revise"]
