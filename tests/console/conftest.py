"""What every test of the console is given."""

from pathlib import Path

import pytest

from db.home import Home
from db.model.environment import Environment


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path, Environment.SIM)
    home.create()
    return home
