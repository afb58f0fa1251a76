"""What a desk is told on its command line, both ways: written by who starts it, read by the desk."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.model.environment import Environment


@dataclass(frozen=True)
class DeskOptions:
    """`account` is the live account's number as the trader typed it. `overrides` are KEY=VALUE."""

    live: bool = False
    account: str = ""
    overrides: tuple[str, ...] = ()

    def arguments(self, environment: Environment) -> list[str]:
        """The arguments of `python -m services.desk`."""
        made = ["--env", environment.value]
        if self.live:
            made.append("--live")
        if self.account:
            made.append(f"--account={self.account}")
        return made + [f"--set={override}" for override in self.overrides]

    def refusal(self, environment: Environment) -> str | None:
        """Why a desk of this environment must not start with these; None when it may (spec 1)."""
        if environment is not Environment.LIVE:
            return None
        if not self.live:
            return "Trading with real money needs --live."
        if not self.account:
            return "Trading with real money needs the account's number, typed: --account NUMBER."
        return None


PLAIN = DeskOptions()
"""Nothing said: all that `sim` and `paper` need."""


def read_arguments(arguments: Sequence[str]) -> tuple[Environment, DeskOptions]:
    """The desk's own command line. Exits 2 with a sentence when it can't be read."""
    import argparse  # only the desk reads; the console must not pay for it before its first frame

    parser = argparse.ArgumentParser(prog="quarterdeck desk run", allow_abbrev=False)
    parser.add_argument(
        "--env", type=Environment, default=Environment.SIM, choices=list(Environment)
    )
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--account", default="")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    read = parser.parse_args(arguments)
    return read.env, DeskOptions(read.live, read.account, tuple(read.overrides))
