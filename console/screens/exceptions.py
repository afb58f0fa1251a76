"""What the trader does about a plan that a rule blocks: ask for an exception, and answer by name."""

from typing import TYPE_CHECKING

from console.halting import who
from console.screens.prompt import Prompt
from widgets.document import text
from widgets.escalation import escalatable, open_escalation

if TYPE_CHECKING:
    from console.screens.main import MainScreen
    from console.screens.plan_desk import PlanDesk


class PlanExceptions:
    """The actions; `shown_in_bar` says which keys the bar shows now."""

    def __init__(self, screen: "MainScreen", plans: "PlanDesk") -> None:
        self._screen = screen
        self._plans = plans

    def shown_in_bar(self, binding: str) -> bool:
        """Whether the key does something now."""
        match binding:
            case "plan.escalate":
                return escalatable(self._plans.document)
            case "plan.exception":
                return open_escalation(self._plans.document or {}) is not None
        return True

    def action_escalate(self) -> None:
        """Ask somebody for an exception of what blocks the plan now."""
        if (document := self._plans.open_document()) is None:
            return
        plan_id = text(document, "plan_id")

        def answered(name: str | None) -> None:
            if name:
                self._plans.ask(lambda desk: desk.escalate(plan_id, name, who()))

        self._screen.deck.push_screen(Prompt(f"Escalate plan {plan_id}", "Who is asked?"), answered)

    def action_answer_exception(self) -> None:
        """Grant or refuse what the plan waits for: the approver's name and a reason are typed."""
        document = self._plans.document
        asked = None if document is None else open_escalation(document)
        if document is None or asked is None:
            self._screen.deck.say("This plan waits for no exception; E asks for one.")
            return
        plan_id = text(document, "plan_id")

        def answered(words: str | None) -> None:
            if words is not None:
                answer, name, reason = answer_of(words)
                self._plans.ask(lambda desk: desk.exception(plan_id, answer, name, reason))

        title = f"Plan {plan_id}: {text(asked, 'asked')}"
        question = "grant NAME: reason, or refuse NAME: reason; it is written down"
        self._screen.deck.push_screen(Prompt(title, question, check=an_answer), answered)


def answer_of(words: str) -> tuple[str, str, str]:
    """`grant Jane Roe: reason` as answer, approver and reason."""
    said, _, reason = words.partition(":")
    answer, _, name = said.strip().partition(" ")
    return answer.lower(), name.strip(), reason.strip()


def an_answer(words: str) -> str:
    """What is wrong with an answer to a request for an exception."""
    answer, name, reason = answer_of(words)
    if answer not in ("grant", "refuse"):
        return "grant or refuse is expected first"
    if not name:
        return f"{answer} is followed by the approver's name"
    return "" if reason else "a colon and the reason are expected after the name"
