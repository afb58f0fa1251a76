"""Who is at the other end of the socket: only the owner of the desk may speak to it."""

import os
import socket
import struct

from aiohttp import web
from aiohttp.typedefs import Handler

_CREDENTIALS = struct.Struct("3i")
"""struct ucred of Linux: pid, uid, gid."""


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end; None where the system does not say (the socket's 0600 mode
    alone keeps others out there)."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    raw = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return int(uid)


@web.middleware
async def only_the_owner(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 for any other user."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is not None:
        uid = peer_uid(connection)
        if uid is not None and uid != os.geteuid():
            raise web.HTTPForbidden(text='{"error": "This desk belongs to another user."}')
    return await handler(request)
