"""Somebody else's clients, unmodified and in environments of their own, against a running exchange."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running_exchange import RunningExchange

FOLDER = Path(__file__).with_name("other_clients")
INSTALLING = 90.0  # seconds
TRADING = 60.0


def environment_with(requirement: str, folder: Path) -> Path:
    """The interpreter of a new environment with the requirement; skips where there is no index."""
    uv = str(Path(sys.executable).with_name("uv"))
    python = folder / "bin" / "python"
    made = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
    filled = [uv, "pip", "install", "--quiet", "--python", str(python), requirement]
    for command in (made, filled):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLING)
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{requirement} cannot be installed here: {error}")
        if done.returncode:
            pytest.skip(f"{requirement} cannot be installed here: {done.stderr.strip()[:300]}")
    return python


@pytest.mark.timeout(180)
def test_alpaca_trade_api_trades_a_day(
    start_exchange: Callable[..., RunningExchange], tmp_path: Path
) -> None:
    python = environment_with("alpaca-trade-api==3.2.0", tmp_path / "venv")
    exchange = start_exchange(tick=50)
    found = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [str(python), str(FOLDER / "with_alpaca_trade_api.py")],
        env=found
        | {
            "APCA_API_BASE_URL": exchange.trading_url,
            "APCA_API_DATA_URL": exchange.data_url,
            "APCA_API_KEY_ID": exchange.key,
            "APCA_API_SECRET_KEY": exchange.secret,
        },
        capture_output=True,
        text=True,
        timeout=TRADING,
    )
    assert done.returncode == 0, done.stderr
