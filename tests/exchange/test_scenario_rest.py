"""Faults of requests and answers over real HTTP: what the client gets, what was really done."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from running_exchange import finished_lines

from services.exchange.scenarios.reading import Scenario, step_of

BUY = {
    "symbol": "NEM",
    "qty": "1",
    "side": "buy",
    "type": "limit",
    "limit_price": "50",
    "time_in_force": "day",
}


def scenario(*tables: dict[str, Any]) -> Scenario:
    return Scenario("mine", "What this test is about.", tuple(step_of(table) for table in tables))


@pytest.fixture
def troubled(serve, tmp_path):
    """`await troubled(fault, ...)`: an exchange on which these go wrong, with its log."""

    async def start(*tables: dict[str, Any], **options: Any) -> Any:
        log = tmp_path / "requests.jsonl"
        return await serve(scenarios=(scenario(*tables),), requests=log, **options)

    return start


def logged(folder: Path) -> list[dict[str, Any]]:
    return finished_lines(folder / "requests.jsonl")


async def orders(served: Any) -> list[Any]:
    held = served.opened.exchange.venue.floor.ledger.orders
    return list(held.values())


async def raw(served: Any, method: str, path: str, body: object = None) -> tuple[int, str, str]:
    data = None if body is None else json.dumps(body)
    async with served.client.request(method, path, data=data, headers=served.keys) as answer:
        return answer.status, answer.content_type, await answer.text()


POSTED = {"method": "POST"}


@pytest.mark.parametrize(
    ("fault", "status", "processed"),
    [
        ({"do": "gateway_timeout"}, 504, True),
        ({"do": "gateway_timeout", "processed": False}, 504, False),
        ({"do": "server_error"}, 500, False),
        ({"do": "server_error", "processed": True}, 500, True),
        ({"do": "unavailable"}, 503, False),
        ({"do": "rate_limited"}, 429, False),
        ({"do": "refuse", "cause": "wash_trade"}, 403, False),
        ({"do": "refuse", "cause": "hard_to_borrow"}, 422, False),
        ({"do": "drop"}, None, False),
        ({"do": "drop", "processed": True}, None, True),
        ({"do": "hang", "seconds": 0.01}, None, True),
        ({"do": "hang", "seconds": 0.01, "processed": False}, None, False),
        ({"do": "malformed_json"}, 200, True),
        ({"do": "delay", "seconds": 0.01}, 200, True),
        ({"do": "delay", "seconds": 0.01, "before": True}, 200, True),
    ],
)
async def test_what_the_client_gets_and_what_was_done(troubled, tmp_path, fault, status, processed):
    served = await troubled({**fault, "when": POSTED})
    if status is None:
        with pytest.raises(aiohttp.ClientConnectionError):
            await raw(served, "POST", "/v2/orders", BUY)
    else:
        assert (await raw(served, "POST", "/v2/orders", BUY))[0] == status
    assert len(await orders(served)) == processed
    line = logged(tmp_path)[0]
    assert (line["status"], line["processed"]) == (status, processed)
    assert line["fault"] == [fault["do"]]
    if processed:
        assert line["handled"]["status"] == 200
        assert line["handled"]["answer"]["id"] == (await orders(served))[0].id
    else:
        assert line["handled"] is None


async def test_a_request_that_nothing_strikes_says_nothing_of_faults(troubled, tmp_path):
    served = await troubled({"do": "drop", "when": {"method": "POST", "nth": 2}})
    await served.call("POST", "/v2/orders", BUY)
    assert set(logged(tmp_path)[0]) == {
        "seq", "at", "account", "method", "path", "query", "body", "status", "answer",
    }  # fmt: skip


@pytest.mark.parametrize(("do", "status"), [("server_error", 500), ("gateway_timeout", 504)])
async def test_a_proxys_error_is_a_page_of_html(troubled, do, status):
    served = await troubled({"do": do})
    got, kind, text = await raw(served, "GET", "/v2/account")
    assert (got, kind) == (status, "text/html")
    assert text.startswith("<html>")


async def test_refusals_look_like_alpacas(troubled):
    served = await troubled(
        {"do": "refuse", "cause": "wash_trade", "when": {"order": 1}},
        {"do": "refuse", "cause": "hard_to_borrow", "when": {"order": 2}},
        {"do": "rate_limited", "when": {"order": 3}},
        rate_limit=100,
    )
    status, body, _ = await served.call("POST", "/v2/orders", BUY)
    assert (status, body["code"], "wash trade" in body["message"]) == (403, 40310000, True)
    status, body, _ = await served.call("POST", "/v2/orders", BUY)
    assert (status, body["code"]) == (422, 42210000)
    assert body["message"] == 'only day orders are allowed for hard-to-borrow asset "NEM"'
    status, body, headers = await served.call("POST", "/v2/orders", BUY)
    assert (status, body["code"]) == (429, 42910000)
    assert headers["X-Ratelimit-Remaining"] == "0"
    assert (await served.call("POST", "/v2/orders", BUY))[0] == 200


async def test_a_504_after_accept_meets_its_own_client_order_id(troubled):
    served = await troubled({"do": "gateway_timeout", "when": {"order": 1}})
    order = {**BUY, "client_order_id": "mine-1"}
    assert (await raw(served, "POST", "/v2/orders", order))[0] == 504
    status, body, _ = await served.call("POST", "/v2/orders", order)
    assert (status, body["message"]) == (422, "client_order_id must be unique")
    _, found, _ = await served.call("GET", "/v2/orders:by_client_order_id?client_order_id=mine-1")
    assert found["client_order_id"] == "mine-1"


async def test_json_ends_in_the_middle(troubled):
    served = await troubled({"do": "malformed_json"})
    status, kind, text = await raw(served, "GET", "/v2/account")
    assert (status, kind) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


async def test_a_list_is_cut_short_and_fields_go_missing_or_say_the_unknown(troubled):
    served = await troubled(
        {"do": "truncated_list", "keep": 2, "when": {"path": "/v2/positions"}},
        {"do": "missing_field", "field": "qty", "when": {"path": "/v2/positions"}},
        {"do": "unknown_value", "field": "status", "value": "odd", "when": {"path": "/v2/account"}},
    )
    _, positions, _ = await served.call("GET", "/v2/positions")
    assert len(positions) == 2
    assert all("qty" not in position and "symbol" in position for position in positions)
    _, account, _ = await served.call("GET", "/v2/account")
    assert account["status"] == "odd"


async def test_a_field_goes_missing_or_says_the_unknown_deep_in_an_answer(troubled):
    served = await troubled(
        {"do": "unknown_value", "field": "bp", "value": 0},
        {"do": "missing_field", "field": "as"},
    )
    _, body, _ = await served.call("GET", "/v2/stocks/quotes/latest?symbols=NEM")
    quote = body["quotes"]["NEM"]
    assert (quote["bp"], quote["ap"] > 0, "as" in quote) == (0, True, False)


async def test_an_order_is_denied_though_it_is_there(troubled):
    served = await troubled(
        {"do": "refuse", "cause": "order_not_found", "when": {"method": "GET", "order": 1}}
    )
    _, order, _ = await served.call("POST", "/v2/orders", BUY)
    status, body, _ = await served.call("GET", f"/v2/orders/{order['id']}")
    assert (status, body["code"]) == (404, 40410000)
    assert (await served.call("GET", "/v2/orders"))[1][0]["id"] == order["id"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"do": "refuse", "cause": "not_authorized"}, 401),
        ({"do": "rate_limited"}, 401),
        ({"do": "gateway_timeout"}, 504),
    ],
)
async def test_who_has_no_key_is_told_so_by_all_but_a_proxy(troubled, fault, status):
    served = await troubled(fault)
    async with served.client.get("/v2/account") as answer:
        assert answer.status == status


async def test_the_same_seed_strikes_the_same_requests(serve):
    async def play(seed: int) -> list[int]:
        drawn = scenario({"do": "unavailable", "when": {"share": 0.5}})
        served = await serve(scenarios=(drawn,), seed=seed)
        return [(await raw(served, "GET", "/v2/clock"))[0] for _ in range(30)]

    first = await play(1)
    assert set(first) == {200, 503}
    assert await play(1) == first
    assert await play(2) != first


def test_an_exchange_stops_cleanly_while_a_request_hangs(start_exchange, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('about = "Mine."\n[[fault]]\ndo = "hang"\nwhen = { method = "POST" }\n')
    exchange = start_exchange(scenario=mine)
    url = f"{exchange.trading_url}/v2/orders"
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(url, data=json.dumps(BUY), headers=exchange.headers, timeout=1)
    listed = requests.get(url, headers=exchange.headers, timeout=10).json()
    assert len(listed) == 1
    assert exchange.stop() == 0


async def test_only_a_delay_before_acting_lets_others_go_first(troubled):
    served = await troubled(
        {"do": "delay", "seconds": 1.5, "before": True, "when": {"order": 1}},
        {"do": "delay", "seconds": 1.5, "when": {"order": 2}},
    )
    late = asyncio.create_task(served.call("POST", "/v2/orders", {**BUY, "client_order_id": "1"}))
    while not served.opened.exchange.director.listing()[0]["struck"]:
        await asyncio.sleep(0)
    await served.call("POST", "/v2/orders", {**BUY, "client_order_id": "2"})
    await late
    assert [order.client_order_id for order in await orders(served)] == ["2", "1"]


async def test_positions_are_answered_as_they_were(troubled):
    served = await troubled({"do": "stale_positions", "seconds": 30})

    async def held() -> str:
        served.opened.turn()
        _, position, _ = await served.call("GET", "/v2/positions/NEM")
        return str(position["qty"])

    assert await held() == "150"
    sell = {"symbol": "NEM", "qty": "50", "side": "sell", "type": "market", "time_in_force": "day"}
    _, order, _ = await served.call("POST", "/v2/orders", sell)
    while (await served.call("GET", f"/v2/orders/{order['id']}"))[1]["status"] != "filled":
        served.opened.turn()
    assert await held() == "150"
    served.clock.pass_(seconds=29)
    assert await held() == "150"
    served.clock.pass_(seconds=2)
    assert await held() == "100"
    account = served.opened.exchange.venue.floor.ledger.accounts["main"].name
    true = served.opened.exchange.venue.floor.ledger.positions[account, "NEM"]
    assert true.qty == 100


async def test_the_rate_limits_own_window_is_left_alone(troubled):
    served = await troubled({"do": "rate_limited", "when": {"order": 1}}, rate_limit=10)
    await served.call("POST", "/v2/orders", BUY)
    _, _, headers = await served.call("GET", "/v2/account")
    assert headers["X-Ratelimit-Remaining"] == "9"


async def test_a_hanging_request_lets_everything_else_go_on(troubled):
    served = await troubled({"do": "hang", "seconds": 60, "when": {"order": 1}})
    hanging = asyncio.create_task(raw(served, "POST", "/v2/orders", BUY))
    while not await orders(served):
        await asyncio.sleep(0)
    assert (await served.call("GET", "/v2/account"))[0] == 200
    assert not hanging.done()
    hanging.cancel()
