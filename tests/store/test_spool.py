"""The spool of one process: its own file, those that it took over, and its end."""

from __future__ import annotations

from pathlib import Path

from gateway.store.spool import Spool
from tests.store import samples

ROWS = [samples.usage(1), samples.usage(2)]
LIMIT_BYTES = 1 << 20


async def test_who_is_done_after_the_end_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    """A write that hung until then: the database tells the next start that it has the rows."""
    spool = Spool(tmp_path, LIMIT_BYTES)
    await spool.append(0, ROWS)
    portion = await spool.read(10)
    assert portion is not None
    await spool.close()
    await spool.forget(portion)
    again = Spool(tmp_path, LIMIT_BYTES)
    await again.adopt()
    assert again.rows == 2
    await again.close()


async def test_files_that_were_left_come_before_our_own(tmp_path: Path) -> None:
    earlier, spool = Spool(tmp_path, LIMIT_BYTES), Spool(tmp_path, LIMIT_BYTES)
    await earlier.append(7, ROWS[:1])
    await spool.append(0, ROWS[1:])
    await spool.adopt()
    assert spool.rows == 1  # its writer lives
    await earlier.close()
    await spool.adopt()
    await spool.adopt()
    assert spool.rows == 2
    seen = []
    while (portion := await spool.read(10)) is not None:
        seen.append((portion.writer, portion.first))
        await spool.forget(portion)
    assert seen == [(earlier.writer, 7), (spool.writer, 0)]
    await spool.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_damaged_gives_what_is_before_the_damage(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMIT_BYTES)
    await spool.append(0, ROWS[:1])
    (path,) = tmp_path.iterdir()
    whole = path.stat().st_size
    await spool.append(1, ROWS[1:])
    with path.open("r+b") as file:
        file.seek(whole + 30)
        file.write(b"\xff")
    portion = await spool.read(10)
    assert portion is not None
    assert portion.rows == ROWS[:1]
    await spool.forget(portion)
    assert (spool.rows, await spool.read(10)) == (0, None)
    await spool.append(2, ROWS)
    portion = await spool.read(10)
    assert portion is not None
    assert portion.first == 2
    await spool.close()
