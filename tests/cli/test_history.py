from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import Cli

CANARY = "canary-key-of-history-0001"


@pytest.fixture
def endpoint(live: Cli) -> str:
    if live("endpoints", "get", "his-chat").exit_code:
        live.ok(
            *("secrets", "create", "his-secret", "--provider", "openai", "--value-stdin"),
            stdin=CANARY,
        )
        live.ok("models", "create", "his-model", "--model", "gpt-4o", "--secret", "his-secret")
        live.ok("endpoints", "create", "his-chat", "--model", "his-model")
    return "his-chat"


def newest(live: Cli) -> int:
    epoch: int = live.json("history", "list", "--limit", "1")[0]["epoch"]
    return epoch


def test_a_state_is_listed_shown_compared_and_brought_back(live: Cli, endpoint: str) -> None:
    epoch = newest(live)
    live.ok("endpoints", "update", endpoint, "--no-usage-tracking")
    assert f"update endpoint {endpoint}" in live.ok("history", "list", "--limit", "1")
    document = orjson.loads(live.ok("history", "show", str(epoch)))
    (found,) = [row for row in document["endpoints"] if row["name"] == endpoint]
    assert "usage_tracking" not in found
    assert "usage_tracking" in live.ok("history", "diff", str(epoch))
    assert live.json("history", "diff", str(epoch), str(epoch))["changes"] == []
    looked = live.ok("history", "rollback", str(epoch), "--dry-run")
    assert "none made" in looked
    assert live.json("endpoints", "get", endpoint)["usage_tracking"] is False
    assert "rolled back" in live.ok("history", "rollback", str(epoch))
    assert live.json("endpoints", "get", endpoint)["usage_tracking"] is True
    assert "nothing to change" in live.ok("history", "rollback", str(epoch))


def test_a_deleted_secret_needs_its_value(live: Cli, endpoint: str, tmp_path: Path) -> None:
    epoch = newest(live)
    live.ok("endpoints", "delete", endpoint, "--yes")
    live.ok("secrets", "delete", "his-secret", "--force", "--yes")
    refused = live("history", "rollback", str(epoch))
    assert refused.exit_code == 1
    assert "--values-file" in refused.stderr
    assert refused.stderr.count("\n") == 1
    file = tmp_path / "values.json"
    file.write_bytes(orjson.dumps({"his-secret": {"api_key": CANARY}}))
    rolled = live("history", "rollback", str(epoch), "--values-file", str(file))
    assert rolled.exit_code == 0, rolled.stderr
    assert CANARY not in rolled.output
    assert live.json("endpoints", "get", endpoint)["name"] == endpoint


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": "b"}', '{"a": {"b": 1}}'])
def test_values_that_are_none_are_one_line(live: Cli, text: str) -> None:
    refused = live("history", "rollback", "0", "--values-stdin", stdin=text)
    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1


def test_an_epoch_that_is_none(live: Cli) -> None:
    assert live("history", "show", "999999").exit_code == 1
    assert live("history", "show", "first").exit_code == 2
