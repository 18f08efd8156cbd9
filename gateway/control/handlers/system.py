"""Handlers of /status and /providers: facts of the running gateway."""

from __future__ import annotations

import dataclasses
from typing import Any

from gateway import __version__
from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.providers import PROVIDERS
from gateway.providers.table import Field, Provider


async def get_status(call: Call) -> Answer:
    """Answer with what runs, what is stored, and what is wrong."""
    parts = call.parts
    async with parts.store.read() as tx:
        stored_epoch = await tx.get_epoch()
        secrets = await tx.secrets.count()
        records = await tx.vault.count_records()
    snapshot = parts.snapshots.current
    facts = _plain(await parts.status())
    value = {
        "version": __version__,
        "now": parts.clock.now_ms(),
        "listen": str(parts.settings.listen),
        "admin_listen": parts.settings.admin_listen and str(parts.settings.admin_listen),
        "epoch": snapshot.epoch,
        "stored_epoch": stored_epoch,
        "secrets": secrets,
        "endpoints": len(snapshot.endpoints),
        "api_keys": len(snapshot.keys),
        "vault": {
            "active_term": parts.sealer.active_term,
            "records": {str(term): count for term, count in records.items()},
        },
        "quarantined": [],
        "targets": [],
        **facts,
    }
    return Answer(status=200, value=value)


def _plain(value: Any) -> Any:
    """Turn the server's facts, which may be rows of ours, into JSON's own kinds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {row.name: _plain(getattr(value, row.name)) for row in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(found) for key, found in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(found) for found in value]
    return value


def list_quarantined(facts: dict[str, Any]) -> dict[str, str]:
    """Return the reasons of quarantined credentials, by secret id, from the server's facts."""
    rows = _plain(facts.get("quarantined", ()))
    return {row["secret_id"]: row.get("reason", "") for row in rows}


async def list_providers(_: Call) -> Answer:
    """Answer with the table of providers."""
    return answers.list_answer([_represent(row) for row in PROVIDERS.values()])


def _represent(row: Provider) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "dialects": sorted(dialect.value for dialect in row.dialects),
        "base_url": row.base_url,
        "secret_fields": [_represent_field(field) for field in row.secret_fields],
        "config_fields": [_represent_field(field) for field in row.config_fields],
        "auth_modes": list(row.auth_modes),
    }


def _represent_field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "title": field.title,
        "secret": field.secret,
        "required": field.required,
        "default": field.default,
        "help": field.help,
    }
