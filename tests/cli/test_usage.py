from __future__ import annotations

import http.client

import orjson
import pytest

from tests.cli.conftest import DEAD_ORIGIN, Cli, Serving


@pytest.fixture(scope="module")
def used() -> list[str]:
    """Remember whether this module's request was made."""
    return []


@pytest.fixture
def booked(live: Cli, serving: Serving, used: list[str]) -> None:
    """Make one request that two attempts fail at."""
    if used:
        return
    live.ok(
        *("secrets", "create", "use-secret", "--provider", "openai", "--value-stdin"),
        *("--api-base", f"{DEAD_ORIGIN}/v1"),
        stdin="canary-key-of-usage",
    )
    for name in ("use-first", "use-second"):
        live.ok("models", "create", name, "--model", "gpt-4o", "--secret", "use-secret")
    live.ok("endpoints", "create", "use-chat", "--model", "use-first", "--fallback", "use-second")
    call(serving.url, live.ok("keys", "create", "use-app").strip())
    used.append("use-app")


def call(url: str, key: str) -> None:
    body = {"model": "use-chat", "messages": [{"role": "user", "content": "hello"}]}
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", orjson.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 502


@pytest.mark.usefixtures("booked")
def test_attempts_are_summed_by_endpoint(live: Cli) -> None:
    rows = {row["name"]: row for row in live.json("usage")}
    assert (rows["use-chat"]["attempts"], rows["use-chat"]["errors"]) == (2, 2)
    line = next(line for line in live.ok("usage").splitlines() if line.startswith("use-chat "))
    assert line.split()[:3] == ["use-chat", "2", "2"]


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize(
    ("group", "shown"),
    [("model_definition", "use-second"), ("provider", "openai"), ("api_key", "use-app")],
)
def test_each_group_shows_names(live: Cli, group: str, shown: str) -> None:
    lines = live.ok("usage", "--by", group, "--endpoint", "use-chat").splitlines()
    assert lines[0].startswith(group.replace("_", " ").upper())
    assert shown in [line.split()[0] for line in lines[1:]]


@pytest.mark.usefixtures("booked")
def test_days_are_shown_as_times(live: Cli) -> None:
    lines = live.ok("usage", "--by", "day", "--endpoint", "use-chat").splitlines()
    assert lines[1].split()[0].endswith("T00:00:00Z")


@pytest.mark.usefixtures("booked")
def test_single_attempts_newest_first(live: Cli) -> None:
    rows = live.json("usage", "--attempts", "--key", "use-app")
    assert [(row["attempt"], row["error_code"]) for row in rows] == [
        (2, "upstream_connect"),
        (1, "upstream_connect"),
    ]
    assert "upstream_connect" in live.ok("usage", "--attempts", "--endpoint", "use-chat")
    assert len(live.json("usage", "--attempts", "--key", "use-app", "--limit", "1")) == 1


@pytest.mark.usefixtures("booked")
def test_filters_leave_rows_out(live: Cli) -> None:
    only = ("usage", "--attempts", "--key", "use-app")
    assert len(live.json(*only, "--errors")) == 2
    assert live.json(*only, "--no-errors") == []
    assert len(live.json(*only, "--since", "1h")) == 2
    assert live.json(*only, "--until", "1h") == []
    assert len(live.json(*only, "--model", "use-first")) == 1


def test_wrong_usage(ask: Cli) -> None:
    assert ask("usage", "--by", "colour").exit_code == 2
    assert ask("usage", "--since", "yesterday").exit_code == 2


@pytest.mark.usefixtures("booked")
def test_explain_gives_order_and_outcomes(live: Cli) -> None:
    facts = live.json("explain", "use-chat")
    order = [(row["model_definition_name"], row["linkage_type"]) for row in facts["order"]]
    assert order == [("use-first", "PRIMARY"), ("use-second", "FALLBACK")]
    text = live.ok("explain", "use-chat")
    assert "use-first" in text
    assert "100.0%" in text
    assert "502 upstream_connect" in text


def test_explain_of_no_endpoint_is_one_line(live: Cli) -> None:
    result = live("explain", "use-nothing")
    assert (result.exit_code, result.stderr) == (1, "error: there is no endpoint 'use-nothing'\n")
