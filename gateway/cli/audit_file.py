"""Exports of the audit log as files: received whole or not at all, and checked line by line.

Rule: a file appears under its name only when its last line has come; nothing is ever held but a
line or a piece of the answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from gateway.cli.client import Api
from gateway.cli.refusal import Refused
from gateway.errors import InvalidValueError

if TYPE_CHECKING:
    from gateway.store.audit_chain import AuditChain
    from gateway.store.audit_check import AuditReport
    from gateway.store.audit_export import ExportEnd

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_LAST_LINE_BYTES: Final = 4_096  # the end of an export has 300
_MOST_LINE_BYTES: Final = 64 << 20  # a row is before and after of what one request may change


def receive_export(api: Api, file: Path | None, query: dict[str, Any]) -> ExportEnd:
    """Write the running gateway's export to a file, or to stdout; return its last line.

    Raises:
        Refused: the file cannot be written, or the answer was cut off.
    """
    if file is None:
        return _copy(api, query, sys.stdout.buffer)
    part = file.with_name(file.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, _NEW, 0o600), "wb") as target:  # it tells who is an admin
            end = _copy(api, query, target)
        part.replace(file)
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return end


def _copy(api: Api, query: dict[str, Any], target: IO[bytes]) -> ExportEnd:
    # Late: loads the store's modules.
    from gateway.store.audit_export import ExportEnd, parse_line

    tail = b""
    for piece in api.stream("/audit/export", query):
        target.write(piece)
        tail = (tail + piece)[-_LAST_LINE_BYTES:]
    target.flush()
    if tail.endswith(b"\n"):  # else the last line is not whole
        with suppress(InvalidValueError):
            end = parse_line(tail.removesuffix(b"\n").rpartition(b"\n")[2])
            if isinstance(end, ExportEnd):
                return end
    raise Refused("the export was cut off before its end: try again")


def check_file(
    file: Path,
    chain: AuditChain | None,
    checkpoint: str | None,
    progress: Callable[[int, int | None], None],
) -> tuple[AuditReport, str | None]:
    """Check an export; return the checkpoint too that it ends with.

    Raises:
        Refused: it cannot be read, or holds a line that is none of an export.
    """
    # Late: loads the store's modules.
    from gateway.store.audit_export_check import check_export

    try:
        with file.open("rb") as lines:
            return check_export(_read_lines(lines), chain, checkpoint, progress)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from None
    except InvalidValueError as error:
        raise Refused(f"{file}: {error.detail}") from None


def _read_lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(_MOST_LINE_BYTES):
        yield line
