"""The watched inbox: read once stable, moved last, never deleted, never overwritten."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.intake.inbox import Size, sweep
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError
from services.intake.text import LARGEST

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
GOOD = b"## ACTION PLAN\n- Exit Energy\n"
BAD = b"## ACTION PLAN\n- Exitt Energy\n"
ANALYSIS = b"as_of = 2026-01-05T14:00:00Z\n[sector_rank]\nEnergy = 1\n"


class Desk:
    """Takes what can be read and remembers it."""

    def __init__(self) -> None:
        self.sizes: dict[str, Size] = {}
        self.taken: list[tuple[str, bytes]] = []
        self.down = False

    async def handle(self, name: str, data: bytes) -> None:
        if self.down:
            raise ConnectionError("journal")
        recognise(name, data)
        self.taken.append((name, data))

    async def sweep(self, inbox: Path, times: int = 1) -> tuple[Path, ...]:
        moved: tuple[Path, ...] = ()
        for _ in range(times):
            moved = await sweep(inbox, self.handle, self.sizes, NOW)
        return moved


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


async def test_a_file_is_read_at_the_second_sweep_that_sees_it_unchanged(tmp_path: Path) -> None:
    desk, file = Desk(), tmp_path / "plan.md"
    file.write_bytes(GOOD)
    assert await desk.sweep(tmp_path) == ()
    file.write_bytes(GOOD + b"- Exit Materials\n")
    assert await desk.sweep(tmp_path) == ()
    assert await desk.sweep(tmp_path) == (tmp_path / "accepted" / "plan.md",)
    assert desk.taken == [("plan.md", GOOD + b"- Exit Materials\n")]
    assert await desk.sweep(tmp_path, 3) == ()
    assert len(desk.taken) == 1


async def test_rewritten_in_place_with_the_same_size_is_not_stable(tmp_path: Path) -> None:
    desk, file = Desk(), tmp_path / "plan.md"
    file.write_bytes(GOOD)
    os.utime(file, ns=(1, 1))
    await desk.sweep(tmp_path)
    file.write_bytes(GOOD.replace(b"Energy", b"Utilit"))
    os.utime(file, ns=(2, 2))
    assert await desk.sweep(tmp_path) == ()


async def test_a_refused_file_keeps_its_reason_beside_it(tmp_path: Path) -> None:
    (tmp_path / "plan.md").write_bytes(BAD)
    (moved,) = await Desk().sweep(tmp_path, 2)
    assert moved == tmp_path / "refused" / "plan.md"
    assert moved.read_bytes() == BAD
    reason = (tmp_path / "refused" / "plan.md.reason.md").read_text(encoding="utf-8")
    assert "plan.md line 2: directive: can't read 'Exitt Energy'" in reason
    assert "- line: 2\n- column: not told\n- field: directive\n- expected: can't read" in reason
    assert not (tmp_path / "plan.md").exists()


async def test_a_name_that_is_taken_gets_the_time(tmp_path: Path) -> None:
    desk = Desk()
    for content in (BAD, BAD + b"\n", BAD + b"\n\n"):
        (tmp_path / "plan.md").write_bytes(content)
        await desk.sweep(tmp_path, 2)
    assert set(files(tmp_path)) == {
        "refused/plan.md", "refused/plan.md.reason.md",
        "refused/plan.20260105T150000Z.md", "refused/plan.20260105T150000Z.md.reason.md",
        "refused/plan.20260105T150000Z-2.md", "refused/plan.20260105T150000Z-2.md.reason.md",
    }  # fmt: skip
    assert (tmp_path / "refused" / "plan.md").read_bytes() == BAD


async def test_reference_data_is_handed_on_before_the_proposal_that_needs_it(
    tmp_path: Path,
) -> None:
    desk = Desk()
    (tmp_path / "Portfolio.md").write_bytes(GOOD)
    (tmp_path / "market-analysis.toml").write_bytes(ANALYSIS)
    await desk.sweep(tmp_path, 2)
    assert [name for name, _ in desk.taken] == ["market-analysis.toml", "Portfolio.md"]


@pytest.mark.parametrize(
    "name", [".hidden", "plan.md.part", "plan.tmp", "~plan.md", ".plan.md.swp"]
)
async def test_unfinished_files_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(GOOD)
    assert await Desk().sweep(tmp_path, 3) == ()
    assert (tmp_path / name).read_bytes() == GOOD


async def test_a_desk_that_fails_leaves_the_file_for_the_next_sweep(tmp_path: Path) -> None:
    desk = Desk()
    (tmp_path / "plan.md").write_bytes(GOOD)
    desk.down = True
    await desk.sweep(tmp_path)
    with pytest.raises(ConnectionError):
        await desk.sweep(tmp_path)
    assert files(tmp_path) == {"plan.md": GOOD}
    desk.down = False
    assert await desk.sweep(tmp_path) == (tmp_path / "accepted" / "plan.md",)


async def test_too_large_a_file_is_refused_unread(tmp_path: Path) -> None:
    desk = Desk()
    with (tmp_path / "huge.md").open("wb") as file:
        file.truncate(LARGEST + 1)
    (moved,) = await desk.sweep(tmp_path, 2)
    assert moved.parent.name == "refused"
    assert desk.taken == []
    reason = moved.with_name("huge.md.reason.md").read_text(encoding="utf-8")
    assert "expected at most 5 MB" in reason


async def test_a_link_out_of_the_inbox_is_not_followed(tmp_path: Path) -> None:
    inbox, outside = tmp_path / "inbox", tmp_path / "outside.md"
    inbox.mkdir()
    outside.write_bytes(GOOD)
    (inbox / "plan.md").symlink_to(outside)
    desk = Desk()
    (moved,) = await desk.sweep(inbox, 2)
    assert (moved.parent.name, desk.taken) == ("refused", [])
    assert outside.read_bytes() == GOOD


async def test_names_nobody_would_choose_are_moved_all_the_same(tmp_path: Path) -> None:
    names = [b"p\xff\xfe.md", "plän\n.md".encode(), b"n" * 250 + b".md"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(BAD)
    assert len(await Desk().sweep(tmp_path, 2)) == 3
    assert len([c for c in files(tmp_path).values() if c == BAD]) == 3


async def test_any_refusal_of_the_handler_counts(tmp_path: Path) -> None:
    async def refuse(name: str, data: bytes) -> None:
        raise RefusedInputError(name, "not today", line=7, field="x")

    (tmp_path / "plan.md").write_bytes(GOOD)
    sizes: dict[str, Size] = {}
    await sweep(tmp_path, refuse, sizes, NOW)
    (moved,) = await sweep(tmp_path, refuse, sizes, NOW)
    assert moved.parent.name == "refused"
