"""Which home and environment a command is about. Light: the console starts through here."""

import os
import tomllib
from collections.abc import Mapping

from db.home import Home, locate
from db.model.environment import Environment

ENVIRONMENT_VARIABLE = "QUARTERDECK_ENVIRONMENT"
NAMES = tuple(environment.value for environment in Environment)


class PlaceError(Exception):
    """The environment named is none: one sentence."""


def place(named: str | None = None, environ: Mapping[str, str] = os.environ) -> Home:
    """The home of the environment named by the flag, else the variable, else config.toml, else sim.

    Raises PlaceError."""
    if named:
        return locate(_environment(named, "--env"), environ)
    if variable := environ.get(ENVIRONMENT_VARIABLE, "").strip():
        return locate(_environment(variable, ENVIRONMENT_VARIABLE), environ)
    home = locate(Environment.SIM, environ)
    try:
        configured = tomllib.loads(home.config.read_text("utf-8")).get("environment")
    except FileNotFoundError:
        return home
    except OSError as error:
        raise PlaceError(f"{home.config} can't be read ({error.strerror}).") from error
    except ValueError as error:
        raise PlaceError(f"{home.config} is not readable as TOML: {error}.") from error
    if configured is None:
        return home
    return locate(_environment(str(configured), str(home.config)), environ)


def _environment(name: str, where: str) -> Environment:
    try:
        return Environment(name)
    except ValueError:
        raise PlaceError(
            f"{where}: there is no environment {name!r}; there are {', '.join(NAMES)}."
        ) from None
