"""Fixtures for every room: the simulated exchange as a real process over real sockets."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from running_exchange import ROOT, RunningExchange, exchanges_in
from warm import end_warm_processes

# Properties are judged by their answer, not by the speed of a busy machine, and on the same examples
# everywhere: what lands does not hang on luck.
settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: no search for garbage walks through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def pytest_sessionfinish() -> None:
    end_warm_processes()


@pytest.fixture(scope="session", autouse=True)
def bytecode_for_processes() -> Iterator[None]:
    """Many processes are started: they compile what they import once, beside the test cache."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patched.setenv("PYTHONPYCACHEPREFIX", str(ROOT / ".pytest_cache" / "bytecode"))
        yield


StartExchange = Callable[..., RunningExchange]


@pytest.fixture
def start_exchange(tmp_path: Path) -> Iterator[StartExchange]:
    """Exchanges of this test: see `exchanges_in`."""
    with exchanges_in(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartExchange]:
    """Exchanges of a whole module, for tests that leave them as they were."""
    with exchanges_in(tmp_path_factory.mktemp("shared")) as start:
        yield start


@pytest.fixture
def exchange(start_exchange: StartExchange) -> RunningExchange:
    """One exchange with the defaults of `start_exchange`."""
    return start_exchange()
