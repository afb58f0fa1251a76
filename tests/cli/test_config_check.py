"""`config check` names every fault of the settings and of the policy that they name."""

import subprocess

from as_process import QUARTERDECK

from db.home import Home


def check() -> tuple[int, str, str]:
    done = subprocess.run(
        [*QUARTERDECK, "config", "check"], capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_settings_without_a_fault_are_in_order(home: Home) -> None:
    assert check() == (0, "", "The settings are in order.\n")


def test_every_fault_has_its_sentence(home: Home) -> None:
    home.config.write_text("a = 1\n[sim]\nb = 2\n")
    code, out, err = check()
    assert (code, out) == (2, "")
    assert "a is no setting" in err
    assert "sim.b is no setting" in err


def test_a_policy_that_can_not_be_used_is_a_fault(home: Home) -> None:
    home.config.write_text('policy = "nosuch"\n')
    code, _, err = check()
    assert code == 2
    assert "no policy called nosuch" in err
