"""It costs half a second: whoever only names the adapter does not pay for it."""

import subprocess
import sys


def test_the_adapter_is_imported_without_alpaca_py() -> None:
    code = (
        "import sys, services.brokers.alpaca.adapter, services.brokers.resync;"
        "print(sorted({'alpaca', 'pandas', 'requests', 'websockets'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
