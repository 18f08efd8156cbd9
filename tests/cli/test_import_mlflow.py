"""`lockgate import mlflow --database`: a whole MLflow gateway, in one step or not at all."""

from __future__ import annotations

import asyncio
import http.client
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import orjson
import pytest

from gateway.cli.import_mlflow import parse_database
from gateway.simulator import start_simulator
from tests.cli.conftest import TOKEN, Cli, ScriptedServer, Serving, start_gateway
from tests.mlflow_database import PASSPHRASE, MlflowDatabase, derive, fill, seal

DEFAULT = "mlflow-default-kek-passphrase-for-development-only"
CANARY = "not-a-real-key-0123456789"


@pytest.fixture(name="database")
def fixture_database(tmp_path: Path) -> MlflowDatabase:
    database = MlflowDatabase(tmp_path / "mlflow.db")
    fill(database)
    return database


@pytest.fixture(name="server")
def fixture_server(tmp_path: Path) -> Iterator[Serving]:
    with start_gateway(tmp_path / "data", "--workers", "1", LOCKGATE_ADMIN_TOKEN=TOKEN) as server:
        yield server


@pytest.fixture(name="lockgate")
def fixture_lockgate(server: Serving) -> Cli:
    return Cli(
        {
            "LOCKGATE_URL": server.url,
            "LOCKGATE_ADMIN_TOKEN": TOKEN,
            "MLFLOW_CRYPTO_KEK_PASSPHRASE": PASSPHRASE,
        }
    )


def read_all(run: Cli) -> Any:
    """Return everything that is stored, but for times and the epoch."""
    return [run.json(kind, "list") for kind in ("secrets", "models", "endpoints", "bindings")]


def test_a_gateway_moves_in_one_command(
    lockgate: Cli, database: MlflowDatabase, server: Serving
) -> None:
    before = read_all(lockgate)
    dry = lockgate("import", "mlflow", "--database", database.url, "--dry-run")
    assert dry.exit_code == 0
    assert "to be made are 9" in dry.stderr
    assert read_all(lockgate) == before == [[], [], [], []]

    moved = lockgate("import", "mlflow", "--database", database.url)
    assert moved.exit_code == 0
    assert "made: 9, here already 0, left out 0" in moved.stderr
    assert moved.stdout == dry.stdout
    secrets, models, endpoints, bindings = read_all(lockgate)
    assert {row["secret_name"]: row["masked_values"]["api_key"] for row in secrets} == {
        "openai-prod": "not...6789",
        "claude": "not...6789",
        "groq": "not...-987",
    }
    assert {row["name"]: row["provider"] for row in models} == {
        "mini": "openai",
        "sonnet": "anthropic",
        "llama": "groq",
    }
    chat, quiet = sorted(endpoints, key=lambda row: str(row["name"]))
    shares = {row["model_definition"]["name"]: row["share"] for row in chat["model_mappings"]}
    assert shares == {"mini": 0.8, "llama": 0.2, "sonnet": 0.0}
    assert chat["fallback_config"] == {"strategy": "SEQUENTIAL", "max_attempts": 1}
    assert (chat["tags"], quiet["usage_tracking"]) == ({"team": "search"}, False)
    assert [row["display_name"] for row in bindings] == ["Relevance"]

    again = lockgate("import", "mlflow", "--database", database.url)
    assert (again.exit_code, again.stdout) == (0, "")
    assert "made: 0, here already 9" in again.stderr
    assert read_all(lockgate) == [secrets, models, endpoints, bindings]
    for result in (dry, moved, again):
        assert CANARY not in result.output
        assert "LEAKED" not in result.output
    for path in server.data.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


def test_a_moved_key_serves_traffic(tmp_path: Path) -> None:
    async def serve() -> None:
        async with await start_simulator(key=CANARY, name="sim") as sim:
            await asyncio.to_thread(_move_and_call, tmp_path, sim.url)

    asyncio.run(serve())


def _move_and_call(tmp_path: Path, upstream: str) -> None:
    database = MlflowDatabase(tmp_path / "mlflow.db")
    database.add_secret("sim", CANARY, config={"api_base": f"{upstream}/v1"})
    database.add_model("mini", "sim", "gpt-4o-mini")
    database.add_endpoint("chat", {"mini": 1.0})
    environ = {"LOCKGATE_ADMIN_TOKEN": TOKEN, "LOCKGATE_ALLOWED_PRIVATE_ORIGINS": upstream}
    with start_gateway(tmp_path / "data", "--workers", "1", **environ) as server:
        run = Cli({"LOCKGATE_URL": server.url, "LOCKGATE_ADMIN_TOKEN": TOKEN})
        file = tmp_path / "passphrase"
        file.write_text(PASSPHRASE)
        choices = ("--database", database.url, "--passphrase-file", str(file))
        assert run("import", "mlflow", *choices).exit_code == 0
        key = run.json("keys", "create", "app")["value"]
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
        with closing(connection):
            connection.request(
                "POST",
                "/gateway/chat/mlflow/invocations",
                orjson.dumps({"messages": [{"role": "user", "content": "hello"}]}),
                {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            )
            assert b"gpt-4o-mini" in connection.getresponse().read()


def test_what_is_here_under_the_same_name_is_not_overwritten(
    lockgate: Cli, database: MlflowDatabase
) -> None:
    lockgate.ok("secrets", "create", "groq", "--provider", "openai", "--value-stdin", stdin="other")
    before = read_all(lockgate)
    for flags in (["--dry-run"], []):
        result = lockgate("import", "mlflow", "--database", database.url, *flags)
        assert result.exit_code == 1
        assert "nothing was written: secret 'groq' is here already" in result.stderr
        assert "conflict" in result.stdout
        assert read_all(lockgate) == before
    result = lockgate("import", "mlflow", "--database", database.url, "--overwrite")
    assert result.exit_code == 0
    groq = lockgate.json("secrets", "get", "groq")
    assert (groq["provider"], groq["masked_values"]) == (
        "groq",
        {"api_key": "not...-987"},
    )


def test_another_value_of_the_same_shape_is_a_conflict(
    lockgate: Cli, database: MlflowDatabase
) -> None:
    lockgate.ok("import", "mlflow", "--database", database.url)
    value = "not-a-real-key-X123456789"  # masked as the one before
    lockgate.ok("secrets", "update", "claude", "--value-stdin", stdin=value)
    result = lockgate("import", "mlflow", "--database", database.url)
    assert result.exit_code == 1
    assert "secret 'claude' is here already and different" in result.stderr


def test_what_does_not_fit_is_listed_and_the_rest_moves(
    lockgate: Cli, database: MlflowDatabase
) -> None:
    database.add_secret("aws", {"aws_access_key_id": "x", "aws_secret_access_key": "y"}, "bedrock")
    database.add_model("nova", "aws", "amazon.nova-lite-v1:0", "bedrock")
    database.add_endpoint("cloud", {"nova": 1.0})
    result = lockgate(
        "import", "mlflow", "--database", database.url, "--skip", "groq", "--output", "json"
    )
    assert result.exit_code == 0
    shown = orjson.loads(result.stdout)
    lost = {item["name"] for item in shown["items"] if item["action"] == "left out"}
    assert lost == {"aws", "nova", "cloud: nova", "cloud", "groq", "llama", "chat: llama"}
    chat = lockgate.json("endpoints", "get", "chat")
    assert [row["model_definition"]["name"] for row in chat["model_mappings"]] == ["mini", "sonnet"]


def test_what_the_server_refuses_is_refused_whole(lockgate: Cli, database: MlflowDatabase) -> None:
    database.add_secret("local", config={"api_base": "http://127.0.0.1:9/v1"})
    result = lockgate("import", "mlflow", "--database", database.url)
    assert result.exit_code == 1
    assert "secrets[3].auth_config.api_base" in result.stderr
    assert read_all(lockgate) == [[], [], [], []]
    assert (
        lockgate("import", "mlflow", "--database", database.url, "--skip", "local").exit_code == 0
    )


# --- passphrases -------------------------------------------------------------------------------


@pytest.fixture(name="asked")
def fixture_asked(scripted: ScriptedServer) -> ScriptedServer:
    plan = {"changes": [], "conflicts": [], "unchanged": 0, "base_epoch": None}
    for step in ("plan", "apply"):
        scripted.answers["POST", f"/configuration/{step}"] = (200, {}, plan)
    return scripted


def test_a_wrong_passphrase_is_told_before_anything_is_sent(
    ask: Cli, asked: ScriptedServer, database: MlflowDatabase
) -> None:
    result = ask(
        "import", "mlflow", "--database", database.url, MLFLOW_CRYPTO_KEK_PASSPHRASE="wrong one"
    )
    assert (result.exit_code, asked.calls) == (1, [])
    assert "the passphrase is wrong: it opens none of openai-prod, claude, groq" in result.stderr
    result = ask("import", "mlflow", "--database", database.url)
    assert (result.exit_code, asked.calls) == (1, [])
    assert "MLFLOW_CRYPTO_KEK_PASSPHRASE is not set" in result.stderr


def test_what_the_default_passphrase_opens_is_called_leaked(
    ask: Cli, asked: ScriptedServer, tmp_path: Path
) -> None:
    database = MlflowDatabase(tmp_path / "mlflow.db", passphrase=DEFAULT)
    database.add_secret("open")
    for environ in ({}, {"MLFLOW_CRYPTO_KEK_PASSPHRASE": DEFAULT}):
        result = ask("import", "mlflow", "--database", database.url, "--dry-run", **environ)
        assert result.exit_code == 0
        assert "LEAKED" in result.stderr
        assert "opened open:" in result.stderr
    database.passphrase = PASSPHRASE
    database.add_secret("safe")
    environ = {"MLFLOW_CRYPTO_KEK_PASSPHRASE": PASSPHRASE}
    arguments = ("import", "mlflow", "--database", database.url, "--output", "json")
    result = ask(*arguments, **environ)
    assert orjson.loads(result.stdout)["leaked"] == ["open"]
    sent = asked.calls[-1].body["document"]["secrets"]
    assert [row["secret_value"] for row in sent] == [{"api_key": {"value": CANARY}}] * 2


def test_one_secret_that_does_not_open_is_named_and_can_be_skipped(
    ask: Cli, asked: ScriptedServer, database: MlflowDatabase
) -> None:
    changed = seal(derive(PASSPHRASE, 1), b"0" * 32)
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute(
            "UPDATE secrets SET wrapped_dek = ? WHERE secret_name = 'claude'", [changed]
        )
    environ = {"MLFLOW_CRYPTO_KEK_PASSPHRASE": PASSPHRASE}
    result = ask("import", "mlflow", "--database", database.url, **environ)
    assert (result.exit_code, asked.calls) == (1, [])
    assert "claude cannot be opened" in result.stderr
    assert "--skip" in result.stderr
    arguments = ("import", "mlflow", "--database", database.url, "--skip", "claude")
    assert ask(*arguments, **environ).exit_code == 0


def test_an_empty_gateway_needs_no_passphrase(
    ask: Cli, asked: ScriptedServer, tmp_path: Path
) -> None:
    database = MlflowDatabase(tmp_path / "mlflow.db")
    result = ask("import", "mlflow", "--database", database.url)
    assert result.exit_code == 0
    assert len(asked.calls) == 2


# --- usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///mlflow.db", "mlflow.db"),
        ("sqlite:////var/lib/mlflow.db", "/var/lib/mlflow.db"),
        ("sqlite:///a%20b.db?timeout=3", "a b.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    assert parse_database(url) == Path(path)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://user:hunter2@host/db", "only SQLite is read here, not postgresql"),
        ("postgresql+psycopg2://user:hunter2@host/db", "not postgresql"),
        ("mysql+pymysql://user:hunter2@host/db", "not mysql"),
        ("mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite:///", "sqlite:///mlflow.db"),
        ("sqlite://", "sqlite:///mlflow.db"),
        ("http://user:hunter2@host", "sqlite:///mlflow.db"),
    ],
)
def test_another_database_is_refused_with_the_way_round(url: str, told: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        parse_database(url)
    assert told in caught.value.format_message()
    assert "hunter2" not in caught.value.format_message()


def test_wrong_usage_is_told(ask: Cli, database: MlflowDatabase) -> None:
    assert ask("import", "mlflow").exit_code == 2
    result = ask("import", "mlflow", "--database", database.url, "--skip", "nobody")
    assert result.exit_code == 2
    assert "there is no secret 'nobody'" in result.stderr
    result = ask("import", "mlflow", "--database", "sqlite:////no/such.db")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: /no/such.db cannot be read")
