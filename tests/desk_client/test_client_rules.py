"""The desk's client: exact numbers, sentences for every refusal, and never a hang."""

import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from answering_desk import CannedDesk

from services.desk.client import DeskClient, DeskError, DeskUnreachable

CALLS = {
    "snapshot": (("GET", "/v1/snapshot"), (), None),
    "status": (("GET", "/v1/status"), (), None),
    "plan": (("GET", "/v1/plans/3f9a"), ("3f9a",), None),
    "card": (("POST", "/v1/plans/3f9a/card"), ("3f9a",), {}),
    "approve": (
        ("POST", "/v1/plans/3f9a/approve"),
        ("3f9a", "tok", "hash", "auto", "me"),
        {"token": "tok", "hash": "hash", "mode": "auto", "approver": "me"},
    ),
    "run": (("POST", "/v1/plans/3f9a/run"), ("3f9a", "auto"), {"mode": "auto"}),
    "next": (("POST", "/v1/plans/3f9a/next"), ("3f9a",), {}),
    "continue_": (("POST", "/v1/plans/3f9a/continue"), ("3f9a",), {}),
    "pause": (("POST", "/v1/plans/3f9a/pause"), ("3f9a",), {}),
    "abort": (("POST", "/v1/plans/3f9a/abort"), ("3f9a", "why"), {"reason": "why"}),
    "reject": (("POST", "/v1/plans/3f9a/reject"), ("3f9a", "why"), {"reason": "why"}),
    "drop": (("POST", "/v1/plans/3f9a/drop"), ("3f9a", 2), {"n": 2}),
    "trim": (("POST", "/v1/plans/3f9a/trim"), ("3f9a",), {}),
    "slice": (
        ("POST", "/v1/plans/3f9a/slice"),
        ("3f9a", 2, {"name": "twap"}),
        {"n": 2, "algorithm": {"name": "twap"}},
    ),
    "resize": (
        ("POST", "/v1/plans/3f9a/resize"),
        ("3f9a", 2, Decimal("10.5")),
        {"n": 2, "qty": "10.5"},
    ),
    "halt": (("POST", "/v1/halt"), ("why", "me"), {"reason": "why", "by": "me"}),
    "resume": (("POST", "/v1/resume"), ("why",), {"reason": "why"}),
    "reconcile": (("POST", "/v1/reconcile"), (), {}),
    "mismatch": (
        ("POST", "/v1/mismatches"),
        ("k", "adopt", "why"),
        {"key": "k", "action": "adopt", "reason": "why", "by": "trader"},
    ),
    "acknowledge": (("POST", "/v1/alerts/a%2F1/acknowledge"), ("a/1",), {}),
    "cancel": (("POST", "/v1/orders/qd-1/cancel"), ("qd-1",), {}),
    "write_portfolio": (("POST", "/v1/portfolio"), (), {}),
    "stop": (("POST", "/v1/stop"), (True,), {"exchange": True}),
    "propose": (
        ("POST", "/v1/proposals"),
        ("a.md", b"\xff\x00", "swing"),
        {"name": "a.md", "content_base64": "/wA=", "policy": "swing"},
    ),
}


@pytest.mark.parametrize("name", CALLS)
async def test_each_call_is_its_request(canned: CannedDesk, name: str) -> None:
    (method, path), arguments, body = CALLS[name]
    canned.answers[f"{method} {path}"] = (200, {"fine": "yes"})
    async with DeskClient(canned.socket) as client:
        assert await getattr(client, name)(*arguments) == {"fine": "yes"}
    assert canned.asked == [(method, path, body or {})]


async def test_a_ticket_goes_as_it_was_typed(canned: CannedDesk) -> None:
    ticket = {"symbol": "AA", "side": "buy", "qty": "1.50", "type": "market"}
    canned.answers["POST /v1/tickets"] = canned.answers["POST /v1/tickets/preview"] = (200, {})
    async with DeskClient(canned.socket) as client:
        await client.ticket_preview(**ticket)
        await client.ticket(**ticket)
    assert [body for _, _, body in canned.asked] == [ticket, ticket]


async def test_events_are_asked_for_by_number_and_plan(canned: CannedDesk) -> None:
    canned.answers["GET /v1/events"] = (200, [{"seq": 8}])
    async with DeskClient(canned.socket) as client:
        assert await client.events(7, 2, "3f9a") == [{"seq": 8}]
    assert canned.paths() == ["GET /v1/events?after=7&limit=2&plan=3f9a"]


async def test_no_halt_is_none(canned: CannedDesk) -> None:
    canned.answers["GET /v1/halt"] = (200, None)
    async with DeskClient(canned.socket) as client:
        assert await client.halt_report() is None


async def test_a_bare_number_is_never_a_float(canned: CannedDesk) -> None:
    canned.answers["GET /v1/status"] = (200, b'{"cash": 0.1}')
    async with DeskClient(canned.socket) as client:
        assert (await client.status())["cash"] == Decimal("0.1")


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 503])
async def test_a_refusal_is_the_desks_sentence(canned: CannedDesk, status: int) -> None:
    canned.answers["POST /v1/plans/x/run"] = (status, {"error": "Not now."})
    async with DeskClient(canned.socket) as client:
        with pytest.raises(DeskError, match=r"^Not now\.$") as caught:
            await client.run("x")
    assert caught.value.status == status
    assert not isinstance(caught.value, DeskUnreachable)


@pytest.mark.parametrize("answer", [b"<html>", b'{"error": 1}', b"[]", b"3"])
async def test_an_answer_that_makes_no_sense_is_a_sentence(
    canned: CannedDesk, answer: bytes
) -> None:
    canned.answers["POST /v1/plans/x/run"] = (500, answer)
    canned.answers["GET /v1/plans"] = (200, b"{}")
    async with DeskClient(canned.socket) as client:
        with pytest.raises(DeskError):
            await client.run("x")
        with pytest.raises(DeskError, match="list"):
            await client.plans()


async def test_without_a_desk_it_is_absent(tmp_path: Path) -> None:
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(stale))
    for path in (tmp_path / "none.sock", stale):
        async with DeskClient(path) as client:
            with pytest.raises(DeskUnreachable, match="No desk is running") as caught:
                await client.status()
            assert caught.value.absent
            with pytest.raises(DeskUnreachable):
                await anext(client.updates())


async def test_a_path_too_long_for_the_system_is_unreachable(tmp_path: Path) -> None:
    async with DeskClient(tmp_path / ("x" * 200)) as client:
        with pytest.raises(DeskUnreachable):
            await client.status()


async def test_a_hung_desk_is_told_within_the_limit(canned: CannedDesk) -> None:
    canned.silent = True
    async with DeskClient(canned.socket, answer_seconds=0.05) as client:
        with pytest.raises(DeskUnreachable, match="not known") as caught:
            await client.status()
        assert not caught.value.absent
        with pytest.raises(DeskUnreachable):
            await client.halt("why", "me", seconds=0.05)


async def test_a_socket_that_accepts_and_says_nothing_hangs_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf.sock"))
        deaf.listen()
        async with DeskClient(tmp_path / "deaf.sock", answer_seconds=0.05) as client:
            with pytest.raises(DeskUnreachable):
                await client.snapshot()
            with pytest.raises(DeskUnreachable):
                await anext(client.updates())


async def test_updates_come_in_order_and_end_in_a_loss(canned: CannedDesk) -> None:
    canned.updates = [{"type": "snapshot", "snapshot": {}}, {"type": "changes", "changes": {}}]
    canned.drop_updates = True
    seen = []
    async with DeskClient(canned.socket) as client:
        with pytest.raises(DeskUnreachable):
            async for message in client.updates(events=True):
                seen.append(message)
        assert seen == canned.updates
        assert (await anext(client.updates()))["type"] == "snapshot", "attaches again"
    assert canned.paths() == ["GET /v1/updates?events=1", "GET /v1/updates"]


HEAVY = """
import sys
import services.desk.client
heavy = {"aiohttp", "pydantic", "sqlite3", "alpaca", "click", "textual"} & set(sys.modules)
sys.exit(", ".join(sorted(heavy)) or 0)
"""


def test_importing_it_costs_the_first_frame_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
