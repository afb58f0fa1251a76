"""`python -m services.exchange`."""

import sys

from services.exchange.cli import main

sys.exit(main())
