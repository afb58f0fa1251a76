"""What the trader asks of the desk besides plans: tickets, orders, alerts, reconciliation, leaving."""

from typing import TYPE_CHECKING, Any

from console.keymap import Binding
from widgets.document import text

if TYPE_CHECKING:
    from textual.timer import Timer

    from console.screens.main import MainScreen
    from services.desk.client import DeskClient
    from widgets.ticket import TicketPane

PREVIEW_PAUSE = 0.25
"""Seconds without a key before a ticket's preview is asked for."""
TAKE_OVER = "TAKE OVER"
PROTECTIVE = ("stop", "stop_limit", "trailing_stop")


class DeskActions:
    """The trader's actions on everything but plans."""

    def __init__(self, screen: "MainScreen") -> None:
        self._screen = screen
        self._soon: Timer | None = None

    # Boxes

    def action_palette(self) -> None:
        """The command palette; what was chosen is run where the focus was."""
        from console.screens.palette import Palette

        deck, start = self._screen.deck, self._screen.focused or self._screen
        seen = deck.seen
        symbols = {} if seen is None else {r.symbol: k for k, r in seen.snapshot.positions.items()}

        async def chosen(choice: object) -> None:
            if isinstance(choice, str):
                await self.go_to_symbol(choice)
            elif isinstance(choice, Binding):
                await deck.run_binding(start, choice)

        deck.push_screen(Palette(deck.keymap_table, sorted(symbols)), chosen)

    async def go_to_symbol(self, symbol: str) -> None:
        """The position in this symbol, on the desk."""
        from widgets.positions import PositionsPane
        from widgets.table import LiveTable

        await self._screen.action_view("desk")
        pane = self._screen.pane("positions")
        seen = self._screen.deck.seen
        if not isinstance(pane, PositionsPane) or seen is None:
            return
        table = pane.query_one(LiveTable)
        for key, row in seen.snapshot.positions.items():
            if row.symbol == symbol and key in table.keys:
                table.move_cursor(key)
        self._screen.view.go(pane)

    def action_quit(self) -> None:
        """What works, and whether the desk stays."""
        from console.screens.quit import QuitScreen

        self._screen.deck.push_screen(QuitScreen())

    def action_kill_panel(self) -> None:
        """What a halt did."""
        from console.screens.kill import KillPanel

        self._screen.deck.push_screen(KillPanel())

    def action_propose(self) -> None:
        """Hand a file to the desk."""
        from console.screens.proposing import propose

        propose(self._screen)

    def action_signals(self) -> None:
        """What became of every signal; the plan of the chosen one is opened."""
        from console.screens.signals import SignalsScreen

        async def chosen(plan_id: str | None) -> None:
            if plan_id is not None:
                await self._screen.action_view("plan")
                self._screen.plans.open(plan_id)

        self._screen.deck.push_screen(SignalsScreen(), chosen)

    def action_take_over(self) -> None:
        """Take the controls from the console that holds them, by typing."""
        from console.screens.prompt import Prompt

        deck = self._screen.deck
        if not deck.read_only:
            deck.say("This console holds the controls.")
            return

        def exactly(typed: str) -> str:
            return "" if typed.strip() == TAKE_OVER else f"type {TAKE_OVER} in capitals"

        def answered(typed: str | None) -> None:
            if typed is not None:
                deck.ask(lambda desk: desk.take_over(typed), said)

        def said(_: dict[str, Any]) -> None:
            deck.say("This console holds the controls now.")

        title = f"READ-ONLY: {deck.read_only} holds the controls"
        deck.push_screen(Prompt(title, f"Type {TAKE_OVER}:", check=exactly), answered)

    def action_filter(self) -> None:
        """Filter the list in focus."""
        from console.screens.filter import FilterField
        from widgets.table import LiveTable

        table = self._screen.focused
        if isinstance(table, LiveTable):
            self._screen.mount(FilterField(table), before=self._screen.query_one("#key-bar"))

    # Ticket

    async def action_ticket(self, side: str) -> None:
        """Open the ticket with this side and the selected symbol. Sends nothing."""
        symbol = self._screen.symbol
        await self._screen.action_view("desk")
        pane = self._ticket()
        self._screen.view.go(pane)
        pane.open(side, symbol)

    def _ticket(self) -> "TicketPane":
        from widgets.ticket import TicketPane

        return self._screen.query_one(TicketPane)

    def ticket_changed(self, ticket: dict[str, str] | None) -> None:
        """Ask for a preview once the typing stops."""
        if self._soon is not None:
            self._soon.stop()
        if ticket is not None:
            self._soon = self._screen.set_timer(PREVIEW_PAUSE, lambda: self._preview(ticket))

    def _preview(self, ticket: dict[str, str]) -> None:
        pane = self._ticket()

        def show(preview: dict[str, Any]) -> None:
            if pane.ticket == ticket:
                pane.show_preview(preview)

        self._screen.deck.ask(
            lambda desk: desk.ticket_preview(**ticket), show, pane.say, group="preview"
        )

    def ticket_submitted(self, ticket: dict[str, str]) -> None:
        """A plan of one step, and its approval card."""
        pane = self._ticket()

        def planned(document: dict[str, Any]) -> None:
            plan_id = text(document, "plan_id")
            pane.clear()
            self._screen.plans.open(plan_id)
            self._screen.plans.show_document(document)
            if (guide := self._screen.pane("guide")) is not None:
                self._screen.view.go(guide)  # what is pressed next is for the plan, not typed
            self._screen.plans.show_card(plan_id)

        self._screen.deck.ask(lambda desk: desk.ticket(**ticket), planned, pane.say)

    # Orders, alerts, reconciliation

    def action_cancel_order(self) -> None:
        """Cancel the selected order. Taking protection away asks for a typed word first."""
        from console.screens.prompt import Prompt
        from widgets.orders import OrdersPane

        pane = self._screen.pane("orders")
        order = pane.order if isinstance(pane, OrdersPane) else None
        deck = self._screen.deck
        if order is None or not order.state.working:
            deck.say("Select a working order first.")
            return
        name = order.client_order_id

        def cancel(word: str | None = "CANCEL") -> None:
            if word is not None:
                deck.ask(lambda desk: desk.cancel(name), said)

        def said(answer: dict[str, Any]) -> None:
            deck.say(f"{order.symbol}: {text(answer, 'outcome') or 'cancel was asked for'}")

        def exactly(word: str) -> str:
            return "" if word.strip() == "CANCEL" else "type CANCEL in capitals"

        if order.type in PROTECTIVE:
            title = (
                f"{order.symbol} would lose its protection: {order.side} {order.qty} {order.type}"
            )
            deck.push_screen(Prompt(title, "Type CANCEL:", check=exactly), cancel)
        else:
            cancel()

    def action_acknowledge(self) -> None:
        """The selected alert, or the marked ones, were seen."""
        from widgets.alerts import AlertsPane

        pane = self._screen.pane("alerts")
        alerts = pane.selected if isinstance(pane, AlertsPane) else ()
        if not alerts:
            self._screen.deck.say("Select an alert first: 4 shows them all.")

        async def acknowledge(desk: "DeskClient") -> None:
            for alert in alerts:
                await desk.acknowledge(alert.alert_id)

        self._screen.deck.ask(acknowledge)
        if isinstance(pane, AlertsPane):
            pane.clear_marks()

    def action_reconcile(self) -> None:
        """Compare with the broker now."""
        deck = self._screen.deck

        def said(answer: dict[str, Any]) -> None:
            count = len(answer.get("mismatches") or ())
            found = f"{count} mismatches are open: 6 shows them" if count else "ours and the broker's agree"  # fmt: skip
            deck.say(f"Reconciled: {found}.")

        deck.say("Comparing with the broker…")
        deck.ask(lambda desk: desk.reconcile(), said)

    def action_adopt(self) -> None:
        """The broker's figure becomes ours."""
        self._settle("adopt", "Use the broker's figure")

    def action_ignore(self) -> None:
        """Leave the mismatch alone."""
        self._settle("ignore", "Ignore the mismatch")

    def action_investigate(self) -> None:
        """Look into the mismatch: it stays open."""
        self._settle("investigate", "Look into")

    def action_cancel_external(self) -> None:
        """Cancel the order that is not ours, once the word is typed."""
        self._settle("cancel", "Cancel at the broker", word="CANCEL")

    def _settle(self, action: str, title: str, word: str = "") -> None:
        from console.halting import who
        from console.screens.prompt import Prompt, something
        from db.model.reconciliation import ACTIONS
        from widgets.reconcile import ReconcilePane

        pane = self._screen.pane("reconcile")
        found = pane.mismatch if isinstance(pane, ReconcilePane) else None
        deck = self._screen.deck
        if found is None:
            deck.say("Select a mismatch first: 6 shows them.")
            return
        if action not in ACTIONS[found.kind]:
            deck.say(f"Of this may be signed: {', '.join(ACTIONS[found.kind])}.")
            return
        question = f"Type {word}, a blank and why:" if word else "Reason, for the journal:"

        def check(answer: str) -> str:
            typed, _, why = answer.strip().partition(" ")
            return "" if typed == word and why.strip() else f"type {word} in capitals, then why"

        def answered(answer: str | None) -> None:
            if answer:
                reason, by = answer.removeprefix(word).strip(), f"{who()} (console)"
                deck.ask(lambda desk: desk.mismatch(found.key, action, reason, by))

        prompt = Prompt(f"{title}: {found.subject}", question, check if word else something)
        deck.push_screen(prompt, answered)
