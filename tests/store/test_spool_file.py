"""Spool files: what was appended is there, what is torn is seen, what is held is nobody else's."""

from __future__ import annotations

import stat
from pathlib import Path

import orjson
import pytest

from gateway.store.spool_file import SpoolFile, count_rows, list_spools
from tests.proxy.test_usage import row

NO_LIMIT = 1 << 30


def fill(folder: Path, frames: list[list[int]], writer: str = "w1") -> Path:
    """Write frames of numbered rows and leave the file as a crash does."""
    file = SpoolFile.create(folder, writer)
    for numbers in frames:
        assert file.append(numbers[0], [row(number) for number in numbers], NO_LIMIT)
    path = file.path.with_name("ledger-left.spool")
    path.write_bytes(file.path.read_bytes())
    file.path.unlink()
    return path


def adopt(path: Path) -> SpoolFile:
    found = SpoolFile.adopt(path)
    assert found is not None
    return found


def read_all(file: SpoolFile, most_rows: int = 2000) -> list[str]:
    names = []
    while (portion := file.read(most_rows)) is not None:
        names += [item.request_id for item in portion.rows]
        file.forget(portion)
    return names


def test_rows_come_back_whole_and_in_order_and_the_file_goes(tmp_path: Path) -> None:
    path = fill(tmp_path, [[0, 1], [2], [3, 4, 5]])
    file = adopt(path)
    assert file.rows == 6
    portion = file.read(3)
    assert portion is not None
    assert (portion.writer, portion.first) == ("w1", 0)
    assert portion.rows == [row(0), row(1), row(2)]
    assert file.read(3) == portion  # not yet done with
    file.forget(portion)
    assert read_all(file) == ["r3", "r4", "r5"]
    file.close()
    assert list_spools(tmp_path) == []


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path, "w1")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.close()


def test_a_file_that_is_held_is_not_taken_over(tmp_path: Path) -> None:
    held = SpoolFile.create(tmp_path, "w1")
    held.append(0, [row(0)], NO_LIMIT)
    assert SpoolFile.adopt(held.path) is None
    held.close()
    assert adopt(held.path).rows == 1


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_torn_end_costs_what_is_torn(tmp_path: Path, cut: int) -> None:
    path = fill(tmp_path, [[0, 1], [2]])
    path.write_bytes(path.read_bytes()[:-cut])
    assert count_rows(path) == 2
    assert read_all(adopt(path)) == ["r0", "r1"]


def test_every_cut_leaves_whole_frames_only(tmp_path: Path) -> None:
    whole = fill(tmp_path, [[0], [1]]).read_bytes()
    start = whole.index(b"\n") + 1
    for end in range(start, len(whole)):
        path = tmp_path / "ledger-cut.spool"
        path.write_bytes(whole[:end])
        file = adopt(path)
        assert read_all(file) in ([], ["r0"])
        file.close()


def test_a_changed_byte_ends_the_file(tmp_path: Path) -> None:
    path = fill(tmp_path, [[0], [1], [2]])
    content = bytearray(path.read_bytes())
    content[content.index(b'"r1"') + 1] ^= 1
    path.write_bytes(content)
    assert read_all(adopt(path)) == ["r0"]


def test_frames_with_a_gap_are_not_joined(tmp_path: Path) -> None:
    file = adopt(fill(tmp_path, [[0], [5]]))
    portion = file.read(100)
    assert portion is not None
    assert len(portion.rows) == 1


def test_what_would_be_over_the_limit_is_refused(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path, "w1")
    limit = file.size_bytes + 500
    assert file.append(0, [row(0)], limit)
    assert not file.append(1, [row(1), row(2), row(3)], limit)
    assert file.rows == 1
    assert file.size_bytes <= limit
    file.close()


def test_a_file_that_is_empty_again_takes_no_room(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path, "w1")
    start = file.size_bytes
    file.append(0, [row(0)], NO_LIMIT)
    read_all(file)
    assert (file.rows, file.size_bytes, file.path.stat().st_size) == (0, start, start)
    file.append(1, [row(1)], NO_LIMIT)
    assert read_all(file) == ["r1"]
    file.close()


def test_values_that_no_json_holds_do_not_cost_the_row(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path, "w1")
    odd = row(1)._replace(input_tokens=1 << 70, provider="\ud800")
    file.append(0, [row(0), odd], NO_LIMIT)
    portion = file.read(10)
    assert portion is not None
    assert portion.rows == [row(0), odd._replace(input_tokens=None, provider="?")]
    file.close()


def test_rows_of_another_release_keep_the_fields_that_both_know(tmp_path: Path) -> None:
    path = fill(tmp_path, [[0]])
    line, _, frames = path.read_bytes().partition(b"\n")
    said = orjson.loads(line)
    said["fields"] = ["of_the_future" if name == "provider" else name for name in said["fields"]]
    path.write_bytes(orjson.dumps(said) + b"\n" + frames)
    portion = adopt(path).read(10)
    assert portion is not None
    assert portion.rows == [row(0)._replace(provider=None)]


@pytest.mark.parametrize("content", [b"", b"no line", b"{}\n", b"[1]\nxx"])
def test_what_is_no_spool_is_not_taken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger-strange.spool"
    path.write_bytes(content)
    assert SpoolFile.adopt(path) is None
    assert path.exists() is bool(content)
