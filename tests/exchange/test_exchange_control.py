"""/control/: off it is not there; on it needs its token; faults, scenarios and time made live."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from services.exchange.clock import WallClock
from services.exchange.scenarios.faults import FAULTS
from services.exchange.scenarios.reading import shipped
from services.exchange.scenarios.triggers import Trigger

TOKEN = {"Authorization": "Bearer the token of this test"}
REST = {
    "symbol": "NEM",
    "qty": "1",
    "side": "sell",
    "type": "limit",
    "limit_price": "99",
    "time_in_force": "day",
}
ROUTES = [
    ("GET", "/control/"),
    ("GET", "/control/state"),
    ("POST", "/control/faults"),
    ("DELETE", "/control/faults/1"),
    ("POST", "/control/scenarios"),
    ("POST", "/control/clock"),
]


@pytest.fixture
async def controlled(serve):
    return await serve(control=True)


async def control(served: Any, method: str, path: str, body: object = None) -> Any:
    status, answer, _ = await served.call(method, f"/control/{path}", body, TOKEN)
    assert status == 200, answer
    return answer


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_off_it_is_not_there(served, method, path):
    for headers in (TOKEN, served.keys, {}):
        status, body, _ = await served.call(method, path, {"do": "drop"}, headers)
        assert (status, body["code"]) == (404, 40410000)
    assert served.opened.exchange.director.idle


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_on_it_wants_its_own_token(controlled, method, path):
    wrong = {"Authorization": "Bearer another"}
    for headers in (wrong, controlled.keys, {}):
        status, _, _ = await controlled.call(method, path, {"do": "drop"}, headers)
        assert status == 401
    assert controlled.opened.exchange.director.idle


async def test_it_lists_faults_conditions_and_scenarios(controlled):
    tables = await control(controlled, "GET", "")
    assert [row["fault"] for row in tables["faults"]] == list(FAULTS)
    assert set(tables["when"]) == set(Trigger.model_fields)
    assert list(tables["scenarios"]) == list(shipped())
    assert tables["armed"] == []


async def test_a_fault_is_armed_and_ended(controlled):
    fault = {"do": "unavailable", "when": {"path": "/v2/account"}}
    number = (await control(controlled, "POST", "faults", fault))["number"]
    async with controlled.client.get("/v2/account", headers=controlled.keys) as answer:
        assert answer.status == 503
    (armed,) = (await control(controlled, "GET", ""))["armed"]
    assert (armed["number"], armed["fault"], armed["struck"]) == (number, "unavailable", 1)
    assert armed["when"] == {"path": "/v2/account"}
    await control(controlled, "DELETE", f"faults/{number}")
    assert (await controlled.call("GET", "/v2/account"))[0] == 200


async def test_a_deed_is_done_at_once_and_taken_back_when_it_is_ended(controlled):
    async def halted() -> bool:
        return bool((await control(controlled, "GET", "state"))["market"]["NEM"]["halted"])

    halt = {"do": "halt", "symbol": "NEM"}
    number = (await control(controlled, "POST", "faults", halt))["number"]
    assert await halted()
    await control(controlled, "DELETE", f"faults/{number}")
    assert not await halted()


async def test_a_trade_elsewhere_and_a_restriction(controlled):
    trade = {"do": "outside_trade", "symbol": "NEM", "side": "sell", "qty": "50"}
    await control(controlled, "POST", "faults", trade)
    state = await control(controlled, "GET", "state")
    assert state["accounts"]["main"]["positions"]["NEM"] == "100"
    await control(controlled, "POST", "faults", {"do": "restrict", "to": "blocked"})
    assert (await controlled.call("POST", "/v2/orders", REST))[0] == 403


async def test_a_trade_the_exchange_refuses_changes_nothing_and_is_told_of(controlled):
    trade = {"do": "outside_trade", "symbol": "NEM", "side": "sell", "qty": "500000"}
    await control(controlled, "POST", "faults", trade)
    state = await control(controlled, "GET", "state")
    assert state["accounts"]["main"]["positions"]["NEM"] == "150"
    assert state["armed"][0]["refused"]


async def test_the_state_tells_orders_and_prices(controlled):
    _, order, _ = await controlled.call("POST", "/v2/orders", REST)
    state = await control(controlled, "GET", "state")
    assert [o["id"] for o in state["accounts"]["main"]["open_orders"]] == [order["id"]]
    assert state["accounts"]["main"]["cash"] == "2500"
    assert state["market"]["NEM"]["price"] == "80"
    assert state["now"] == "2026-03-03T17:00:00Z"


async def test_a_shipped_scenario_plays_from_now(controlled):
    controlled.clock.pass_(seconds=1000)
    await control(controlled, "POST", "scenarios", {"name": "outside-trade"})
    for seconds, held in ((29, "150"), (1, "140")):
        controlled.clock.pass_(seconds=seconds)
        controlled.opened.turn()
        _, position, _ = await controlled.call("GET", "/v2/positions/NEM")
        assert position["qty"] == held


async def test_the_clock_goes_forward_only(controlled):
    begun = controlled.clock.at
    await control(controlled, "POST", "clock", {"forward": 90})
    assert controlled.clock.at == begun + timedelta(seconds=90)
    await control(controlled, "POST", "clock", {"to": "2026-03-03T20:00:00Z"})
    assert controlled.clock.at.hour == 20
    status, body, _ = await controlled.call(
        "POST", "/control/clock", {"to": "2026-03-03T19:00:00Z"}, TOKEN
    )
    assert (status, body["message"]) == (422, "The clock only goes forward.")


async def test_the_true_clock_is_not_set(serve):
    served = await serve(clock=WallClock(), control=True)
    for path, body in (("clock", {"forward": 90}), ("faults", {"do": "forward"})):
        status, answer, _ = await served.call("POST", f"/control/{path}", body, TOKEN)
        assert (status, answer["message"]) == (422, "The true clock cannot be set forward.")


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "faults", {"do": "dorp"}, "unknown fault dorp; there are: delay"),
        ("POST", "faults", {"do": "halt", "symbol": "NONE"}, "no symbol NONE"),
        ("POST", "faults", {"do": "restrict", "to": "blocked", "account": "x"}, "no account x"),
        ("POST", "faults", {"do": "drop", "when": {"nht": 1}}, "unknown condition nht"),
        ("POST", "faults", [1], "must be a JSON object"),
        ("POST", "faults", b"{", ""),
        ("DELETE", "faults/77", None, "There is no fault 77."),
        ("DELETE", "faults/x", None, "There is no fault x."),
        ("POST", "scenarios", {"name": "/etc/passwd"}, "no scenario /etc/passwd"),
        ("POST", "scenarios", {}, "no scenario None"),
        ("POST", "clock", {}, "Say"),
        ("POST", "clock", {"forward": -1}, "Say"),
        ("POST", "clock", {"to": "soon"}, ""),
    ],
)
async def test_what_is_wrong_is_one_sentence(controlled, method, path, body, said):
    status, answer, _ = await controlled.call(method, f"/control/{path}", body, TOKEN)
    assert status == 422
    assert said in answer["message"]


def test_the_hello_line_tells_where_and_with_what_token_only_when_on(start_exchange):
    off, on = start_exchange(), start_exchange(control=True)
    assert not {"control_url", "control_token"} & set(off.hello)
    token = {"Authorization": f"Bearer {on.hello['control_token']}"}
    assert requests.get(f"{on.hello['control_url']}state", headers=token).ok
    assert requests.get(f"{off.trading_url}/control/state", headers=token).status_code == 404
    again = start_exchange(control=True)
    assert again.hello["control_token"] != on.hello["control_token"]
