"""What the trader does with tickets: copy them, tick what he looked at, type what became of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from widgets.by_hand import fields, is_open, ticket_of
from widgets.document import rows, text

if TYPE_CHECKING:
    from console.screens.main import MainScreen
    from console.screens.plan_desk import PlanDesk

KEYS = frozenset(
    {"hand.fill", "hand.copy", "hand.field", "hand.tick", "hand.not_done", "hand.refused"}
)


class HandActions:
    """Actions of the manual environment, on the ticket of the step under the cursor."""

    def __init__(self, screen: "MainScreen", plans: "PlanDesk") -> None:
        self._screen = screen
        self._plans = plans
        self._copied: tuple[str, int] = ("", -1)
        """Ticket and field that was copied last."""

    def shown_in_bar(self, binding: str) -> bool:
        """Whether the key does something now."""
        if binding not in KEYS:
            return True
        return bool(rows(self._plans.document or {}, "tickets"))

    def _ticket(self) -> Mapping[str, Any] | None:
        from widgets.plans import PlansPane

        document = self._plans.document or {}
        pane = self._screen.pane("guide")
        step = pane.guide.step if isinstance(pane, PlansPane) else None
        found = ticket_of(document, step)
        if found is None:
            self._screen.deck.say("No ticket waits here: let a step go first (by hand only).")
        return found

    def action_copy_ticket(self) -> None:
        """The whole ticket in one line, to the clipboard of the terminal that the trader sits at."""
        if (ticket := self._ticket()) is not None:
            self._copy(text(ticket, "line"))

    def action_copy_field(self) -> None:
        """One field after another, as the broker's form asks for them."""
        if (ticket := self._ticket()) is None:
            return
        form, name = fields(ticket), text(ticket, "client_order_id")
        before = self._copied[1] if self._copied[0] == name else -1
        at = (before + 1) % max(len(form), 1)
        if form:
            self._copied = (name, at)
            self._copy(form[at][1], form[at][0])

    def _copy(self, words: str, what: str = "") -> None:
        """A terminal that knows no OSC 52 copies nothing: the words are shown, too."""
        deck = self._screen.deck
        deck.copy_to_clipboard(words)
        deck.say(f"Copied {what}: {words}" if what else f"Copied: {words}")

    def action_record_fill(self) -> None:
        """Type what filled."""
        from console.screens.fill_entry import FillEntry

        if (ticket := self._ticket()) is None:
            return

        def booked(done: bool | None) -> None:
            if done:
                self._plans.fetch_again()

        self._screen.deck.push_screen(FillEntry(ticket), booked)

    def action_tick(self) -> None:
        """The next item of the checklist."""
        if (ticket := self._ticket()) is None:
            return
        plan_id, n = text(ticket, "plan_id"), int(text(ticket, "step"))
        deck = self._screen.deck
        deck.ask(lambda desk: desk.tick(plan_id, n), lambda _: self._plans.fetch_again())

    def action_not_done(self) -> None:
        """Nothing more of it fills: not entered, expired, or cancelled by hand."""
        self._end("Not done", refused=False)

    def action_refused(self) -> None:
        """The broker refused it."""
        self._end("Refused by the broker", refused=True)

    def _end(self, title: str, *, refused: bool) -> None:
        from console.screens.prompt import Prompt

        ticket = self._ticket()
        if ticket is None:
            return
        if not is_open(ticket):
            self._screen.deck.say("This ticket is closed already.")
            return
        plan_id, n = text(ticket, "plan_id"), int(text(ticket, "step"))

        def answered(reason: str | None) -> None:
            if reason:
                self._screen.deck.ask(
                    lambda desk: desk.end_ticket(plan_id, n, reason, refused),
                    lambda _: self._plans.fetch_again(),
                )

        line = text(ticket, "line")
        self._screen.deck.push_screen(
            Prompt(f"{title}: {line}", "Reason, for the journal:"), answered
        )
