"""State is a fold of events: one run of a plan, and the book of all runs.

Pure. Recovery is this same fold over the journal, plus asking the broker (design.md)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from db.model.escalation import Escalation, Outcome
from db.model.event import Event
from db.model.order import OrderState
from db.model.plan import Phase, Plan
from db.model.run import (
    RESENDING,
    Approval,
    ChildOrder,
    LookUp,
    Mode,
    PlanRun,
    PlanState,
)
from db.model.slicing import Slice
from services.execution.rejections import Treatment, treatment

MOST_LOOK_UPS = 50
"""Answers about one unknown order that are kept; all of them are in the journal."""

Runs = Mapping[str, PlanRun]


def folded(events: Iterable[Event], runs: Runs | None = None) -> dict[str, PlanRun]:
    """All runs, from the journal's events in order. Events that concern no plan change nothing."""
    book = dict(runs or {})
    for event in events:
        if event.plan_id is None:
            continue
        if event.kind == "PlanCreated":
            plan = Plan.model_validate(event.payload["plan"])
            book[plan.plan_id] = PlanRun(plan=plan, state=PlanState.CHECKED)
        elif (step := _RUN_EVENTS.get(event.kind)) and event.plan_id in book:
            book[event.plan_id] = step(book[event.plan_id], event)
    return book


def _with(run: PlanRun, **changed: Any) -> PlanRun:
    return run.model_copy(update=changed)


def _edited(run: PlanRun, event: Event) -> PlanRun:
    plan = Plan.model_validate(event.payload["plan"])
    escalations = _voided(run, Outcome.OPEN, Outcome.GRANTED)
    if run.state.working:
        return _with(run, plan=plan, escalations=escalations)
    state = PlanState.CHECKED if run.state is PlanState.ESCALATED else run.state
    undo = event.payload.get("undo", False)
    earlier = run.earlier[:-1] if undo else (*run.earlier, run.plan)
    reason = event.payload.get("reason", "")
    return _with(
        run, plan=plan, state=state, escalations=escalations, earlier=earlier, reason=reason
    )


def _voided(run: PlanRun, *outcomes: Outcome) -> tuple[Escalation, ...]:
    """What was asked for, or granted, of a plan that is not the same any more."""
    return tuple(
        one.model_copy(update={"outcome": Outcome.VOID}) if one.outcome in outcomes else one
        for one in run.escalations
    )


def _escalated(run: PlanRun, event: Event) -> PlanRun:
    """Of a plan that changed, or was approved, between the look and this note nothing is asked."""
    asked = Escalation.model_validate(event.payload["escalation"])
    waits = run.state is PlanState.CHECKED or run.approval is None
    if run.state.ended or not waits or asked.plan_hash != run.plan.hash:
        return run
    state = PlanState.ESCALATED if run.state is PlanState.CHECKED else run.state
    return _with(run, state=state, escalations=(*run.escalations, asked))


def _answered(run: PlanRun, event: Event) -> PlanRun:
    """Granted, refused or expired. An answer to what is not open, to another content of the plan or
    after its deadline grants nothing."""
    asked, payload = run.escalation, event.payload
    if asked is None or asked.escalation_id != payload["escalation_id"]:
        return run
    outcome = Outcome(payload["outcome"])
    if outcome is Outcome.GRANTED and (
        event.at >= asked.deadline or asked.plan_hash != run.plan.hash
    ):
        return run
    told = {
        "outcome": outcome,
        "approver": payload.get("approver", ""),
        "reason": payload.get("reason", ""),
        "resolved_at": event.at,
        "day": payload.get("date") or None,
        "number": payload.get("number"),
        "of": payload.get("of"),
    }
    answered = tuple(
        one.model_copy(update=told) if one is asked else one for one in run.escalations
    )
    state = PlanState.CHECKED if run.state is PlanState.ESCALATED else run.state
    return _with(run, state=state, escalations=answered)


def _approved(run: PlanRun, event: Event) -> PlanRun:
    approval = Approval.model_validate(event.payload["approval"])
    state = PlanState.APPROVED if run.state is PlanState.CHECKED else run.state
    # A new approval is of the plan's own limits.
    return _with(run, approval=approval, state=state, mode=approval.mode, reason="", repriced={})


def _approval_voided(run: PlanRun, event: Event) -> PlanRun:
    state = PlanState.CHECKED if run.state is PlanState.APPROVED else run.state
    return _with(run, approval=None, state=state, reason=event.payload["reason"])


def _started(run: PlanRun, event: Event) -> PlanRun:
    mode = Mode(event.payload["mode"])
    cash = event.payload.get("cash")
    return _with(
        run,
        earlier=(),
        cash_at_start=None if cash is None else Decimal(cash),
        state=PlanState.SELLING,
        mode=mode,
        started_at=event.at,
        phase_opened_at=event.at,
        confirmed_phase=Phase.SELL,
        reason="",
        caveats=_with_caveats(run, event),
    )


def _advanced(run: PlanRun, event: Event) -> PlanRun:
    return _with(
        run,
        state=PlanState(event.payload["to"]),
        phase_opened_at=event.at,
        reason="",
        orders=_past(run.orders),
        caveats=_with_caveats(run, event),
    )


def _with_caveats(run: PlanRun, event: Event) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*run.caveats, *event.payload.get("caveats", ()))))


def _past(orders: tuple[ChildOrder, ...]) -> tuple[ChildOrder, ...]:
    """What had come to nothing is answered by going on."""
    return tuple(o.model_copy(update={"past": True}) if o.state.terminal else o for o in orders)


def _interrupted(state: PlanState) -> Callable[[PlanRun, Event], PlanRun]:
    def fold(run: PlanRun, event: Event) -> PlanRun:
        keep = run.paused_from if run.state in (PlanState.PAUSED, PlanState.HALTED) else run.state
        return _with(run, state=state, paused_from=keep, reason=event.payload.get("reason", ""))

    return fold


def _continued(run: PlanRun, event: Event) -> PlanRun:
    return _with(
        run,
        state=PlanState(event.payload["to"]),
        paused_from=None,
        phase_opened_at=event.at,
        reason="",
        orders=_past(run.orders),
    )


def _ended(run: PlanRun, event: Event) -> PlanRun:
    state = PlanState(event.payload.get("state", PlanState.ABORTED))
    asked, reason = _voided(run, Outcome.OPEN), event.payload.get("reason", "")
    return _with(run, state=state, ended_at=event.at, reason=reason, escalations=asked)


def _phase_confirmed(run: PlanRun, event: Event) -> PlanRun:
    return _with(run, confirmed_phase=Phase(event.payload["phase"]))


def _step_confirmed(run: PlanRun, event: Event) -> PlanRun:
    return _with(run, confirmed_steps=run.confirmed_steps | {event.step})


def _given_up(run: PlanRun, event: Event) -> PlanRun:
    return _with(run, given_up={**run.given_up, event.step: event.payload["reason"]})


def _repriced(run: PlanRun, event: Event) -> PlanRun:
    price = Decimal(event.payload["limit_price"])
    return _with(run, repriced={**run.repriced, event.step: price})


def _slice_scheduled(run: PlanRun, event: Event) -> PlanRun:
    return _with(
        run, slices={**run.slices, event.step: Slice.model_validate(event.payload["slice"])}
    )


def _on_order(
    change: Callable[[ChildOrder, Mapping[str, Any], datetime], dict[str, Any]],
) -> Callable[[PlanRun, Event], PlanRun]:
    def changed(orders: tuple[ChildOrder, ...], event: Event) -> tuple[ChildOrder, ...]:
        return tuple(
            order.model_copy(update=change(order, event.payload, event.at))
            if order.client_order_id == event.client_order_id
            else order
            for order in orders
        )

    def fold(run: PlanRun, event: Event) -> PlanRun:
        return _with(
            run, orders=changed(run.orders, event), protective=changed(run.protective, event)
        )

    return fold


def _intended(run: PlanRun, event: Event) -> PlanRun:
    told = {"state": OrderState.INTENT, "intended_at": event.at}
    order = ChildOrder.model_validate({**event.payload["order"], **told})
    kept = run.protective if order.protective else run.orders
    others = tuple(o for o in kept if o.client_order_id != order.client_order_id)
    name = "protective" if order.protective else "orders"
    return _with(run, **{name: (*others, order)})


def _leg_acknowledged(run: PlanRun, event: Event) -> PlanRun:
    """It exists since the broker answered: there was no intent of its own."""
    leg = ChildOrder.model_validate(event.payload["order"])
    leg = leg.model_copy(update={"intended_at": event.at, "acknowledged_at": event.at})
    return _with(run, protective=(*run.protective, leg))


def _resized(_: ChildOrder, payload: Mapping[str, Any], __: datetime) -> dict[str, Any]:
    return {"qty": Decimal(payload["qty"])}


def _protection_watched(run: PlanRun, event: Event) -> PlanRun:
    return _with(run, watched={**run.watched, event.step: event.payload["reason"]})


def _protection_confirmed(run: PlanRun, event: Event) -> PlanRun:
    return _with(run, protected={**run.protected, event.step: event.payload["qty"]})


def _protection_cancelled(run: PlanRun, event: Event) -> PlanRun:
    return _with(run, unprotected={**run.unprotected, event.step: event.payload["reason"]})


def _protection_restored(run: PlanRun, event: Event) -> PlanRun:
    return _with(
        run,
        unprotected={n: why for n, why in run.unprotected.items() if n != event.step},
        watched={n: why for n, why in run.watched.items() if n != event.step},
    )


def _sent(order: ChildOrder, _: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    # The stream may have been faster than our own note.
    state = OrderState.SENT if order.state is OrderState.INTENT else order.state
    return {"state": state, "sent_at": at}


def _reported(order: ChildOrder, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The broker's word on an order: its state and its id. Fills have their own event."""
    state = OrderState(payload["state"])
    closes = state.terminal and not order.state.terminal
    return {
        "state": state,
        "order_id": payload.get("order_id") or order.order_id,
        "acknowledged_at": order.acknowledged_at or at,
        "closed_at": at if closes else order.closed_at,
        "resend": order.resend or (closes and _to_send_again(order, state, payload)),
        # A refusal that came late, by the stream, has no class: the trader is asked.
        "rejection": order.rejection or ("other" if state is OrderState.REJECTED else None),
        "reason": payload.get("message") or order.reason,
        "absent": False,
    }


def _to_send_again(order: ChildOrder, state: OrderState, payload: Mapping[str, Any]) -> bool:
    return state is OrderState.REJECTED or _ended_by_halt(order, payload)


def _ended_by_halt(order: ChildOrder, payload: Mapping[str, Any]) -> bool:
    """Cancelled while trading was halted, and not because we asked for another reason."""
    return bool(payload.get("halted")) and order.cancel_requested_at is None


def _refused(order: ChildOrder, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "state": OrderState.REJECTED,
        "closed_at": at,
        "reason": payload["message"],
        "rejection": payload.get("category", "other"),
        "resend": treatment(payload.get("category", "other")) is not Treatment.PERMANENT,
    }


def _denied(order: ChildOrder, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "state": OrderState.REJECTED,
        "closed_at": at,
        "reason": payload["reason"],
        "resend": True,
        "verified": True,
    }


def _unknown(_: ChildOrder, payload: Mapping[str, Any], __: datetime) -> dict[str, Any]:
    return {"state": OrderState.UNKNOWN, "reason": payload["reason"], "absent": False}


def _looked_up(order: ChildOrder, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    told = LookUp(at=at, answer=payload["answer"])
    return {
        "look_ups": (*order.look_ups, told)[-MOST_LOOK_UPS:],
        "absent": order.state is OrderState.UNKNOWN and bool(payload.get("absent")),
    }


def _verified(_: ChildOrder, __: Mapping[str, Any], ___: datetime) -> dict[str, Any]:
    return {"verified": True}


def _replaced(order: ChildOrder, payload: Mapping[str, Any], _: datetime) -> dict[str, Any]:
    """The leg goes on under the tail's id; what the tail counts is not known yet."""
    return {
        "chain": (*order.chain, payload["order_id"]),
        "order_id": payload["replaced_by"],
        "chain_filled": None,
        "chain_avg_price": order.filled_avg_price,
    }


def _followed(_: ChildOrder, payload: Mapping[str, Any], __: datetime) -> dict[str, Any]:
    limit = payload.get("limit_price")
    return {
        "chain_filled": Decimal(payload["chain_filled"]),
        "qty": Decimal(payload["qty"]),
        "limit_price": None if limit is None else Decimal(limit),
    }


def _not_found(_: ChildOrder, __: Mapping[str, Any], ___: datetime) -> dict[str, Any]:
    return {
        "state": OrderState.INTENT,
        "reason": "the broker has no order under this id",
        "absent": False,
    }


def _cancel_requested(_: ChildOrder, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    reason = payload.get("reason")
    return {
        "resend": reason in RESENDING,
        "cancel_reason": reason,
        "reason": payload.get("words", ""),
        "cancel_requested_at": at,
    }


def _filled(order: ChildOrder, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    fill = payload["fill"]
    qty, price = Decimal(fill["qty"]), Decimal(fill["price"])
    total = order.filled_qty + qty
    paid = order.filled_qty * (order.filled_avg_price or Decimal(0)) + qty * price
    full = total >= order.qty
    if full:
        state = OrderState.FILLED
    elif order.state.terminal or order.state is OrderState.PENDING_CANCEL:
        state = order.state
    else:
        state = OrderState.PARTIALLY_FILLED
    return {
        "filled_qty": total,
        "filled_avg_price": paid / total,
        "executions": (*order.executions, fill["execution_id"]),
        "order_id": order.order_id or fill["order_id"],
        "acknowledged_at": order.acknowledged_at or at,
        "state": state,
        "resend": order.resend and not full,
        "closed_at": order.closed_at or (at if full else None),
    }


_RUN_EVENTS: Mapping[str, Callable[[PlanRun, Event], PlanRun]] = {
    "PlanEdited": _edited,
    "EscalationRequested": _escalated,
    "EscalationResolved": _answered,
    "EscalationExpired": _answered,
    "PlanApproved": _approved,
    "ApprovalVoided": _approval_voided,
    "PlanStarted": _started,
    "PlanAdvanced": _advanced,
    "PlanPaused": _interrupted(PlanState.PAUSED),
    "PlanHalted": _interrupted(PlanState.HALTED),
    "PlanContinued": _continued,
    "PlanAborted": _ended,
    "PlanRejected": _ended,
    "PlanEnded": _ended,
    "PhaseConfirmed": _phase_confirmed,
    "StepConfirmed": _step_confirmed,
    "StepGivenUp": _given_up,
    "StepRepriced": _repriced,
    "SliceScheduled": _slice_scheduled,
    "OrderIntended": _intended,
    "OrderSent": _on_order(_sent),
    "OrderAcknowledged": _on_order(_reported),
    "OrderUpdated": _on_order(_reported),
    "OrderRejected": _on_order(_refused),
    "OrderDenied": _on_order(_denied),
    "OrderUnknown": _on_order(_unknown),
    "OrderNotFound": _on_order(_not_found),
    "OrderLookedUp": _on_order(_looked_up),
    "RemainderVerified": _on_order(_verified),
    "OrderReplaced": _on_order(_replaced),
    "OrderFollowed": _on_order(_followed),
    "CancelRequested": _on_order(_cancel_requested),
    "FillReceived": _on_order(_filled),
    "LegAcknowledged": _leg_acknowledged,
    "LegResized": _on_order(_resized),
    "ProtectionConfirmed": _protection_confirmed,
    "ProtectionWatched": _protection_watched,
    "ProtectionCancelled": _protection_cancelled,
    "ProtectionRestored": _protection_restored,
}

ABOUT_ITS_RUN = (
    frozenset(
        {
            "PlanCreated",
            "GateChecked",
            "OrderWithheld",
            "BuysRescaled",
            "PostTradeChecked",
            "ReportWritten",
        }
    )
    | {"ProtectionSet", "ProtectionReleased"}
    | _RUN_EVENTS.keys() - {"FillReceived", "EscalationResolved"}
)
"""Kinds that tell of nothing but their own plan: of one that is over a start needs none of them.
Exceptions are counted over all plans of the day."""
