"""The command tree. A subcommand's module is imported when it is asked for, not before."""

from importlib import import_module

import click

from console.cli.context import desk_of, desk_options, with_account

COMMANDS: dict[str, tuple[str, str]] = {
    "desk": ("console.cli.desk", "Start, stop or ask the desk."),
    "exchange": ("console.cli.desk", "Serve the simulated exchange alone."),
    "propose": ("console.cli.proposals", "Hand files to the desk; prints the plans' ids."),
    "plan": ("console.cli.proposals", "Dry-run files, or show plans."),
    "approve": ("console.cli.running", "Show a plan's approval card, or approve with its token."),
    "run": ("console.cli.running", "Approve, run and follow a plan to its end."),
    "continue": ("console.cli.running", "Let an interrupted plan go on, and follow it."),
    "next": ("console.cli.steering", "Let the next step or phase go."),
    "pause": ("console.cli.steering", "Stop sending; working orders stay."),
    "abort": ("console.cli.steering", "End a plan before its end."),
    "reprice": ("console.cli.steering", "Send the rest of open orders at another limit."),
    "resubmit": ("console.cli.steering", "Send the rest of open orders once more."),
    "cancel-rest": ("console.cli.steering", "Cancel what is open; go on with what filled."),
    "reject": ("console.cli.steering", "Turn a plan down."),
    "drop": ("console.cli.steering", "Take a step out of a plan."),
    "resize": ("console.cli.steering", "Change a step's quantity."),
    "slice": ("console.cli.slicing", "Send a step in pieces over time, or as one order."),
    "retype": ("console.cli.editing", "Make a step another type of order."),
    "move": ("console.cli.editing", "Let a step come before or after another."),
    "undo": ("console.cli.editing", "Take a plan's last edit back."),
    "compare": ("console.cli.editing", "What differs between two plans or revisions."),
    "trim": ("console.cli.trim", "Draft the smallest sale that restores the limits after a plan."),
    "status": ("console.cli.facts", "Trading state, cash, plans and positions."),
    "positions": ("console.cli.facts", "What is held."),
    "orders": ("console.cli.facts", "Orders of today."),
    "alerts": ("console.cli.facts", "Open alerts."),
    "signals": ("console.cli.signals", "What became of every signal."),
    "ticket": ("console.cli.by_hand", "By hand: show the orders to copy."),
    "fill": ("console.cli.by_hand", "By hand: record what filled of a ticket."),
    "not-done": ("console.cli.by_hand", "By hand: nothing more of a ticket will fill."),
    "refused": ("console.cli.by_hand", "By hand: the broker refused a ticket."),
    "tick": ("console.cli.by_hand", "By hand: tick an item of a ticket's checklist."),
    "price": ("console.cli.by_hand", "By hand: type a price that no source tells."),
    "guide": ("console.cli.by_hand", "By hand: write a plan's guide to print."),
    "unknown": ("console.cli.unknown", "Orders whose answer never came."),
    "look-up": ("console.cli.unknown", "Ask what became of an unknown order."),
    "resend": ("console.cli.unknown", "Send an order that the broker never had."),
    "give-up": ("console.cli.unknown", "Give up an order that the broker never had."),
    "kill": ("console.cli.safety", "HALT: stop trading now, also when the desk hangs or is dead."),
    "resume": ("console.cli.safety", "Let trading go on after a halt."),
    "reduce": ("console.cli.safety", "Only orders that reduce a position from now on."),
    "protect": ("console.cli.protect", "Do without a position's protection, or restore it."),
    "flatten": ("console.cli.closing", "Close every position: the list first, then its token."),
    "drill": ("console.cli.closing", "Rehearse the kill switch on the simulator."),
    "reconcile": ("console.cli.reconciling", "Compare with the broker now; settle what differs."),
    "journal": ("console.cli.records", "Verify, rebuild, back up or read the journal."),
    "portfolio": ("console.cli.records", "Write PORTFOLIO.md; prints its path."),
    "config": ("console.cli.config", "Show or check the settings."),
    "completion": ("console.cli.completion", "Print the completion script of a shell."),
}
"""Name → module and help. A command `x-y` is the attribute `x_y_command` of its module."""


class Tree(click.Group):
    """A group that knows its commands by the table alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(
            import_module(COMMANDS[cmd_name][0]), f"{cmd_name.replace('-', '_')}_command"
        )
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, meaning) for name, (_, meaning) in COMMANDS.items()])


@click.command(
    cls=Tree,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@desk_options
@click.version_option(package_name="quarterdeck")
@click.pass_context
def quarterdeck(ctx: click.Context) -> int:
    """Quarterdeck: plan, approve, sell first, buy with cash that is there, write everything down.

    Without a command it opens the console."""
    if ctx.invoked_subcommand is not None:
        return 0
    from console.cli.start import open_console

    desk = desk_of(ctx)
    return open_console(desk.home, with_account(desk.home, desk.options))
