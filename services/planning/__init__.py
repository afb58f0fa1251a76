"""From proposal to plan. Pure: same input, same plan, byte for byte (spec 4)."""

from services.planning.edit import Move, PlanEditError, revise, undone
from services.planning.plan import make_plan
from services.risk.facts import Facts

__all__ = ["Facts", "Move", "PlanEditError", "make_plan", "revise", "undone"]
