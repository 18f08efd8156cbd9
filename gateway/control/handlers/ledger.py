"""Handlers of /usage and /audit: reads of what has happened."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.represent import represent_audit
from gateway.control.schema import ledger as schema
from gateway.errors import InvalidValueError
from gateway.store import audit_read
from gateway.store.audit_chain import AUDIT_CHAIN_PURPOSE, AuditChain

_USAGE_FILTERS = (
    "endpoint",
    "model_definition",
    "provider",
    "api_key_id",
    "request_id",
    "error",
    "since",
    "until",
)
_AUDIT_FILTERS = (
    "actor",
    "entity_type",
    "entity_id",
    "entity_name",
    "action",
    "request_id",
    "source_address",
    "since",
    "until",
)
_USAGE_FIELDS = tuple(schema.UsageRow.model_fields)
_SUMMARY_FIELDS = tuple(schema.UsageSummary.model_fields)


async def list_usage(call: Call) -> Answer:
    """Answer with a page of attempts, or with groups of them."""
    await call.parts.usage_flush()  # so that what was just booked is seen
    filters = {name: call.query[name] for name in _USAGE_FILTERS}
    if call.query["group_by"] is not None:
        return await _summarize(call, filters)
    return await answers.read_page(
        call,
        "/usage",
        lambda tx, page: tx.usage.list_page(page, **filters),
        lambda row: {name: row[name] for name in _USAGE_FIELDS},
    )


async def _summarize(call: Call, filters: dict[str, Any]) -> Answer:
    if call.query["cursor"] is not None:
        raise InvalidValueError("groups come on one page: leave it out", field="cursor")
    async with call.read() as tx:
        rows = await tx.usage.summarize(
            call.query["group_by"], limit=call.query["limit"], **filters
        )
    return answers.list_answer([{name: row[name] for name in _SUMMARY_FIELDS} for row in rows])


async def list_audit(call: Call) -> Answer:
    """Answer with a page of changes."""
    filters = {name: call.query[name] for name in _AUDIT_FILTERS}
    return await answers.read_page(
        call,
        "/audit",
        lambda tx, page: tx.admin.list_audit(page, **filters),
        represent_audit,
    )


async def export_audit(call: Call) -> Answer:
    """Answer with the rows of the audit log, oldest first, one a line."""
    lines = audit_read.export_audit(
        call.parts.store,
        _build_chain(call),
        after=call.query["after"],
        since=call.query["since"],
    )
    return Answer(status=200, lines=lines)


async def verify_audit(call: Call) -> Answer:
    """Check a part of the audit log's chain."""
    chain = _build_chain(call)
    given = call.query["checkpoint"]
    report, head = await audit_read.check_audit(
        call.parts.store,
        chain,
        after=call.query["after"],
        limit=call.query["limit"],
        checkpoint=None if given is None else chain.parse_checkpoint(given),
    )
    is_ended = head is not None and chain.is_head_genuine(head)
    return Answer(
        status=200,
        value={
            "ok": report.ok,
            "rows": report.rows,
            "before_chain": report.before_chain,
            "verified_to": report.verified_to,
            "next_after": None if report.at_end else report.verified_to,
            "findings": [asdict(finding) for finding in report.findings],
            "more_findings": report.more_findings,
            "checkpoint": chain.dump_checkpoint(head) if head is not None and is_ended else None,
        },
    )


def _build_chain(call: Call) -> AuditChain:
    return AuditChain(call.parts.deriver.derive(AUDIT_CHAIN_PURPOSE))
