"""Exports of the audit log: whole, in parts, checked with the key and without, read back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import AuditRecord
from gateway.errors import InvalidValueError
from gateway.store.audit_chain import FIRST_HASH, dump_content
from gateway.store.audit_check import AuditCheck
from gateway.store.audit_export import ExportEnd, dump_record_line, parse_line
from gateway.store.audit_read import export_audit
from gateway.store.rows import dump_json
from gateway.store.sqlite import open_sqlite
from tests.store import samples
from tests.store.audit_rig import (
    CHAIN,
    ROOT,
    ROWS,
    tamper,
    write_rows,
)
from tests.store.samples import SetClock


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await write_rows(tmp_path / "lockgate.db")
    return tmp_path / "lockgate.db"


async def _export(path: Path, **given: Any) -> list[bytes]:
    store = await open_sqlite(path, clock=SetClock(), read_only=True)
    pieces = [piece async for piece in export_audit(store, CHAIN, **given)]
    await store.close()
    return b"".join(pieces).splitlines()


async def test_an_export_is_checked_like_the_log(path: Path) -> None:
    lines = [parse_line(line) for line in await _export(path)]
    end = lines.pop()
    assert isinstance(end, ExportEnd)
    assert (end.rows, end.fault, end.key_id) == (ROWS, None, CHAIN.key_id)
    assert end.checkpoint is not None
    assert CHAIN.parse_checkpoint(end.checkpoint)[0] == ROWS
    for chain in (CHAIN, None):
        found = AuditCheck(chain)
        found.add(line for line in lines if isinstance(line, AuditRecord))
        assert found.settle().ok


@pytest.mark.parametrize(
    ("given", "first"),
    [({"after": 4}, 5), ({"since": samples.START + 6}, 7), ({"after": 99}, None)],
)
async def test_an_export_goes_on_from_anywhere(
    path: Path, given: dict[str, int], first: int | None
) -> None:
    *lines, end = [parse_line(line) for line in await _export(path, **given)]
    numbers = [line.audit_id for line in lines if isinstance(line, AuditRecord)]
    assert numbers == ([] if first is None else [*range(first, ROWS + 1)])
    assert isinstance(end, ExportEnd)


async def test_no_checkpoint_blesses_a_changed_head(path: Path) -> None:
    tamper(path, "UPDATE audit_head SET last_id = 7")
    end = parse_line((await _export(path))[-1])
    assert isinstance(end, ExportEnd)
    assert (end.checkpoint, end.fault) == (None, "the head row was changed")


async def test_the_program_in_the_documentation_checks_an_export(
    path: Path, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    program = text.partition("```python\n")[2].partition("```")[0]
    export = tmp_path / "audit.jsonl"

    def run() -> int:
        return subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode

    lines = await _export(path)
    export.write_bytes(b"\n".join(lines))
    assert await asyncio.to_thread(run) == 0
    export.write_bytes(b"\n".join(lines).replace(b"ada", b"eve"))
    assert await asyncio.to_thread(run) == 1


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | TEXT
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(before=st.none() | st.dictionaries(TEXT, JSON, max_size=4), texts=st.tuples(TEXT, TEXT))
def test_a_line_gives_back_the_very_bytes_that_were_hashed(
    before: dict[str, Any] | None, texts: tuple[str, str]
) -> None:
    record = CHAIN.seal(
        AuditRecord(
            audit_id=7,
            at=1,
            actor=texts[0],
            action="update",
            entity_type="endpoint",
            entity_id="e-1",
            entity_name=texts[1],
            before=dump_json(before),
            after=None,
            request_id="",
            source_address="",
            former_hash=FIRST_HASH,
        )
    )
    read = parse_line(dump_record_line(record))
    assert read == record


@given(st.lists(TEXT, min_size=2, max_size=2), st.lists(TEXT, min_size=2, max_size=2))
def test_no_two_rows_have_the_same_content(left: list[str], right: list[str]) -> None:
    def dump(parts: list[str]) -> bytes:
        row = _blank()
        return dump_content(replace(row, actor=parts[0], action=parts[1]))

    assert (dump(left) == dump(right)) == (left == right)


def _blank() -> AuditRecord:
    names = ("actor", "action", "entity_type", "entity_id", "entity_name", "request_id")
    return AuditRecord(
        audit_id=1,
        at=1,
        before=None,
        after=None,
        source_address="",
        former_hash=FIRST_HASH,
        **dict.fromkeys(names, ""),
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"end": 1}',
        b'{"end": {"rows": "1", "checkpoint": null, "key_id": "", "fault": null}}',
        b'{"audit_id": 1}',
        b"\xff",
    ],
)
def test_what_is_no_line_is_said_so(line: bytes) -> None:
    with pytest.raises(InvalidValueError):
        parse_line(line)


Mutate = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    "mutate",
    [
        lambda line: line.update(audit_id="1"),
        lambda line: line.update(at=True),
        lambda line: line.update(actor=None),
        lambda line: line.update(row_hash="zz"),
        lambda line: line.update(before_chain=0),
        lambda line: line.update(more=1),
        lambda line: line.pop("after"),
    ],
)
async def test_a_line_with_another_kind_of_value_is_refused(path: Path, mutate: Mutate) -> None:
    line = orjson.loads((await _export(path))[0])
    mutate(line)
    with pytest.raises(InvalidValueError):
        parse_line(orjson.dumps(line))
