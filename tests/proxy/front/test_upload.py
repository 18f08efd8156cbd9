"""Large bodies on the disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import StorageFullError
from gateway.proxy.front.upload import KEPT_BYTES, Upload

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def nearly_full() -> Iterator[None]:
    """Let files grow to a size that falls within the second piece."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (KEPT_BYTES * 3 // 2, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("nearly_full")
def test_a_disk_that_takes_only_a_part_is_full() -> None:
    upload = Upload()
    upload.write([b"x" * KEPT_BYTES])
    with pytest.raises(StorageFullError):
        upload.write([b"x" * KEPT_BYTES])
    upload.close()


def test_a_folder_that_is_not_there_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    with pytest.raises(StorageFullError):
        Upload().write([b"x"])


def test_views_outlive_the_upload() -> None:
    upload = Upload()
    upload.write([b"ab", b"cd"])
    upload.write([b"ef"])
    view = memoryview(upload.read())
    upload.close()
    assert bytes(view) == b"abcdef"


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts what Linux lists")
def test_uploads_leave_no_open_files() -> None:
    before = len(list(DESCRIPTORS.iterdir()))
    for _ in range(1000):
        upload = Upload()
        upload.write([b"x"])
        memoryview(upload.read())
        upload.close()
    assert len(list(DESCRIPTORS.iterdir())) == before
