"""Rules, accounts, scenarios and reset on the command line."""

import json
import sqlite3
from dataclasses import fields
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from services.exchange import cli
from services.exchange.engine.rules import RULE_NAMES, Rules
from services.exchange.scenarios.reading import read_scenario, shipped
from services.exchange.settings import Settings
from services.exchange.store import Store


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the exchange would be served with."""

    def settings_of(*arguments: str) -> Settings:
        served: list[Settings] = []

        async def serve(settings: Settings) -> None:
            served.append(settings)

        monkeypatch.setattr(cli, "serve", serve)
        assert cli.main(arguments) == 0
        return served[0]

    return settings_of


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(arguments) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    return output.err


# -- rules ------------------------------------------------------------------------------------

OTHER = {
    "client_id_retention": ("30", 30),
    "repeated_cancel": ("422", 422),
    "limit_distance": ("2.5", Decimal("2.5")),
    "day_end": ("canceled", "canceled"),
    "replace_keeps_fills": ("False", False),
    "cls_cutoff": ("15:55", time(15, 55)),
    "day_trades": ("legacy_pdt", "legacy_pdt"),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_rule_is_chosen_in_its_own_type(chosen, name):
    text, value = OTHER[name]
    rules = chosen("--rule", f"{name}={text}").rules
    assert getattr(rules, name) == value
    assert type(getattr(rules, name)) is type(getattr(Rules(), name))


def test_several_rules_at_once_and_all_others_as_they_were(chosen):
    rules = chosen("--rule", "repeated_cancel=422", "--rule", "option_gtc=true").rules
    assert rules == Rules(repeated_cancel=422, option_gtc=True)


@pytest.mark.parametrize("rule", fields(Rules), ids=lambda rule: rule.name)
def test_the_default_of_every_rule_can_be_written(chosen, rule):
    assert chosen("--rule", f"{rule.name}={rule.default}").rules == Rules()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("nope=1", "unknown rule nope; there are: client_id_retention, repeated_cancel"),
        ("repeated_cancel=200", "repeated_cancel is 204 or 422, not '200'"),
        ("day_end=tomorrow", "day_end is expired or canceled, not 'tomorrow'"),
        ("option_gtc=perhaps", "option_gtc is true or false, not 'perhaps'"),
        ("cls_cutoff=soon", "cls_cutoff is a time like 15:50, not 'soon'"),
        ("limit_distance=NaN", "limit_distance is a number, 0 or more, not 'NaN'"),
        ("limit_distance=-1", "limit_distance is a number, 0 or more, not '-1'"),
        ("client_id_retention=1.5", "client_id_retention is a whole number, 0 or more"),
        ("client_id_retention", "client_id_retention is a whole number"),
    ],
)
def test_a_wrong_rule_is_one_sentence(capsys, rule, said):
    assert said in refused(capsys, "--rule", rule)


def test_rules_are_listed_with_default_and_meaning():
    lines = CliRunner().invoke(cli.exchange, ["--list-rules"]).output.splitlines()
    assert [line.partition("=")[0] for line in lines] == list(RULE_NAMES)
    assert lines[1].split(maxsplit=1) == [
        "repeated_cancel=204",
        "status of cancelling what is cancelled: 204 or 422",
    ]


# -- accounts ---------------------------------------------------------------------------------


def test_accounts_beside_the_books_have_their_own_keys_and_cash(start_exchange):
    exchange = start_exchange(account="second:50000.5")
    first, second = exchange.hello["accounts"]
    assert (first["name"], second["name"]) == ("main", "second")
    assert (first["key"], first["secret"]) == (exchange.key, exchange.secret)
    assert all(account["account_number"].startswith("SIM") for account in (first, second))
    keys = {"APCA-API-KEY-ID": second["key"], "APCA-API-SECRET-KEY": second["secret"]}
    account = requests.get(f"{exchange.trading_url}/v2/account", headers=keys).json()
    assert (account["cash"], account["account_number"]) == ("50000.5", second["account_number"])
    assert requests.get(f"{exchange.trading_url}/v2/positions", headers=keys).json() == []
    exchange.restart()
    assert len(exchange.hello["accounts"]) == 2


def test_an_accounts_cash_in_place_of_the_books(start_exchange):
    exchange = start_exchange(account="main:777")
    account = requests.get(f"{exchange.trading_url}/v2/account", headers=exchange.headers).json()
    assert account["cash"] == "777"


@pytest.mark.parametrize("account", ["second", "second:", "second:lots", ":5", "a b:5", "x:-1"])
def test_a_wrong_account_is_one_sentence(capsys, account):
    assert "is not a name and its cash" in refused(capsys, "--account", account)


def test_a_state_begun_with_other_accounts_is_refused(capsys, start_exchange, tmp_path):
    state = tmp_path / "state.db"
    start_exchange(state=state, account="second:5").stop()
    said = refused(capsys, "--state", str(state), "--account", "third:5")
    assert "begun with other accounts" in said


# -- scenarios --------------------------------------------------------------------------------


def test_scenarios_are_listed_with_the_sentence_of_their_file():
    lines = CliRunner().invoke(cli.exchange, ["--list-scenarios"]).output.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        [name, read_scenario(name).about] for name in shipped()
    ]


def test_several_scenarios_play_at_once(chosen, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('about = "Mine."\n[[fault]]\ndo = "drop"\n')
    scenarios = chosen("--scenario", "rejects", "--scenario", str(mine)).scenarios
    assert [scenario.name for scenario in scenarios] == ["rejects", str(mine)]


def test_what_a_scenario_wants_to_start_with_gives_way_to_what_is_given(chosen, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('about = "Mine."\n[start]\nspeed = 2.5\nfill-delay = 7\npartials = true\n')
    wanted = chosen("--scenario", str(mine))
    assert (wanted.speed, wanted.fill_delay, wanted.partials) == (2.5, 0.007, True)
    assert chosen("--scenario", str(mine), "--speed", "1").speed == 1
    assert chosen("--speed", "1", "--scenario", str(mine)).speed == 1


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("sped = 2", "unknown key sped in start; there are: book, clock"),
        ('speed = "fast"', "fast"),
        ("volatility = -1", "between 0 and 1000"),
    ],
)
def test_a_wrong_start_is_one_sentence(capsys, tmp_path, start, said):
    mine = tmp_path / "mine.toml"
    mine.write_text(f'about = "Mine."\n[start]\n{start}\n')
    assert said in refused(capsys, "--scenario", str(mine))


def test_a_wrong_scenario_is_one_sentence(capsys, tmp_path):
    assert "There is no scenario nope; there are: " in refused(capsys, "--scenario", "nope")
    mine = tmp_path / "mine.toml"
    mine.write_text('about = "Mine."\n[[fault]]\ndo = "halt"\nsymbol = "NONE"\n')
    assert "There is no symbol NONE" in refused(capsys, "--scenario", str(mine))


def test_an_unknown_fill_model_is_refused(capsys):
    assert "optimistic" in refused(capsys, "--fill-model", "optimistic")


def test_limits_of_the_streams(chosen):
    arguments = ["--trade-connections", "1", "--trade-text", "--without-feed", "sip"]
    settings = chosen(*arguments, "--data-connections", "2", "--data-symbols", "30")
    assert (settings.trade_limits.connections, settings.trade_limits.text) == (1, True)
    limits = settings.data_limits
    assert (limits.connections, limits.symbols, limits.not_subscribed) == (2, 30, {"sip"})


# -- reset ------------------------------------------------------------------------------------

ORDER = {"symbol": "NEM", "qty": "1", "side": "sell", "type": "market", "time_in_force": "day"}


def order_id(exchange: Any) -> str:
    url = f"{exchange.trading_url}/v2/orders"
    answer = requests.post(url, data=json.dumps(ORDER), headers=exchange.headers)
    return str(answer.json()["id"])


def test_a_reset_state_begins_anew_with_ids_never_seen(start_exchange, tmp_path):
    state = tmp_path / "state.db"
    seen = set()
    for generation in range(3):
        exchange = start_exchange(state=state)
        listed = f"{exchange.trading_url}/v2/orders?status=all"
        assert requests.get(listed, headers=exchange.headers).json() == []
        seen |= {order_id(exchange), order_id(exchange)}
        assert len(seen) == 2 * (generation + 1)
        exchange.stop()
        assert cli.main(["reset", "--state", str(state), "--yes"]) == 0


def test_a_state_in_use_is_not_reset(capsys, start_exchange, tmp_path):
    state = tmp_path / "state.db"
    exchange = start_exchange(state=state)
    kept = order_id(exchange)
    said = refused(capsys, "reset", "--state", str(state), "--yes")
    assert f"An exchange runs on {state}: stop it first." in said
    listed = requests.get(f"{exchange.trading_url}/v2/orders/{kept}", headers=exchange.headers)
    assert listed.ok


def test_what_is_no_state_is_left_as_it_is(capsys, tmp_path):
    letter, other = tmp_path / "letter.txt", tmp_path / "other.db"
    letter.write_text("dear reader, " * 100)
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE letters (text)")
    db.close()
    for path in (letter, other):
        before = path.read_bytes()
        said = refused(capsys, "reset", "--state", str(path), "--yes")
        assert "is no state of an exchange" in said
        assert path.read_bytes() == before
    missing = tmp_path / "none.db"
    assert "There is no state" in refused(capsys, "reset", "--state", str(missing), "--yes")
    assert not missing.exists()


async def _state(path: Path) -> None:
    store = Store(path)
    store.put_fact("book", "{}")
    await store.close()


async def test_without_yes_it_asks(tmp_path):
    path = tmp_path / "state.db"
    await _state(path)
    runner = CliRunner()
    assert runner.invoke(cli.exchange, ["reset", "--state", str(path)], input="n\n").exit_code
    store = Store(path)
    assert store.fact("book") == "{}"
    await store.close()
    assert not runner.invoke(cli.exchange, ["reset", "--state", str(path)], input="y\n").exit_code
    store = Store(path)
    assert store.fact("book") is None
    await store.close()
