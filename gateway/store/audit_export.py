"""The audit log as lines of JSON: written, and read again to be checked elsewhere.

A line is a row with its part of the chain; the last line is a checkpoint, so that an export that
was cut short shows.

Rule: `before` and `after` are objects whose text, written with sorted keys and no spaces, is the
one that was hashed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.entities import AuditHead, AuditRecord
from gateway.errors import InvalidValueError
from gateway.store.audit_chain import AuditChain
from gateway.store.rows import dump_json

_INTEGERS: Final = ("audit_id", "at")
_TEXTS: Final = (
    "actor",
    "action",
    "entity_type",
    "entity_id",
    "entity_name",
    "request_id",
    "source_address",
)
_HASHES: Final = ("former_hash", "row_hash", "row_mac")
_FIELDS: Final = {*_INTEGERS, *_TEXTS, *_HASHES, "before", "after", "before_chain"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportEnd:
    """The last line of an export: how many rows it has, and the checkpoint after them."""

    rows: int
    checkpoint: str | None
    key_id: str
    fault: str | None  # why there is no checkpoint


def dump_record_line(record: AuditRecord) -> bytes:
    """Write a row as a line."""
    fields = {name: getattr(record, name) for name in (*_INTEGERS, *_TEXTS)}
    hashes = {name: getattr(record, name).hex() for name in _HASHES}
    line = {
        **fields,
        "before": _parse_text(record.before),
        "after": _parse_text(record.after),
        "before_chain": record.before_chain,
        **hashes,
    }
    return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)


def _parse_text(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text  # somebody has changed the row: checking it says so


def dump_end_line(chain: AuditChain, rows: int, head: AuditHead | None) -> bytes:
    """Write the last line; only an end that is as it was left gets a checkpoint."""
    fault = None
    if head is None:
        fault = "the head row is missing"
    elif not chain.is_head_genuine(head):
        fault = "the head row was changed"
    checkpoint = None if head is None or fault else chain.dump_checkpoint(head)
    line = {"rows": rows, "checkpoint": checkpoint, "key_id": chain.key_id, "fault": fault}
    return orjson.dumps({"end": line}, option=orjson.OPT_APPEND_NEWLINE)


def parse_line(raw: bytes) -> AuditRecord | ExportEnd:
    """Read a line.

    Raises:
        InvalidValueError: it is not one of an export.
    """
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise InvalidValueError("is not JSON") from None
    if isinstance(line, dict) and set(line) == {"end"}:
        return _parse_end(line["end"])
    if not isinstance(line, dict) or set(line) != _FIELDS:
        raise InvalidValueError("is not a row of the audit log with all of its fields")
    return _parse_record(line)


def _parse_record(line: dict[str, Any]) -> AuditRecord:
    if not all(type(line[name]) is int for name in _INTEGERS):
        raise InvalidValueError("has a number that is none")
    if not all(type(line[name]) is str for name in (*_TEXTS, *_HASHES)):
        raise InvalidValueError("has a text that is none")
    if type(line["before_chain"]) is not bool:
        raise InvalidValueError("has a before_chain that is neither true nor false")
    try:
        hashes: dict[str, Any] = {name: bytes.fromhex(line[name]) for name in _HASHES}
    except ValueError:
        raise InvalidValueError("has a hash that is not hexadecimal") from None
    fields: dict[str, Any] = {name: line[name] for name in (*_INTEGERS, *_TEXTS, "before_chain")}
    before, after = _dump_text(line["before"]), _dump_text(line["after"])
    return AuditRecord(**fields, before=before, after=after, **hashes)


def _dump_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else dump_json(value)


def _parse_end(line: Any) -> ExportEnd:
    if not isinstance(line, dict) or set(line) != {"rows", "checkpoint", "key_id", "fault"}:
        raise InvalidValueError("is not the end of an export")
    texts = (line["checkpoint"], line["fault"])
    if (
        type(line["rows"]) is not int
        or not isinstance(line["key_id"], str)
        or not all(text is None or isinstance(text, str) for text in texts)
    ):
        raise InvalidValueError("is not the end of an export")
    return ExportEnd(**line)
