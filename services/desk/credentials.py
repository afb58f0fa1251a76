"""The keys to a broker: from the settings, else the environment, else the keyring."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import SecretStr

from services.desk.config import SettingsError
from services.desk.settings import DeskSettings

KEYRING_SERVICE = "quarterdeck"
KEY_VARIABLE = "APCA_API_KEY_ID"
SECRET_VARIABLE = "APCA_API_SECRET_KEY"


class Credentials(NamedTuple):
    key: SecretStr
    secret: SecretStr
    source: str


def credentials(settings: DeskSettings, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Key and secret of the chosen broker, both from one place.

    Raises SettingsError when there are none, or only half of a pair."""
    broker, name = settings.keys, settings.environment.value
    if broker is None:
        raise SettingsError("The simulated exchange names its keys itself.")
    given = _pair(broker.key, broker.secret, f"the settings {name}.key and {name}.secret")
    if given is not None:
        return given
    here = (_hidden(environ.get(KEY_VARIABLE)), _hidden(environ.get(SECRET_VARIABLE)))
    given = _pair(*here, f"{KEY_VARIABLE} and {SECRET_VARIABLE}")
    if given is not None:
        return given
    stored = (_stored(f"{name}.key"), _stored(f"{name}.secret"))
    given = _pair(*stored, f"the keyring entries {name}.key and {name}.secret")
    if given is not None:
        return given
    raise SettingsError(
        f"There are no API keys for {name}: set {KEY_VARIABLE} and {SECRET_VARIABLE}, or store "
        f"{name}.key and {name}.secret in the keyring under {KEYRING_SERVICE!r}."
    )


def _pair(key: SecretStr | None, secret: SecretStr | None, source: str) -> Credentials | None:
    if key is None and secret is None:
        return None
    if key is None or secret is None:
        raise SettingsError(f"Only one of {source} is there: both are needed.")
    return Credentials(key, secret, source)


def _hidden(text: str | None) -> SecretStr | None:
    return SecretStr(text.strip()) if text and text.strip() else None


def _stored(name: str) -> SecretStr | None:
    """From the keyring. A machine without one simply has nothing stored."""
    import keyring
    import keyring.errors

    try:
        return _hidden(keyring.get_password(KEYRING_SERVICE, name))
    except keyring.errors.KeyringError:
        return None
