"""The desk's socket API from the other end: consoles, commands and scripts ask here.

Every wait has a limit of its own, so a hung desk is a sentence and never a hang. aiohttp is imported
at the first call, because the console imports this module before its first frame."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from aiohttp import ClientSession

Json = dict[str, Any]
"""A JSON object: decimals as strings (a bare JSON number becomes a Decimal), times as ISO 8601."""

ANSWER_SECONDS = 5.0
"""For what the desk knows itself."""
BROKER_SECONDS = 30.0
"""For what may make the desk ask the broker."""
DRILL_SECONDS = 180.0
CONSOLE = "X-Quarterdeck-Console"
HEARTBEAT_SECONDS = 5.0
"""An update stream without an answer to a ping for half of this is lost."""
LARGEST_MESSAGE = 64 * 1024 * 1024


class DeskError(Exception):
    """The desk said no. `sentence` is for the trader, `status` is the HTTP status, `answer` what else
    it said."""

    def __init__(self, sentence: str, status: int = 0, answer: Json | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
        self.answer = answer or {}


ABSENT = (FileNotFoundError, NotADirectoryError, ConnectionRefusedError)
"""What the system says of a socket that nobody listens on."""


class DeskUnreachableError(DeskError):
    """No desk answers: none runs, it refused, it hung, or the connection was lost."""

    def __init__(self, sentence: str, absent: bool = False) -> None:
        super().__init__(sentence)
        self.absent = absent
        """No desk listens at all, so nothing of the request can have been done."""


DeskUnreachable = DeskUnreachableError
"""The same, as sentences about desks call it."""


class DeskClient:
    """One desk, reached through its unix socket. Close it, or use it as `async with`."""

    def __init__(self, socket: Path, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._socket = socket
        self._answer_seconds = answer_seconds
        self.console = ""
        """The token of the attached console that asks; empty for a command line."""
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # What is

    async def snapshot(self) -> Json:
        """The whole `db.model.snapshot.DeskSnapshot`, as JSON."""
        return await self._object("GET", "/v1/snapshot")

    async def status(self, seconds: float | None = None) -> Json:
        return await self._object("GET", "/v1/status", seconds=seconds)

    async def plans(self) -> list[Json]:
        return await self._list("GET", "/v1/plans")

    async def plan(self, plan_id: str) -> Json:
        return await self._object("GET", _path("plans", plan_id))

    async def events(
        self, after: int = 0, limit: int = 1000, plan: str | None = None
    ) -> list[Json]:
        """Journal events with a sequence number greater than `after`, oldest first."""
        query: dict[str, str | int] = {"after": after, "limit": limit}
        if plan is not None:
            query["plan"] = plan
        return await self._list("GET", f"/v1/events?{urlencode(query)}")

    async def updates(self, events: bool = False) -> AsyncIterator[Json]:
        """First `{"type": "snapshot"}`, then `changes` (and every `event`) as they come.

        Never ends by itself: raises DeskUnreachableError when the connection is lost. Call it again to
        attach again; the first message is a snapshot again."""
        import aiohttp

        session = self._connected()
        url = _url("/v1/updates?events=1" if events else "/v1/updates")
        try:
            async with asyncio.timeout(self._answer_seconds):
                stream = await session.ws_connect(
                    url,
                    heartbeat=HEARTBEAT_SECONDS,
                    max_msg_size=LARGEST_MESSAGE,
                    headers=self._named(),
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error, self._answer_seconds) from error
        try:
            async for message in stream:
                if message.type is aiohttp.WSMsgType.TEXT:
                    yield json.loads(message.data, parse_float=Decimal)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DeskUnreachableError("The desk's updates broke off.") from error
        finally:
            await stream.close()
        raise DeskUnreachableError("The desk closed the connection.")

    # Plans

    async def propose(self, name: str, content: bytes, policy: str | None = None) -> Json:
        """`{"kind": "plan", "plan": …}` or `{"kind": "reference", "what": …}`."""
        body = {"name": name, "content_base64": base64.b64encode(content).decode("ascii")}
        if policy is not None:
            body["policy"] = policy
        return await self._object("POST", "/v1/proposals", body, BROKER_SECONDS)

    async def ticket_preview(self, **ticket: str) -> Json:
        """What a ticket would do, not stored. Fields: symbol, side, qty or notional, type,
        limit_price, time_in_force, extended_hours (yes, no)."""
        return await self._object("POST", "/v1/tickets/preview", dict(ticket))

    async def ticket(self, **ticket: str) -> Json:
        """The ticket as a stored plan of one step."""
        return await self._object("POST", "/v1/tickets", dict(ticket), BROKER_SECONDS)

    async def card(self, plan_id: str) -> Json:
        """The approval card, with a new token."""
        return await self._object("POST", _path("plans", plan_id, "card"), {}, BROKER_SECONDS)

    async def approve(
        self,
        plan_id: str,
        token: str,
        plan_hash: str,
        mode: str,
        approver: str,
        acknowledged: str = "",
    ) -> Json:
        """`acknowledged`: what was typed where the card asks for it (`acknowledge`)."""
        body = {"token": token, "hash": plan_hash, "mode": mode, "approver": approver}
        if acknowledged:
            body["acknowledged"] = acknowledged
        return await self._object("POST", _path("plans", plan_id, "approve"), body, BROKER_SECONDS)

    async def escalate(self, plan_id: str, to: str, by: str) -> Json:
        """Ask `to` for an exception of what blocks the plan now."""
        return await self._plan_command(plan_id, "escalate", {"to": to, "by": by})

    async def exception(self, plan_id: str, answer: str, by: str, reason: str) -> Json:
        """`grant` or `refuse` what the plan waits for, by the approver's name."""
        body = {"answer": answer, "by": by, "reason": reason}
        return await self._plan_command(plan_id, "exception", body)

    async def run(self, plan_id: str, mode: str | None = None) -> Json:
        body = {} if mode is None else {"mode": mode}
        return await self._plan_command(plan_id, "run", body)

    async def next(self, plan_id: str) -> Json:
        """Step mode: lets the next step go. Phase mode: lets the next phase go."""
        return await self._plan_command(plan_id, "next", {})

    async def continue_(self, plan_id: str) -> Json:
        return await self._plan_command(plan_id, "continue", {})

    async def pause(self, plan_id: str) -> Json:
        return await self._plan_command(plan_id, "pause", {})

    async def abort(self, plan_id: str, reason: str) -> Json:
        return await self._plan_command(plan_id, "abort", {"reason": reason})

    async def remedy(self, plan_id: str, offer: str) -> Json:
        """`reprice`, `resubmit` or `cancel-rest`, where the plan's `offers` name it; the plan
        then goes on."""
        return await self._plan_command(plan_id, offer, {})

    async def signals(self) -> list[Json]:
        """What became of each signal, the newest first."""
        return await self._list("GET", "/v1/signals", seconds=BROKER_SECONDS)

    async def unknown(self) -> list[Json]:
        """Orders whose answer never came."""
        return await self._list("GET", "/v1/unknown")

    async def settle(self, client_order_id: str, offer: str) -> list[Json]:
        """`look-up`, `resend` or `give-up` of an unknown order; those still unknown then."""
        path = _path("orders", client_order_id, offer)
        return await self._list("POST", path, {}, BROKER_SECONDS)

    async def reject(self, plan_id: str, reason: str) -> Json:
        return await self._plan_command(plan_id, "reject", {"reason": reason})

    async def drop(self, plan_id: str, n: int) -> Json:
        return await self._plan_command(plan_id, "drop", {"n": n})

    async def resize(self, plan_id: str, n: int, qty: Decimal | str) -> Json:
        return await self._plan_command(plan_id, "resize", {"n": n, "qty": str(qty)})

    async def trim(self, plan_id: str) -> Json:
        """A draft of the smallest sale that restores the limits after this plan."""
        return await self._plan_command(plan_id, "trim", {})

    async def slice(self, plan_id: str, n: int, algorithm: Json | None) -> Json:
        """Send step `n` in pieces by this algorithm; None: as one order."""
        return await self._plan_command(plan_id, "slice", {"n": n, "algorithm": algorithm})

    async def retype(self, plan_id: str, n: int, type: str, **terms: str) -> Json:  # noqa: A002
        """Another order type for step `n`; `limit_price`, `stop_price`, `time_in_force` as it wants."""
        return await self._plan_command(plan_id, "retype", {"n": n, "type": type, **terms})

    async def move(self, plan_id: str, n: int, place: str, other: int) -> Json:
        """Step `n` goes right `before` or `after` step `other`."""
        return await self._plan_command(plan_id, "move", {"n": n, place: other})

    async def undo(self, plan_id: str) -> Json:
        """Takes the last edit of a plan back."""
        return await self._plan_command(plan_id, "undo", {})

    async def compare(self, one: str, other: str) -> Json:
        """What differs between two plans (`db.model.comparison.Comparison`), each `ID` or `ID@REV`."""
        return await self._object("GET", f"/v1/compare?{urlencode({'one': one, 'other': other})}")

    # By hand: only a manual desk takes these

    async def tickets(self) -> list[Json]:
        """Tickets that wait for the trader's word."""
        return await self._list("GET", "/v1/by-hand/tickets")

    async def fill(self, plan_id: str, n: int, sure: bool = False, **typed: str) -> Json:
        """A fill as typed (`qty`, `price`, `fee`, `at`, `confirmation`): `{"ticket": …}`, or
        `{"asked": question}` when it is doubtful; then it is given again with `sure`."""
        return await self._plan_command(plan_id, "fill", {"n": n, "sure": sure, **typed})

    async def end_ticket(self, plan_id: str, n: int, reason: str, refused: bool) -> Json:
        command = "refused" if refused else "not-done"
        return await self._plan_command(plan_id, command, {"n": n, "reason": reason})

    async def tick(self, plan_id: str, n: int, item: str = "", ticked: bool = True) -> Json:
        """An item of the step's checklist; the first open one when none is named."""
        body = {"n": n, "item": item, "ticked": ticked}
        return await self._plan_command(plan_id, "tick", body)

    async def write_guide(self, plan_id: str) -> Json:
        return await self._plan_command(plan_id, "guide", {})

    async def type_price(self, symbol: str, price: str) -> Json:
        return await self._object("POST", "/v1/by-hand/prices", {"symbol": symbol, "price": price})

    async def enter_statement(self, name: str, content: bytes, at: str = "") -> Json:
        """What the broker's statement says: `positions`, `cash`, `claimed`, `mismatches`."""
        body = {"name": name, "content_base64": base64.b64encode(content).decode("ascii"), "at": at}
        return await self._object("POST", "/v1/by-hand/statement", body, BROKER_SECONDS)

    # Safety

    async def halt(self, reason: str, by: str, seconds: float | None = None) -> Json:
        """Halts trading; the HaltReport so far."""
        limit = BROKER_SECONDS if seconds is None else seconds
        return await self._object("POST", "/v1/halt", {"reason": reason, "by": by}, limit)

    async def halt_report(self, seconds: float | None = None) -> Json | None:
        report = await self._request("GET", "/v1/halt", seconds=seconds)
        return None if report is None else _as_object(report)

    async def resume(self, reason: str, token: str = "") -> Json:
        """`{"trading_state": …}`; after an automatic stop a ResumeCard first, whose token is
        given with the second call."""
        body = {"reason": reason, **({"token": token} if token else {})}
        return await self._object("POST", "/v1/resume", body, BROKER_SECONDS)

    async def protection(self, action: str, symbol: str, reason: str) -> Json:
        """`cancel`: the symbol's protective orders go, for a reason; `restore`: it is protected
        again."""
        body = {"action": action, "symbol": symbol, "reason": reason}
        return await self._object("POST", "/v1/protection", body)

    async def reduce(self, reason: str, by: str) -> Json:
        """From now on only orders that reduce."""
        return await self._object("POST", "/v1/reduce", {"reason": reason, "by": by})

    async def flatten_card(self) -> Json:
        """What closing everything would do, with a new token (`db.model.trading.FlattenCard`)."""
        return await self._object("POST", "/v1/flatten/card", {}, BROKER_SECONDS)

    async def flatten(self, token: str, by: str) -> Json:
        """Closes every position of the card; the FlattenReport so far."""
        body = {"token": token, "by": by}
        return await self._object("POST", "/v1/flatten", body, BROKER_SECONDS)

    async def flatten_report(self) -> Json | None:
        report = await self._request("GET", "/v1/flatten")
        return None if report is None else _as_object(report)

    async def drill(self, by: str, flatten: bool) -> Json:
        """A kill drill on the simulator (`db.model.trading.Drill`)."""
        body = {"by": by, "flatten": flatten}
        return await self._object("POST", "/v1/drill", body, DRILL_SECONDS)

    # Who is at the controls

    async def attach(self, who: str) -> Json:
        """Attach as a console: `token`, `console`, `holds`. Later calls carry the token."""
        answer = await self._object("POST", "/v1/attach", {"who": who})
        self.console = str(answer["token"])
        return answer

    async def take_over(self, word: str) -> Json:
        """Take the controls from whoever holds them (`db.model.trading.Controls`)."""
        return await self._object("POST", "/v1/controls", {"word": word})

    async def present(self) -> None:
        """Somebody pressed a key."""
        await self._request("POST", "/v1/presence", {})

    async def reconcile(self) -> Json:
        return await self._object("POST", "/v1/reconcile", {}, BROKER_SECONDS)

    async def mismatch(self, key: str, action: str, reason: str, by: str = "trader") -> Json:
        """`action`: `adopt`, `investigate`, `ignore` or `cancel`; the Reconciliation afterwards."""
        body = {"key": key, "action": action, "reason": reason, "by": by}
        return await self._object("POST", "/v1/mismatches", body, BROKER_SECONDS)

    async def acknowledge(self, alert_id: str) -> Json:
        return await self._object("POST", _path("alerts", alert_id, "acknowledge"), {})

    async def cancel(self, client_order_id: str) -> Json:
        path = _path("orders", client_order_id, "cancel")
        return await self._object("POST", path, {}, BROKER_SECONDS)

    # The desk itself

    async def write_portfolio(self) -> Json:
        return await self._object("POST", "/v1/portfolio", {}, BROKER_SECONDS)

    async def stop(self, exchange: bool = False) -> Json:
        return await self._object("POST", "/v1/stop", {"exchange": exchange})

    # How

    async def _plan_command(self, plan_id: str, command: str, body: Json) -> Json:
        return await self._object("POST", _path("plans", plan_id, command), body, BROKER_SECONDS)

    async def _object(
        self, method: str, path: str, body: Json | None = None, seconds: float | None = None
    ) -> Json:
        return _as_object(await self._request(method, path, body, seconds))

    async def _list(
        self, method: str, path: str, body: Json | None = None, seconds: float | None = None
    ) -> list[Json]:
        answer = await self._request(method, path, body, seconds)
        if not isinstance(answer, list):
            raise DeskError("The desk's answer is not the list that was expected.")
        return [_as_object(row) for row in answer]

    async def _request(
        self, method: str, path: str, body: Json | None = None, seconds: float | None = None
    ) -> Any:
        import aiohttp

        session = self._connected()
        limit = self._answer_seconds if seconds is None else seconds
        try:
            async with (
                asyncio.timeout(limit),
                session.request(method, _url(path), json=body, headers=self._named()) as response,
            ):
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error, limit) from error
        answer = _parsed(text, status)
        if status >= 400:
            said = answer if isinstance(answer, dict) else None
            raise DeskError(_sentence(answer, status), status, said)
        return answer

    def _named(self) -> dict[str, str]:
        return {CONSOLE: self.console} if self.console else {}

    def _connected(self) -> "ClientSession":
        import aiohttp

        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path=str(self._socket)),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
            )
        return self._session

    def _unreachable(self, error: Exception, seconds: float) -> DeskUnreachableError:
        if isinstance(error, TimeoutError):
            return DeskUnreachableError(
                f"The desk did not answer within {seconds:g} s; whether it did what was asked is not "
                "known. `quarterdeck kill` halts trading without it."
            )
        cause = getattr(error, "os_error", error)
        if isinstance(cause, ABSENT):
            return DeskUnreachableError(
                "No desk is running. `quarterdeck desk start` starts one.", absent=True
            )
        if isinstance(cause, PermissionError):
            return DeskUnreachableError(
                f"The desk's socket {self._socket} belongs to another user."
            )
        return DeskUnreachableError(f"The connection to the desk broke off ({cause or 'closed'}).")


def _url(path: str) -> str:
    return f"http://desk{path}"


def _path(*parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _as_object(answer: object) -> Json:
    if not isinstance(answer, dict):
        raise DeskError("The desk's answer is not the object that was expected.")
    return answer


def _parsed(text: str, status: int) -> Any:
    if not text:
        return None
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise DeskError(f"The desk's answer ({status}) can't be read.", status) from error


def _sentence(answer: object, status: int) -> str:
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):
        return str(answer["error"])
    return f"The desk refused ({status}) without a reason."
