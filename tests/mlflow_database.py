"""A database as MLflow's tracking server has it, written by hand: for the tests of the move."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.secret import Secret
from gateway.vault import aead
from gateway.vault.mlflow_scheme import derive_kek

PASSPHRASE = "made-up passphrase of a test"
SCHEMA = Path(__file__).parent / "store" / "mlflow" / "schema.sql"
NOW_MS = 1_790_000_000_000


@functools.cache
def derive(passphrase: str, version: int) -> Secret:
    return derive_kek(Secret(passphrase), version)


def seal(key: Secret, value: bytes, aad: bytes = b"") -> bytes:
    """Seal as MLflow does: nonce, ciphertext, tag."""
    nonce = aead.random_bytes(aead.NONCE_BYTES)
    return nonce + aead.seal_aes_256_gcm(key, nonce, Secret(value), aad)


class MlflowDatabase:
    """One file; rows are added by name, ids are made of the names."""

    def __init__(self, path: Path, *, passphrase: str = PASSPHRASE) -> None:
        self.path = path
        self.passphrase = passphrase
        self._count = 0
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(SCHEMA.read_text(encoding="utf-8"))

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def execute(self, text: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(text, values)

    def add(self, table: str, **values: Any) -> None:
        self._count += 1
        row = {"created_at": NOW_MS + self._count, "last_updated_at": NOW_MS} | values
        if table == "endpoint_tags":
            del row["created_at"]
        if table in ("endpoint_tags", "endpoint_model_mappings", "guardrail_configs"):
            del row["last_updated_at"]
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        text = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608  ours alone
        self.execute(text, *row.values())

    def add_secret(
        self,
        name: str,
        value: Mapping[str, str] | str = "not-a-real-key-0123456789",
        provider: str | None = "openai",
        config: Mapping[str, Any] | None = None,
        *,
        version: int = 1,
        **more: Any,
    ) -> None:
        fields = {"api_key": value} if isinstance(value, str) else dict(value)
        dek = Secret(aead.random_bytes(aead.KEY_BYTES))
        aad = f"s-{name}|{name}".encode()
        self.add(
            "secrets",
            **{
                "secret_id": f"s-{name}",
                "secret_name": name,
                "encrypted_value": seal(dek, json.dumps(fields).encode(), aad),
                "wrapped_dek": seal(derive(self.passphrase, version), _reveal(dek)),
                "kek_version": version,
                "masked_value": "{}",
                "provider": provider,
                "auth_config": None if config is None else json.dumps(config),
                **more,
            },
        )

    def add_model(
        self, name: str, secret: str | None, model: str, provider: str = "openai", **more: Any
    ) -> None:
        self.add(
            "model_definitions",
            **{
                "model_definition_id": f"d-{name}",
                "name": name,
                "secret_id": None if secret is None else f"s-{secret}",
                "provider": provider,
                "model_name": model,
                **more,
            },
        )

    def add_endpoint(
        self,
        name: str,
        primaries: Mapping[str, float],
        fallbacks: Mapping[str, int | None] | None = None,
        config: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        text = None if config is None else json.dumps(config)
        row = {"usage_tracking": 1, "fallback_config_json": text, **more}
        self.add("endpoints", endpoint_id=f"e-{name}", name=name, **row)
        for model, weight in primaries.items():
            self._add_mapping(name, model, weight=weight)
        for model, order in (fallbacks or {}).items():
            self._add_mapping(
                name, model, weight=1.0, linkage_type="FALLBACK", fallback_order=order
            )

    def _add_mapping(self, endpoint: str, model: str, **values: Any) -> None:
        self.add(
            "endpoint_model_mappings",
            mapping_id=f"m-{self._count}",
            endpoint_id=f"e-{endpoint}",
            model_definition_id=f"d-{model}",
            **values,
        )

    def add_tag(self, endpoint: str, key: str, value: str | None) -> None:
        self.add("endpoint_tags", endpoint_id=f"e-{endpoint}", key=key, value=value)

    def add_binding(
        self, endpoint: str, resource_id: str, kind: str = "scorer", **more: Any
    ) -> None:
        self.add(
            "endpoint_bindings",
            endpoint_id=f"e-{endpoint}",
            resource_type=kind,
            resource_id=resource_id,
            **more,
        )


def _reveal(dek: Secret) -> bytes:
    return dek.reveal()


def fill(database: MlflowDatabase) -> None:
    """Write a gateway with something of everything, all of which moves."""
    database.add_secret("openai-prod", config={"auth_mode": "api_key", "organization": "org-1"})
    database.add_secret("claude", provider="anthropic")
    database.add_secret("groq", "not-a-real-key-of-groq-987", provider="groq", version=2)
    database.add_model("mini", "openai-prod", "gpt-4o-mini")
    database.add_model("sonnet", "claude", "claude-sonnet-4-6", "anthropic")
    database.add_model("llama", "groq", "llama-3.3-70b", "groq")
    database.add_endpoint(
        "chat",
        {"mini": 0.8, "llama": 0.2},
        {"sonnet": 0},
        {"strategy": "SEQUENTIAL", "max_attempts": 1, "model_definition_ids": ["d-sonnet"]},
        routing_strategy="REQUEST_BASED_TRAFFIC_SPLIT",
    )
    database.add_endpoint("quiet", {"mini": 1.0}, usage_tracking=0)
    database.add_tag("chat", "team", "search")
    database.add_binding("chat", "r1", display_name="Relevance")
