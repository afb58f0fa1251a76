"""The desk's log: one line per fact, UTC, to stderr, which a detached desk has on its log file.

Secrets are struck out of the finished line, so neither an argument nor a traceback carries one."""

import logging
import sys
import time
from collections.abc import Iterable
from typing import TextIO

from pydantic import SecretStr

STRUCK_OUT = "••••"
NOISY = ("asyncio", "aiohttp.access", "websockets", "urllib3", "alpaca")
"""Libraries whose small talk stays out; their warnings stay in."""


def configure(secrets: Iterable[SecretStr] = (), stream: TextIO | None = None) -> None:
    """Log to `stream` (stderr when None) from now on. May be called again once keys are known."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(Line(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("stamina").setLevel(logging.ERROR)  # who asked says what failed in the end
    logging.captureWarnings(True)


class Line(logging.Formatter):
    """`2013-10-08T14:30:00.123Z WARNING services.desk.engine: text`, secrets struck out."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, secrets: Iterable[SecretStr] = ()) -> None:
        self.converter = time.gmtime
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        values = {secret.get_secret_value() for secret in secrets}
        self._secrets = sorted((value for value in values if value), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, STRUCK_OUT)
        return text
