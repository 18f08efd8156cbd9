"""Signatures of AWS: the vendor's published examples, and its own signer where it is installed."""

from __future__ import annotations

import importlib
import importlib.util
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.providers.sigv4 import derive_key, sign

BOTOCORE = importlib.util.find_spec("botocore") is not None  # of the `bedrock` extra
# The credential and the moment of AWS's published test suite.
ACCESS = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW_MS = 1_440_938_160_000  # 20150830T123600Z
HOST = "example.amazonaws.com"


def sign_it(
    method: str = "GET",
    host: str = HOST,
    path: str = "/",
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    **more: Any,
) -> dict[str, str]:
    given_: dict[str, Any] = {
        "access_key": ACCESS,
        "secret_key": SECRET,
        "session_token": None,
        "region": "us-east-1",
        "service": "service",
        "now_ms": NOW_MS,
    }
    return dict(sign(method, host, path, query, headers, body, **given_ | more))


def find_signature(headers: dict[str, str]) -> str:
    return headers["authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("case", "signature"),
    [
        ({}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ({"method": "POST"}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            {"query": "Param2=value2&Param1=value1"},
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            {"path": "/example/.."},
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
    ],
)
def test_published_suite(case: dict[str, Any], signature: str) -> None:
    assert find_signature(sign_it(**case)) == signature


def test_published_example_of_the_user_guide() -> None:
    headers = sign_it(
        host="iam.amazonaws.com",
        query="Action=ListUsers&Version=2010-05-08",
        headers=(("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),),
        service="iam",
    )
    assert headers == {
        "x-amz-date": "20150830T123600Z",
        "authorization": "AWS4-HMAC-SHA256 "
        "Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    }
    key = derive_key(SECRET, "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


def test_temporary_credentials_say_their_token_and_sign_it() -> None:
    headers = sign_it(session_token="tok")
    assert headers["x-amz-security-token"] == "tok"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in headers["authorization"]


def test_a_new_day_has_a_new_key() -> None:
    first, second = sign_it(), sign_it(now_ms=NOW_MS + 86_400_000)
    assert second["x-amz-date"] == "20150831T123600Z"
    assert find_signature(first) != find_signature(second)
    assert sign_it() == first


def test_headers_that_change_on_the_way_are_not_signed() -> None:
    odd = (("User-Agent", "x"), ("Connection", "close"), ("Authorization", "Bearer x"))
    assert sign_it(headers=odd) == sign_it()


def sign_by_vendor(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, token: str | None
) -> str:
    credentials = SimpleNamespace(access_key=ACCESS, secret_key=SECRET, token=token)
    auth, requests = map(importlib.import_module, ("botocore.auth", "botocore.awsrequest"))
    signer = auth.SigV4Auth(credentials, "bedrock", "eu-west-1")
    url = f"https://{HOST}{path}" + (f"?{query}" if query else "")
    request = requests.AWSRequest(method, url, headers=headers, data=body)
    moment = datetime.fromtimestamp(NOW_MS / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = moment
    request.headers["X-Amz-Date"] = moment
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(request)
    return str(signer.signature(signer.string_to_sign(request, canonical), request))


SEGMENT = st.sampled_from(["", "a b"]) | st.sampled_from(
    [
        "model",
        "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0",
        "converse-stream",
        "a~b",
        "%2F",
        ".",
        "..",
        "ü",
        "a+b",
        "=",
        "arn%3Aaws%3Abedrock%3Aeu%3A1%3Ax%2Fy",
        "@",
    ]
)


@pytest.mark.skipif(not BOTOCORE, reason="the vendor's signer is not installed")
@settings(deadline=None)  # the first call imports a large library
@given(
    st.sampled_from(["GET", "POST"]),
    st.lists(SEGMENT, max_size=5),
    st.lists(st.tuples(st.sampled_from("abA"), st.sampled_from(["1", "", "%20", "x=y"]))),
    st.dictionaries(
        st.sampled_from(["Content-Type", "X-B", "Accept", "user-agent"]),
        st.sampled_from(["application/json", "a  b", "x", "  y "]),
    ),
    st.binary(max_size=20),
    st.sampled_from([None, "token+/="]),
)
def test_as_the_vendors_own_signer(
    method: str,
    segments: list[str],
    pairs: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    token: str | None,
) -> None:
    path = "/" + "/".join(segments)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    expected = sign_by_vendor(method, path, query, headers, body, token)
    signed = sign_it(
        method, path=path, query=query, headers=tuple(headers.items()), body=body,
        session_token=token, region="eu-west-1", service="bedrock",
    )  # fmt: skip
    assert find_signature(signed) == expected
