"""What became of every signal, stage by stage: a fold of the journal (spec 2.D). Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from db.model.base import Exact, Noun, Utc, plain
from db.model.event import Event
from db.model.idea import Idea
from db.model.order import Side
from db.model.plan import Plan, Step
from services.execution.lots import Holdings, LotKey, after

ZERO = Decimal(0)


class Stage(StrEnum):
    """In the order in which a signal passes them."""

    RECEIVED = "received"
    GUARDED = "guarded"
    CHECKED = "checked"
    SIZED = "sized"
    ROUTED = "routed"
    SUBMITTED = "submitted"
    FILLED = "filled"
    CLOSED = "closed"


class Stamp(Noun):
    """One stage reached: when by our clock, and what it came to."""

    stage: Stage
    at: Utc
    what: str


class SignalFate(Noun):
    """One signal and how far it came."""

    idea: Idea
    stages: tuple[Stamp, ...]
    ended: str = ""
    """Why it goes no further; empty while it may."""
    plan_id: str | None = None
    step: int | None = None
    filled_qty: Exact = ZERO
    closed_qty: Exact = ZERO
    realized: Exact | None = None
    """Profit or loss of what was closed, dollars without fees; None while nothing was, and where the
    price of some of it is not known."""

    @property
    def stage(self) -> Stage:
        return self.stages[-1].stage


@dataclass
class _Track:
    idea: Idea
    sha256: str
    source: str
    stages: dict[Stage, Stamp] = field(default_factory=dict)
    ended: str = ""
    lot: LotKey | None = None
    side: Side | None = None
    """Of its step."""
    plan_id: str | None = None
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    closed: Decimal = ZERO
    realized: Decimal | None = ZERO

    def reach(self, stage: Stage, event: Event, what: str) -> None:
        """What a stage came to last; its time is the first."""
        known = self.stages.get(stage)
        at = event.at if known is None else known.at
        self.stages[stage] = Stamp(stage=stage, at=at, what=what)

    def told(self) -> SignalFate:
        return SignalFate(
            idea=self.idea,
            stages=tuple(self.stages[stage] for stage in Stage if stage in self.stages),
            ended=self.ended,
            plan_id=self.plan_id,
            step=self.lot[1] if self.lot else None,
            filled_qty=self.filled,
            closed_qty=self.closed,
            realized=self.realized if self.closed else None,
        )


def signal_fates(events: Iterable[Event]) -> tuple[SignalFate, ...]:
    """Every signal heard, in order."""
    tracks: list[_Track] = []
    held: Holdings = {}
    for event in events:
        if event.kind == HEARD:
            tracks.append(_heard(event))
        elif event.kind in _STEPS:
            _STEPS[event.kind](tracks, event)
        if event.kind in ("FillReceived", "PositionAdopted"):
            before, held = held, after(held, [event])
            _closed(tracks, event, _lots(before, event), _lots(held, event))
    return tuple(track.told() for track in tracks)


def _heard(event: Event) -> _Track:
    said = event.payload
    track = _Track(Idea.model_validate(said["idea"]), said["sha256"], said["source"])
    track.reach(Stage.RECEIVED, event, f"in {track.source}")
    track.reach(Stage.GUARDED, event, f"{said['fate']}: {said['reason']}")
    if said["fate"] != "passed":
        track.ended = said["fate"]
    return track


def _planned(tracks: list[_Track], event: Event) -> None:
    """A plan was made of a file, or changed: what it does with each signal of the file."""
    if event.payload["plan"]["proposal_sha256"] not in {track.sha256 for track in tracks}:
        return
    plan = Plan.model_validate(event.payload["plan"])
    taken: set[int] = set()
    for track in tracks:
        mine = track.plan_id == plan.plan_id
        new = track.plan_id is None and not track.ended and track.sha256 == plan.proposal_sha256
        if not mine and not new:
            continue
        track.plan_id, ticker = plan.plan_id, track.idea.ticker
        track.reach(Stage.CHECKED, event, plan.verdict.value)
        if (step := _step_of(ticker, plan, taken)) is not None:
            taken.add(step.n)
            track.lot, track.side = (plan.plan_id, step.n), step.side
            track.reach(Stage.SIZED, event, f"{step.side} {plain(step.qty)} {step.symbol}")
        else:
            said = (skip.reason for skip in plan.skipped if skip.symbol == ticker)
            track.lot, track.ended = None, next(said, "the plan has no step of it")


def _step_of(ticker: str, plan: Plan, taken: Collection[int]) -> Step | None:
    """What is bought for the ticker rather than what of it goes."""
    free = [step for step in plan.steps if step.n not in taken]
    instead = (step for step in free if step.underlying == ticker)
    itself = (step for step in free if step.symbol == ticker and step.underlying is None)
    return next(iter((*instead, *itself)), None)


def _refused(tracks: list[_Track], event: Event) -> None:
    for track in tracks:
        if track.plan_id is None and not track.ended and track.source == event.payload["source"]:
            track.ended = event.payload["reason"]


def _approved(tracks: list[_Track], event: Event) -> None:
    for track in tracks:
        if track.lot and track.plan_id == event.plan_id:
            track.reach(Stage.ROUTED, event, f"plan {event.plan_id} approved")


def _over(tracks: list[_Track], event: Event) -> None:
    """The plan ended: what of it is not filled never will be."""
    for track in tracks:
        if track.plan_id == event.plan_id and not track.filled and not track.ended:
            reason = event.payload.get("reason") or "the plan ended without it"
            track.ended = str(reason)


def _given_up(tracks: list[_Track], event: Event) -> None:
    for track in tracks:
        if track.lot == (event.plan_id, event.step) and not track.filled:
            track.ended = str(event.payload.get("reason") or "given up")


def _sent(tracks: list[_Track], event: Event) -> None:
    for track in tracks:
        if track.lot == (event.plan_id, event.step) and not track.filled:
            track.reach(Stage.SUBMITTED, event, f"order {event.client_order_id}")


def _filled(tracks: list[_Track], event: Event) -> None:
    """Of the step itself: what a protective order sells is not its fill."""
    fill = event.payload["fill"]
    for track in tracks:
        if track.lot != (event.plan_id, event.step) or fill["side"] != track.side:
            continue
        qty = Decimal(fill["qty"])
        track.filled += qty
        track.paid += qty * Decimal(fill["price"])
        average = (track.paid / track.filled).quantize(Decimal("0.0001"))
        track.reach(Stage.FILLED, event, f"{plain(track.filled)} at {plain(average)}")


def _lots(held: Holdings, event: Event) -> Mapping[LotKey, Decimal]:
    known = held.get((event.account or "", event.symbol or ""))
    return known.lots if known is not None else {}


def _closed(
    tracks: list[_Track],
    event: Event,
    before: Mapping[LotKey, Decimal],
    now: Mapping[LotKey, Decimal],
) -> None:
    """Shares of a signal's lot went: sold at a price, or adopted away at one nobody knows."""
    fill = event.payload.get("fill")
    for track in tracks:
        gone = before.get(track.lot, ZERO) - now.get(track.lot, ZERO) if track.lot else ZERO
        if gone <= 0 or not track.filled:
            continue
        track.closed += gone
        if fill is None:
            track.realized = None
        elif track.realized is not None:
            track.realized += gone * (Decimal(fill["price"]) - track.paid / track.filled)
        left = track.filled - track.closed
        words = f"{plain(left)} left" if left else "all of it"
        gain = "not known" if track.realized is None else f"{track.realized:.2f}"
        track.reach(Stage.CLOSED, event, f"{words}, profit {gain}")


HEARD = "SignalHeard"
_STEPS: dict[str, Callable[[list[_Track], Event], None]] = {
    "PlanCreated": _planned,
    "PlanEdited": _planned,
    "ProposalRefused": _refused,
    "PlanApproved": _approved,
    "PlanRejected": _over,
    "PlanAborted": _over,
    "PlanEnded": _over,
    "StepGivenUp": _given_up,
    "OrderSent": _sent,
    "FillReceived": _filled,
}
STORY = frozenset({*_STEPS, "PositionAdopted"})
"""Every kind of event that a fate is told by, besides its being heard."""
