"""The kinds of stored things, as the command line lists and names them.

Rule: one row per kind; the titles of columns are what scripts may rely on.
"""

from __future__ import annotations

import time
from typing import Any, Final

from gateway.cli.output import Column, Row, column, describe, dump_time, dump_value
from gateway.cli.resource import Resource


def _show_masked(row: Row) -> str:
    masked = row.get("masked_values") or {}
    return ", ".join(f"{name}={value}" for name, value in masked.items()) or "-"


def _show_api_base(row: Row) -> str:
    return str((row.get("auth_config") or {}).get("api_base") or "-")


def _mappings(row: Row, linkage: str) -> list[Any]:
    rows = [item for item in row.get("model_mappings", []) if item["linkage_type"] == linkage]
    return sorted(rows, key=lambda item: item.get("fallback_order") or 0)


def _show_primaries(row: Row) -> str:
    return ", ".join(
        f"{item['model_definition']['name']} {item.get('share', 0):.1%}"
        for item in _mappings(row, "PRIMARY")
    )


def _show_fallbacks(row: Row) -> str:
    names = [item["model_definition"]["name"] for item in _mappings(row, "FALLBACK")]
    return ", ".join(names) or "-"


def _show_tags(row: Row) -> str:
    return ", ".join(f"{key}={value}" for key, value in row.get("tags", {}).items()) or "-"


def _show_state(row: Row) -> str:
    if row.get("disabled"):
        return "disabled"
    expires_at = row.get("expires_at")
    if expires_at is not None and expires_at <= time.time() * 1000:
        return "expired"
    return "active"


def _show_life(row: Row) -> str:
    """Tell what somebody should know of a value: that it ends, that the one before still counts."""
    parts = []
    previous = row.get("previous_value")
    if previous:
        parts.append(f"former value until {dump_time(previous['grace_until'])}")
    expires_at = row.get("expires_at")
    if expires_at is not None:
        word = "expired" if expires_at <= time.time() * 1000 else "expires"
        parts.append(f"{word} {dump_time(expires_at)}")
    return ", ".join(parts) or "-"


def _describe_secret(row: Row) -> list[tuple[str, str]]:
    lines = dict(describe(row))
    previous = row.get("previous_value")
    if previous:
        until = dump_time(previous["grace_until"])
        lines["previous_value"] = f"{_show_masked(previous)} until {until}"
    return list(lines.items())


def _describe_endpoint(row: Row) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for label, text in describe(row):
        if label != "model_mappings":
            lines.append((label, text))
            continue
        lines += [
            (item["linkage_type"].lower(), _describe_mapping(item))
            for item in [*_mappings(row, "PRIMARY"), *_mappings(row, "FALLBACK")]
        ]
    return lines


def _describe_mapping(item: Row) -> str:
    definition = item["model_definition"]
    model = f"{definition['name']} ({definition['provider']}, {definition['model_name']})"
    if item["linkage_type"] == "FALLBACK":
        return f"{model} order {item.get('fallback_order')}"
    weight = dump_value("weight", item.get("weight"))
    return f"{model} weight {weight} share {item.get('share', 0):.1%}"


SECRETS: Final = Resource(
    noun="secret",
    path="/secrets",
    id_prefix="s",
    id_field="secret_id",
    name_field="secret_name",
    columns=(
        column("NAME", "secret_name"),
        column("ID", "secret_id"),
        column("PROVIDER", "provider"),
        Column("VALUES", _show_masked),
        Column("API BASE", _show_api_base),
        Column("STATE", _show_life),
        column("LAST USED", "last_used_at"),
        column("UPDATED", "last_updated_at"),
    ),
    describe=_describe_secret,
)

MODELS: Final = Resource(
    noun="model definition",
    path="/model-definitions",
    id_prefix="d",
    id_field="model_definition_id",
    name_field="name",
    columns=(
        column("NAME", "name"),
        column("ID", "model_definition_id"),
        column("PROVIDER", "provider"),
        column("MODEL", "model_name"),
        column("SECRET", "secret_name"),
        column("UPDATED", "last_updated_at"),
    ),
)

ENDPOINTS: Final = Resource(
    noun="endpoint",
    path="/endpoints",
    id_prefix="e",
    id_field="endpoint_id",
    name_field="name",
    columns=(
        column("NAME", "name"),
        column("ID", "endpoint_id"),
        Column("MODELS", _show_primaries),
        Column("FALLBACKS", _show_fallbacks),
        Column("TAGS", _show_tags),
        column("UPDATED", "last_updated_at"),
    ),
    describe=_describe_endpoint,
)

KEYS: Final = Resource(
    noun="api key",
    path="/api-keys",
    id_prefix="k",
    id_field="key_id",
    name_field="name",
    columns=(
        column("NAME", "name"),
        column("ID", "key_id"),
        column("VALUE", "masked_value"),
        Column("ENDPOINTS", lambda row: ", ".join(row.get("allowed_endpoints", []))),
        column("EXPIRES", "expires_at"),
        Column("STATE", _show_state),
        column("LAST USED", "last_used_at"),
        column("UPDATED", "last_updated_at"),
    ),
)

TOKENS: Final = Resource(
    noun="admin token",
    path="/admin-tokens",
    id_prefix="t",
    id_field="token_id",
    name_field="name",
    columns=(
        column("NAME", "name"),
        column("ID", "token_id"),
        column("VALUE", "masked_value"),
        column("ROLE", "role"),
        Column("SCOPES", lambda row: ", ".join(row.get("scopes", []))),
        column("EXPIRES", "expires_at"),
        Column("STATE", _show_state),
        column("USED", "last_used_at"),
    ),
)

BINDING_COLUMNS: Final = (
    column("ENDPOINT", "endpoint_name"),
    column("TYPE", "resource_type"),
    column("RESOURCE", "resource_id"),
    column("DISPLAY NAME", "display_name"),
    column("UPDATED", "last_updated_at"),
)
