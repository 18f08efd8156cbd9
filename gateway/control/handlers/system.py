"""Handlers of /status and /providers: facts of the running gateway."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from gateway import __version__
from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.entities import WARN_MS, ExpiringSecret
from gateway.errors import DatabaseDamagedError, StoreUnavailableError
from gateway.ports import Store
from gateway.providers import PROVIDERS, AuthMode, Field, Provider

_EXPIRING_SHOWN = 100


@dataclasses.dataclass(frozen=True, slots=True)
class _Stored:
    """What the database says of itself, if it does."""

    epoch: int | None = None
    secrets: int | None = None
    expiring: tuple[ExpiringSecret, ...] = ()
    records: Mapping[int, int] = dataclasses.field(default_factory=dict)


async def get_status(call: Call) -> Answer:
    """Answer with what runs, what is stored, and what is wrong."""
    parts = call.parts
    now_ms = parts.clock.now_ms()
    stored, fault = await _look(parts.store, now_ms)
    snapshot = parts.snapshots.current
    facts = _plain(await parts.status())
    facts["database_fault"] = facts.get("database_fault") or fault
    value = {
        "version": __version__,
        "now": now_ms,
        "started_at": now_ms,
        "uptime_ms": 0,
        "workers": 1,
        "worker_processes": [],
        "listen": str(parts.settings.listen),
        "admin_listen": parts.settings.admin_listen and str(parts.settings.admin_listen),
        "epoch": snapshot.epoch,
        "stored_epoch": stored.epoch,
        "secrets": stored.secrets,
        "endpoints": len(snapshot.endpoints),
        "api_keys": len(snapshot.keys),
        "vault": {
            "active_term": parts.sealer.active_term,
            "records": {str(term): count for term, count in stored.records.items()},
        },
        "configuration_file": parts.source and parts.source.describe(),
        "ledger_backlog": 0,
        "ledger_spool_rows": 0,
        "ledger_spool_bytes": 0,
        "ledger_dropped": 0,
        "quarantined": [],
        "targets": [],
        "expiring_secrets": [_represent_expiring(row, now_ms) for row in stored.expiring],
        **facts,
    }
    return Answer(status=200, value=value)


def _represent_expiring(row: ExpiringSecret, now_ms: int) -> dict[str, Any]:
    return {
        "secret_id": row.secret_id,
        "secret_name": row.secret_name,
        "expires_at": row.expires_at,
        "expired": row.expires_at <= now_ms,
    }


async def _look(store: Store, now_ms: int) -> tuple[_Stored, str | None]:
    """Return what is stored, or what is wrong: who asks for the status needs it most then."""
    try:
        async with store.read() as tx:
            epoch, secrets = await tx.get_epoch(), await tx.secrets.count()
            expiring = await tx.secrets.list_expiring(now_ms + WARN_MS, _EXPIRING_SHOWN)
            return _Stored(epoch, secrets, expiring, await tx.vault.count_records()), None
    except (StoreUnavailableError, DatabaseDamagedError) as error:
        return _Stored(), error.detail


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
    modes = list(row.auth_modes)
    return {
        "name": row.name,
        "title": row.title,
        "dialects": sorted(dialect.value for dialect in row.dialects),
        "base_url": row.base_url,
        "secret_fields": [_represent_field(field, modes) for field in row.secret_fields],
        "config_fields": [_represent_field(field, modes) for field in row.config_fields],
        "auth_modes": modes,
        "auth": [_represent_mode(row, mode) for mode in row.auth],
        "translated_to": [dialect.value for dialect in row.hub_dialects],
        "self_hosted": row.is_self_hosted,
        "notes": row.notes,
    }


def _represent_mode(row: Provider, mode: AuthMode) -> dict[str, Any]:
    secret, config = row.list_fields(mode)
    return {
        "name": mode.name,
        "title": mode.title,
        "secret_fields": [field.name for field in secret],
        "config_fields": [field.name for field in config],
        "required": [
            *(f"secret_value.{field.name}" for field in secret if field.required),
            *(f"auth_config.{field.name}" for field in config if field.required),
        ],
    }


def _represent_field(field: Field, modes: list[str]) -> dict[str, Any]:
    return {
        "name": field.name,
        "title": field.title,
        "secret": field.secret,
        "required": field.required,
        "default": field.default,
        "help": field.help,
        "modes": [mode for mode in modes if field.belongs_to(mode)],
        "choices": list(field.choices),
        "multiline": field.multiline,
    }
