"""What the running gateway says of itself, with a real parent and its workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema

from gateway.control.schema.system import Status
from tests.acceptance.conftest import Start


def _forbid_more(schema: Any) -> Any:
    """Close every object that names its fields: what nobody described must not be there."""
    if isinstance(schema, dict):
        closed = {name: _forbid_more(value) for name, value in schema.items()}
        return closed | {"additionalProperties": False} if "properties" in schema else closed
    return [_forbid_more(part) for part in schema] if isinstance(schema, list) else schema


async def test_every_field_of_the_status_is_described(start: Start) -> None:
    serve = await start("--workers", "2")
    status, facts = await serve.call("GET", "/status")
    assert status == 200
    status, document = await serve.call("GET", "/openapi.json")
    assert status == 200
    root = document["paths"]["/status"]["get"]["responses"]["200"]["content"]["application/json"]
    schema = {**_forbid_more(document), **root["schema"]}
    jsonschema.Draft202012Validator(schema).validate(facts)
    assert set(facts) == set(Status.model_fields)
    assert len(facts["worker_processes"]) == facts["workers"] == 2


async def test_a_second_gateway_on_the_directory_is_told_of_the_first(
    start: Start, tmp_path: Path
) -> None:
    first = await start("--workers", "1", data=tmp_path / "data")
    second = await start("--workers", "1", data=tmp_path / "data")
    assert "another gateway" not in "".join(map(str, first.log))
    assert f"another gateway (pid {first.process.pid}) serves from" in "".join(map(str, second.log))
