"""Attach to the desk of a home, starting it when none runs."""

from typing import TYPE_CHECKING

from services.desk.client import DeskClient, DeskUnreachableError
from services.desk.launch import LaunchError, ensure_desk
from services.desk.options import PLAIN

if TYPE_CHECKING:
    from db.home import Home
    from services.desk.options import DeskOptions


async def attached(home: "Home", options: "DeskOptions | None" = None) -> DeskClient:
    """A client of a desk that answers. Raises DeskUnreachableError with the desk's own sentence."""
    try:
        await ensure_desk(home, options or PLAIN)
    except LaunchError as error:
        raise DeskUnreachableError(str(error), absent=True) from error
    return DeskClient(home.socket)
