"""Appends fills to a journal until it is killed or the disk fails; prints what was acknowledged.

Run by the tests as a process of its own: `journal_writer.py PATH [largest file in bytes]`."""

import asyncio
import resource
import sys
from pathlib import Path

from journal_drafts import Ticking, draft, fill, received

from db.journal import Journal, JournalError


async def main(path: Path) -> None:
    journal = await Journal.open(path, Ticking())

    async def append(n: int) -> None:
        (event,) = await journal.append(received(fill(execution_id=str(n))))
        sys.stdout.write(f"{event.seq} {event.hash}\n")
        sys.stdout.flush()

    start = journal.head_seq
    for n in range(start, start + 100_000, 4):
        try:
            await asyncio.gather(*(append(n + k) for k in range(3)))
            await journal.append(draft("ReportWritten", n=n))
        except JournalError as error:
            sys.stdout.write(f"failed {error}\n")
            try:
                await journal.append(draft("ReportWritten", n=n))
            except JournalError as again:
                sys.stdout.write(f"again {again}\n")
            await journal.close()
            return


if __name__ == "__main__":
    if len(sys.argv) > 2:
        largest = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    asyncio.run(main(Path(sys.argv[1])))
