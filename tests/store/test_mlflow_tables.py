"""MLflow's tables are read as they are, in whatever state the file is, and left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import DatabaseDamagedError, InstallationError
from gateway.store.mlflow_tables import MlflowMapping, read_gateway
from tests.mlflow_database import MlflowDatabase, fill


@pytest.fixture(name="database")
def fixture_database(tmp_path: Path) -> MlflowDatabase:
    database = MlflowDatabase(tmp_path / "mlflow.db")
    fill(database)
    return database


def list_files(database: MlflowDatabase) -> dict[str, bytes]:
    # The index of a log in use counts its readers: it belongs to no one's content.
    return {
        path.name: path.read_bytes()
        for path in database.path.parent.iterdir()
        if path.suffix != ".db-shm"
    }


def test_everything_is_read(database: MlflowDatabase) -> None:
    gateway = read_gateway(database.path, None)
    assert [secret.name for secret in gateway.secrets] == ["openai-prod", "claude", "groq"]
    assert gateway.secrets[0].auth_config == {"auth_mode": "api_key", "organization": "org-1"}
    assert [model.model_name for model in gateway.models] == [
        "gpt-4o-mini",
        "claude-sonnet-4-6",
        "llama-3.3-70b",
    ]
    chat, quiet = gateway.endpoints
    assert chat.mappings == (
        MlflowMapping("d-mini", 0.8, is_fallback=False, fallback_order=None),
        MlflowMapping("d-llama", 0.2, is_fallback=False, fallback_order=None),
        MlflowMapping("d-sonnet", 1.0, is_fallback=True, fallback_order=0),
    )
    assert (chat.tags, chat.usage_tracking, quiet.usage_tracking) == (
        {"team": "search"},
        True,
        False,
    )
    (binding,) = gateway.bindings
    assert (binding.endpoint_id, binding.resource_id, binding.display_name) == (
        "e-chat",
        "r1",
        "Relevance",
    )


def test_no_repr_shows_what_is_sealed(database: MlflowDatabase) -> None:
    secret = read_gateway(database.path, None).secrets[0]
    assert "wrapped_dek" not in repr(secret)
    assert "encrypted_value" not in repr(secret)


def _be_idle(database: MlflowDatabase) -> Iterator[None]:
    del database
    yield


def _be_in_wal_mode(database: MlflowDatabase) -> Iterator[None]:
    database.execute("PRAGMA journal_mode = WAL")
    yield


def _be_killed_in_wal_mode(database: MlflowDatabase) -> Iterator[None]:
    """Leave all tags in a log whose writer is gone."""
    copy = database.path.with_name("copy.db")
    with closing(sqlite3.connect(database.path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE endpoint_tags SET value = 'search'")
        writer.commit()
        for suffix in ("", "-wal"):
            Path(f"{copy}{suffix}").write_bytes(Path(f"{database.path}{suffix}").read_bytes())
    database.path = copy
    yield


def _be_open_in_wal_mode(database: MlflowDatabase) -> Iterator[None]:
    with closing(sqlite3.connect(database.path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE endpoint_tags SET value = 'search'")
        writer.commit()
        writer.execute("UPDATE endpoint_tags SET value = 'not committed'")
        yield


def _be_written_to(database: MlflowDatabase) -> Iterator[None]:
    with closing(sqlite3.connect(database.path)) as writer:
        writer.execute("UPDATE endpoint_tags SET value = 'not committed'")
        yield


def _be_locked(database: MlflowDatabase) -> Iterator[None]:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        yield


def _be_read_only(database: MlflowDatabase) -> Iterator[None]:
    database.path.chmod(0o400)
    database.path.parent.chmod(0o500)
    yield
    database.path.parent.chmod(0o700)


@pytest.mark.parametrize(
    "state",
    [
        _be_idle,
        _be_in_wal_mode,
        _be_killed_in_wal_mode,
        _be_open_in_wal_mode,
        _be_written_to,
        _be_locked,
        _be_read_only,
    ],
)
def test_the_file_may_be_in_any_state_and_stays_in_it(
    database: MlflowDatabase, state: Callable[[MlflowDatabase], Iterator[None]]
) -> None:
    for _ in state(database):
        before = list_files(database)
        gateway = read_gateway(database.path, None)
        assert gateway.endpoints[0].tags == {"team": "search"}
        assert list_files(database) == before


def test_a_workspace_is_chosen_where_there_are_several(database: MlflowDatabase) -> None:
    database.add_secret("openai-prod-2", workspace="search")
    with pytest.raises(DatabaseDamagedError, match=r"--workspace.*default, search"):
        read_gateway(database.path, None)
    assert len(read_gateway(database.path, "default").secrets) == 3
    gateway = read_gateway(database.path, "search")
    assert [secret.name for secret in gateway.secrets] == ["openai-prod-2"]
    assert (gateway.endpoints, gateway.bindings) == ((), ())
    with pytest.raises(DatabaseDamagedError, match="no workspace 'other'"):
        read_gateway(database.path, "other")


def test_an_older_mlflow_has_fewer_columns_and_tables(database: MlflowDatabase) -> None:
    for table, name in (
        ("endpoint_bindings", "display_name"),
        ("endpoint_model_mappings", "linkage_type"),
        ("endpoint_model_mappings", "fallback_order"),
        ("endpoints", "usage_tracking"),
        ("endpoints", "fallback_config_json"),
    ):
        database.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    for table in ("guardrail_configs", "guardrails", "budget_policies"):
        database.execute(f"DROP TABLE {table}")
    chat, _ = read_gateway(database.path, None).endpoints
    assert chat.usage_tracking
    assert chat.fallback_config is None
    assert not any(mapping.is_fallback for mapping in chat.mappings)


def test_an_empty_gateway_is_one(tmp_path: Path) -> None:
    database = MlflowDatabase(tmp_path / "mlflow.db")
    assert read_gateway(database.path, None).secrets == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("UPDATE secrets SET kek_version = 'one'", "secrets .*kek_version of 'openai-prod'"),
        ("UPDATE secrets SET encrypted_value = 'text'", "encrypted_value"),
        ("UPDATE secrets SET auth_config = '[1]'", "auth_config of 'openai-prod' is no JSON"),
        ("UPDATE secrets SET auth_config = '{'", "auth_config"),
        ("UPDATE endpoint_model_mappings SET weight = 'much'", "weight"),
        ("UPDATE endpoints SET fallback_config_json = 'x'", "fallback_config_json of 'chat'"),
        ("UPDATE model_definitions SET model_name = x'00'", "model_name of 'mini'"),
        ("DROP TABLE endpoint_model_mappings", "no table endpoint_model_mappings"),
    ],
)
def test_what_no_mlflow_writes_is_named(database: MlflowDatabase, text: str, told: str) -> None:
    database.execute(text)
    with pytest.raises(DatabaseDamagedError, match=told):
        read_gateway(database.path, None)


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough", b"x" * 5_000])
def test_what_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseDamagedError):
        read_gateway(path, None)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_half_a_database_is_told(database: MlflowDatabase) -> None:
    whole = database.path.read_bytes()
    database.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatabaseDamagedError):
        read_gateway(database.path, None)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.db", tmp_path):
        with pytest.raises(InstallationError, match="cannot be read"):
            read_gateway(path, None)
    assert list(tmp_path.iterdir()) == []
