"""What the trader does about a plan whose orders take too long, and about orders that are unknown."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.text import Text

from widgets.document import number, rows, text
from widgets.table.fields import price, qty

if TYPE_CHECKING:
    from console.screens.main import MainScreen
    from console.screens.plan_desk import PlanDesk

Document = Mapping[str, Any]
OPEN = frozenset({"acknowledged", "partially_filled", "held", "suspended", "done_for_day"})


class Remedy(NamedTuple):
    """`word` is typed to do it; `what` ends the sentence "type … to"."""

    word: str
    what: str
    then: str


REMEDIES: dict[str, Remedy] = {
    "reprice": Remedy(
        "REPRICE",
        "re-price",
        "Open limit orders are cancelled; once that is confirmed, their rest is sent with a limit at "
        "today's touch, inside what you approved.",
    ),
    "resubmit": Remedy(
        "RESUBMIT",
        "resubmit",
        "Open orders are cancelled; once that is confirmed, their rest is sent again as it was.",
    ),
    "cancel-rest": Remedy(
        "CANCEL",
        "cancel the rest",
        "Open orders are cancelled, what was refused is given up, and the plan goes on with what filled.",
    ),
}


def offered(document: Document | None, offer: str) -> bool:
    """Whether the desk says that this makes sense now."""
    offers = (document or {}).get("offers")
    return isinstance(offers, list) and offer in offers


def words_of(document: Document, offer: str) -> Text:
    """What will be done, and to which orders."""
    body = Text()
    body.append(f"plan {text(document, 'plan_id')}", "bold")
    body.append(f", {text(document, 'mode')} mode\n\n{REMEDIES[offer].then}\n")
    for step in rows(document, "steps"):
        for order in rows(step, "orders"):
            if text(order, "state") not in OPEN:
                continue
            limit = number(step.get("limit_price"))
            kind = f"limit {price(limit)}" if limit is not None else text(step, "type")
            what = f"{text(step, 'side').upper()} {qty(number(order.get('qty')))} {text(step, 'symbol')}"
            body.append(f"\n{text(step, 'n'):>3}  ")
            body.append(what, "bold")
            body.append(f"  {kind}, {qty(number(order.get('filled_qty')))} filled")
    return body


def left_missed(document: "Document | None") -> bool:
    """Whether the open plan has ended and left a limit of the policy missed."""
    found = None if document is None else document.get("post_trade")
    return isinstance(found, dict) and bool(text(found, "offer"))


class PlanRemedies:
    """The actions; `shown_in_bar` says which keys the bar shows now."""

    def __init__(self, screen: "MainScreen", plans: "PlanDesk") -> None:
        self._screen = screen
        self._plans = plans
        self._shown: Mapping[str, Callable[[], bool]] = {
            "plan.reprice": lambda: offered(plans.document, "reprice"),
            "plan.resubmit": lambda: offered(plans.document, "resubmit"),
            "plan.rest": lambda: offered(plans.document, "cancel-rest"),
            "unknown.open": self._any_unknown,
            "plan.trim": lambda: left_missed(plans.document),
        }

    def shown_in_bar(self, binding: str) -> bool:
        """Whether the key does something now."""
        return self._shown.get(binding, lambda: True)()

    def _any_unknown(self) -> bool:
        seen = self._screen.deck.seen
        return seen is not None and any(o.state == "unknown" for o in seen.snapshot.orders.values())

    def action_reprice(self) -> None:
        """Send the rest at another limit, once REPRICE is typed."""
        self._do("reprice")

    def action_resubmit(self) -> None:
        """Send the rest once more, once RESUBMIT is typed."""
        self._do("resubmit")

    def action_cancel_rest(self) -> None:
        """Go on with what filled, once CANCEL is typed."""
        self._do("cancel-rest")

    def _do(self, offer: str) -> None:
        from console.screens.gate import Gate

        document = self._plans.document
        if document is None or not offered(document, offer):
            self._screen.deck.say(
                "That is for a paused plan with open orders; P pauses a plan that works."
            )
            return
        plan_id, remedy = text(document, "plan_id"), REMEDIES[offer]

        def passed(typed: str | None) -> None:
            if typed is not None:
                deck = self._screen.deck
                deck.ask(lambda desk: desk.remedy(plan_id, offer), self._plans.show_document)

        gate = Gate(remedy.word, remedy.what, words_of(document, offer))
        self._screen.deck.push_screen(gate, passed)

    def action_unknown(self) -> None:
        """Orders whose answer never came."""
        from console.screens.unknown import UnknownScreen

        self._screen.deck.push_screen(UnknownScreen())
