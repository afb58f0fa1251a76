"""Who is at the controls: one console holds them, the others are read-only until one takes over by
typing (spec 5, Crash and restart); and when any operator last did something.

A console names itself by the token it got when it attached. What comes without one is a command
line: an operator for one request, who needs no controls."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from db.clock import Clock
from db.model.base import Noun
from db.model.trading import Controls
from services.execution.book import NotPossibleError

TAKE_OVER = "TAKE OVER"
"""What is typed to take the controls."""
OPEN_SECONDS = 15.0
"""A console that attached and opened no update stream within this never came."""


class Attached(Noun):
    """What a console is told when it attaches. The token is its secret, `console` its public id."""

    token: str
    console: str
    holds: bool


@dataclass
class _Console:
    console: str
    who: str
    at: float
    streams: int = 0
    """Update streams it has open: with the last one it is gone."""


class Operators:
    """Consoles that are attached, which of them holds the controls, and the last sign of life."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._consoles: dict[str, _Console] = {}
        self._holder: str | None = None
        """The holder's token."""
        self._since: datetime | None = None
        self._active_at = clock.monotonic()

    # --- the last sign of life ----------------------------------------------------------------

    def active(self) -> None:
        """A key was pressed at a console, or a command came."""
        self._active_at = self._clock.monotonic()

    def idle_seconds(self) -> float:
        return self._clock.monotonic() - self._active_at

    # --- the controls -------------------------------------------------------------------------

    @property
    def controls(self) -> Controls | None:
        """Who holds them; None while nobody does."""
        if self._holder is None or self._since is None:
            return None
        holder = self._consoles[self._holder]
        return Controls(console=holder.console, who=holder.who, since=self._since)

    def attach(self, who: str, token: str = "") -> Attached:
        """A console attaches, or attaches again under its token. The controls are its if nobody has
        them; else it reads only."""
        if token not in self._consoles:
            token = token or secrets.token_urlsafe(16)
            self._consoles[token] = _Console(secrets.token_hex(4), who, self._clock.monotonic())
        if self._holder is None:
            self._give(token)
        return Attached(
            token=token,
            console=self._consoles[token].console,
            holds=self._holder == token,
        )

    def take(self, token: str, word: str) -> Controls:
        """The console takes the controls from whoever has them. Raises NotPossibleError."""
        self._forget_absent()
        if token not in self._consoles:
            raise NotPossibleError("This console is not attached: attach it again.")
        if word != TAKE_OVER:
            raise NotPossibleError(f"Type {TAKE_OVER} to take the controls.")
        self._give(token)
        assert self.controls is not None
        return self.controls

    def refusal(self, token: str) -> str | None:
        """Why a console with this token may not write, or None. No token is a command line."""
        if not token or token == self._holder:
            return None
        if (held := self.controls) is None:
            return f"This console is read-only: nobody holds the controls. Type {TAKE_OVER} first."
        return (
            f"This console is read-only: {held.who} has held the controls since "
            f"{held.since:%H:%M} UTC. Type {TAKE_OVER} to take them."
        )

    def opened(self, token: str) -> None:
        """An update stream of this console began."""
        if token in self._consoles:
            self._consoles[token].streams += 1

    def closed(self, token: str) -> None:
        """An update stream ended. A console without any is gone, and holds nothing any more."""
        console = self._consoles.get(token)
        if console is None:
            return
        console.streams -= 1
        if console.streams <= 0:
            self._forget(token)

    def _forget_absent(self) -> None:
        now = self._clock.monotonic()
        for token, console in tuple(self._consoles.items()):
            if not console.streams and now - console.at > OPEN_SECONDS:
                self._forget(token)

    def _forget(self, token: str) -> None:
        del self._consoles[token]
        if self._holder == token:
            self._holder = self._since = None

    def _give(self, token: str) -> None:
        if self._holder != token:
            self._holder, self._since = token, self._clock.now()
