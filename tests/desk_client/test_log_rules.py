"""The log: UTC lines in which no secret is ever found."""

import io
import logging
import re
import sys

import pytest
from pydantic import SecretStr

from services.desk.logs import Line, configure


def written(line: Line, message: str, *arguments: object, error: bool = False) -> str:
    record = logging.LogRecord("desk", logging.INFO, "", 0, message, arguments, None)
    if error:
        record.exc_info = sys.exc_info()
    return line.format(record)


def test_a_line_is_utc_level_name_and_text() -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO desk: up 7", written(Line(), "up %d", 7)
    )


@pytest.mark.parametrize("secret", ["hush", "hush-hush", "a.b*c"])
def test_secrets_are_struck_out_of_text_and_traceback(secret: str) -> None:
    line = Line([SecretStr("hush"), SecretStr(secret), SecretStr("")])
    assert secret not in written(line, "key %s", secret)
    try:
        raise ValueError(f"401 for {secret}")
    except ValueError:
        text = written(line, "failed", error=True)
    assert secret not in text
    assert "ValueError" in text


def test_configuring_again_replaces_the_handler() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        stream = io.StringIO()
        configure(stream=stream)
        configure([SecretStr("hush")], stream)
        logging.getLogger("desk").warning("hush")
        assert stream.getvalue().count("\n") == 1
        assert "hush" not in stream.getvalue()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
