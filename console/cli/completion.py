"""`quarterdeck completion SHELL`."""

import click
from click.shell_completion import get_completion_class

from console.cli import COMPLETE_VARIABLE
from console.cli.context import data
from console.cli.exits import Exit

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> int:
    """Print a script to source: `quarterdeck completion bash > ~/.quarterdeck-complete`."""
    make = get_completion_class(shell)
    assert make is not None
    root = ctx.find_root()
    data(make(root.command, {}, "quarterdeck", COMPLETE_VARIABLE).source())
    return Exit.FINE
