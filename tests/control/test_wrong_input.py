"""Each wrong input has its own status and code, and names the field."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

CANARY = "canary-key-of-the-provider-0001"
SECRET = {"secret_name": "s", "provider": "openai", "secret_value": {"api_key": CANARY}}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"secret_nam": "x"}, "unknown_field", "secret_nam"),
        ({"created_by": "me"}, "unknown_field", "created_by"),
        ({"secret_name": 7}, "invalid_value", "secret_name"),
        ({"secret_name": ""}, "invalid_value", "secret_name"),
        ({"secret_name": " padded"}, "invalid_value", "secret_name"),
        ({"secret_name": "x" * 256}, "invalid_value", "secret_name"),
        ({"secret_name": "a\0b"}, "invalid_value", "secret_name"),
        ({"secret_name": "a\nb"}, "invalid_value", "secret_name"),
        ({"secret_name": None}, "invalid_value", "secret_name"),
        ({"provider": "opnai"}, "invalid_value", "provider"),
        ({"secret_value": CANARY}, "invalid_value", "secret_value"),
        ({"secret_value": {}}, "invalid_value", "secret_value.api_key"),
        ({"secret_value": {"api_key": 5}}, "invalid_value", "secret_value.api_key"),
        ({"secret_value": {"api_key": ""}}, "invalid_value", "secret_value.api_key"),
        ({"secret_value": {"api_key": "a\r\nb"}}, "invalid_value", "secret_value.api_key"),
        ({"secret_value": {"api_kee": CANARY}}, "unknown_field", "secret_value.api_kee"),
        ({"secret_value": {CANARY: "x"}}, "invalid_value", "secret_value"),
        ({"auth_config": []}, "invalid_value", "auth_config"),
        ({"auth_config": {"apibase": "x"}}, "unknown_field", "auth_config.apibase"),
        ({"auth_config": {"api_base": 5}}, "invalid_value", "auth_config.api_base"),
        ({"auth_config": {"auth_mode": "iam"}}, "invalid_value", "auth_config.auth_mode"),
    ],
)
async def test_a_wrong_field_is_named_and_its_value_is_not_repeated(
    control: Any, change: Any, code: str, field: str
) -> None:
    reply = await control.call("POST", "/secrets", SECRET | change)
    assert (reply.status, reply.json["code"], reply.json["field"]) == (422, code, field)
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert CANARY.encode() not in reply.raw


async def test_a_missing_field_is_named(control: Any) -> None:
    reply = await control.call("POST", "/secrets", {"secret_name": "s"})
    assert (reply.status, reply.json["field"]) == (422, "secret_value.api_key")
    assert reply.json["detail"] == "is required"


async def test_an_unknown_field_comes_with_the_nearest_known_one(control: Any) -> None:
    reply = await control.call("POST", "/api-keys", {"nmae": "x"})
    assert reply.json["detail"] == "unknown field; did you mean name?"


@pytest.mark.parametrize("name", ["secret_name", "secret_id"])
async def test_what_is_immutable_is_refused(control: Any, name: str) -> None:
    secret = await control.add_secret()
    path = f"/secrets/{secret['secret_id']}"
    reply = await control.call("PATCH", path, {name: secret[name]})
    assert (reply.status, reply.json["field"]) == (422, name)
    assert reply.json["detail"] == "cannot be changed"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"name": NaN}',
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": "a", "name": "b"}',
        b'{"name": "a"} trailing',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b'{"expires_at": ' + b"9" * 5_000 + b"}",
    ],
)
async def test_what_is_no_json_object_is_malformed(control: Any, raw: bytes) -> None:
    reply = await control.call("POST", "/api-keys", data=raw, headers=JSON)
    assert (reply.status, reply.json["code"]) == (400, "malformed")


async def test_a_field_twice_is_named(control: Any) -> None:
    raw = b'{"name": "x", "allowed_endpoints": [], "allowed_endpoints": ["*"]}'
    reply = await control.call("POST", "/api-keys", data=raw, headers=JSON)
    assert (reply.status, reply.json["field"]) == (400, "allowed_endpoints")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json"],
)
async def test_another_content_type_is_refused(control: Any, content_type: Any) -> None:
    headers = {"Content-Type": content_type}
    reply = await control.call("POST", "/api-keys", data=b'{"name":"a"}', headers=headers)
    assert (reply.status, reply.json["code"]) == (415, "unsupported_media_type")
    assert reply.json["field"] == "Content-Type"


async def test_a_charset_beside_the_content_type_is_fine(control: Any) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    reply = await control.call("POST", "/api-keys", data=b'{"name":"a"}', headers=headers)
    assert reply.status == 201


async def test_an_encoded_body_is_refused(control: Any) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    reply = await control.call("POST", "/api-keys", data=b"{}", headers=headers)
    assert (reply.status, reply.json["field"]) == (415, "Content-Encoding")


@pytest.mark.parametrize("chunked", [False, True])
async def test_ten_megabytes_are_too_large(control: Any, chunked: Any) -> None:
    async def chunks() -> Any:
        for _ in range(160):
            yield b" " * 65_536

    data = chunks() if chunked else io.BytesIO(b" " * (10 << 20))
    reply = await control.call("POST", "/api-keys", data=data, headers=JSON)
    assert (reply.status, reply.json["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("?limt=5", "unknown_field", "limt"),
        ("?limit=5&limit=6", "invalid_value", "limit"),
        ("?provider=%00", "invalid_value", "provider"),
        ("?name=%0a", "invalid_value", "name"),
        ("?name=" + "x" * 256, "invalid_value", "name"),
        ("?force=true", "unknown_field", "force"),
    ],
)
async def test_a_wrong_query_parameter_is_named(
    control: Any, query: Any, code: str, field: str
) -> None:
    reply = await control.get(f"/secrets{query}")
    assert (reply.status, reply.json["code"], reply.json["field"]) == (422, code, field)


@pytest.mark.parametrize("force", ["1", "yes", "True", ""])
async def test_force_is_true_or_false(control: Any, force: Any) -> None:
    reply = await control.call("DELETE", f"/secrets/s-{'0' * 32}", params={"force": force})
    assert (reply.status, reply.json["field"]) == (422, "force")


@pytest.mark.parametrize(
    "path",
    [
        f"/secrets/s-{'0' * 32}",
        "/secrets/s-1",
        "/secrets/%00",
        "/secrets/%ff%fe",
        f"/secrets/S-{'0' * 32}",
        f"/model-definitions/s-{'0' * 32}",
        f"/endpoints/e-{'0' * 31}g",
        f"/endpoints/e-{'0' * 32}/explain",
        f"/endpoints/e-{'0' * 32}/mappings",
        f"/api-keys/k-{'0' * 32}",
    ],
)
async def test_what_is_not_there_is_not_found(control: Any, path: str) -> None:
    reply = await control.get(path)
    assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert reply.json["field"].endswith("_id")


async def test_a_method_that_is_not_allowed_says_which_are(control: Any) -> None:
    reply = await control.call("PUT", "/secrets", {})
    assert (reply.status, reply.json["code"]) == (405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, HEAD, POST"
    reply = await control.call("OPTIONS", "/secrets")
    assert (reply.status, reply.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")


async def test_a_head_is_a_get_without_a_body(control: Any) -> None:
    secret = await control.add_secret()
    path = f"/secrets/{secret['secret_id']}"
    seen, head = await control.get(path), await control.call("HEAD", path)
    assert (head.status, head.raw) == (200, b"")
    assert head.headers["ETag"] == seen.headers["ETag"]
    assert head.headers["Content-Length"] == seen.headers["Content-Length"]


async def test_a_body_that_never_ends_does_not_hold_the_next_request_up(control: Any) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 65_536
            await asyncio.sleep(0)

    reply = await control.call("POST", "/api-keys", data=endless(), headers=JSON)
    assert reply.status == 413
    assert (await control.get("/api-keys")).status == 200
