"""An override is HTTPS or this machine, complete, and never empty (alpaca.md §0 item 16)."""

import pytest
from pydantic import SecretStr

from db.clock import SystemClock
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import LIVE, PAPER, EndpointError, Endpoints, checked


@pytest.mark.parametrize("endpoints", [PAPER, LIVE])
def test_alpacas_own_addresses_are_good(endpoints: Endpoints) -> None:
    assert checked(endpoints) is endpoints


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080", "https://x.example"]
)
def test_this_machine_and_https_are_good(url: str) -> None:
    checked(PAPER.model_copy(update={"trading_url": url}))


BAD = {
    "trading_url": [
        "",
        " ",
        "https://x.example/",
        "http://x.example",
        "http://127.0.0.1.x.example",
        "http://localhost.x.example",
        "http://127.0.0.1@x.example",
        "https://user:password@x.example",
        "x.example",
        "ftp://127.0.0.1",
        "wss://x.example",
        "https://",
        "http://127.0.0.1:notaport",
        "https://x.example?a=b",
    ],
    "trading_stream_url": ["", "ws://x.example/stream", "wss://x.example/stream/", "https://x"],
    "data_url": ["", "http://10.0.0.1"],
    "data_stream_url": ["", "ws://10.0.0.1/v2/iex"],
}


@pytest.mark.parametrize(("name", "url"), [(name, url) for name in BAD for url in BAD[name]])
def test_anything_else_is_refused_in_one_sentence_that_names_it(name: str, url: str) -> None:
    with pytest.raises(EndpointError, match=name) as caught:
        checked(PAPER.model_copy(update={name: url}))
    assert "\n" not in str(caught.value)
    assert "password@" not in str(caught.value)


def test_the_broker_refuses_them_before_anything_is_sent() -> None:
    bad = PAPER.model_copy(update={"data_url": "http://x.example"})
    with pytest.raises(EndpointError):
        AlpacaBroker("main", SecretStr("k"), SecretStr("s"), bad, SystemClock())


@pytest.mark.parametrize(("key", "secret"), [("", "s"), ("k", "")])
def test_missing_keys_are_refused(key: str, secret: str) -> None:
    with pytest.raises(ValueError, match="key"):
        AlpacaBroker("main", SecretStr(key), SecretStr(secret), PAPER, SystemClock())
