"""Signatures of AWS as botocore 1.44.8 makes them, verified by the simulator's own code."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.simulator.sigv4 import KeyPair, Signed, find_flaw

PAIR = KeyPair("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SIGNED = Signed(
    method="POST",
    raw_path="/model/us.anthropic.claude-sonnet-4-6-v1%3A0/converse",
    headers={
        "host": "127.0.0.1:8080",
        "content-type": "application/json",
        "x-amz-date": "20261125T021307Z",
        "x-amz-security-token": "session",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/eu-central-1/bedrock/"
        "aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
        "Signature=45a36a4a3d76e7367dd317b8ebbc2d408af99f5736e3d2abb424912c8b6c7bac",
    },
    body=b'{"messages":[]}',
)


def test_a_signature_of_botocore_is_right() -> None:
    assert find_flaw(SIGNED, PAIR) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b'{"messages": []}'},
        {"method": "PUT"},
        {"raw_path": "/model/us.anthropic.claude-sonnet-4-6-v1:0/converse"},
        {"headers": {**SIGNED.headers, "host": "elsewhere"}},
    ],
)
def test_what_was_changed_behind_the_signature_is_noticed(changes: dict[str, object]) -> None:
    assert find_flaw(dataclasses.replace(SIGNED, **changes), PAIR) == "mismatch"


def test_the_wrong_key_and_secret_are_told_apart() -> None:
    assert find_flaw(SIGNED, KeyPair("other", PAIR.secret_key)) == "key"
    assert find_flaw(SIGNED, KeyPair(PAIR.access_key, "other")) == "mismatch"
    assert "AKID" not in repr(PAIR)


def test_a_signature_without_its_parts_is_incomplete() -> None:
    for given in ("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE", "Bearer x", ""):
        headers = {**SIGNED.headers, "authorization": given}
        assert find_flaw(dataclasses.replace(SIGNED, headers=headers), PAIR) == "incomplete"
