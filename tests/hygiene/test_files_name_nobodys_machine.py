"""What is written in the project's files: no package registry, no path of one machine; the lock
pins everything by hash."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSED_OVER = {
    ".git", ".venv", "build", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache",
    ".hypothesis", ".import_linter_cache",
}  # fmt: skip
FORBIDDEN = {
    "a package registry": re.compile(rb"p[y]pi[.]o|p[y]thonhosted|n[p]mjs|crates[.]i[o]"),
    "a path of one machine": re.compile(rb"(?<![\w.~])/(w[o]rk|r[o]ot|h[o]me/\w+|U[s]ers/\w+)/"),
}
REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[^\s;\\]+(\s*;[^\\]*)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def files() -> list[Path]:
    """What git tracks here; in an unpacked archive, everything but what is built."""
    git = ["git", "ls-files", "-z"]
    listed = (
        subprocess.run(git, cwd=ROOT, capture_output=True) if (ROOT / ".git").exists() else None
    )
    if listed is not None and listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not _built(path.relative_to(ROOT))]
    return [path for path in found if path.is_file()]


def _built(path: Path) -> bool:
    return any(part in PASSED_OVER or part.endswith(".egg-info") for part in path.parts)


def lines_with(rule: re.Pattern[bytes], path: Path) -> list[str]:
    content = path.read_bytes()
    starts = [match.start() for match in rule.finditer(content)]
    lines = [content.count(b"\n", 0, start) + 1 for start in starts]
    return [f"{path.relative_to(ROOT)} line {line}" for line in lines]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = files()
    assert len(found) > 100
    assert [line for path in found for line in lines_with(FORBIDDEN[what], path)] == []


def test_these_rules_would_be_seen_to_be_broken() -> None:
    registry, machine = FORBIDDEN.values()
    assert registry.search(b"https://" + b"py" + b"pi.org/simple")
    assert machine.search(b'open("/' + b'work/main")')
    assert not machine.search(b"docs/work/x, ../work/, https://host/")


def test_the_lock_has_a_hash_for_every_line_and_names_no_index() -> None:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    entries = "\n".join(lines).replace("\\\n", " ").splitlines()
    assert len(entries) > 20
    for entry in entries:
        requirement, *hashes = re.split(r"\s+(?=--hash)", entry.strip())
        assert REQUIREMENT.fullmatch(requirement.strip()), entry
        assert hashes, requirement
        assert all(HASH.fullmatch(one.strip()) for one in hashes), requirement
    assert not re.search(r"://|--(extra-)?index|--find-links", "\n".join(lines))
    everywhere = [entry.split("==")[0] for entry in entries if ";" not in entry]
    assert len(set(everywhere)) == len(everywhere), "twice, and no marker says when which holds"


def test_what_must_be_exact_is_pinned_in_both() -> None:
    """Textual's and alpaca-py's inner parts are used: an upgrade is a commit of its own."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    for name in ("textual", "alpaca-py"):
        (version,) = re.findall(rf'"{name}==([0-9.]+)"', project)
        assert re.search(rf"^{name}=={re.escape(version)}\s", lock, flags=re.M)
