"""`quarterdeck config diff ONE OTHER`: the thresholds in which two policies differ."""

import json
import signal
import sys

import click

from db.home import locate
from db.model.base import Environment
from services.risk.policy import PolicyError, load_policy
from services.risk.policy_diff import differences


@click.command(name="config diff", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("environment")
@click.argument("one")
@click.argument("other")
@click.option("--json", "as_json", is_flag=True)
def main(environment: str, one: str, other: str, as_json: bool) -> None:
    """Exit 0 when they are the same, 10 when they differ, 2 when one can't be used."""
    search = [locate(Environment(environment)).policies]
    try:
        found = differences(load_policy(one, search), load_policy(other, search))
    except PolicyError as error:
        click.echo(f"quarterdeck: {error}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps([row._asdict() for row in found], ensure_ascii=False, indent=2))
    else:
        width = max((len(row.key) for row in found), default=0)
        for row in found:
            click.echo(f"{row.key:<{width}}  {row.one or '–'} → {row.other or '–'}")
    sys.exit(10 if found else 0)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
