"""Real files, damaged by a seed: no exception but the readers' own refusal, and no file lost."""

import pytest
from damaged_files import fuzz, look, seeds

from services.intake.refusal import RefusedInputError


def test_every_undamaged_file_is_read_but_the_three_reports_that_must_not_pass() -> None:
    assert [look(data) for data in seeds()].count("refused") == 3


@pytest.mark.parametrize("seed", range(2))
def test_some_hundred(seed: int) -> None:
    tally = fuzz(250, seed)
    assert tally["refused"] > 50
    assert len(tally) > 4


@pytest.mark.siege
@pytest.mark.timeout(3600)
def test_a_hundred_thousand() -> None:
    tally = fuzz(100_000, 1)
    assert tally["refused"] > 10_000
    assert tally["slowest ms"] < 5000, "no file may keep the desk longer"


def test_the_look_itself_lets_no_other_exception_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, data: bytes) -> None:
        raise ValueError(name)

    monkeypatch.setattr("damaged_files.recognise", broken)
    with pytest.raises(ValueError, match="file"):
        look(b"x")
    monkeypatch.setattr("damaged_files.recognise", refusing)
    with pytest.raises(AssertionError):
        look(b"x")


def refusing(name: str, data: bytes) -> None:
    raise RefusedInputError(name, "two\nlines")
