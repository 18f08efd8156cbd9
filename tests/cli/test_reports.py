from __future__ import annotations

import orjson

import gateway
from tests.cli.conftest import Cli


def test_status_tells_the_running_version(live: Cli) -> None:
    assert live.json("status")["version"] == gateway.__version__
    assert f"  {gateway.__version__}\n" in live.ok("status")


def test_providers_are_listed_with_their_fields(live: Cli) -> None:
    rows = {row["name"]: row for row in live.json("providers")}
    assert {"openai", "anthropic", "gemini", "openai_compatible"} <= set(rows)
    table = live.ok("providers")
    assert "https://api.anthropic.com" in table
    line = next(line for line in table.splitlines() if line.startswith("openai_compatible "))
    assert "api_key" in line
    assert "api_base" in line


def test_one_provider_is_told_with_what_each_way_of_authentication_needs(live: Cli) -> None:
    told = live.ok("providers", "bedrock")
    assert "Access keys; needs access_key_id, secret_access_key, region" in told
    assert "Default chain of AWS; needs region" in told
    assert live.json("providers", "bedrock")["name"] == "bedrock"
    refused = live("providers", "acme")
    assert refused.exit_code == 1
    assert "known: openai" in refused.stderr


def test_openapi_is_the_servers_own_document(live: Cli) -> None:
    document = orjson.loads(live.ok("openapi"))
    assert document["openapi"].startswith("3.1")
    assert "/secrets" in " ".join(document["paths"])
