"""alpaca-py and sqlite-utils import pandas and numpy, for data frames that nobody here asks for: half
a second of a desk's start and 40 MB of its memory. They are imported without; who does ask alpaca-py
for a frame gets it then."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any

UNWANTED = ("numpy", "pandas")

_importing = Lock()


class _Later(ModuleType):
    """Stands for a module while others are imported; from then on its first use imports it."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            return object  # `from pandas import DataFrame`, for an annotation
        return getattr(import_module(self.__name__), name)

    def __bool__(self) -> bool:
        return False  # sqlite-utils asks whether it is there


@contextmanager
def without_pandas() -> Iterator[None]:
    """Around imports. One thread at a time, as the whole process sees what stands for the modules;
    one that was imported before is left alone."""
    with _importing:
        missing = [name for name in UNWANTED if name not in sys.modules]
        sys.modules.update((name, _Later(name)) for name in missing)
        try:
            yield
        finally:
            for name in missing:
                del sys.modules[name]
