"""The approval card: what would be sent, and the token that must be typed to approve it (spec 8)."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from rich.text import Text

from console.screens.gate import Gate
from widgets.document import moment, number, rows, terms, text
from widgets.plan_detail import SEVERITY_STYLES, VERDICT_STYLES
from widgets.table.fields import money, percent, price, qty, signed_percent

MODES = ("step", "phase", "auto")
MODE_WORDS = {
    "step": "you let every order go",
    "phase": "the sells go now, you let the buys go",
    "auto": "runs through by itself",
}


@dataclass(frozen=True, slots=True)
class Approved:
    """The token was typed for the content with this hash."""

    token: str
    plan_hash: str
    mode: str


class ApprovalCard(Gate):
    """The token is on the card, changes each time, and is typed; Tab chooses the mode."""

    CONTEXT: ClassVar[str] = "card"

    def __init__(self, card: dict[str, Any]) -> None:
        super().__init__(text(card, "token"), "approve and start it", described(card))
        self._card = card
        self._mode = 0
        self._expires_at = moment(card.get("expires_at"))
        self._issued_at = moment(card.get("issued_at"))
        self._opened = 0.0

    def on_mount(self) -> None:
        """Count down to the approval's end."""
        self._opened = self.deck.clock.monotonic()
        super().on_mount()
        self.set_interval(1.0, self._write)

    @property
    def blocked(self) -> bool:
        """Whether the plan can't be approved at all."""
        return text(self._card, "verdict") == "BLOCKED"

    def line(self) -> Text:
        if not self.blocked:
            return super().line()
        return Text("BLOCKED: it can't be approved. Esc, then drop or resize steps, or reject it.", "bold")  # fmt: skip

    def action_submit(self) -> None:
        """The word was typed, or not; a blocked plan hears nothing."""
        if not self.blocked:
            super().action_submit()

    @property
    def mode(self) -> str:
        """The chosen mode."""
        return MODES[self._mode]

    @property
    def left(self) -> timedelta | None:
        """How long the token can still be used; None when the card does not say."""
        if self._expires_at is None or self._issued_at is None:
            return None
        lifetime = self._expires_at - self._issued_at
        return lifetime - self.deck.clock.since(self._opened)

    def action_mode(self, by: int) -> None:
        """The next mode, or the previous one."""
        self._mode = (self._mode + by) % len(MODES)
        self._write()

    def passed(self) -> None:
        """Approve, unless the card has expired meanwhile."""
        if self.left is not None and self.left <= timedelta(0):
            self._said = "this card has expired: Esc, then a for a new one"
            self._typed = ""
            self._write()
            return
        super().passed()

    @property
    def approved(self) -> Approved:
        """What typing the token approves."""
        return Approved(self.word, text(self._card, "hash"), self.mode)

    def above(self) -> Text:
        """Mode and time left."""
        if self.blocked:
            return Text()
        line = Text("mode ")
        for mode in MODES:
            line.append(f"[{mode}]" if mode == self.mode else f" {mode} ", "bold reverse" if mode == self.mode else "")  # fmt: skip
        line.append(f" {MODE_WORDS[self.mode]} (Tab changes)", "dim")
        left = self.left
        if left is not None:
            seconds = max(0, int(left.total_seconds()))
            said = f"expires in {seconds // 60}:{seconds % 60:02}" if seconds else "EXPIRED"
            line.append(f"  {said}", "bold" if seconds < 60 else "")
        line.append("\n")
        return line


def described(card: dict[str, Any]) -> Text:
    """The card's content in words: everything that approving it means."""
    body = Text()
    body.append(f" {text(card, 'environment').upper()} ", "bold reverse")
    body.append(f" account {text(card, 'account')} · trading {text(card, 'trading_state')} · plan ")
    body.append(f"{text(card, 'plan_id')} r{text(card, 'revision')} ", "bold")
    verdict = text(card, "verdict")
    body.append(verdict, VERDICT_STYLES.get(verdict, ""))
    body.append(f"\n{text(card, 'sells')} sells, {text(card, 'buys')} buys")
    body.append(f" · worst-case cash {money(number(card.get('worst_case_cash')))}", "bold")
    body.append(f" · cash after {money(number(card.get('cash_after')))}\n")
    for finding in rows(card, "findings"):
        severity = text(finding, "severity")
        body.append(f"{severity.upper():<6}", SEVERITY_STYLES.get(severity, ""))
        body.append(f"{text(finding, 'message')}\n")
    for order in rows(card, "orders"):
        body.append(f"{text(order, 'n'):>3} {text(order, 'side').upper():<4} ")
        body.append(f"{qty(number(order.get('qty'))):>7} {text(order, 'symbol'):<6}", "bold")
        body.append(f" {terms(order):<14} {money(number(order.get('expected_value'))):>12}\n")
    _drift(body, card)
    for note in card.get("notes") or ():
        body.append(f"{note}\n")
    body.right_crop(1)
    return body


def _drift(body: Text, card: dict[str, Any]) -> None:
    drifted = rows(card, "drift")
    tolerance = percent(number(card.get("tolerance")), 1)
    beyond = [row for row in drifted if row.get("beyond")]
    if not drifted:
        return
    if not beyond:
        moves = [abs(number(row.get("drift")) or Decimal(0)) for row in drifted]
        body.append(f"prices moved at most {percent(max(moves))} since the plan was made (tolerance {tolerance})\n")  # fmt: skip
    for row in beyond:
        moved = signed_percent(number(row.get("drift")))
        body.append(f"DRIFT {text(row, 'symbol')} {price(number(row.get('reference_price')))} → ", "bold yellow")  # fmt: skip
        body.append(f"{price(number(row.get('price')))} {moved}, beyond {tolerance}\n", "bold yellow")  # fmt: skip
