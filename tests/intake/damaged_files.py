"""Damages real files by a seed and hands each to the inbox: it is read or refused in one sentence, and
lies afterwards where it belongs."""

import asyncio
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from db.model.base import canonical_json
from services.intake.inbox import ACCEPTED, REASON, REFUSED, Size, sweep
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError

DATA = Path(__file__).parents[1] / "data" / "cases"
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
BATCH = 250
IN_MEMORY = Path("/dev/shm")
"""What is synced there costs nothing."""
MORE = (
    b"[instrument.AAPL]\nsector = 'Technology'\nleverage_factor = 1\naverage_daily_volume = 5e7\n",
    b'{"instrument": {"TQQQ": {"leverage_factor": 3, "name": "Three times"}}}',
    b'{"as_of": "2026-01-05T14:00:00Z", "sector_rank": {"Energy": 1}, "pick": [{"symbol": "XOM", '
    b'"sector": "Energy", "conviction": 70.5}]}',
    b"# Market analysis\nAs of: 2026-01-05T14:00:00Z\n\n| Rank | Sector |\n|---|---|\n| 1 | Energy |"
    b"\n\n| Symbol | Sector | Conviction |\n|---|---|---|\n| XOM | Energy | 70.5 |\n",
    b"symbol,reason,expires\nXYZ,Audit,2026-03-31\nBRK.B,Own employer,\n",
    b"[restricted]\nABC = 'Audit'\n[restricted.XYZ]\nreason = '''Own\nemployer'''\nexpires = 2026-03-31\n",
    b"remainder = 'cash'\nunlisted = 'sell'\naccount = 'main'\n[weights]\nAAPL = 0.30\n'BRK.B' = 0.2\n",
    b'{"weights": {"AAPL": 0.30, "CASH": 0.7}, "unlisted": "keep"}',
    b"# PORTFOLIO\n**Generated:** 2026-01-05 at 14:32 MST\n\n## ACTION PLAN\n- Exit Energy\n- Add Real "
    b"Estate to 10%\n* **Reduce** Materials\n  from 46.8% to 25%\n",
)
"""Forms that no case has."""
_WORD = re.compile(rb'"[^"\n]*"|[\w.+-]+')
ODD = (
    b"0.1", b"5", b"1.5", b"NVDA", b"Energy", b'"x"', b"0", b"-1", b"1e999999999", b"1e-999999999", b"NaN", b"Infinity", b"-Infinity", b"9" * 4500,
    b"0x" + b"f" * 3990, b"0.30000000000000004", b"1e3", b"true", b"null", b'""', b'"\\ud800"',
    b'"\\u001b[2J"', b'"\\u202e"', b"\xef\xac\x81", b"\xff", b"\xd9\xa3", b"[]", b"{}", b"[[", b"{{",
    b'"a"', b"2026-01-05", b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"\x7f", b"\x85",
    b"CASH", b"symbol", b"weight", b"restricted", b"%", b"from", b"to", b"\n- ", b"| a | b |", b"'''", b'"""',
    b"=", b",", b":", b"\r\n", b"\t", b"&#27;", b"<!--", b"```", b"~~~", b"> ", b"\\", b"*" * 60, b"A" * 5000,
    b"PASS", b"FAIL", b"sell", b"long", b"short", b"__proto__", b"a.b.c", b"#",
)  # fmt: skip


def seeds() -> tuple[bytes, ...]:
    """The files of the cases, and the forms that none of them has."""
    found = sorted(p for p in DATA.rglob("*") if p.is_file() and p.name != "book.json")
    return (*(path.read_bytes() for path in found), *MORE)


def damaged(chance: random.Random, whole: Sequence[bytes]) -> bytes:
    """One of `whole`, changed at one to four places."""
    data = chance.choice(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        data = _changed(chance, data, whole)
    return data


def _changed(chance: random.Random, data: bytes, whole: Sequence[bytes]) -> bytes:
    at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    match chance.randrange(10):
        case 0:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 1:
            return data[:at] + data[min(to, at + 30) :]
        case 2:
            return data[:at] + chance.choice(ODD) + data[at:]
        case 3:
            return data[:to] + data[at:to] + data[to:]
        case 4:
            other = chance.choice(whole)
            return data[:at] + other[chance.randrange(len(other)) :]
        case 5:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            return b"\n".join(lines)
        case 6:
            lines = data.split(b"\n")
            del lines[chance.randrange(len(lines))]
            return b"\n".join(lines)
        case 7:
            words = list(_WORD.finditer(data))
            if len(words) < 2:
                return data
            one, other = chance.choice(words), chance.choice(words)
            return data[: one.start()] + other[0] + data[one.end() :]
    words = list(_WORD.finditer(data))
    if not words:
        return data
    word = chance.choice(words)
    return data[: word.start()] + chance.choice(ODD) + data[word.end() :]


def look(data: bytes) -> str:
    """What became of the bytes. Raises AssertionError, or whatever a reader let out."""
    try:
        found = recognise("file", data)
    except RefusedInputError as refused:
        sentence = str(refused)
        assert sentence.startswith("file") and sentence.endswith("."), sentence
        assert sentence.isprintable() and len(sentence) < 1000, sentence
        assert (
            refused.line is None or 1 <= refused.line <= data.count(b"\n") + data.count(b"\r") + 1
        )
        return "refused"
    # What is taken must survive the journal.
    written = canonical_json(found.to_json()).encode()
    assert type(found).model_validate(json.loads(written)) == found
    assert len(written) < 10 * len(data) + 10_000
    return type(found).__name__


async def through_the_inbox(inputs: Sequence[bytes], tally: Counter[str]) -> None:
    """All of them as files, as the desk meets them: none is lost, none changed."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as directory:
        inbox = Path(directory)
        for n, data in enumerate(inputs):
            (inbox / f"{n:05}").write_bytes(data)
        sizes: dict[str, Size] = {}

        async def handle(name: str, data: bytes) -> None:
            start = time.perf_counter()
            kind = look(data)
            tally["slowest ms"] = max(
                tally["slowest ms"], int(1000 * (time.perf_counter() - start))
            )
            tally[kind] += 1
            if kind == "refused":
                recognise(name, data)

        await sweep(inbox, handle, sizes, NOW)
        await sweep(inbox, handle, sizes, NOW)
        for n, data in enumerate(inputs):
            taken, refused = inbox / ACCEPTED / f"{n:05}", inbox / REFUSED / f"{n:05}"
            assert taken.is_file() != refused.is_file(), f"file {n} is lost"
            assert (taken if taken.is_file() else refused).read_bytes() == data
            if refused.is_file():
                assert refused.with_name(refused.name + REASON).stat().st_size > 50


def batches(inputs: int, seed: int) -> Iterator[list[bytes]]:
    chance, whole = random.Random(seed), seeds()
    for start in range(0, inputs, BATCH):
        yield [damaged(chance, whole) for _ in range(min(BATCH, inputs - start))]


def fuzz(inputs: int, seed: int) -> Counter[str]:
    """How many were refused, how many read as what."""
    tally: Counter[str] = Counter()
    for batch in batches(inputs, seed):
        asyncio.run(through_the_inbox(batch, tally))
    return tally
