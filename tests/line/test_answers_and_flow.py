"""A terminal's answers are told from keys however they are cut up, and bound what is on its way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.line.answers import ANSWER, Answers
from console.line.flow import LEAST, PATIENCE, WINDOW, Flow

typed = st.lists(
    st.sampled_from([ANSWER, "n", "0", "[", "\x1b[A", "\x1b[1;5C", "abc", "\x1b[?2026;2$y"]),
    max_size=12,
)


@given(typed, st.lists(st.integers(1, 6), min_size=60, max_size=60))
def test_answers_are_taken_out_and_all_else_is_left(parts: list[str], cuts: list[int]) -> None:
    answers, rest, heard = Answers(), "\x1b[0m".join(parts), 0
    left = ""
    expected = rest.replace(ANSWER, "")
    for size in cuts:
        piece, rest = rest[:size], rest[size:]
        text, count = answers.take(piece, expecting=True)
        left, heard = left + text, heard + count
    text, count = answers.take(rest + "end", expecting=True)
    assert left + text == expected + "end"
    assert heard + count == sum(part == ANSWER for part in parts)


def test_a_lone_escape_is_a_key_when_nothing_follows() -> None:
    answers = Answers()
    assert answers.take("\x1b", expecting=True) == ("", 0)
    assert answers.release() == "\x1b"
    assert answers.release() == ""


def test_a_lone_escape_is_a_key_at_once_when_no_answer_is_due() -> None:
    assert Answers().take("\x1b", expecting=False) == ("\x1b", 0)


@pytest.mark.parametrize("expecting", [True, False])
def test_half_an_answer_never_becomes_keys(expecting: bool) -> None:
    answers = Answers()
    assert answers.take("\x1b[0", expecting) == ("", 0)
    assert answers.release() == ""
    assert answers.take("n", expecting) == ("", 1)


def test_what_is_on_its_way_is_bounded_once_the_terminal_answers() -> None:
    flow = Flow()
    flow.asked(0.0, 0)
    assert flow.room
    flow.answered(0.2)
    assert flow.round_trip == 0.2
    flow.asked(1.0, WINDOW - LEAST)
    assert flow.room == LEAST
    flow.asked(1.0, 1)
    assert not flow.room
    flow.answered(1.1)
    assert flow.room


def test_a_lost_answer_does_not_close_the_line_for_good() -> None:
    flow = Flow()
    flow.asked(0.0, 0)
    flow.answered(0.0)
    flow.asked(1.0, WINDOW)
    assert not flow.ask_again(1.0 + PATIENCE / 2)
    assert flow.ask_again(1.0 + PATIENCE)
    assert not flow.room
    flow.answered(7.0)
    assert flow.room


def test_who_never_answered_is_not_asked_again() -> None:
    flow = Flow()
    flow.asked(0.0, 0)
    assert not flow.ask_again(PATIENCE)
    assert flow.asks == 0
    assert flow.room
