"""The trading state changed: stopped by anybody, reduced, and guardedly taken back (spec 5)."""

import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from hmac import compare_digest

from db.clock import Clock
from db.model.event import Event, EventDraft
from db.model.trading import HaltReport, ResumeCard, Setter, Stop, TradingState
from services.execution.approval import new_token
from services.execution.book import NotPossibleError, RunBook
from services.execution.kill import KillSwitch
from services.execution.safety import Safety, may_set

CARD_MINUTES = 10
STATES = {
    "Halted": TradingState.HALTED,
    "TradingReduced": TradingState.REDUCING,
    "TradingResumed": TradingState.ACTIVE,
}
"""Event → the trading state that it made."""

log = logging.getLogger(__name__)


def after(stop: Stop | None, event: Event) -> Stop | None:
    """Why trading is not ACTIVE, once `event` has happened: a fold. The first trigger that tripped
    stays the cause until trading is resumed."""
    state = STATES.get(event.kind)
    if state is None:
        return stop
    if state is TradingState.ACTIVE:
        return None
    told = event.payload
    if stop is not None and stop.cause:
        return stop.model_copy(update={"state": state})
    if stop is not None and not told.get("cause"):
        return stop.model_copy(update={"state": state})
    return Stop(
        state=state,
        by=told.get("by", ""),
        reason=told.get("reason", ""),
        at=event.at,
        cause=told.get("cause", ""),
    )


class TradingSwitch:
    """What every path to a stop, and the one back, goes through."""

    def __init__(self, book: RunBook, kill: KillSwitch, safety: Safety, clock: Clock) -> None:
        self._book = book
        self._kill = kill
        self._safety = safety
        self._clock = clock
        self._card: ResumeCard | None = None
        self.stop: Stop | None = None

    def recover(self, events: Collection[Event]) -> None:
        """Halted when the journal says so or the latch does: the stricter wins (invariant 25). A
        flatten that was cut short had been HALTED before."""
        self.apply(events)
        switched = [event for event in events if event.kind in STATES]
        if switched and switched[-1].kind == "Halted":
            self._safety.halt_in_memory()
        elif switched and switched[-1].kind == "TradingReduced":
            self._safety.reduce_in_memory()
            if switched[-1].payload.get("setter") == Setter.FLATTEN:
                self._halt_again()
        reports = [event for event in events if event.kind == "HaltCompleted"]
        if reports:
            self._kill.recovered(HaltReport.model_validate(reports[-1].payload["report"]))
            if self._safety.state is TradingState.ACTIVE:
                self._kill.lifted()

    def _halt_again(self) -> None:
        """With its latch: what works is cancelled as after any other."""
        self._safety.halt_in_memory()
        try:
            self._safety.latch("the desk", "a flatten was cut short", self._clock.now())
        except OSError as error:
            log.error("the halt latch could not be written: %s", error)

    def apply(self, events: Collection[Event]) -> None:
        for event in events:
            self.stop = after(self.stop, event)

    async def halt(self, by: str, reason: str, cause: str = "") -> HaltReport:
        return await self._kill.halt(by, reason, cause)

    async def reduce(self, by: str, reason: str, cause: str = "") -> TradingState:
        """From now on only orders that reduce. Never loosens: HALTED stays HALTED."""
        setter = Setter.TRIGGER if cause else Setter.TRADER
        before = self._safety.state
        if not may_set(before, TradingState.REDUCING, setter):
            return before
        self._safety.reduce_in_memory()
        try:
            self._safety.write_reducing(by, reason, self._clock.now())
        except OSError as error:  # memory holds it, and the journal will
            log.error("REDUCING could not be written beside the journal: %s", error)
        await self._book.record(_reduced(by, reason, cause, setter))
        return self._safety.state

    async def loosen(self, by: str, reason: str) -> None:
        """HALTED → REDUCING, so that a flatten's closing orders may leave; the halt's own report
        goes on afterwards. Raises NotPossibleError when trading is not halted, or a halt is at
        work."""
        if self._safety.state is not TradingState.HALTED or self._kill.busy:
            raise NotPossibleError(
                "Closing everything begins from HALTED, once the halt is through."
            )
        halts = self._safety.halts
        await self._book.record(_reduced(by, reason, "", Setter.FLATTEN))
        if self._safety.halts != halts:
            raise NotPossibleError("Trading was halted again meanwhile: nothing is closed.")
        self._safety.loosen_to_reducing(by, reason, self._clock.now())

    async def resume(
        self,
        reason: str,
        obstacle: str | None,
        token: str = "",
        persists: Callable[[str], Awaitable[str]] | None = None,
    ) -> ResumeCard | TradingState:
        """Back to ACTIVE: typed, with a reason, and only when reconciliation is clean. What a
        trigger stopped takes two steps: the card says why it tripped and whether that is still
        true, and its token is typed. Raises NotPossibleError."""
        state = self._safety.state
        if state is TradingState.ACTIVE:
            raise NotPossibleError("Trading is already ACTIVE.")
        if not reason.strip():
            raise NotPossibleError("Resuming needs a reason.")
        if obstacle is not None:
            raise NotPossibleError(f"Trading stays {state.value}: {obstacle}")
        if self._kill.busy:
            raise NotPossibleError(
                "The halt is still cancelling orders: resume when it is through."
            )
        if self.stop is not None and self.stop.cause and not self._redeemed(token):
            still = "" if persists is None else await persists(self.stop.cause)
            return self._issue(state, self.stop, still)
        halts = self._safety.halts
        await self._book.record(
            EventDraft(kind="TradingResumed", payload={"reason": reason.strip()})
        )
        if self._safety.halts != halts:
            # Pressed while this was written down: the halt wins, in the journal too.
            why = {"by": "the desk", "reason": "halted again while trading was being resumed"}
            await self._book.record(EventDraft(kind="Halted", payload=why))
            raise NotPossibleError("Trading stays HALTED: it was halted again meanwhile.")
        self._safety.resume()
        self._kill.lifted()
        return self._safety.state

    def _issue(self, state: TradingState, stop: Stop, persists: str) -> ResumeCard:
        self._card = ResumeCard(
            trading_state=state,
            cause=stop.cause,
            reason=stop.reason,
            at=stop.at,
            persists=persists,
            token=new_token(),
            expires_at=self._clock.now() + timedelta(minutes=CARD_MINUTES),
        )
        return self._card

    def _redeemed(self, token: str) -> bool:
        """The token of the card that was shown, once."""
        card, typed = self._card, token.strip().upper()
        if card is None or not typed:
            return False
        if self.stop is None or card.cause != self.stop.cause or _over(card, self._clock.now()):
            return False
        if not compare_digest(typed.encode(), card.token.encode()):
            return False
        self._card = None
        return True


def _over(card: ResumeCard, now: datetime) -> bool:
    return now > card.expires_at


def _reduced(by: str, reason: str, cause: str, setter: Setter) -> EventDraft:
    payload = {"by": by, "reason": reason, "cause": cause, "setter": setter.value}
    return EventDraft(kind="TradingReduced", payload=payload)
