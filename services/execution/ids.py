"""Client order ids: the same plan, step, child and attempt always give the same id (invariant 2)."""

import re

from db.model.order import PROTECTION

LONGEST = 48

_FORM = re.compile(r"^qd-(?P<plan>[0-9a-z]+)-s(?P<step>\d+)-c(?P<child>\d+)-a(?P<attempt>\d+)$")


def client_order_id(plan_id: str, step: int, child: int = 1, attempt: int = 1) -> str:
    """`qd-3f9a-s02-c1-a1`: readable, unique, at most 48 characters (spec 5, Submitting).

    Raises ValueError when the parts do not make such an id."""
    made = f"qd-{plan_id}-s{step:02d}-c{child}-a{attempt}"
    if len(made) > LONGEST or not _FORM.match(made):
        raise ValueError(f"{made!r} is no client order id")
    return made


def protection_id(plan_id: str, step: int, part: int, attempt: int = 1) -> str:
    """`qd-3f9a-s02-p1-a1`: protects the step's shares, of which each part has its own order.

    Raises ValueError when the parts do not make such an id."""
    made = f"qd-{plan_id}-s{step:02d}-p{part}-a{attempt}"
    if len(made) > LONGEST or not PROTECTION.match(made):
        raise ValueError(f"{made!r} is no client order id")
    return made


def is_ours(client_order_id: str) -> bool:
    """Whether the id has a form that this engine gives."""
    return bool(_FORM.match(client_order_id) or PROTECTION.match(client_order_id))
