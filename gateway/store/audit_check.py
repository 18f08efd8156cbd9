"""Checks the chain of the audit log, row by row.

A row names the hash of the row before it, and its own hash and MAC cover that too, so each row is
judged by itself first (was it changed, or made without the key?) and then by its place (are rows
missing before it, does it stand where it was written?).

Rule: pure, in bounded memory whatever the length; without a key everything is checked but the MACs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.entities import AuditHead, AuditRecord
from gateway.store.audit import BREAK_ACTION
from gateway.store.audit_chain import FIRST_HASH, HASH_BYTES, AuditChain, compute_hash

MAX_FINDINGS: Final = 100  # named one by one; the rest is counted
_MOST_PLACES: Final = 200  # that a row which does not fit may have stood at: changed ones, gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """What is wrong with the audit log, and where."""

    row: int
    kind: str  # changed, forged, missing, inserted, reordered, cut_off, head, break, checkpoint
    detail: str


@dataclass(slots=True, kw_only=True)
class AuditReport:
    """What became of checking rows `after` + 1 to `verified_to`."""

    after: int
    verified_to: int
    rows: int = 0
    before_chain: int = 0  # rows of before there was a chain: they are as they were at its start
    at_end: bool = False  # whether the last row was compared with the head
    last_hash: bytes = field(default=b"", repr=False)
    findings: list[AuditFinding] = field(default_factory=list)
    more_findings: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


class AuditCheck:
    """One pass over rows in the order of their numbers.

    Args:
        chain: the installation's; None checks hashes and order alone.
        after: the number of the row before the first one.
        former_hash: the hash of that row; None takes what the first row says.
        checkpoint: number and hash of a row that has to be there.
    """

    def __init__(
        self,
        chain: AuditChain | None,
        *,
        after: int = 0,
        former_hash: bytes | None = FIRST_HASH,
        checkpoint: tuple[int, bytes] | None = None,
    ) -> None:
        self.report = AuditReport(after=after, verified_to=after)
        self._chain = chain
        self._former_hash = former_hash
        self._checkpoint = checkpoint
        self._misfits: list[AuditRecord] = []
        self._gaps: list[int] = []

    def add(self, records: Iterable[AuditRecord]) -> None:
        """Check the next rows."""
        for record in records:
            self._add(record)

    def _add(self, record: AuditRecord) -> None:
        report = self.report
        is_whole = self._check_content(record)
        self._check_place(record, is_whole=is_whole)
        if self._checkpoint is not None and record.audit_id == self._checkpoint[0]:
            self._check_checkpoint(record, self._checkpoint[1])
        report.rows += 1
        report.verified_to = record.audit_id
        report.last_hash = record.row_hash
        # What a wrong row says of its own hash is nothing to hold against the next one.
        self._former_hash = record.row_hash if is_whole else None

    def _check_content(self, record: AuditRecord) -> bool:
        """Judge a row by itself; tell whether its hash is worth comparing with its neighbours'."""
        if any(
            len(part) != HASH_BYTES
            for part in (record.former_hash, record.row_hash, record.row_mac)
        ):
            self.find(
                record.audit_id,
                "inserted",
                "cannot be read, was written without the chain, or lost its part of it",
            )
            return False
        is_genuine = self._chain is None or self._chain.is_row_genuine(record)
        if compute_hash(record) != record.row_hash:
            if is_genuine and len(self._misfits) < _MOST_PLACES:
                self._misfits.append(record)
            else:
                self.find(record.audit_id, "changed", "was changed")
            return False
        if not is_genuine:
            self.find(
                record.audit_id,
                "forged",
                "was written without this installation's key: its hash fits, its MAC does not",
            )
            return False
        if record.action == BREAK_ACTION:
            self.find(
                record.audit_id,
                "break",
                f"says that the end of the log was found tampered with: {record.after}",
            )
        return True

    def _check_place(self, record: AuditRecord, *, is_whole: bool) -> None:
        before = self.report.verified_to
        fits = self._former_hash is None or record.former_hash == self._former_hash
        if record.before_chain:
            self.report.before_chain += 1
            if fits:  # numbers may be missing from before there was a chain
                return
        if record.audit_id <= before:
            self.find(record.audit_id, "inserted", "stands before the first row")
        elif record.audit_id != before + 1:
            self._find_gap(before + 1, record.audit_id - 1)
        elif is_whole and not fits:
            self.find(
                record.audit_id,
                "reordered",
                f"does not follow row {before}: rows between them were removed, added or swapped",
            )

    def _find_gap(self, first: int, last: int) -> None:
        room = _MOST_PLACES - len(self._gaps)
        self._gaps.extend(range(first, min(last + 1, first + room)))
        which = f"row {first} is" if first == last else f"rows {first} to {last} are"
        self.find(first, "missing", f"{which} missing")

    def _check_checkpoint(self, record: AuditRecord, row_hash: bytes) -> None:
        self._checkpoint = None  # seen
        if record.row_hash != row_hash:
            detail = "is not the row that the checkpoint was made of"
            self.find(record.audit_id, "checkpoint", detail)

    def finish(self, head: AuditHead | None) -> AuditReport:
        """Check the end against the head and the checkpoint, and return what was found."""
        self.report.at_end = True
        self._check_end(head)
        return self.finish_rows()

    def finish_rows(self) -> AuditReport:
        """Return what was found, without a head to compare the end with."""
        wanted = 0 if self._checkpoint is None else self._checkpoint[0]
        if wanted > self.report.after:
            self.find(
                wanted,
                "checkpoint",
                f"the row that the checkpoint was made of is not there: the log ends with row "
                f"{self.report.verified_to}; rows were removed, or the database is an older one",
            )
        return self.settle()

    def _check_end(self, head: AuditHead | None) -> None:
        report = self.report
        if head is None:
            self.find(report.verified_to, "head", "the head row is missing")
        elif self._chain is not None and not self._chain.is_head_genuine(head):
            self.find(report.verified_to, "head", "the head row was changed")
        elif head.last_id > report.verified_to:
            self.find(
                report.verified_to + 1,
                "cut_off",
                f"the end was cut off: rows {report.verified_to + 1} to {head.last_id} are gone",
            )
        elif head.last_id < report.verified_to:
            self.find(
                head.last_id + 1,
                "inserted",
                f"rows {head.last_id + 1} to {report.verified_to} stand behind the end",
            )
        elif report.rows and head.last_hash != report.last_hash:
            self.find(report.verified_to, "head", "the last row is not the one that was written")

    def settle(self) -> AuditReport:
        """Say of every row that does not fit whether it was moved or changed."""
        places = [record.audit_id for record in self._misfits] + self._gaps
        for record in self._misfits:
            origin = _find_origin(record, places)
            if origin is None:
                self.find(record.audit_id, "changed", "was changed")
            else:
                self.find(record.audit_id, "reordered", f"was row {origin} when it was written")
        self._misfits, self._gaps = [], []
        self.report.findings.sort(key=lambda finding: finding.row)
        return self.report

    def find(self, row: int, kind: str, detail: str) -> None:
        """Note what is wrong; beyond the first ones it is only counted."""
        if len(self.report.findings) >= MAX_FINDINGS:
            self.report.more_findings += 1
            return
        self.report.findings.append(AuditFinding(row=row, kind=kind, detail=detail))


def _find_origin(record: AuditRecord, places: Iterable[int]) -> int | None:
    for place in places:
        if compute_hash(replace(record, audit_id=place)) == record.row_hash:
            return place
    return None
