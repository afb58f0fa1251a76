"""Whose process is whose: by the lock that the system keeps, never by a number alone."""

import fcntl

from db.home import Home


def lock_is_held(home: Home) -> bool:
    """Whether a desk lives there: the number of one that ended may be another process by now."""
    if not home.lock.exists():
        return False
    with home.lock.open("rb+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return bool(lock.read())
    return False
