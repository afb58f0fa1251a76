"""Control sequences keep their order and stay few, however long the terminal takes nothing."""

from hypothesis import given
from hypothesis import strategies as st

from console.line.controls import BELL, Controls

modes = st.sampled_from(["\x1b[?1049h", "\x1b[?25l", "\x1b[?2004h", "\x1b[?2004l"])
passing = st.sampled_from(
    [BELL, "\x1b]0;a\x07", "\x1b]0;b\x07", "\x1b]52;c;eA==\a", "\x1b]9;note\a"]
)


@given(st.lists(modes))
def test_modes_are_switched_each_time_and_in_order(sequences: list[str]) -> None:
    controls = Controls()
    for sequence in sequences:
        controls.put(sequence)
    assert controls.take() == "".join(sequences)


@given(st.lists(modes | passing))
def test_of_each_passing_kind_the_last_stays(sequences: list[str]) -> None:
    controls = Controls()
    for sequence in sequences:
        controls.put(sequence)
    size, taken = controls.size, controls.take()
    assert size == len(taken)
    for kind in (BELL, "\x1b]0;", "\x1b]52;", "\x1b]9;"):
        of_kind = [s for s in sequences if s.startswith(kind)]
        assert [s for s in {*of_kind} if s in taken] == of_kind[-1:]
    assert not controls
