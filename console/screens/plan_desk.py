"""What is done with plans: keep the open one fresh, approve, step and end it."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from console.halting import who
from widgets.document import number, rows, text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from console.screens.approval import Approved
    from console.screens.main import MainScreen
    from console.screens.views import View
    from services.desk.client import DeskClient
    from widgets.seen import Seen

Document = dict[str, Any]
RUNNING = ("selling", "settling", "buying", "protecting")
STOPPED = ("paused", "halted")


class PlanDesk:
    """The open plan, the same in every view, and the trader's actions on it."""

    def __init__(self, screen: "MainScreen") -> None:
        self._screen = screen
        self.plan_id: str | None = None
        self.document: Document | None = None
        self._by_hand = False
        """The trader opened or closed a plan, so none is opened for him."""
        self._fetched: object = None
        self._resumed: set[str] = set()

    # Which plan is open

    def open(self, plan_id: str | None) -> None:
        """Open this plan as a guide; None goes back to the list."""
        self._by_hand = True
        self._open(plan_id)

    def _open(self, plan_id: str | None) -> None:
        self.plan_id, self._fetched = plan_id, None
        if plan_id is None:
            self.show_document(None)
        elif (seen := self._screen.deck.seen) is not None:
            self.take(seen)

    def show_document(self, document: Document | None) -> None:
        """Show this plan wherever a guide is."""
        self.document = document
        for view in self._screen.views:
            self.show_in(view)
        self._screen.refresh_keys()

    def show_in(self, view: "View") -> None:
        """Show the open plan in this view's guide."""
        from widgets.plans import PlansPane

        for pane in view.panes:
            if isinstance(pane, PlansPane):
                pane.show_document(self.document)

    def take(self, seen: "Seen") -> None:
        """A snapshot came: fetch the open plan again when something of it changed."""
        plans = seen.snapshot.plans
        if self.plan_id is None and not self._by_hand:
            waiting = [key for key, row in plans.items() if not row.state.ended]
            if len(waiting) == 1:
                self.plan_id = waiting[0]
        if self.plan_id is None or seen.lost:
            return
        if self.plan_id not in plans:
            if self._fetched is not None:
                self._open(None)
            return  # one that was just made is not in this snapshot yet
        orders = [o for o in seen.snapshot.orders.values() if o.plan_id == self.plan_id]
        facts = (self.plan_id, plans[self.plan_id], orders)
        if facts != self._fetched:
            self._fetched = facts
            self._fetch(self.plan_id)

    def _fetch(self, plan_id: str) -> None:
        self._screen.deck.ask(lambda desk: desk.plan(plan_id), self._fetched_document)

    def fetch_again(self) -> None:
        """Something of the open plan changed that no row of the snapshot shows."""
        if self.plan_id is not None:
            self._fetch(self.plan_id)

    def _fetched_document(self, document: Document) -> None:
        if text(document, "plan_id") == self.plan_id:
            self.show_document(document)

    def attached(self) -> None:
        """The desk answers: a plan that an interruption stopped is shown before anything else."""
        from console.screens.resume import ResumeScreen

        deck = self._screen.deck
        if (seen := deck.seen) is None or len(deck.screen_stack) > 1:
            return
        for key, row in seen.snapshot.plans.items():
            if row.state in STOPPED and key not in self._resumed:
                self._resumed.add(key)
                self._open(key)
                deck.push_screen(ResumeScreen(key, self))
                return

    # Actions. None of them sends an order without something typed that was on the screen.

    def open_document(self) -> Document | None:
        """The open plan; says so where none is."""
        if self.document is None:
            self._screen.deck.say("Open a plan first: 3 lists them, Enter opens one.")
        return self.document

    def ask(self, command: "Callable[[DeskClient], Awaitable[Document]]") -> None:
        """Let the desk do something with a plan, and show the plan that it answers with."""
        self._screen.deck.ask(command, self._fetched_document)

    def action_approve(self) -> None:
        """The approval card of the open plan."""
        if self.document is None and (row := self._listed()):
            self.open(row)
            self.show_card(row)
        elif (document := self.open_document()) is not None:
            self.show_card(text(document, "plan_id"))

    def _listed(self) -> str | None:
        """The plan under the cursor of the list."""
        from widgets.plans import PlansPane

        pane = self._screen.pane("plans")
        return pane.listed if isinstance(pane, PlansPane) else None

    def show_card(self, plan_id: str) -> None:
        """Ask for the plan's approval card and show it."""
        from console.screens.approval import ApprovalCard

        deck = self._screen.deck

        def show(card: Document) -> None:
            if deck.halt_pressed:
                return
            box = ApprovalCard(card)

            def typed(token: str | None) -> None:
                if token is not None:
                    self._approve(plan_id, box.approved)

            deck.push_screen(box, typed)

        deck.ask(lambda desk: desk.card(plan_id), show)

    def _approve(self, plan_id: str, approved: "Approved") -> None:
        deck = self._screen.deck

        async def approve_and_start(desk: "DeskClient") -> Document:
            await desk.approve(plan_id, approved.token, approved.plan_hash, approved.mode, who())
            return await desk.run(plan_id, approved.mode)

        deck.ask(approve_and_start, self._started)

    def _started(self, document: Document) -> None:
        self._fetched_document(document)
        mode = text(document, "mode")
        then = {
            "auto": "it runs through by itself",
            "phase": "the sells go; the buys wait for you",
        }
        self._screen.deck.say(f"Approved and started: {then.get(mode, 'run the first step next')}.")

    def action_next_step(self) -> None:
        """Let the next step or phase go, once its figure is typed."""
        if (document := self.open_document()) is None:
            return
        state, plan_id = text(document, "state") or "checked", text(document, "plan_id")
        if state == "approved":
            self._gate(document, "start it", lambda desk: desk.run(plan_id))
        elif state in RUNNING and text(document, "mode") in ("step", "phase"):
            self._gate(document, "run next", lambda desk: desk.next(plan_id))
        elif state in STOPPED:
            self.action_continue_plan()
        elif state in RUNNING:
            self._screen.deck.say("This plan runs through by itself; P pauses it.")
        else:
            self._screen.deck.say("This plan must be approved first.")

    def action_continue_plan(self) -> None:
        """Let a paused or halted plan go on, once CONTINUE is typed."""
        if (document := self.open_document()) is None:
            return
        plan_id = text(document, "plan_id")
        if text(document, "state") not in STOPPED:
            self._screen.deck.say("Only a paused or halted plan can continue.")
            return
        self._gate(document, "continue", lambda desk: desk.continue_(plan_id))

    def _gate(
        self,
        document: Document,
        what: str,
        command: "Callable[[DeskClient], Awaitable[Document]]",
    ) -> None:
        from console.screens.gate import Gate, next_orders

        word, body = next_orders(document, what)
        if not word:
            self._screen.deck.say(body.plain)
            return

        def passed(typed: str | None) -> None:
            if typed is not None:
                self.ask(command)

        self._screen.deck.push_screen(Gate(word, what, body), passed)

    def action_pause(self) -> None:
        """Nothing more is sent until it continues. The safe direction asks nothing."""
        if (document := self.open_document()) is not None:
            plan_id = text(document, "plan_id")
            self.ask(lambda desk: desk.pause(plan_id))

    def action_abort(self) -> None:
        """End the plan here, with a reason."""
        self._with_reason("Abort", lambda desk, plan, why: desk.abort(plan, why))

    def action_reject(self) -> None:
        """Turn the plan down, with a reason."""
        self._with_reason("Reject", lambda desk, plan, why: desk.reject(plan, why))

    def _with_reason(
        self, verb: str, command: "Callable[[DeskClient, str, str], Awaitable[Document]]"
    ) -> None:
        from console.screens.prompt import Prompt

        if (document := self.open_document()) is None:
            return
        plan_id = text(document, "plan_id")

        def answered(reason: str | None) -> None:
            if reason:
                self.ask(lambda desk: command(desk, plan_id, reason))

        self._screen.deck.push_screen(
            Prompt(f"{verb} plan {plan_id}", "Reason, for the journal:"), answered
        )

    def action_trim(self) -> None:
        """A draft of the smallest sale that restores the limits after the plan, and open it."""
        if (document := self.open_document()) is None:
            return
        plan_id = text(document, "plan_id")
        self._screen.deck.ask(
            lambda desk: desk.trim(plan_id), lambda draft: self.open(text(draft, "plan_id"))
        )


def steps_left(document: Document) -> list[Document]:
    """The steps that have not ended, in order."""
    from widgets.guide import over

    return [step for step in rows(document, "steps") if not over(step)]


def steps_unsent(document: Document) -> list[Document]:
    """The steps of which nothing was sent yet, in order: what is let go next comes from these."""
    return [s for s in rows(document, "steps") if (text(s, "state") or "planned") == "planned"]


def worth(steps: list[Document]) -> Decimal:
    """What these steps are expected to bring or cost."""
    return sum((number(step.get("expected_value")) or Decimal(0) for step in steps), Decimal(0))
