"""Checks an export of the audit log, wherever it is kept.

Rule: pure. Without the key a change shows unless every row after it was made anew; that shows by a
checkpoint from another place. With the key nothing more is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from gateway.entities import AuditRecord
from gateway.errors import InvalidValueError
from gateway.store.audit_chain import FIRST_HASH, AuditChain, split_checkpoint
from gateway.store.audit_check import AuditCheck, AuditReport
from gateway.store.audit_export import ExportEnd, parse_line

_TELL_EVERY: Final = 1_000  # rows


def check_export(
    lines: Iterable[bytes],
    chain: AuditChain | None,
    checkpoint: str | None,
    progress: Callable[[int, int | None], None],
) -> tuple[AuditReport, str | None]:
    """Check the lines of an export; return the checkpoint too that it ends with.

    Args:
        lines: of one export, from its first row on.
        chain: under the key of the installation that it is of; None for hashes and order alone.
        checkpoint: of a row that has to be there.
        progress: called with the rows done, and None for the number of all.

    Raises:
        InvalidValueError: a line that is none of an export, or a checkpoint that is none.
    """
    parsed = _parse(lines)
    first = next(parsed, None)
    check = _build_check(first, chain, checkpoint)
    line = first
    while isinstance(line, AuditRecord):
        check.add((line,))
        if check.report.rows % _TELL_EVERY == 0:
            progress(check.report.rows, None)
        line = next(parsed, None)
    if line is None:
        check.find(check.report.verified_to + 1, "cut_off", "the export has no end")
        return check.finish_rows(), None
    if next(parsed, None) is not None:
        raise InvalidValueError("goes on after its end: is it two exports in one file?")
    _check_end(check, chain, line)
    report = check.finish_rows()
    return report, line.checkpoint if report.ok else None


def _parse(lines: Iterable[bytes]) -> Iterator[AuditRecord | ExportEnd]:
    for number, raw in enumerate(lines, 1):
        try:
            yield parse_line(raw)
        except InvalidValueError as error:
            raise InvalidValueError(f"line {number} {error.detail}") from None


def _build_check(
    first: AuditRecord | ExportEnd | None, chain: AuditChain | None, checkpoint: str | None
) -> AuditCheck:
    wanted = None
    if checkpoint is not None:
        parse = split_checkpoint if chain is None else chain.parse_checkpoint
        number, row_hash, *_ = parse(checkpoint)
        wanted = (number, row_hash)
    after = first.audit_id - 1 if isinstance(first, AuditRecord) else 0
    former_hash = FIRST_HASH if after == 0 else None  # else it begins in the middle
    return AuditCheck(chain, after=after, former_hash=former_hash, checkpoint=wanted)


def _check_end(check: AuditCheck, chain: AuditChain | None, end: ExportEnd) -> None:
    report = check.report
    last = report.verified_to
    if end.rows != report.rows:
        check.find(last, "missing", f"the export has {report.rows} rows and was of {end.rows}")
    if chain is not None and end.key_id != chain.key_id:
        check.find(last, "forged", "the export was made under another root key")
    if end.checkpoint is None:
        check.find(last, "head", f"the export has no checkpoint: {end.fault}")
        return
    try:
        parse = split_checkpoint if chain is None else chain.parse_checkpoint
        number, row_hash, *_ = parse(end.checkpoint)
    except InvalidValueError as error:
        check.find(last, "checkpoint", error.detail)
        return
    if report.rows and (number, row_hash) != (last, report.last_hash):
        check.find(
            min(last, number) + 1,
            "cut_off",
            f"the export ends with row {last}, but its checkpoint was made of row {number}",
        )
