"""Events: facts in the past tense. State is a fold of them (spec 7, Journal).

`KINDS` is the one table of what can be written down. A synced kind is on disk before its append
returns; the others may share a later commit."""

from typing import Any

from db.model.base import Noun, Utc


class EventKind(Noun):
    name: str
    synced: bool
    what: str


def _table(*rows: tuple[str, bool, str]) -> dict[str, EventKind]:
    return {name: EventKind(name=name, synced=synced, what=what) for name, synced, what in rows}


KINDS: dict[str, EventKind] = _table(
    # the desk
    ("DeskStarted", False, "The desk came up, with its version, environment and broker account."),
    ("DeskStopped", False, "The desk was stopped on purpose."),
    ("DayStarted", False, "First look at the account on an exchange date: day-start equity."),
    # intake and planning
    ("ProposalAccepted", False, "A file or a ticket became a proposal."),
    ("ProposalRefused", False, "A file was refused, with the reason."),
    ("SignalHeard", False, "A signal arrived: it passed, is stale, or is a duplicate, and why."),
    ("PlanCreated", True, "A plan was made and dry-run; the payload is the whole plan."),
    ("PlanEdited", True, "A plan was changed; the payload is the whole new revision."),
    ("PlanRejected", True, "The trader turned a plan down, with a reason."),
    # escalation
    (
        "EscalationRequested",
        True,
        "An exception was asked for: which findings, of whom, until when.",
    ),
    ("EscalationResolved", True, "The exception was granted or refused: by whom, and why."),
    ("EscalationExpired", True, "Nobody answered in time: nothing can be granted any more."),
    # approval and phases
    ("PlanApproved", True, "The trader approved the content with this hash."),
    ("ApprovalVoided", True, "An approval stopped being one: expired, drifted, edited or used."),
    ("PlanStarted", True, "The approved plan began to run, in this mode."),
    ("PlanAdvanced", True, "The plan moved to the next state of its table."),
    ("PhaseConfirmed", True, "Phase mode: the trader let this phase run."),
    ("StepConfirmed", True, "Step mode: the trader let this step run."),
    ("StepGivenUp", True, "A step will not be sent, with the reason."),
    ("BuysRescaled", True, "The cash that is there pays for less: each buy, planned and possible."),
    ("StepRepriced", True, "The trader moved a step's limit, inside the approval's tolerance."),
    ("SliceScheduled", True, "A step's turn came to be sent in pieces: when, and how much each."),
    ("GateChecked", False, "Cash at the broker against the next buy's worst cost and the buffer."),
    (
        "OrderWithheld",
        True,
        "An order was about to be made, and a check forbade it: which, and why.",
    ),
    ("PlanPaused", True, "The plan waits for the trader."),
    ("PlanContinued", True, "The trader let a paused or halted plan go on."),
    ("PlanHalted", True, "A halt stopped the plan."),
    ("PlanAborted", True, "The trader ended the plan before its end."),
    ("PlanEnded", True, "The plan came to its end: done, done_with_exceptions or expired."),
    ("PostTradeChecked", True, "A plan that ended against its projection and the policy's limits."),
    # orders
    ("OrderIntended", True, "An order is about to be sent. On disk before the first byte leaves."),
    ("OrderSent", False, "The order is on its way to the broker: it may have left."),
    ("OrderAcknowledged", False, "The broker has the order, under its own id."),
    ("OrderRejected", True, "The broker definitely refused the order."),
    ("OrderDenied", True, "We refused to send the order: it never left."),
    ("OrderUnknown", True, "The answer never came. Only broker evidence leaves this state."),
    ("OrderUpdated", False, "The broker reported a new status."),
    ("OrderLookedUp", False, "The answer about an unknown order changed: what the broker said."),
    ("RemainderVerified", True, "The broker proved a closed order's end: the rest may be sent."),
    (
        "OrderReplaced",
        True,
        "Somebody replaced our order at the broker: it goes on under a new id.",
    ),
    ("OrderFollowed", True, "The replacement was found: what it counts and how many it is for."),
    ("OrderNotFound", True, "The broker definitely has no order under this id."),
    ("CancelRequested", True, "We asked the broker to cancel."),
    ("FillReceived", True, "An execution, booked once by its id."),
    ("TransitionRefused", True, "A report asked for an impossible transition; state unchanged."),
    # tickets: the manual environment
    ("StatementEntered", True, "The trader entered what the broker says: cash and positions."),
    ("PriceTyped", False, "The trader typed a price that nothing else tells."),
    ("TicketShown", True, "A ticket to copy is on the screen: from here the order may exist."),
    ("TicketEntered", True, "The trader says that the broker has the order."),
    ("TicketFilled", True, "The trader typed a fill: claimed until a statement agrees."),
    ("TicketEnded", True, "The trader says that nothing more of it fills: not done, or refused."),
    ("TicketToCancel", True, "The ticket is to be cancelled by hand at the broker."),
    ("TicketTicked", False, "An item of a ticket's checklist was ticked, or not any more."),
    # safety
    ("Halted", True, "Trading was halted: by whom, why, and by which trigger if by one."),
    ("HaltCompleted", True, "What the halt cancelled, what filled, what remains."),
    ("TradingReduced", True, "From here only orders that reduce: by whom, why, by which trigger."),
    ("TradingResumed", True, "Trading became ACTIVE again, with the reason typed."),
    ("FlattenStarted", True, "The trader let every position shown be closed."),
    ("FlattenCompleted", True, "What was closed, what is left."),
    ("DrillCompleted", True, "A rehearsed halt, and how long each of its parts took."),
    # watching
    ("ProtectionSet", True, "A bought position got its stop and target prices."),
    ("ProtectionConfirmed", True, "The broker works to protect a bought step, for so many shares."),
    ("ProtectionWatched", True, "A bought position is watched by the desk only, and why."),
    ("ProtectionCancelled", True, "The trader took a step's protection away, with a reason."),
    ("ProtectionRestored", True, "The trader lets a step be protected again."),
    ("LegAcknowledged", True, "The broker made this leg of our protective order."),
    ("LegResized", True, "A leg is for fewer shares now: its pair sold the rest."),
    ("ProtectionReleased", True, "Protection goes before its shares are sold: how many, and why."),
    ("StopHitAtClose", True, "A stop that counts at the close was hit, and the exit plan of it."),
    ("DeskStoodStill", False, "The desk itself was stopped for so many seconds, and went on."),
    ("ExitProposed", True, "A stop that only the desk watches was hit: this plan sells."),
    ("AlertRaised", False, "A condition came true."),
    ("AlertAcknowledged", False, "The trader saw it."),
    (
        "AlertEscalated",
        False,
        "A critical alert that nobody acknowledged was raised again, louder.",
    ),
    ("AlertCleared", False, "The condition is over."),
    ("ControlsTaken", False, "A console took the controls: which, and from whom."),
    ("Reconciled", False, "Ours was compared with the broker's."),
    ("BooksOpened", True, "Where our books of an account begin: its cash, and what came before."),
    ("OutsideFillSeen", True, "The broker executed an order that we never sent."),
    ("ActivityBooked", True, "A fee, interest or dividend that the broker booked became ours."),
    ("PositionAdopted", True, "The broker's figure became ours: the broker wins."),
    ("CashAdopted", True, "The broker's cash became ours: the broker wins."),
    ("ExternalOrderAdopted", True, "An order that is not ours is known from here on, and watched."),
    ("ExternalCancelRequested", True, "The trader let an order be cancelled that is not ours."),
    ("MismatchInvestigated", True, "The trader looks into a mismatch; its symbol stays locked."),
    ("MismatchIgnored", True, "The trader left a mismatch alone, with a reason."),
    # paper
    ("ReportWritten", False, "A report or PORTFOLIO.md was written."),
)


class EventDraft(Noun):
    """A fact before it has a place in the journal."""

    kind: str
    plan_id: str | None = None
    step: int | None = None
    client_order_id: str | None = None
    account: str | None = None
    symbol: str | None = None
    payload: dict[str, Any] = {}
    """JSON values only: decimals as strings, times as ISO 8601 UTC."""


class Event(EventDraft):
    """A fact in the journal. `hash` covers the row and the hash of the row before."""

    seq: int
    at: Utc
    prev_hash: str
    hash: str
