"""What was acknowledged is there after SIGKILL, with the same keys at the same address."""

import json
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
import requests

TAPE = Path(__file__).parent.parent / "data" / "tape" / "20131008"


def session(exchange) -> requests.Session:
    opened = requests.Session()
    opened.headers.update(exchange.headers)
    return opened


def buy(http: requests.Session, url: str, name: str, **more: object) -> requests.Response:
    order = {
        "symbol": "MSFT",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "limit_price": "10",
        "time_in_force": "gtc",
        "client_order_id": name,
        **more,
    }
    return http.post(f"{url}/v2/orders", data=json.dumps(order), timeout=20)


def test_acknowledged_orders_fills_cash_and_keys_outlive_a_kill(exchange):
    http, url = session(exchange), exchange.trading_url
    resting = buy(http, url, "resting").json()
    buy(http, url, "filled", type="market", limit_price=None, time_in_force="day")
    cancelled = buy(http, url, "cancelled").json()
    http.delete(f"{url}/v2/orders/{cancelled['id']}")
    paths = [
        "/v2/orders?status=all",
        "/v2/positions",
        "/v2/account",
        "/v2/account/activities",
        "/v2/stocks/trades/latest?symbols=MSFT",
    ]
    before = [http.get(url + path).json() for path in paths]
    time_before = http.get(f"{url}/v2/clock").json()["timestamp"]
    hello = exchange.hello
    exchange.kill()
    exchange.restart()
    assert exchange.hello == hello
    after = [http.get(url + path).json() for path in paths]
    assert after[:4] == before[:4]
    assert after[4]["trades"]["MSFT"]["p"] == before[4]["trades"]["MSFT"]["p"]
    assert http.get(f"{url}/v2/clock").json()["timestamp"] > time_before
    refused = buy(http, url, "filled")
    assert (refused.status_code, refused.json()["code"]) == (422, 40010001)
    found = http.get(f"{url}/v2/orders/{resting['id']}").json()
    assert found["status"] == "new"


@pytest.mark.parametrize("acknowledged", [1, 7, 25])
def test_killed_amid_orders_no_acknowledged_one_is_lost(exchange, acknowledged):
    """The kill comes while others are on their way; those may be there or not, whole."""
    http, url = session(exchange), exchange.trading_url
    answered: list[str] = []

    def send(number: int) -> None:
        try:
            answer = buy(http, url, f"order-{number}", type="market", limit_price=None)
        except requests.ConnectionError:
            return
        if answer.status_code == 200:
            answered.append(answer.json()["id"])
        if len(answered) == acknowledged:
            exchange.process.kill()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(60)))
    exchange.kill()
    exchange.restart()
    orders = http.get(f"{url}/v2/orders?status=all&limit=500").json()
    assert set(answered) <= {order["id"] for order in orders}
    assert len({order["client_order_id"] for order in orders}) == len(orders)
    bought = sum(Decimal(order["filled_qty"]) for order in orders)
    assert {order["status"] for order in orders} <= {"filled"}
    assert Decimal(http.get(f"{url}/v2/positions/MSFT").json()["qty"]) == 10 + bought
    cash = Decimal(http.get(f"{url}/v2/account").json()["cash"])
    assert cash == 2500 - bought * Decimal("420.02")
    fills = http.get(f"{url}/v2/account/activities").json()
    assert sum(Decimal(fill["qty"]) for fill in fills) == bought


def test_two_exchanges_never_share_a_state(start_exchange, tmp_path):
    state = tmp_path / "shared.db"
    start_exchange(cold=True, state=state)
    with pytest.raises(AssertionError, match="database is locked"):
        start_exchange(cold=True, state=state)


def test_a_state_is_not_mixed_with_another_book(start_exchange, tmp_path):
    first = start_exchange(cold=True)
    state = first.options[first.options.index("--state") + 1]
    first.stop()
    book = tmp_path / "other.json"
    book.write_text('{"accounts": {"a": {"cash": "1"}}, "market": [{"symbol": "X", "price": 1}]}')
    with pytest.raises(AssertionError, match="was begun with another book"):
        start_exchange(cold=True, state=state, book=book)


def test_what_was_bought_from_a_tape_needs_the_tape_again(start_exchange, tmp_path):
    state = tmp_path / "tape.db"
    first = start_exchange(cold=True, state=state, tape=TAPE, speed="0.01")
    bought = buy(session(first), first.trading_url, "a", symbol="AIG", limit_price="60")
    assert bought.status_code == 200
    first.stop()
    with pytest.raises(AssertionError, match=r"The state holds AIG, which has no price"):
        start_exchange(cold=True, state=state)
    again = start_exchange(cold=True, state=state, tape=TAPE)
    held = session(again).get(f"{again.trading_url}/v2/positions/AIG").json()
    assert (held["qty"], held["cost_basis"]) == ("1", "48.85")


def test_an_exchange_that_cannot_remember_stops_and_acknowledges_nothing(start_exchange):
    exchange = start_exchange(cold=True, requests=None)
    http, url = session(exchange), exchange.trading_url
    state = exchange.options[exchange.options.index("--state") + 1]
    room = os.path.getsize(f"{state}-wal") + 8192
    resource.prlimit(exchange.process.pid, resource.RLIMIT_FSIZE, (room, room))
    acknowledged = 0
    with pytest.raises(requests.ConnectionError):
        for number in range(500):
            acknowledged += buy(http, url, f"order-{number}").status_code == 200
    _, errors = exchange.process.communicate(timeout=20)
    assert exchange.process.returncode == 2
    assert errors.decode().startswith(f"quarterdeck exchange: State {state} cannot be written: ")
    assert errors.decode().count("\n") == 1
    exchange.start()
    orders = http.get(f"{url}/v2/orders?status=all&limit=500").json()
    assert len(orders) == acknowledged
