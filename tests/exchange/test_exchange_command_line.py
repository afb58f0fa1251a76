"""`python -m services.exchange`: one sentence and exit 2 for what is wrong, 0 for a clean stop."""

import json
import socket
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from services.exchange.cli import exchange as command
from services.exchange.cli import main

TAPE = Path(__file__).parent.parent / "data" / "tape" / "20131008"
GOOD = {"accounts": {"main": {"cash": "1"}}, "market": [{"symbol": "X", "price": "1"}]}


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("quarterdeck exchange: ")
    assert output.err.count("\n") == 1
    return output.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nope"], "No such option"),
        (["--port", "70000"], "70000"),
        (["--port", "x"], "x"),
        (["--host", "0.0.0.0"], "127.0.0.1 only"),
        (["--clock", "tuesday"], "neither open nor real"),
        (["--clock", "real", "--speed", "2"], "true speed"),
        (["--volatility", "NaN"], "between 0 and 1000"),
        (["--volatility", "-1"], "between 0 and 1000"),
        (["--tick", "0"], "0"),
        (["--speed", "0"], "0"),
        (["--tape", "/no/such/folder"], "does not exist"),
        (["--book", "/no/such/file"], "cannot be read: no such file"),
        (["--state", "/no/such/folder/state.db"], "unable to open"),
        (["--requests", "/no/such/folder/log"], "cannot be written: no such file"),
        (["extra"], "extra"),
    ],
)
def test_a_wrong_option_is_one_sentence(capsys, arguments, said):
    assert said in complaint(capsys, *arguments)


@pytest.mark.parametrize(
    ("book", "said"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{}", "malformed at accounts"),
        (json.dumps({**GOOD, "surprise": 1}).encode(), "malformed at surprise"),
        (json.dumps({**GOOD, "market": []}).encode(), "malformed at market"),
        (
            json.dumps({**GOOD, "market": [{"symbol": "X", "price": "-1"}]}).encode(),
            "malformed at market.0.price",
        ),
        (
            json.dumps({**GOOD, "market": [{"symbol": "X", "price": "NaN"}]}).encode(),
            "malformed at market.0.price",
        ),
        (
            json.dumps({**GOOD, "accounts": {"m": {"cash": "1", "multiplier": "9"}}}).encode(),
            "malformed at accounts.m.multiplier",
        ),
        (
            json.dumps(
                {
                    **GOOD,
                    "positions": [
                        {"account": "main", "symbol": "Y", "qty": "1", "avg_entry_price": "1"}
                    ],
                }
            ).encode(),
            "position Y has no price",
        ),
    ],
)
def test_a_bad_book_is_one_sentence(capsys, tmp_path, book, said):
    path = tmp_path / "book.json"
    path.write_bytes(book)
    assert said in complaint(capsys, "--book", str(path))


def test_a_file_that_is_no_state_is_left_alone(capsys, tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("dear reader, " * 100)
    assert "is not a database" in complaint(capsys, "--state", str(path))
    assert path.read_text() == "dear reader, " * 100


def test_a_port_in_use_is_one_sentence(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"Port {port} is in use." in complaint(capsys, "--port", port)


def test_the_first_line_is_all_a_client_needs_and_sigterm_ends_with_0(exchange):
    hello = exchange.hello
    assert list(hello) == [
        "trading_url",
        "trading_stream_url",
        "data_url",
        "data_stream_url",
        "key",
        "secret",
        "accounts",
    ]
    port = hello["trading_url"].rsplit(":", 1)[1]
    assert hello["trading_url"] == hello["data_url"] == f"http://127.0.0.1:{port}"
    assert hello["trading_stream_url"] == f"ws://127.0.0.1:{port}/stream"
    assert hello["data_stream_url"] == f"ws://127.0.0.1:{port}/v2/iex"
    account = requests.get(f"{exchange.trading_url}/v2/account", headers=exchange.headers)
    assert account.json()["account_number"] == "SIM000001"
    assert exchange.stop() == 0


def test_without_a_state_file_nothing_is_left_behind(start_exchange, tmp_path):
    exchange = start_exchange(cold=True, state=None)
    assert requests.get(f"{exchange.trading_url}/v2/clock", headers=exchange.headers).ok
    assert exchange.stop() == 0
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["requests.jsonl"]


def test_a_tape_brings_its_own_day_and_its_symbols_beside_the_books(start_exchange):
    exchange = start_exchange(cold=True, tape=TAPE, speed="0.01")

    def get(path: str) -> Any:
        return requests.get(f"{exchange.data_url}{path}", headers=exchange.headers).json()

    assert get("/v2/clock")["timestamp"].startswith("2013-10-08T09:30:0")
    quotes = get("/v2/stocks/quotes/latest?symbols=AIG,NEM")["quotes"]
    assert (quotes["AIG"]["bp"], quotes["AIG"]["ap"]) == (48.82, 48.85)
    assert quotes["AIG"]["t"] == "2013-10-08T13:30:00Z"
    assert quotes["NEM"]["bp"] == 79.99
    assert get("/v2/assets/AIG")["tradable"] is True


def test_both_books_are_shipped_and_readable():
    from services.exchange.book import parse_book

    folder = resources.files("services.exchange") / "books"
    for name, held in (("rebalance", 12), ("nov10", 22)):
        book = parse_book((folder / f"{name}.json").read_text(encoding="utf-8"), name)
        assert len(book.positions) == held


def test_help_names_every_option():
    text = CliRunner().invoke(command, ["--help"]).output
    for option in ("book", "tape", "state", "requests", "port", "seed", "clock", "speed"):
        assert f"--{option}" in text


def test_the_exchange_runs_without_a_terminal_library():
    code = "import sys, services.exchange.cli; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
