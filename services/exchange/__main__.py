"""`python -m services.exchange`."""

import gc
import sys


def run() -> int:
    """What is imported stays for good: looking for garbage in it would be a quarter of the start."""
    gc.disable()
    from services.exchange.cli import main

    gc.freeze()
    gc.enable()
    return main()


sys.exit(run())
