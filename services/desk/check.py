"""`quarterdeck config check`: everything that is wrong with the settings, a sentence each."""

import stat
import sys
from collections.abc import Iterator

from db.home import Home, locate
from services.desk.config import SettingsError, load
from services.desk.options import DeskOptions, read_arguments
from services.risk.policy import PolicyError, load_policy

REFUSED = 2


def faults(home: Home, options: DeskOptions) -> Iterator[str]:
    """Of the settings, else of the policy that they name and of every policy in the home."""
    try:
        settings = load(home, options.overrides)
    except SettingsError as error:
        yield from error.sentences
        return
    own = sorted(path.stem for path in home.policies.glob("*.toml"))
    said: set[str] = set()
    for name in dict.fromkeys((settings.policy, *own)):
        try:
            load_policy(name, [home.policies])
        except PolicyError as error:
            if str(error) not in said:
                yield str(error)
            said.add(str(error))


def main() -> int:
    environment, options = read_arguments(sys.argv[1:])
    home = locate(environment)
    found = list(faults(home, options))
    for sentence in found:
        sys.stderr.write(f"quarterdeck: {sentence}\n")
    if found:
        return REFUSED
    config = home.config
    if config.exists() and config.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        words = f"{config} can be read by others; `chmod 600` it before keys are put there."
        sys.stderr.write(words + "\n")
    sys.stderr.write("The settings are in order.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
