"""The driver on a real pseudo-terminal: what is on the screen, on a line that stalls, answers, breaks."""

import signal
import termios

import pytest
from line_terminal import LineTerminal

from console.line.flow import WINDOW


@pytest.mark.parametrize("answers", [True, False])
def test_the_screen_shows_what_the_app_draws(answers: bool) -> None:
    with LineTerminal(answers=answers) as terminal:
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.type("w")
        terminal.read_until(lambda: "株 式" in terminal.text or "株式" in terminal.text)
        cells = terminal.screen.buffer[0]
        assert cells[0].data == "株"
        assert cells[0].bold
        assert cells[4].data == "|"
        assert "".join(cells[x].data for x in range(5, 12)) == "▲ +1.5%"
        assert cells[12].bg != cells[11].bg
        terminal.type("q")
        assert terminal.end() == 0


@pytest.mark.parametrize("answers", [True, False])
def test_a_terminal_that_stops_reading_stalls_nothing(answers: bool) -> None:
    with LineTerminal(answers=answers, WILD="1") as terminal:
        terminal.read_until(lambda: (terminal.last("frames_sent") or 0) > 5)
        terminal.ignore_until(lambda: stands(terminal, 60))
        before = terminal.told[-1]
        terminal.ignore_until(lambda: terminal.last("ticks") > before["ticks"] + 120)
        after = terminal.told[-1]
        assert after["bytes_written"] == before["bytes_written"]
        assert after["frames_offered"] > before["frames_offered"]
        assert after["frames_skipped"] > before["frames_skipped"]
        assert after["kept"] < 32_768
        terminal.type("f")
        terminal.read_until(lambda: terminal.text == "standing still\nat last")
        terminal.type("q")
        assert terminal.end() == 0


def stands(terminal: LineTerminal, ticks: int) -> bool:
    """Whether nothing went out for that many ticks, though the program went on."""
    told = terminal.told[-ticks:]
    return len(told) == ticks and told[0]["bytes_written"] == told[-1]["bytes_written"]


def test_a_terminal_that_answers_is_never_more_than_a_window_ahead_of() -> None:
    with LineTerminal(WILD="1") as terminal:
        terminal.read_until(lambda: bool(terminal.last("round_trip")))
        terminal.ignore_until(lambda: stands(terminal, 60))
        unread = terminal.last("bytes_written") - len(terminal.raw)
        assert unread < WINDOW + 2048  # the row and the clipboard that went over the edge


def test_answers_of_the_terminal_are_not_typed() -> None:
    with LineTerminal() as terminal:
        terminal.read_until(lambda: bool(terminal.last("round_trip")))
        terminal.type("w")
        terminal.type("\x1b[A")
        terminal.read_until(lambda: terminal.last("typed") == "w up ")
        terminal.type("f")
        terminal.read_until(lambda: terminal.last("typed") == "w up f ")


def test_a_resize_repaints_the_whole_screen() -> None:
    with LineTerminal() as terminal:
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.resize(40, 9)
        terminal.read_until(lambda: terminal.last("size") == [40, 9])
        terminal.screen.reset()
        terminal.resize(40, 9)
        terminal.read_until(lambda: terminal.text == "ready")


def test_a_redraw_mends_a_screen_that_something_else_wrote_on() -> None:
    with LineTerminal() as terminal:
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.stream.feed(b"\x1b[3;3Hrubbish")
        terminal.type("r")
        terminal.read_until(lambda: terminal.text == "ready")


def test_after_being_suspended_all_is_painted_anew() -> None:
    with LineTerminal() as terminal:
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.type("s")
        terminal.read_until(lambda: b"in between" in terminal.raw)
        terminal.read_until(lambda: terminal.raw.count(b"\x1b[?1049h") == 2)
        terminal.type("f")
        terminal.read_until(lambda: terminal.text == "standing still\nat last")


def test_stopped_by_its_shell_it_gives_the_terminal_back_and_takes_it_again() -> None:
    with LineTerminal() as terminal:
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.read_until(lambda: b"\x1b[?1049l" in terminal.raw)
        terminal.read_until(lambda: terminal.stopped)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.read_until(lambda: terminal.raw.count(b"\x1b[?1049h") == 2)
        terminal.type("f")
        terminal.read_until(lambda: terminal.text == "standing still\nat last")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_app_and_restores_the_terminal(number: signal.Signals) -> None:
    with LineTerminal() as terminal:
        modes = termios.tcgetattr(terminal.master)
        terminal.read_until(lambda: terminal.text == "ready")
        assert termios.tcgetattr(terminal.master) != modes
        terminal.process.send_signal(number)
        assert terminal.end() == 128 + number
        assert b"\x1b[0m\x1b[?1049l" in terminal.raw
        assert terminal.raw.index(b"\x1b[?25h") > terminal.raw.index(b"\x1b[?1049l")
        assert termios.tcgetattr(terminal.master) == modes


def test_an_app_that_hangs_gives_the_terminal_back_when_told_to_leave() -> None:
    with LineTerminal(GRACE="0.3") as terminal:
        modes = termios.tcgetattr(terminal.master)
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.type("h")
        terminal.read_until(lambda: terminal.last("hangs"))
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
        assert terminal.raw.endswith(b"\x1b[0m\x1b[?1049l\x1b[?25h")
        assert termios.tcgetattr(terminal.master) == modes


@pytest.mark.parametrize("nohup", ["0", "1"])
def test_a_terminal_that_hangs_up_ends_the_app(nohup: str) -> None:
    with LineTerminal(NOHUP=nohup) as terminal:
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.hang_up()
        assert terminal.end() == 129


def test_a_bell_is_heard() -> None:
    with LineTerminal() as terminal:
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.type("b")
        terminal.read_until(lambda: b"\x07" in terminal.raw)


def test_an_app_with_nothing_to_say_writes_nothing() -> None:
    with LineTerminal() as terminal:
        terminal.read_until(lambda: stands(terminal, 60))


def test_without_colours_none_are_sent() -> None:
    with LineTerminal(NO_COLOR="1") as terminal:
        terminal.read_until(lambda: terminal.text == "ready")
        terminal.type("w")
        terminal.read_until(lambda: "+1.5%" in terminal.text)
        looks = {(c.fg, c.bg) for row in terminal.screen.buffer.values() for c in row.values()}
        assert looks == {("default", "default")}


def test_a_terminal_that_reads_nothing_keeps_nobody_from_leaving() -> None:
    with LineTerminal(WILD="1") as terminal:
        terminal.read_until(lambda: (terminal.last("frames_sent") or 0) > 5)
        terminal.ignore_until(lambda: stands(terminal, 60))
        terminal.process.send_signal(signal.SIGTERM)
        terminal.ignore_until(lambda: terminal.process.poll() is not None)
        assert terminal.process.returncode == 128 + signal.SIGTERM
