from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway.errors import DeadlineExceededError
from gateway.proxy.authorization import authorize
from gateway.proxy.authorization.aws import AwsKeys, GivenKeys, StoredKeys
from gateway.proxy.deadline import Moment, now_s
from gateway.proxy.upstream import dump_request, dump_start
from tests.proxy.rig import NOW_MS, Clock

MOMENT = datetime.fromtimestamp(NOW_MS // 1000, UTC).replace(tzinfo=None)
SECRET = "canary/secret+key-of-aws-000000000000000"
URL = (
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse?b=2&a=1"
)
SOON = Moment(now_s() + 60, DeadlineExceededError)


def sign_as_botocore(
    monkeypatch: pytest.MonkeyPatch, body: bytes, token: str | None
) -> dict[str, str]:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: MOMENT)
    request = AWSRequest(method="POST", url=URL, data=body)
    SigV4Auth(Credentials("AKID", SECRET, token), "bedrock", "us-east-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@pytest.mark.parametrize("token", [None, "canary-session-token"])
@pytest.mark.parametrize("size", [2, 100_000])
async def test_a_request_is_signed_as_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, size: int, token: str | None
) -> None:
    body = b"x" * size
    origin, start = dump_start("POST", URL)
    request = dump_request(origin, "lane", "POST", (start, b"accept: */*\r\n"), (body,))
    keys = StoredKeys(AwsKeys("AKID", SECRET, token), "us-east-1", Clock())
    signed = await authorize(request, keys, SOON)
    head, _, begin = signed.first.partition(b"\r\n\r\n")
    assert begin + b"".join(signed.rest) == body
    assert bytes(signed.first).startswith(start + b"accept: */*\r\nContent-Length: %d\r\n" % size)
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    expected = sign_as_botocore(monkeypatch, body, token)
    assert lines["Host"] == urlsplit(URL).netloc
    for name in ("authorization", "x-amz-date", "x-amz-security-token"):
        assert lines.get(name) == expected.get(name), name
    assert any(SECRET.encode() in needle for needle in keys.needles)


async def test_keys_of_the_machine_are_asked_for_once() -> None:
    calls = 0

    async def fetch() -> tuple[AwsKeys, float]:
        nonlocal calls
        calls += 1
        return AwsKeys("AKID", SECRET, "canary-session-token"), 300.0

    given: Any = GivenKeys(fetch, "us-east-1", Clock())
    assert given.needles == ()
    origin, start = dump_start("GET", URL)
    request = dump_request(origin, "lane", "GET", (start,), ())
    first, second = [await authorize(request, given, SOON) for _ in range(2)]
    assert first == second
    assert calls == 1
    assert b"x-amz-security-token: canary-session-token\r\n" in first.first
    assert b"canary-session-token" in given.needles
    assert "canary" not in repr(first) + repr(given)
