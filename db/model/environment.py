"""Which broker is behind it all. Apart from the other nouns, because a console names its environment
before it has the time to import them."""

from enum import StrEnum


class Environment(StrEnum):
    """Spec 1, Environments. `manual` and `ibkr` come with their brokers."""

    SIM = "sim"
    PAPER = "paper"
    LIVE = "live"
