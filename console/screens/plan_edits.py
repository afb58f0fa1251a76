"""The trader's edits of a plan that has not started: its steps dropped, resized, retyped, moved, sent in
pieces; each undone; and what came of them (spec 4, Editing)."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from console.screens.prompt import positive_number
from db.model.order import PRICES_OF, TimeInForce
from widgets.document import rows, terms, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.screens.main import MainScreen
    from console.screens.plan_desk import PlanDesk

Document = dict[str, Any]
OPEN_TO_CHANGE = ("draft", "checked", "escalated", "approved")
KEYS = frozenset(
    f"plan.{name}"
    for name in ("resize", "drop", "slice", "retype", "move_down", "move_up", "undo", "reject")
)
"""Of no use once a plan has begun."""
PRICED = {kind.value: prices for kind, prices in PRICES_OF.items()}
"""Order type → the prices that are typed behind it, in this order."""
TIMES = tuple(time.value for time in TimeInForce)


class PlanEdits:
    """Actions on the step under the cursor of the open plan. Each lets the desk check the plan anew."""

    def __init__(self, screen: "MainScreen", plans: "PlanDesk") -> None:
        self._screen = screen
        self._plans = plans

    def shown_in_bar(self, binding: str) -> bool:
        """Whether the key does something now."""
        if binding == "plan.undo":
            return self._open and text(self._plans.document or {}, "revision") not in ("", "1")
        return binding not in KEYS or self._open

    @property
    def _open(self) -> bool:
        document = self._plans.document or {}
        return (text(document, "state") or "checked") in OPEN_TO_CHANGE

    def action_drop_step(self) -> None:
        """Take the step out of the plan."""
        if (step := self._step()) is not None:
            plan_id, n = self._plan_id, int(step["n"])
            self._plans.ask(lambda desk: desk.drop(plan_id, n))

    def action_resize_step(self) -> None:
        """Another quantity."""

        def answered(step: Document, qty: str) -> None:
            plan_id, n = self._plan_id, int(step["n"])
            self._plans.ask(lambda desk: desk.resize(plan_id, n, Decimal(qty)))

        self._asked("New quantity in shares:", positive_number, answered)

    def action_slice_step(self) -> None:
        """In pieces, or as one order."""

        def answered(step: Document, words: str) -> None:
            plan_id, n = self._plan_id, int(step["n"])
            self._plans.ask(lambda desk: desk.slice(plan_id, n, algorithm(words)))

        question = "twap, vwap, pov or is with minutes=30 participation=0.1 …; off: one order"
        self._asked(question, an_algorithm, answered)

    def action_retype_step(self) -> None:
        """Another order type, with its prices and time in force."""

        def answered(step: Document, words: str) -> None:
            plan_id, n, order = self._plan_id, int(step["n"]), typed(words)
            self._plans.ask(lambda desk: desk.retype(plan_id, n, **order))

        question = "market, limit 79.50, stop 75 or stop_limit 75 74.50; then day, gtc, opg, cls …"
        self._asked(question, an_order, answered)

    def action_move_step(self, by: int) -> None:
        """One place down (1) or up (-1) in its phase."""
        if (step := self._step()) is None:
            return
        steps = rows(self._plans.document or {}, "steps")
        there = next(i for i, one in enumerate(steps) if one["n"] == step["n"]) + by
        fits = 0 <= there < len(steps) and text(steps[there], "phase") == text(step, "phase")
        if not fits:
            end = "last" if by > 0 else "first"
            self._screen.deck.say(
                f"Step {step['n']} is the {end} {text(step, 'phase')} of the plan."
            )
            return
        plan_id, n, other = self._plan_id, int(step["n"]), int(steps[there]["n"])
        self._plans.ask(lambda desk: desk.move(plan_id, n, "after" if by > 0 else "before", other))

    def action_undo_edit(self) -> None:
        """Take the last edit back."""
        if self._changeable() is not None:
            plan_id = self._plan_id
            self._plans.ask(lambda desk: desk.undo(plan_id))

    def action_compare(self) -> None:
        """What differs from what the plan was, or from another plan, in a box."""
        from console.screens.comparison import ComparisonScreen
        from console.screens.prompt import Prompt

        if (document := self._plans.open_document()) is None:
            return
        plan_id, deck = text(document, "plan_id"), self._screen.deck
        revision = text(document, "revision") or "1"

        def answered(words: str | None) -> None:
            if words is not None:
                one = f"{plan_id}{words}" if words.startswith("@") else words
                deck.ask(
                    lambda desk: desk.compare(one, plan_id),
                    lambda found: deck.push_screen(ComparisonScreen(found)),
                )

        title = f"Compare plan {plan_id}, revision {revision}"
        question = "With which? @1: as it was proposed; @N: revision N; or another plan: ID or ID@N"
        deck.push_screen(Prompt(title, question, proposed="@1"), answered)

    # Which step

    @property
    def _plan_id(self) -> str:
        return text(self._plans.document or {}, "plan_id")

    def _asked(
        self,
        question: str,
        check: "Callable[[str], str]",
        answered: "Callable[[Document, str], None]",
    ) -> None:
        """Ask for something about the step under the cursor."""
        from console.screens.prompt import Prompt

        if (step := self._step()) is None:
            return

        def given(answer: str | None) -> None:
            if answer is not None:
                answered(step, answer)

        self._screen.deck.push_screen(Prompt(titled(step), question, check=check), given)

    def _changeable(self) -> Document | None:
        """The open plan, while it may be changed; says why where it may not."""
        if (document := self._plans.open_document()) is None:
            return None
        if not self._open:
            self._screen.deck.say(
                "A plan that has begun is not changed any more; abort it instead."
            )
            return None
        return document

    def _step(self) -> Document | None:
        from widgets.plans import PlansPane

        if self._changeable() is None:
            return None
        pane = self._screen.pane("guide")
        step = pane.guide.step if isinstance(pane, PlansPane) else None
        if step is None:
            self._screen.deck.say("Select a step first.")
        return step


def titled(step: Document) -> str:
    """`Step 1: SELL 150 NEM, limit 79.50 gtc`."""
    words = f"{text(step, 'side').upper()} {text(step, 'qty')} {text(step, 'symbol')}"
    return f"Step {step['n']}: {words}, {terms(step)}"


def typed(words: str) -> dict[str, str]:
    """`stop_limit 75 74.50 gtc` as the desk takes it."""
    kind, *said = words.lower().split()
    prices = dict(zip(PRICED[kind], said, strict=False))
    behind = said[len(PRICED[kind]) :]
    return {"type": kind, **prices, **({"time_in_force": behind[0]} if behind else {})}


def an_order(answer: str) -> str:
    """What is wrong with the form of an answer; whether it fits the step the desk says."""
    kind, *said = answer.lower().split() or [""]
    if kind not in PRICED:
        return "market, limit, stop or stop_limit is expected first"
    prices, behind = said[: len(PRICED[kind])], said[len(PRICED[kind]) :]
    if len(prices) < len(PRICED[kind]) or any(positive_number(price) for price in prices):
        wanted = " and ".join(name.replace("_", " ") for name in PRICED[kind])
        return f"{kind} is followed by its {wanted}"
    if len(behind) > 1 or any(time not in TIMES for time in behind):
        return f"at the end only a time in force: {', '.join(TIMES)}"
    return ""


def algorithm(words: str) -> Document | None:
    """`pov participation=0.1 minutes=30` as the desk takes it; None for `off`."""
    name, *parameters = words.lower().split()
    if name == "off":
        return None
    return {"name": name, **dict(part.split("=", 1) for part in parameters)}


def an_algorithm(answer: str) -> str:
    """What is wrong with the form of an answer; what fits the step the desk says."""
    name, *parameters = answer.lower().split() or [""]
    if name not in ("twap", "vwap", "pov", "is", "off"):
        return "twap, vwap, pov, is or off is expected first"
    if any(not all(part.partition("=")) for part in parameters):
        return "after the name only name=value, such as minutes=30"
    return ""
