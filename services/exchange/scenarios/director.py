"""Which faults strike now. Asked on every occasion; the same occasions give the same faults."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from services.exchange.clock import Clock
from services.exchange.market.walk import Dice
from services.exchange.scenarios.faults import (
    DEEDS,
    ON_REQUESTS,
    Fault,
    Place,
    StalePositions,
    name_of,
)
from services.exchange.scenarios.reading import ScenarioError, Step
from services.exchange.scenarios.triggers import Occasion
from services.exchange.wire import instant

Undo = Callable[[], None]
Kind = TypeVar("Kind", bound=Fault)
NOTHING = Occasion()


@dataclass
class Armed:
    """A step that waits or stands; `until` None has no end, `undo` takes a deed back, `refused`
    says why a deed could not be done."""

    number: int
    step: Step
    begins: datetime
    dice: Dice
    seen: int = 0
    struck: int = 0
    until: datetime | None = None
    over: bool = False
    undo: Undo | None = None
    refused: str | None = None

    @property
    def is_deed(self) -> bool:
        return self.step.fault.place in DEEDS

    def strikes(self, occasion: Occasion, now: datetime) -> bool:
        """Count a matching occasion, and say whether it is struck."""
        when = self.step.when
        waiting = self.over or now < self.begins or (self.until is not None and now >= self.until)
        if waiting or not when.matches(occasion):
            return False
        self.seen += 1
        past = self.seen - when.first
        if past < 0 or (when.every and past % when.every) or self.struck >= self._most:
            return False
        if when.share is not None and self.dice.random() >= when.share:
            return False
        self.struck += 1
        if self.until is None and when.lasts is not None:
            self.until = now + timedelta(seconds=float(when.lasts))
        return True

    @property
    def _most(self) -> float:
        """How often it strikes at most: a deed and an n-th occasion once, unless more is said."""
        when = self.step.when
        if when.times is not None:
            return when.times
        once = self.is_deed or (when.nth is not None and when.lasts is None)
        return 1 if once and when.every is None else float("inf")


class Stage(Protocol):
    """The exchange as the director needs it."""

    def check(self, step: Step) -> None:
        """Raises ScenarioError for a symbol or an account that is not here."""

    def do(self, fault: Fault, occasion: Occasion, until: datetime | None) -> Undo | None:
        """Do a deed, known to be taken back at a time if `until` is one; how to undo it, None for what cannot be undone. Raises ScenarioError."""

    def remember(self, now: datetime) -> None:
        """Note what may be asked for later."""


class Director:
    """Plays the steps of the scenarios on one exchange."""

    def __init__(self, clock: Clock, seed: int, stage: Stage, steps: Iterable[Step]) -> None:
        """Raises ScenarioError for a step about what is not on this exchange."""
        self._clock, self._seed, self._stage = clock, seed, stage
        self._start = clock.now()
        self._armed: list[Armed] = []
        self._orders = self._sending = 0
        self._number_of: dict[str, int] = {}
        self._numbered = 0
        for step in steps:
            self.inject(step, now=False)

    @property
    def idle(self) -> bool:
        """Whether nothing was ever armed."""
        return not self._armed

    # -- what is armed ------------------------------------------------------------------------

    def inject(self, step: Step, *, now: bool = True) -> int:
        """Arm a step, from now or as of the start; gives its number. Raises ScenarioError."""
        self._stage.check(step)
        self._numbered += 1
        dice = Dice(f"scenario:{self._seed}:{self._numbered}")
        begins = step.when.begins(self._clock.now() if now else self._start)
        armed = Armed(self._numbered, step, begins, dice)
        if step.when.lasts is not None and step.when.nth is None and not armed.is_deed:
            armed.until = begins + timedelta(seconds=float(step.when.lasts))
        self._armed.append(armed)
        return self._numbered

    def stop(self, number: int) -> bool:
        """End a step and take back what it did; False when there is none."""
        for armed in self._armed:
            if armed.number == number:
                self._end(armed)
                return True
        return False

    def listing(self) -> list[dict[str, Any]]:
        """The steps as the control endpoint shows them."""
        return [
            {
                "number": armed.number,
                "fault": name_of(armed.step.fault),
                "parameters": armed.step.fault.model_dump(mode="json"),
                "when": armed.step.when.model_dump(mode="json", exclude_unset=True),
                "begins": instant(armed.begins),
                "struck": armed.struck,
                "over": armed.over,
                "refused": armed.refused,
            }
            for armed in self._armed
        ]

    # -- occasions ----------------------------------------------------------------------------

    def turn(self) -> None:
        """Time has passed: do the deeds that wait for nothing else, end what is over."""
        now = self._clock.now()
        if any(isinstance(armed.step.fault, StalePositions) for armed in self._armed):
            self._stage.remember(now)
        for armed in self._armed:
            if armed.is_deed and not armed.step.when.waits_for_an_occasion:
                self._try(armed, NOTHING, now)
            if armed.until is not None and now >= armed.until and not armed.over:
                self._end(armed)

    def on_request(self, occasion: Occasion) -> list[Fault]:
        """Do the deeds that waited for this request; the faults of it and of its answer."""
        self.turn()
        self._do(occasion)
        return self._struck(occasion, lambda fault: fault.place in ON_REQUESTS)

    def on_order(self, occasion: Occasion, kind: type[Kind]) -> Kind | None:
        """The first fault of a kind that strikes an order."""
        found = self._struck(occasion, lambda fault: isinstance(fault, kind))
        return found[0] if found and isinstance(found[0], kind) else None

    def on_event(self, occasion: Occasion, *, of: Callable[[Fault], bool]) -> list[Fault]:
        """Do the deeds that waited for this event; its faults among those `of` says."""
        self._do(occasion)
        return self._struck(occasion, lambda fault: fault.place is Place.EVENT and of(fault))

    # -- orders are numbered as they are sent -------------------------------------------------

    @contextmanager
    def sending(self, number: int) -> Iterator[None]:
        """While the n-th order is submitted: what becomes known meanwhile is that order, with
        its legs. 0 for what is no order."""
        self._sending = number
        try:
            yield
        finally:
            self._sending = 0

    def order_sent(self) -> int:
        self._orders += 1
        return self._orders

    def number_of(self, order_id: str) -> int:
        """0 for an order that did not come as POST /v2/orders."""
        if self._sending and not self.idle:
            self._number_of.setdefault(order_id, self._sending)
        return self._number_of.get(order_id, 0)

    # -- striking -----------------------------------------------------------------------------

    def _struck(self, occasion: Occasion, meant: Callable[[Fault], bool]) -> list[Fault]:
        now = self._clock.now()
        return [
            armed.step.fault
            for armed in self._armed
            if meant(armed.step.fault) and armed.strikes(occasion, now)
        ]

    def _do(self, occasion: Occasion) -> None:
        now = self._clock.now()
        for armed in self._armed:
            if armed.is_deed and armed.step.when.waits_for_an_occasion:
                self._try(armed, occasion, now)

    def _try(self, armed: Armed, occasion: Occasion, now: datetime) -> None:
        if not armed.strikes(occasion, now):
            return
        try:
            armed.undo = self._stage.do(armed.step.fault, occasion, armed.until)
        except ScenarioError as error:
            armed.refused = str(error)

    def _end(self, armed: Armed) -> None:
        armed.over = True
        if armed.undo is not None:
            armed.undo()
            armed.undo = None
