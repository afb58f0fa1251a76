"""The desk's socket: one table of routes, HTTP for commands, a websocket for updates.

Every refusal is `{"error": sentence}`: 400 malformed, 404 unknown, 409 not possible now, 422 refused
input, 503 the broker can't be reached."""

import base64
import binascii
import json
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ValidationError

from db.errors import JournalError
from db.model.base import LARGEST_POWER, Noun
from db.model.event import EventDraft
from db.model.order import OrderTerms
from db.model.run import Mode
from db.model.slicing import Algorithm
from services.brokers.port import BrokerUnavailableError
from services.desk.by_hand_api import HandRoutes
from services.desk.desk import Desk
from services.desk.hub import CONSOLE
from services.desk.latch import LatchError
from services.desk.operators import Operators
from services.desk.peers import only_the_owner
from services.desk.revisions import compared
from services.desk.signals import fates, row
from services.execution.book import NotPossibleError
from services.execution.offers import Offer
from services.intake.refusal import RefusedInputError
from services.planning import Move
from services.reports.stock_validation import RejectedError
from services.reports.write import ReportError

LARGEST_BODY = 16 * 1024 * 1024

log = logging.getLogger(__name__)

Body = dict[str, Any]
Answer = Noun | Body | list[Any] | None


class BadRequestError(Exception):
    """The request itself is malformed: one sentence."""


def application(desk: Desk) -> web.Application:
    """The desk's HTTP application, to be served on a unix socket."""
    app = web.Application(
        middlewares=[only_the_owner, sentences, controlled(desk.operators)],
        client_max_size=LARGEST_BODY,
    )
    app.add_routes(_Routes(desk).table())
    return app


READS_ONLY = ("/v1/halt", "/v1/attach", "/v1/controls", "/v1/presence", "/v1/tickets/preview")
"""What a console without the controls may post: a halt always, and what changes nothing."""


def controlled(operators: Operators) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Refuses writes from a console that does not hold the controls, and notes that somebody is
    there. A request without a console's token is a command line, which needs no controls."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and request.path not in READS_ONLY:
            why = operators.refusal(request.headers.get(CONSOLE, ""))
            if why is not None:
                raise NotPossibleError(why)
            operators.active()
        return await handler(request)

    return middleware


@web.middleware
async def sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure as one sentence; the unexpected is logged with its traceback."""
    try:
        return await handler(request)
    except NotPossibleError as error:
        status = 404 if str(error).startswith("There is no") else 409
        return _refusal(status, str(error))
    except RejectedError as error:
        return _refusal(422, str(error), validation=error.validation.to_json())
    except RefusedInputError as error:
        return _refusal(422, str(error))
    except BadRequestError as error:
        return _refusal(400, str(error))
    except BrokerUnavailableError as error:
        return _refusal(503, f"The broker can't be reached: {error}")
    except (JournalError, ReportError, LatchError) as error:
        return _refusal(503, str(error))
    except web.HTTPException as error:
        return _refusal(error.status, f"{error.reason}: {request.method} {request.path}")
    except Exception:  # the last resort: a trader gets a sentence, the log the traceback
        log.exception("%s %s", request.method, request.path)
        return _refusal(500, "The desk failed inside; desk.log has the details.")


def _refusal(status: int, sentence: str, **more: Body) -> web.Response:
    return web.json_response({"error": sentence, **more}, status=status)


def _json(answer: Answer) -> web.Response:
    if isinstance(answer, Noun):
        answer = answer.to_json()
    elif isinstance(answer, list):
        answer = [item.to_json() if isinstance(item, Noun) else item for item in answer]
    return web.json_response(answer)


async def _body(request: web.Request) -> Body:
    if not request.can_read_body:
        return {}
    try:
        body = json.loads(await request.text(), parse_float=Decimal)
    except ValueError as error:
        raise BadRequestError(f"The body is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise BadRequestError("The body must be a JSON object.")
    return body


def _text(body: Body, name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise BadRequestError(f"{name} is missing or not text.")
    return value


def _number(body: Body, name: str) -> Decimal:
    try:
        number = Decimal(str(body[name]))
    except (KeyError, InvalidOperation):
        raise BadRequestError(f"{name} is missing or not a number.") from None
    if not number.is_finite() or number.adjusted() > LARGEST_POWER:
        raise BadRequestError(f"{name} must be a number under a trillion.")
    return number


def _whole(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadRequestError(f"{name} must be a whole number, not {text!r}.") from None


def _mode(body: Body) -> Mode:
    text = _text(body, "mode", Mode.STEP.value)
    try:
        return Mode(text)
    except ValueError:
        raise BadRequestError(f"mode must be step, phase or auto, not {text!r}.") from None


class _Routes:
    """Handlers, each one thought: read the request, ask the desk, answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[web.RouteDef]:
        edits = ("drop", "resize", "slice", "retype", "move", "undo")
        before = ("card", "approve", *edits, "reject", "trim")
        escalation = ("escalate", "exception")
        under_way = ("run", "next", "continue", "pause", "abort")
        remedies = (Offer.REPRICE, Offer.RESUBMIT, Offer.CANCEL_REST)
        of_unknown = (Offer.LOOK_UP, Offer.RESEND, Offer.GIVE_UP)
        return [
            *HandRoutes(lambda: self._desk.by_hand).table(self._answer),
            web.get("/v1/snapshot", self._answer(self.snapshot)),
            web.get("/v1/updates", self._desk.hub.serve),
            web.get("/v1/status", self._answer(self.status)),
            web.get("/v1/plans", self._answer(self.plans)),
            web.get("/v1/plans/{id}", self._answer(self.plan)),
            web.get("/v1/compare", self._answer(self.compare)),
            web.post("/v1/proposals", self._answer(self.propose)),
            web.post("/v1/tickets/preview", self._answer(self.preview)),
            web.post("/v1/tickets", self._answer(self.ticket)),
            *(
                web.post(f"/v1/plans/{{id}}/{name}", self._answer(getattr(self, f"plan_{name}")))
                for name in (*before, *escalation, *under_way)
            ),
            *(
                web.post(f"/v1/plans/{{id}}/{offer}", self._answer(partial(self.remedy, offer)))
                for offer in remedies
            ),
            web.get("/v1/signals", self._answer(self.signals)),
            web.get("/v1/unknown", self._answer(self.unknown)),
            *(
                web.post(f"/v1/orders/{{id}}/{offer}", self._answer(partial(self.settle, offer)))
                for offer in of_unknown
            ),
            web.get("/v1/halt", self._answer(self.halt_report)),
            web.post("/v1/halt", self._answer(self.halt)),
            web.post("/v1/resume", self._answer(self.resume)),
            web.post("/v1/reduce", self._answer(self.reduce)),
            web.post("/v1/protection", self._answer(self.protection)),
            web.get("/v1/flatten", self._answer(self.flatten_report)),
            web.post("/v1/flatten", self._answer(self.flatten)),
            web.post("/v1/flatten/card", self._answer(self.flatten_card)),
            web.post("/v1/drill", self._answer(self.drill)),
            web.post("/v1/attach", self._answer(self.attach)),
            web.post("/v1/controls", self._answer(self.controls)),
            web.post("/v1/presence", self._answer(self.presence)),
            web.post("/v1/reconcile", self._answer(self.reconcile)),
            web.post("/v1/mismatches", self._answer(self.mismatch)),
            web.post("/v1/alerts/{id}/acknowledge", self._answer(self.acknowledge)),
            web.post("/v1/orders/{id}/cancel", self._answer(self.cancel)),
            web.get("/v1/events", self._answer(self.events)),
            web.post("/v1/portfolio", self._answer(self.portfolio)),
            web.post("/v1/stop", self._answer(self.stop)),
        ]

    def _answer(
        self, ask: Callable[[web.Request, Body], Awaitable[Answer]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            try:
                return _json(await ask(request, await _body(request)))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise BadRequestError(f"{where}: {first['msg']}.") from error

        return handler

    async def snapshot(self, _: web.Request, __: Body) -> Answer:
        return self._desk.snapshot()

    async def status(self, _: web.Request, __: Body) -> Answer:
        return self._desk.status()

    async def plans(self, _: web.Request, __: Body) -> Answer:
        return list(self._desk.snapshot().plans.values())

    async def plan(self, request: web.Request, _: Body) -> Answer:
        return self._desk.document(request.match_info["id"])

    async def propose(self, _: web.Request, body: Body) -> Answer:
        try:
            content = base64.b64decode(_text(body, "content_base64"), validate=True)
        except binascii.Error as error:
            raise BadRequestError(f"content_base64 is not base64: {error}.") from error
        return await self._desk.intake.propose(_text(body, "name"), content, body.get("policy"))

    async def preview(self, _: web.Request, body: Body) -> Answer:
        return await self._desk.intake.preview_ticket(body)

    async def ticket(self, _: web.Request, body: Body) -> Answer:
        return await self._desk.intake.ticket(body)

    async def plan_card(self, request: web.Request, _: Body) -> Answer:
        return await self._desk.engine.card(request.match_info["id"])

    async def plan_approve(self, request: web.Request, body: Body) -> Answer:
        plan_id = request.match_info["id"]
        await self._desk.engine.approve(
            plan_id,
            _text(body, "token"),
            _text(body, "hash"),
            _mode(body),
            _text(body, "approver", "trader"),
            _text(body, "acknowledged", ""),
        )
        return self._desk.document(plan_id)

    async def plan_escalate(self, request: web.Request, body: Body) -> Answer:
        plan_id, escalations = request.match_info["id"], self._desk.engine.escalations
        await escalations.request(plan_id, _text(body, "to"), _text(body, "by", "trader"))
        return self._desk.document(plan_id)

    async def plan_exception(self, request: web.Request, body: Body) -> Answer:
        """Answered by name and with a reason: granted or refused (spec 3, Escalation)."""
        plan_id, escalations = request.match_info["id"], self._desk.engine.escalations
        approver, reason = _text(body, "by"), _text(body, "reason")
        match _text(body, "answer"):
            case "grant":
                await escalations.grant(plan_id, approver, reason)
            case "refuse":
                await escalations.refuse(plan_id, approver, reason)
            case _:
                raise BadRequestError("answer must be grant or refuse.")
        return self._desk.document(plan_id)

    async def plan_run(self, request: web.Request, _: Body) -> Answer:
        await self._desk.engine.start(request.match_info["id"])
        return self._desk.document(request.match_info["id"])

    async def plan_next(self, request: web.Request, _: Body) -> Answer:
        await self._desk.engine.confirm_next(request.match_info["id"])
        return self._desk.document(request.match_info["id"])

    async def plan_continue(self, request: web.Request, _: Body) -> Answer:
        await self._desk.engine.continue_(request.match_info["id"])
        return self._desk.document(request.match_info["id"])

    async def remedy(self, offer: Offer, request: web.Request, _: Body) -> Answer:
        plan_id, remedies = request.match_info["id"], self._desk.engine.remedies
        match offer:
            case Offer.REPRICE:
                await remedies.reprice(plan_id)
            case Offer.RESUBMIT:
                await remedies.resubmit(plan_id)
            case _:
                await remedies.cancel_rest(plan_id)
        return self._desk.document(plan_id)

    async def signals(self, _: web.Request, __: Body) -> Answer:
        return [row(fate) for fate in await fates(self._desk.journal)]

    async def unknown(self, _: web.Request, __: Body) -> Answer:
        return list(self._desk.unknown())

    async def settle(self, offer: Offer, request: web.Request, _: Body) -> Answer:
        name, remedies = request.match_info["id"], self._desk.engine.remedies
        match offer:
            case Offer.RESEND:
                await remedies.resend(name)
            case Offer.GIVE_UP:
                await remedies.give_up(name)
            case _:
                await remedies.look_up(name)
        return list(self._desk.unknown())

    async def plan_pause(self, request: web.Request, _: Body) -> Answer:
        await self._desk.engine.pause(request.match_info["id"])
        return self._desk.document(request.match_info["id"])

    async def plan_abort(self, request: web.Request, body: Body) -> Answer:
        reason = _text(body, "reason", "aborted by the trader").strip()
        if not reason:
            raise BadRequestError("Aborting a plan needs a reason.")
        await self._desk.engine.abort(request.match_info["id"], reason)
        return self._desk.document(request.match_info["id"])

    async def plan_reject(self, request: web.Request, body: Body) -> Answer:
        reason = _text(body, "reason").strip()
        if not reason:
            raise BadRequestError("Rejecting a plan needs a reason.")
        await self._desk.engine.reject(request.match_info["id"], reason)
        return self._desk.document(request.match_info["id"])

    async def plan_drop(self, request: web.Request, body: Body) -> Answer:
        n = _whole(str(body.get("n", "")), "n")
        return await self._desk.intake.revise(request.match_info["id"], drop=(n,), resize={})

    async def plan_resize(self, request: web.Request, body: Body) -> Answer:
        n, qty = _whole(str(body.get("n", "")), "n"), _number(body, "qty")
        return await self._desk.intake.revise(request.match_info["id"], drop=(), resize={n: qty})

    async def plan_slice(self, request: web.Request, body: Body) -> Answer:
        n, wanted = _whole(str(body.get("n", "")), "n"), body.get("algorithm")
        algorithm = None if wanted is None else Algorithm.model_validate(wanted)
        return await self._desk.intake.revise(request.match_info["id"], algorithms={n: algorithm})

    async def plan_retype(self, request: web.Request, body: Body) -> Answer:
        n = _whole(str(body.get("n", "")), "n")
        terms = OrderTerms.model_validate({k: v for k, v in body.items() if k != "n"})
        return await self._desk.intake.revise(request.match_info["id"], retype={n: terms})

    async def plan_move(self, request: web.Request, body: Body) -> Answer:
        n = _whole(str(body.get("n", "")), "n")
        places = [place for place in ("before", "after") if body.get(place) is not None]
        if len(places) != 1:
            raise BadRequestError("A step is moved either before or after another one.")
        other = _whole(str(body[places[0]]), places[0])
        move = Move(n, other, after=places[0] == "after")
        return await self._desk.intake.revise(request.match_info["id"], move=move)

    async def plan_undo(self, request: web.Request, _: Body) -> Answer:
        return await self._desk.intake.undo(request.match_info["id"])

    async def compare(self, request: web.Request, _: Body) -> Answer:
        one, other = (request.query.get(name, "") for name in ("one", "other"))
        if not one or not other:
            raise BadRequestError("Two plans are compared: one and other, each ID or ID@REVISION.")
        return await compared(self._desk.journal, one, other)

    async def plan_trim(self, request: web.Request, _: Body) -> Answer:
        return await self._desk.trim(request.match_info["id"])

    async def halt_report(self, _: web.Request, __: Body) -> Answer:
        return self._desk.engine.kill.report

    async def halt(self, _: web.Request, body: Body) -> Answer:
        return await self._desk.engine.halt(
            _text(body, "by", "trader"), _text(body, "reason", "halted by the trader")
        )

    async def resume(self, _: web.Request, body: Body) -> Answer:
        return await self._desk.resume(_text(body, "reason", ""), _text(body, "token", ""))

    async def protection(self, _: web.Request, body: Body) -> Answer:
        """Cancelling protective orders is a choice of its own, typed (spec 5, Kill switch)."""
        symbol, protector = _text(body, "symbol"), self._desk.engine.protector
        match _text(body, "action"):
            case "cancel":
                return {"steps": await protector.cancel(symbol, _text(body, "reason", ""))}
            case "restore":
                return {"steps": await protector.restore(symbol)}
        raise BadRequestError("action must be cancel or restore.")

    async def reduce(self, _: web.Request, body: Body) -> Answer:
        reason = _text(body, "reason").strip()
        if not reason:
            raise BadRequestError("Reducing needs a reason.")
        state = await self._desk.engine.switch.reduce(_text(body, "by", "trader"), reason)
        return {"trading_state": state.value}

    async def flatten_card(self, _: web.Request, __: Body) -> Answer:
        return await self._desk.flatten.card()

    async def flatten(self, _: web.Request, body: Body) -> Answer:
        return await self._desk.flatten.begin(_text(body, "token"), _text(body, "by", "trader"))

    async def flatten_report(self, _: web.Request, __: Body) -> Answer:
        return self._desk.flatten.report

    async def drill(self, _: web.Request, body: Body) -> Answer:
        by = _text(body, "by", "trader")
        return await self._desk.drills.run(by, flatten=bool(body.get("flatten")))

    async def attach(self, request: web.Request, body: Body) -> Answer:
        self._desk.operators.active()
        self._desk.hub.touch()
        token = request.headers.get(CONSOLE, "")
        who = _text(body, "who", "somebody")
        return self._desk.operators.attach(who, token)

    async def controls(self, request: web.Request, body: Body) -> Answer:
        before = self._desk.operators.controls
        token = request.headers.get(CONSOLE, "")
        held = self._desk.operators.take(token, _text(body, "word", ""))
        self._desk.operators.active()
        payload = {"by": held.who, "from": before.who if before is not None else ""}
        await self._desk.journal.append(EventDraft(kind="ControlsTaken", payload=payload))
        return held

    async def presence(self, _: web.Request, __: Body) -> Answer:
        self._desk.operators.active()
        return {}

    async def reconcile(self, _: web.Request, __: Body) -> Answer:
        return await self._desk.reconciler.reconcile()

    async def mismatch(self, _: web.Request, body: Body) -> Answer:
        return await self._desk.reconciler.settle(
            _text(body, "key"),
            _text(body, "action"),
            _text(body, "reason", ""),
            _text(body, "by", "trader"),
        )

    async def acknowledge(self, request: web.Request, _: Body) -> Answer:
        return await self._desk.watch.acknowledge(request.match_info["id"])

    async def cancel(self, request: web.Request, _: Body) -> Answer:
        outcome = await self._desk.engine.cancel(request.match_info["id"])
        return {"outcome": outcome.value}

    async def events(self, request: web.Request, _: Body) -> Answer:
        query = request.query
        found = await self._desk.journal.events(
            after=_whole(query.get("after", "0"), "after"),
            limit=min(_whole(query.get("limit", "1000"), "limit"), 10_000),
            plan_id=query.get("plan"),
        )
        return list(found)

    async def portfolio(self, _: web.Request, __: Body) -> Answer:
        return {"path": str(await self._desk.paper.write_portfolio())}

    async def stop(self, _: web.Request, body: Body) -> Answer:
        self._desk.ask_to_stop(exchange=bool(body.get("exchange")))
        return {"stopping": True}
