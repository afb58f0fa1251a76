"""How the broker's back office answers: at once and yes, unless a fault says otherwise."""

from typing import NamedTuple

from services.exchange.engine.fill_model import Execution
from services.exchange.engine.orders import Order

TOO_LATE = "TOO_LATE_TO_CANCEL"


class Reply(NamedTuple):
    """What becomes of a request: in `after` true seconds it is granted, or `refused` for a
    reason. With `fills_first` the order fills before its cancel arrives, if anybody quotes."""

    after: float = 0.0
    refused: str | None = None
    fills_first: bool = False


PROMPT = Reply()


class Behaviour:
    """A healthy broker. Faults override what they change; each is asked once an order."""

    def acknowledge(self, order: Order) -> Reply:
        """Of a new order: when it goes from pending_new to new, or why it is rejected."""
        return PROMPT

    def cancel(self, order: Order) -> Reply:
        """Of a cancel that was answered with 204."""
        return PROMPT

    def replace(self, order: Order) -> Reply:
        """Of a replacement that was answered with 200; `order` is the old one."""
        return PROMPT

    def fill(self, order: Order, execution: Execution) -> Execution | None:
        """What becomes of an execution: smaller, or none."""
        return execution
