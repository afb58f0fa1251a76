"""Settings: command line over environment over config.toml; unknown keys refused by name."""

from decimal import Decimal
from pathlib import Path

import pytest

from db.home import Home
from db.model.base import Environment
from services.desk.config import HIDDEN, Source, explain, load, table
from services.desk.config import SettingsError as Refused
from services.desk.credentials import credentials


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, Environment.SIM)


def paper(home: Home) -> Home:
    return Home(home.root, Environment.PAPER)


def refused(home: Home, overrides: tuple[str, ...] = (), **environ: str) -> str:
    with pytest.raises(Refused) as caught:
        load(home, overrides, environ)
    return str(caught.value)


def test_without_anything_said_the_defaults_hold(home: Home) -> None:
    settings = load(home, (), {})
    assert settings.environment is Environment.SIM
    assert (settings.account_name, settings.policy) == ("main", "standard")
    assert settings.reconcile_seconds == 60
    assert settings.broker is None


def test_command_line_over_environment_over_file(home: Home) -> None:
    home.config.write_text('policy = "file"\n[sim]\nseed = 1\nvolatility = 0.1\nport = 7\n')
    environ = {"QUARTERDECK_SIM__SEED": "2", "QUARTERDECK_SIM__PORT": "8", "HOME": "/nowhere"}
    settings = load(home, ("sim.seed=3",), environ)
    assert settings.sim.seed == 3
    assert settings.sim.port == 8
    assert settings.sim.volatility == Decimal("0.1")
    assert settings.policy == "file"
    sources = {row.key: row.source for row in explain(home, ("sim.seed=3",), environ)}
    assert sources["sim.seed"] == Source.COMMAND_LINE
    assert sources["sim.port"] == Source.ENVIRONMENT
    assert sources["policy"] == Source.FILE
    assert sources["zone"] == Source.DEFAULT


def test_the_environment_is_the_homes(home: Home) -> None:
    home.config.write_text('environment = "live"')
    assert load(paper(home), (), {}).environment is Environment.PAPER


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ("sede = 1", "sede is no setting"),
        ("[sim]\nsede = 1", "sim.sede is no setting. Known here: book, clock"),
        ("[sim]\nseed = 'x'", "sim.seed"),
        ("[sim]\nvolatility = -1", "sim.volatility"),
        ("[sim]\nvolatility = nan", "sim.volatility"),
        ("reconcile_seconds = 0", "reconcile_seconds"),
        ("zone = 'Mars/Phobos'", "zone"),
        ("sim = 3", "sim"),
        ("policy = ''", "policy"),
        ("= 3", "not readable as TOML"),
    ],
)
def test_a_wrong_file_is_a_sentence_that_names_file_and_key(
    home: Home, config: str, named: str
) -> None:
    home.config.write_text(config)
    said = refused(home)
    assert str(home.config) in said
    assert named in said


def test_a_file_in_another_encoding_is_a_sentence(home: Home) -> None:
    home.config.write_bytes(b"policy = '\xff'")
    assert "not readable" in refused(home)


def test_every_fault_is_named_at_once(home: Home) -> None:
    home.config.write_text("a = 1\nb = 2\n")
    with pytest.raises(Refused) as caught:
        load(home, (), {})
    assert len(caught.value.sentences) == 2


def test_a_wrong_variable_is_named(home: Home) -> None:
    assert "QUARTERDECK_SEED" in refused(home, QUARTERDECK_SEED="1")
    assert "QUARTERDECK_SIM__SEDE" in refused(home, QUARTERDECK_SIM__SEDE="1")
    assert "QUARTERDECK_SIM" in refused(home, QUARTERDECK_SIM="{")


@pytest.mark.parametrize("override", ["sim.seed", "=3", "sim.=3", ".seed=3", "sim.sede=3"])
def test_a_wrong_override_is_a_sentence(home: Home, override: str) -> None:
    assert refused(home, (override,))


ADDRESSES = {
    "https://broker.example": True,
    "http://127.0.0.1:8080": True,
    "http://localhost:8080/": True,
    "http://[::1]:8080": True,
    "http://127.3.2.1": True,
    "": False,
    "   ": False,
    "http://broker.example": False,
    "http://192.168.1.5:80": False,
    "http://127.0.0.1.example": False,
    "http://localhost.example": False,
    "ftp://127.0.0.1": False,
    "127.0.0.1:8080": False,
    "https://": False,
    "https://user:pass@broker.example": False,
    "https://broker.example?x=1": False,
    "http://127.0.0.1:99999": False,
}


@pytest.mark.parametrize(("address", "fine"), ADDRESSES.items())
@pytest.mark.parametrize("key", ["trading_url", "data_url"])
def test_addresses_are_encrypted_or_of_this_machine(
    home: Home, key: str, address: str, fine: bool
) -> None:
    override = (f"paper.{key}={address}",)
    if fine:
        broker = load(paper(home), override, {}).broker
        assert getattr(broker, key) == address.rstrip("/")
    else:
        assert f"paper.{key}" in refused(home, override)


@pytest.mark.parametrize("key", ["trading_stream_url", "data_stream_url"])
def test_streams_are_websockets(home: Home, key: str) -> None:
    load(paper(home), (f"paper.{key}=ws://127.0.0.1:1/stream",), {})
    load(paper(home), (f"paper.{key}=wss://broker.example/stream",), {})
    assert "wss://" in refused(home, (f"paper.{key}=https://broker.example",))
    assert "only for this machine" in refused(home, (f"paper.{key}=ws://broker.example",))


def test_secrets_are_shown_to_nobody(home: Home) -> None:
    environ = {"QUARTERDECK_PAPER__KEY": "AKEY", "QUARTERDECK_PAPER__SECRET": "hush"}
    rows = explain(paper(home), (), environ)
    assert {row.value for row in rows if row.key in ("paper.key", "paper.secret")} == {HIDDEN}
    settings = load(paper(home), (), environ)
    for text in (repr(rows), repr(settings), str(settings), settings.model_dump_json()):
        assert "hush" not in text
    said = refused(home, QUARTERDECK_PAPER__SECRETT="hush", QUARTERDECK_PAPER__KEY="")
    assert "hush" not in said
    assert "command line" in refused(home, ("live.secret=hush",))


def test_keys_come_from_the_settings_then_the_environment(home: Home) -> None:
    home.config.write_text('[paper]\nkey = "A"\nsecret = "B"\n')
    environ = {"APCA_API_KEY_ID": "C", "APCA_API_SECRET_KEY": "D"}
    assert credentials(load(paper(home), (), {}), environ).key.get_secret_value() == "A"
    home.config.unlink()
    found = credentials(load(paper(home), (), {}), environ)
    assert (found.key.get_secret_value(), found.secret.get_secret_value()) == ("C", "D")


def test_half_a_pair_is_refused_and_never_completed_from_elsewhere(home: Home) -> None:
    home.config.write_text('[paper]\nkey = "A"\n')
    environ = {"APCA_API_KEY_ID": "C", "APCA_API_SECRET_KEY": "D"}
    with pytest.raises(Refused, match="both are needed"):
        credentials(load(paper(home), (), {}), environ)
    with pytest.raises(Refused, match="both are needed"):
        credentials(load(Home(home.root, Environment.LIVE), (), {}), {"APCA_API_KEY_ID": "C"})


def test_files_beside_the_config_and_files_typed_are_found_where_they_lie(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    home.config.write_text('[sim]\nbook = "books/mine.json"\ntape = "tape"\n')
    settings = load(home, ("sim.requests=log.jsonl",), {})
    assert settings.sim.book == str(home.root / "books/mine.json")
    assert settings.sim.tape == home.root / "tape"
    assert settings.sim.requests == here / "log.jsonl"
    assert load(home, ("sim.book=nov10",), {}).sim.book == "nov10"


def test_every_setting_says_what_it_means() -> None:
    for row in table():
        assert row.meaning.endswith("."), row.key
