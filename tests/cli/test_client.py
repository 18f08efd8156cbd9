from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateway.cli.client import open_api
from gateway.cli.refusal import Refused
from gateway.secret import Secret
from tests.cli.conftest import TOKEN, Answer, Call, Cli, ScriptedServer

PROBLEM = {"Content-Type": "application/problem+json"}


def test_the_token_goes_out_as_a_bearer_credential(scripted: ScriptedServer, ask: Cli) -> None:
    scripted.answers["GET", "/status"] = 200, {}, {}
    ask.ok("status")
    assert scripted.calls[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_problem_is_one_line_with_code_and_field(scripted: ScriptedServer, ask: Cli) -> None:
    scripted.answers["GET", "/secrets"] = (
        422,
        PROBLEM,
        {"detail": "must be\none \x1b line", "code": "invalid_value", "field": "provider"},
    )
    result = ask("secrets", "list", "--provider", "x")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: must be one \\x1b line (invalid_value, provider)\n"


def test_a_problem_with_users_names_them(scripted: ScriptedServer, ask: Cli) -> None:
    scripted.answers["GET", "/secrets"] = 200, {}, {"items": [{"secret_id": "s-1"}]}
    scripted.answers["DELETE", "/secrets/s-1"] = (
        409,
        PROBLEM,
        {
            "detail": "is in use",
            "code": "in_use",
            "field": None,
            "users": [{"kind": "model_definition", "id": "d-1", "name": "mini"}],
            "count": 3,
        },
    )
    result = ask("secrets", "delete", "prod")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: is in use (in_use): used by mini and 2 more; --force does so\n",
    )


def test_a_refused_token_says_where_the_token_comes_from(
    scripted: ScriptedServer, ask: Cli
) -> None:
    scripted.answers["GET", "/status"] = (
        401,
        PROBLEM,
        {"detail": "no valid credential", "code": "unauthenticated", "field": None},
    )
    result = ask("status")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "LOCKGATE_ADMIN_TOKEN" in result.stderr
    assert TOKEN not in result.output


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>hello</html>"), (502, b"<html>bad gateway</html>"), (500, b'{"error": 1}')],
)
def test_a_stranger_is_told_from_a_lockgate(
    scripted: ScriptedServer, ask: Cli, status: int, body: bytes
) -> None:
    scripted.answers["GET", "/status"] = status, {}, body
    result = ask("status")
    assert result.exit_code == 1
    assert f"answered with status {status}, but not as a Lockgate does" in result.stderr


def test_a_redirect_is_not_followed_with_the_token(scripted: ScriptedServer, ask: Cli) -> None:
    scripted.answers["GET", "/status"] = 302, {"Location": "/api/v1/elsewhere"}, b""
    assert ask("status").exit_code == 1
    assert [call.path for call in scripted.calls] == ["/status"]


def test_nobody_at_the_address_is_one_line_with_the_way_to_start_one(run: Cli) -> None:
    with socket.socket() as taken:  # bound, not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = run("status", LOCKGATE_URL=url, LOCKGATE_ADMIN_TOKEN=TOKEN)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert url in result.stderr
    assert "lockgate serve" in result.stderr


def test_a_listing_follows_its_pages(scripted: ScriptedServer, ask: Cli) -> None:
    def page(call: Call) -> Answer:
        number = int(call.query.get("cursor", "0"))
        items = [{"name": f"key-{number}", "key_id": "k-1"}]
        return 200, {}, {"items": items, "next_cursor": str(number + 1) if number < 2 else None}

    scripted.answers["GET", "/api-keys"] = page
    assert [item["name"] for item in ask.json("keys", "list")] == ["key-0", "key-1", "key-2"]


def test_a_limit_bounds_the_rows_and_asks_for_no_more(scripted: ScriptedServer, ask: Cli) -> None:
    def page(call: Call) -> Answer:
        items = [{"name": "key"}] * int(call.query["limit"])
        return 200, {}, {"items": items, "next_cursor": "more"}

    scripted.answers["GET", "/api-keys"] = page
    assert len(ask.json("keys", "list", "--limit", "501")) == 501
    assert [call.query["limit"] for call in scripted.calls] == ["500", "1"]


def test_stragglers_are_told_but_the_write_stands(scripted: ScriptedServer, ask: Cli) -> None:
    entity = {"name": "app", "key_id": "k-1", "stragglers": ["worker-2"]}
    scripted.answers["GET", "/api-keys"] = 200, {}, {"items": [entity], "next_cursor": None}
    scripted.answers["PATCH", "/api-keys/k-1"] = 202, {}, entity
    result = ask("keys", "update", "app", "--disable")
    assert result.exit_code == 0
    assert result.stdout == "api key app updated: k-1\n"
    assert "not yet served by worker-2" in result.stderr


@pytest.mark.parametrize("token", ["", "with blank", "with\nnewline", "kein-schlüssel"])
def test_a_token_that_cannot_stand_in_a_header_is_refused(token: str) -> None:
    with pytest.raises(Refused, match="admin token"), open_api("http://x", Secret(token)):
        pytest.fail("opened")


def test_a_token_file_wins_over_the_environment(
    scripted: ScriptedServer, ask: Cli, tmp_path: Path
) -> None:
    scripted.answers["GET", "/status"] = 200, {}, {}
    file = tmp_path / "token"
    file.write_text("token-of-the-file\n")
    ask.ok("status", "--token-file", str(file))
    assert scripted.calls[0].headers["authorization"] == "Bearer token-of-the-file"


def test_the_url_may_be_given_with_the_path_of_the_api(scripted: ScriptedServer, ask: Cli) -> None:
    scripted.answers["GET", "/status"] = 200, {}, {}
    ask.ok("status", "--url", f"{scripted.url}/api/v1/")
    assert scripted.calls[0].path == "/status"


def test_names_are_quoted_in_the_query(scripted: ScriptedServer, ask: Cli) -> None:
    scripted.answers["GET", "/secrets"] = 200, {}, {"items": [], "next_cursor": None}
    result = ask("secrets", "get", "a&limit=9 ü+%")
    assert scripted.calls[0].query == {"name": "a&limit=9 ü+%", "limit": "1"}
    assert result.stderr == "error: there is no secret 'a&limit=9 ü+%'\n"
