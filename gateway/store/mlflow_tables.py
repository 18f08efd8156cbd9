"""What an MLflow gateway has stored, read out of MLflow's own tables.

Source: MLflow 3.17, `mlflow/store/tracking/dbmodels/models.py`; columns that older releases do
not have take the value that MLflow gives them.

Rule: rows come as they are, secrets sealed; what no MLflow writes is named, never guessed.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.errors import DatabaseDamagedError
from gateway.store import mlflow_sql
from gateway.store.mlflow_file import reading_foreign
from gateway.store.sqlite_errors import converted

T = TypeVar("T")
DEFAULT_WORKSPACE: Final = "default"
_REQUIRED: Final = ("secrets", "model_definitions", "endpoints", "endpoint_model_mappings")
_SHOWN: Final = 80  # characters of a name in a message


@dataclass(frozen=True, slots=True)
class MlflowSecret:
    """A sealed credential."""

    secret_id: str
    name: str
    wrapped_dek: bytes = field(repr=False)
    encrypted_value: bytes = field(repr=False)
    kek_version: int
    provider: str | None
    auth_config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MlflowModel:
    """A model definition; `secret_id` is None once its secret was deleted."""

    model_id: str
    name: str
    secret_id: str | None
    provider: str
    model_name: str


@dataclass(frozen=True, slots=True)
class MlflowMapping:
    """A model definition's part in an endpoint."""

    model_id: str
    weight: float
    is_fallback: bool
    fallback_order: int | None


@dataclass(frozen=True, slots=True)
class MlflowEndpoint:
    """An endpoint. Without `fallback_config` MLflow never goes on to a FALLBACK."""

    endpoint_id: str
    name: str
    mappings: tuple[MlflowMapping, ...]
    tags: Mapping[str, str]
    fallback_config: Mapping[str, Any] | None
    usage_tracking: bool


@dataclass(frozen=True, slots=True)
class MlflowBinding:
    """A resource that uses an endpoint."""

    endpoint_id: str
    resource_type: str
    resource_id: str
    display_name: str | None


@dataclass(frozen=True, slots=True)
class MlflowGateway:
    """One workspace of an MLflow gateway; guardrails by name, budgets by what they limit."""

    secrets: tuple[MlflowSecret, ...]
    models: tuple[MlflowModel, ...]
    endpoints: tuple[MlflowEndpoint, ...]
    bindings: tuple[MlflowBinding, ...]
    guardrails: tuple[str, ...]
    budgets: tuple[str, ...]
    workspaces: tuple[str, ...]


class _Row:
    """One row of a table, whose values are what a column promises or an error."""

    def __init__(self, table: str, row: sqlite3.Row) -> None:
        self._table = table
        self._values = {name: row[name] for name in row.keys()}  # noqa: SIM118  no mapping

    def get(self, column: str, kind: type[T]) -> T:
        """Return a value that every row has."""
        value = self.find(column, kind)
        if value is None:
            raise self._refuse(column, "is missing")
        return value

    def find(self, column: str, kind: type[T]) -> T | None:
        """Return a value; None where it is null, or this MLflow does not have the column."""
        value = self._values.get(column)
        if kind is float and isinstance(value, int):
            value = float(value)
        if value is None or isinstance(value, kind):
            return value
        raise self._refuse(column, f"is no {kind.__name__}")

    def find_object(self, column: str) -> dict[str, Any] | None:
        """Return the JSON object of a text column."""
        text = self.find(column, str)
        if not text:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._refuse(column, "is no JSON object")
        return value

    @property
    def workspace(self) -> str:
        """Whose row it is."""
        return self.find("workspace", str) or DEFAULT_WORKSPACE

    def _refuse(self, column: str, what: str) -> DatabaseDamagedError:
        name = self._values.get("name") or self._values.get("secret_name") or ""
        where = f" of {str(name)[:_SHOWN]!r}" if name else ""
        return DatabaseDamagedError(
            f"MLflow's table {self._table} holds what no MLflow writes: {column}{where} {what}."
        )


def read_gateway(path: Path, workspace: str | None) -> MlflowGateway:
    """Read an MLflow gateway out of the SQLite file of its tracking server.

    Args:
        path: the file; it may be in use.
        workspace: the one to read; None: the only one there is.

    Raises:
        InstallationError: there is no such file, or it cannot be read.
        DatabaseDamagedError: it is no database of an MLflow with a gateway, or has several
            workspaces and none was chosen, or not the one that was.
    """
    with reading_foreign(path) as connection, converted():
        tables = {row[0] for row in connection.execute(mlflow_sql.TABLES)}
        missing = [name for name in _REQUIRED if name not in tables]
        if missing:
            raise DatabaseDamagedError(
                f"{path} has no table {missing[0]}: it is no database of an MLflow with an AI "
                "Gateway."
            )
        rows = {name: _read(connection, name, text, tables) for name, text in _READS.items()}
    return _build(rows, workspace)


_READS: Final = {
    "secrets": mlflow_sql.SECRETS,
    "model_definitions": mlflow_sql.MODELS,
    "endpoints": mlflow_sql.ENDPOINTS,
    "endpoint_model_mappings": mlflow_sql.MAPPINGS,
    "endpoint_bindings": mlflow_sql.BINDINGS,
    "endpoint_tags": mlflow_sql.TAGS,
    "guardrails": mlflow_sql.GUARDRAILS,
    "budget_policies": mlflow_sql.BUDGETS,
}


def _read(connection: sqlite3.Connection, table: str, text: str, tables: set[str]) -> list[_Row]:
    if table not in tables:
        return []
    return [_Row(table, row) for row in connection.execute(text)]


def _build(rows: Mapping[str, Sequence[_Row]], workspace: str | None) -> MlflowGateway:
    named = [row for table in ("secrets", "model_definitions", "endpoints") for row in rows[table]]
    workspaces = tuple(sorted({row.workspace for row in named}))
    chosen = _choose(workspaces, workspace)

    def own(table: str) -> Iterable[_Row]:
        return (row for row in rows[table] if row.workspace == chosen)

    mappings = _group(rows["endpoint_model_mappings"])
    tags = _group(rows["endpoint_tags"])
    endpoints = tuple(_build_endpoint(row, mappings, tags) for row in own("endpoints"))
    ids = {endpoint.endpoint_id for endpoint in endpoints}
    return MlflowGateway(
        secrets=tuple(map(_build_secret, own("secrets"))),
        models=tuple(map(_build_model, own("model_definitions"))),
        endpoints=endpoints,
        bindings=tuple(
            _build_binding(row)
            for row in rows["endpoint_bindings"]
            if row.get("endpoint_id", str) in ids
        ),
        guardrails=tuple(row.get("name", str) for row in own("guardrails")),
        budgets=tuple(_describe_budget(row) for row in own("budget_policies")),
        workspaces=workspaces,
    )


def _choose(workspaces: tuple[str, ...], workspace: str | None) -> str:
    if workspace is not None and workspace not in workspaces:
        known = ", ".join(workspaces) or "none"
        raise DatabaseDamagedError(f"There is no workspace {workspace!r}; there is: {known}.")
    if workspace is None and len(workspaces) > 1:
        raise DatabaseDamagedError(
            "The database has several workspaces, and a name may stand in each: choose one with "
            f"--workspace. There is: {', '.join(workspaces)}."
        )
    return workspace or (workspaces[0] if workspaces else DEFAULT_WORKSPACE)


def _build_secret(row: _Row) -> MlflowSecret:
    return MlflowSecret(
        secret_id=row.get("secret_id", str),
        name=row.get("secret_name", str),
        wrapped_dek=row.get("wrapped_dek", bytes),
        encrypted_value=row.get("encrypted_value", bytes),
        kek_version=row.get("kek_version", int),
        provider=row.find("provider", str),
        auth_config=row.find_object("auth_config") or {},
    )


def _build_model(row: _Row) -> MlflowModel:
    return MlflowModel(
        model_id=row.get("model_definition_id", str),
        name=row.get("name", str),
        secret_id=row.find("secret_id", str),
        provider=row.get("provider", str),
        model_name=row.get("model_name", str),
    )


def _group(rows: Iterable[_Row]) -> Mapping[str, list[_Row]]:
    """Return the rows of each endpoint, by its id."""
    groups: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        groups[row.get("endpoint_id", str)].append(row)
    return groups


def _build_endpoint(
    row: _Row, mappings: Mapping[str, list[_Row]], tags: Mapping[str, list[_Row]]
) -> MlflowEndpoint:
    endpoint_id = row.get("endpoint_id", str)
    usage_tracking = row.find("usage_tracking", int)
    return MlflowEndpoint(
        endpoint_id=endpoint_id,
        name=row.find("name", str) or "",
        mappings=tuple(map(_build_mapping, mappings.get(endpoint_id, ()))),
        tags={
            tag.get("key", str): tag.find("value", str) or "" for tag in tags.get(endpoint_id, ())
        },
        fallback_config=row.find_object("fallback_config_json"),
        usage_tracking=usage_tracking is None or bool(usage_tracking),
    )


def _build_mapping(row: _Row) -> MlflowMapping:
    return MlflowMapping(
        model_id=row.get("model_definition_id", str),
        weight=row.get("weight", float),
        is_fallback=row.find("linkage_type", str) == "FALLBACK",
        fallback_order=row.find("fallback_order", int),
    )


def _build_binding(row: _Row) -> MlflowBinding:
    return MlflowBinding(
        endpoint_id=row.get("endpoint_id", str),
        resource_type=row.get("resource_type", str),
        resource_id=row.get("resource_id", str),
        display_name=row.find("display_name", str),
    )


def _describe_budget(row: _Row) -> str:
    amount = row.find("budget_amount", float) or 0.0
    unit = row.find("budget_unit", str) or ""
    return f"{amount:g} {unit} {row.find('target_scope', str) or ''}".strip()
