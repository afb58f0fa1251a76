"""Fixtures for every room: the simulated exchange as a real process over real sockets."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from running_exchange import ROOT, RunningExchange

# Properties are judged by their answer, not by the speed of a busy machine, and on the same examples
# everywhere: what lands does not hang on luck.
settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: no search for garbage walks through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def bytecode_for_processes() -> Iterator[None]:
    """Many processes are started: they compile what they import once, beside the test cache."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patched.setenv("PYTHONPYCACHEPREFIX", str(ROOT / ".pytest_cache" / "bytecode"))
        yield


@pytest.fixture
def start_exchange(tmp_path: Path) -> Iterator[Callable[..., RunningExchange]]:
    """A factory: `start_exchange(volatility="1", tick=20, partials=True, ...)`.

    Options are those of the command line with underscores; True is a flag, None leaves one away.
    By default prices stand still, orders match at once, nothing limits the rate and the state
    lies in a file of this test.
    """
    running: list[RunningExchange] = []

    def start(**options: object) -> RunningExchange:
        folder = tmp_path / f"exchange-{len(running)}"
        folder.mkdir()
        chosen: dict[str, object] = {
            "volatility": 0,
            "fill_delay": 0,
            "rate_limit": 0,
            "state": folder / "state.db",
            "requests": folder / "requests.jsonl",
            **options,
        }
        arguments: list[str] = []
        for name, value in chosen.items():
            if value is not None and value is not False:
                flag = f"--{name.replace('_', '-')}"
                arguments += [flag] if value is True else [flag, str(value)]
        exchange = RunningExchange(arguments, Path(str(chosen["requests"])))
        running.append(exchange)
        exchange.start()
        return exchange

    yield start
    for exchange in running:
        exchange.kill()


@pytest.fixture
def exchange(start_exchange: Callable[..., RunningExchange]) -> RunningExchange:
    """One exchange with the defaults of `start_exchange`."""
    return start_exchange()
