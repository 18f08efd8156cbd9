"""A stored key goes where it was stored for, whatever is written into the database by hand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.simulator import RunningSimulator, start_simulator
from tests.acceptance.conftest import Start, set_up


@pytest.fixture
async def thief() -> AsyncIterator[RunningSimulator]:
    """A server that takes any key, at an origin that the operator allows."""
    async with await start_simulator() as running:
        yield running


def move(data: Path, secret_id: str, auth_config: dict[str, str]) -> None:
    """Point a stored key elsewhere, as who can write the database could; none is running."""
    with sqlite3.connect(data / "lockgate.db") as database:
        done = database.execute(
            "UPDATE secrets SET auth_config = ? WHERE secret_id = ?",
            (json.dumps(auth_config), secret_id),
        )
        assert done.rowcount == 1
    database.close()


@pytest.mark.parametrize("with_other", [False, True])
async def test_a_key_whose_origin_was_changed_by_hand_is_never_sent(
    start: Start,
    provider: RunningSimulator,
    thief: RunningSimulator,
    tmp_path: Path,
    with_other: bool,
) -> None:
    data = tmp_path / "data"
    allowed = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": f"{provider.url},{thief.url}"}
    serve = await start(data=data, **allowed)
    made = await set_up(serve, provider)
    mappings = [{"model_definition_id": made.models["one"]}]
    if with_other:
        other = await serve.create(
            "/secrets",
            {
                "secret_name": "other",
                "provider": "openai",
                "secret_value": {"api_key": provider.key},
                "auth_config": {"api_base": f"{provider.url}/v1"},
            },
        )
        model = await serve.create(
            "/model-definitions",
            {
                "name": "other",
                "provider": "openai",
                "model_name": "gpt-4o-mini",
                "secret_id": other["secret_id"],
            },
        )
        mappings.append(
            {"model_definition_id": model["model_definition_id"], "linkage_type": "FALLBACK"}
        )
    await serve.create("/endpoints", {"name": "chat", "model_mappings": mappings})
    assert (await serve.ask("chat", made.key))[0] == 200
    await serve.stop()
    provider.calls.clear()

    move(data, made.secret_id, {"api_base": f"{thief.url}/v1"})
    serve = await start(data=data, **allowed)
    status, headers, body = await serve.ask("chat", made.key)
    if with_other:
        assert (status, headers["x-lockgate-model"]) == (200, "other")
        assert len(provider.calls) == 1
    else:
        assert status == 503
        assert json.loads(body)["error"]["code"] == "vault_integrity"
        assert provider.calls == []
    assert thief.calls == []
    await serve.stop()

    move(data, made.secret_id, {"api_base": f"{provider.url}/v1"})
    serve = await start(data=data, **allowed)
    assert (await serve.ask("chat", made.key))[1]["x-lockgate-model"] == "one"
