"""Which broker is behind it all. Apart from the other nouns, because a console names its environment
before it has the time to import them."""

from enum import StrEnum


class Environment(StrEnum):
    """Spec 1, Environments. `ibkr` comes with its broker."""

    SIM = "sim"
    PAPER = "paper"
    LIVE = "live"
    MANUAL = "manual"
    """The trader copies each order to a broker that has no API, and types what became of it."""
