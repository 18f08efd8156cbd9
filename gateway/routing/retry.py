"""What an upstream's answer means: pass it on, hide it, try another target.

Rule: the decisions are data (`failure_rows.py`, `failure_classes.py`); here an answer is read and
its row found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.errors import CredentialRejectedError, LockgateError
from gateway.routing.failure_classes import CLIENT_FAULT, CREDENTIAL_REJECTED, OK, Decision
from gateway.routing.failure_rows import FAULTS, PAGE, ROWS, Row
from gateway.routing.health import Blame
from gateway.routing.hints import load_error

__all__ = ["OK", "Decision", "blame_error", "classify_answer", "find_row"]

_STATUSES: Final = range(100, 600)
_FIRST_ERROR: Final = 400
_NOTHING_READ: Final[tuple[frozenset[str], str]] = (frozenset(), "")

# Each status's rows, in the order of the table.
_ROWS_OF: Final[Mapping[int, tuple[Row, ...]]] = MappingProxyType(
    {status: tuple(row for row in ROWS if status in row.statuses) for status in _STATUSES}
)

# Where a provider puts its words: OpenAI, Anthropic and google.rpc.Status have code, type and
# status, OpenRouter error_type and metadata, Azure innererror, Anthropic details as an object.
_FIELDS: Final = ("code", "type", "status", "error_type")
_NESTED: Final = (
    ("metadata", ("limit_source", "reason", "error_type")),
    ("innererror", ("code",)),
    ("details", ("error_code",)),
)


def classify_answer(provider: str, status: int, body: bytes) -> Decision:
    """Decide what an upstream's status and body mean (docs/failures.md has the outcomes).

    `body` is looked at for statuses from 400 on only. An answer that no row names is
    the client's fault: passed on unchanged, no other target.
    """
    row = find_row(provider, status, body)
    return CLIENT_FAULT if row is None else row.decision


def find_row(provider: str, status: int, body: bytes) -> Row | None:
    """Return the row that decides, if one does."""
    marks, sentence = _read_error(body) if status >= _FIRST_ERROR else _NOTHING_READ
    for row in _ROWS_OF.get(status, ()):
        if row.fits(provider, marks, sentence):
            return row
    return None


def blame_error(error: LockgateError) -> Blame:
    """Tell what a call that ended in an error of ours says about the target."""
    if type(error) is CredentialRejectedError:  # whoever gives tokens has refused it
        return CREDENTIAL_REJECTED.blame
    fault = FAULTS.get(type(error))
    return Blame.NONE if fault is None else fault.blame


def _read_error(body: bytes) -> tuple[frozenset[str], str]:
    error = load_error(body)
    sentence = error.get("message")
    marks = {mark for mark in _iter_marks(error) if isinstance(mark, str)}
    if body[:64].lstrip().startswith(b"<"):
        marks.add(PAGE)
    return frozenset(marks), sentence if isinstance(sentence, str) else ""


def _iter_marks(error: Mapping[str, Any]) -> Iterator[Any]:
    for name in _FIELDS:
        yield error.get(name)
    for place, names in _NESTED:
        nested = error.get(place)
        if isinstance(nested, dict):
            for name in names:
                yield nested.get(name)
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield detail.get("reason")  # google.rpc.ErrorInfo
            yield from _iter_quotas(detail.get("violations"))


def _iter_quotas(violations: Any) -> Iterator[Any]:
    """Yield the names of the quotas that are used up: google.rpc.QuotaFailure."""
    for violation in violations if isinstance(violations, list) else ():
        if isinstance(violation, dict):
            yield violation.get("quotaId")
