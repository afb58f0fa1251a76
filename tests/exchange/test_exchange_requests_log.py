"""The requests file: every request with its answer, numbered by arrival."""

import json

import requests

from services.exchange.request_log import RequestLog

SELL = {"symbol": "NEM", "qty": "1", "side": "sell", "type": "market", "time_in_force": "day"}


def test_each_request_is_a_line_with_its_answer(exchange):
    http = requests.Session()
    http.headers.update(exchange.headers)
    http.get(f"{exchange.trading_url}/v2/orders?status=all&limit=5")
    order = http.post(f"{exchange.trading_url}/v2/orders", data=json.dumps(SELL)).json()
    http.post(f"{exchange.trading_url}/v2/orders", data=b"{not json")
    requests.get(f"{exchange.trading_url}/v2/account")
    http.delete(f"{exchange.trading_url}/v2/orders")
    log = exchange.requests_log()
    assert [line["seq"] for line in log] == [1, 2, 3, 4, 5]
    assert [line["status"] for line in log] == [200, 200, 400, 401, 207]
    assert [line["account"] for line in log] == ["main", "main", "main", None, "main"]
    assert log[0]["query"] == {"status": "all", "limit": "5"}
    assert (log[1]["method"], log[1]["path"]) == ("POST", "/v2/orders")
    assert (log[1]["body"], log[1]["answer"]) == (SELL, order)
    assert log[2]["body"] == "{not json"
    assert exchange.secret not in exchange.log.read_text()


def test_numbers_go_on_after_a_kill(exchange):
    for _ in range(3):
        requests.get(f"{exchange.trading_url}/v2/clock", headers=exchange.headers)
    exchange.kill()
    exchange.restart()
    requests.get(f"{exchange.trading_url}/v2/clock", headers=exchange.headers)
    assert [line["seq"] for line in exchange.requests_log()] == [1, 2, 3, 4]


def test_a_torn_last_line_spoils_no_other(tmp_path):
    path = tmp_path / "requests.jsonl"
    path.write_text('{"seq": 41}\n{"seq": 4')
    log = RequestLog(path)
    assert log.arrived() == 42
    log.answered({"seq": 42})
    log.close()
    assert path.read_text().splitlines()[2] == '{"seq": 42}'
