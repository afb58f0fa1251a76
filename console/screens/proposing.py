"""Hand a file to the desk from the console: its path is typed (spec 2)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from widgets.document import rows, text

if TYPE_CHECKING:
    from console.screens.main import MainScreen


def read(typed: str) -> tuple[str, bytes] | str:
    """Name and content of the file, as `quarterdeck propose` reads it; or what is wrong with it."""
    from click import ClickException

    from console.cli.context import read_proposal

    try:
        path = Path(typed.strip()).expanduser()
        return path.name, read_proposal(path)
    except ClickException as error:
        return error.format_message()
    except (RuntimeError, ValueError) as error:  # no such home, a character that no path has
        return f"{error}."


def wrong(typed: str) -> str:
    """What is wrong with the path; empty when there is a file."""
    found = read(typed) if typed.strip() else "the path of a file is expected"
    return found if isinstance(found, str) else ""


def propose(screen: "MainScreen") -> None:
    """Ask for the path; the plan that is made is opened, what is refused is said."""
    from console.screens.prompt import Prompt

    deck = screen.deck

    def answered(typed: str | None) -> None:
        found = None if typed is None else read(typed)
        if isinstance(found, str):
            deck.complain(found)
        elif found is not None:
            name, content = found
            deck.ask(lambda desk: desk.propose(name, content), taken)

    async def show(plan_id: str) -> None:
        await screen.action_view("plan")
        screen.plans.open(plan_id)

    def taken(answer: dict[str, Any]) -> None:
        plan = answer.get("plan")
        if not isinstance(plan, dict):
            deck.say(f"Taken as reference: {text(answer, 'what')}.")
            return
        deck.say(f"{len(rows(plan, 'steps'))} steps, {text(plan, 'verdict')}.")
        deck.call_later(show, text(plan, "plan_id"))

    title = "Hand a file to the desk: any format that the inbox takes"
    deck.push_screen(Prompt(title, "Its path:", check=wrong), answered)
