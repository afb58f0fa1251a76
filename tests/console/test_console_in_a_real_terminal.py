"""The console as a process on a pseudo-terminal, its screen kept by a terminal emulator."""

import asyncio
import os
import signal
from pathlib import Path

from canned_desk import PLAN, TOKEN, CannedDesk
from console_terminal import LONGEST, console

from db.home import Home
from db.model.environment import Environment


def made(root: Path) -> Home:
    home = Home(root, Environment.SIM)
    home.create()
    return home


async def test_a_plan_is_approved_at_80_by_24_by_keys_alone(tmp_path: Path) -> None:
    home, desk = made(tmp_path), CannedDesk()
    await desk.serve(home.socket)
    async with console(home) as terminal:
        shown = await terminal.until(lambda text: "desk ok" in text and "NEM" in text)
        for fact in (
            "SIM",
            "PA3QD7XK21",
            "ACTIVE",
            "closes",
            "100,432.11",
            "▲ +432.11",
            "cash 2.5%",
            "feed",
            "12/200",
        ):
            assert fact in shown
        terminal.type("3")
        await terminal.until(lambda text: "1 SELL NEM" in text)
        terminal.type("a")
        await terminal.until(lambda text: f"type {TOKEN} to approve" in text)
        # Typed again and again until the card has been on screen long enough to hear it: a wrong
        # beginning is cleared by Enter.
        while not any(path == f"plans/{PLAN}/approve" for path, _ in desk.asked):
            terminal.type(f"{TOKEN}\r")
            await asyncio.sleep(0.1)
        await terminal.until(lambda text: "Approved and started" in text)
    await desk.stop()
    assert [path.split("/")[-1] for path, _ in desk.asked] == ["card", "approve", "run"]


async def test_halt_sets_the_latch_though_no_desk_can_be_reached(tmp_path: Path) -> None:
    home = made(tmp_path)
    home.socket.write_text("no socket")  # a desk can be neither reached nor started here
    home.lock.mkdir()
    async with console(home) as terminal:
        await terminal.until(lambda text: "SIM" in text)
        terminal.type("!")
        await terminal.until(lambda text: "HALTED" in text)
        assert home.latch.exists()


async def test_the_terminal_is_given_back_when_the_console_is_told_to_end(tmp_path: Path) -> None:
    home, desk = made(tmp_path), CannedDesk()
    await desk.serve(home.socket)
    async with console(home) as terminal:
        await terminal.until(lambda text: "desk ok" in text)
        os.kill(terminal.process.pid, signal.SIGTERM)
        async with asyncio.timeout(LONGEST):
            assert await terminal.process.wait() == 128 + signal.SIGTERM
        assert (
            terminal.raw.rstrip().endswith(b"\x1b[?1049l") or b"\x1b[?1049l" in terminal.raw[-400:]
        )
    await desk.stop()


async def test_without_colour_signs_and_arrows_still_say_which_way(tmp_path: Path) -> None:
    home, desk = made(tmp_path), CannedDesk()
    await desk.serve(home.socket)
    async with console(home, NO_COLOR="1") as terminal:
        shown = await terminal.until(lambda text: "desk ok" in text and "XOM" in text)
        assert "▼ −4.00%" in shown
        assert "▲ +60.00%" in shown
        colours = {c.fg for line in terminal.screen.buffer.values() for c in line.values()}
        assert colours <= {"default"}
    await desk.stop()


async def test_sixteen_colours_are_enough(tmp_path: Path) -> None:
    home, desk = made(tmp_path), CannedDesk()
    await desk.serve(home.socket)
    async with console(home, TEXTUAL_COLOR_SYSTEM="standard") as terminal:
        await terminal.until(lambda text: "desk ok" in text and "XOM" in text)
        assert b"\x1b[38;2;" not in terminal.raw
        assert b"38;5;" not in terminal.raw
    await desk.stop()
