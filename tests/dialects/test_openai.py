from __future__ import annotations

import orjson
import pytest

from gateway.dialects import DIALECTS, Usage
from gateway.dialects.openai import build_failure
from gateway.entities import Dialect
from gateway.errors import (
    ForbiddenError,
    InternalError,
    LockgateError,
    MalformedRequestError,
    QuotaExhaustedError,
    UnauthenticatedError,
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MalformedRequestError("d", field="model"), "invalid_request_error"),
        (UnauthenticatedError("d"), "authentication_error"),
        (ForbiddenError("d"), "permission_error"),
        (QuotaExhaustedError("d"), "insufficient_quota"),
        (InternalError("d"), "server_error"),
    ],
)
def test_our_errors_have_the_vendors_type_and_our_code(error: LockgateError, kind: str) -> None:
    body = orjson.loads(DIALECTS[Dialect.OPENAI_CHAT].dump_error(error, "r-1"))
    assert body == {
        "error": {"message": "d", "type": kind, "param": error.field, "code": error.code}
    }


def test_a_message_that_utf8_cannot_hold_is_still_an_answer() -> None:
    error = MalformedRequestError("no endpoint \ud83d", field="\udc00")
    body = orjson.loads(DIALECTS[Dialect.OPENAI_CHAT].dump_error(error, "r"))
    assert body["error"]["message"] == "no endpoint \\ud83d"


@pytest.mark.parametrize("count", [-1, 2**60, True, "7", 1.5, None])
def test_a_count_that_is_none_is_not_counted(count: object) -> None:
    body = orjson.dumps({"usage": {"prompt_tokens": count, "completion_tokens": 2}})
    assert DIALECTS[Dialect.OPENAI_CHAT].parse_usage(body) == Usage(None, 2)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"usage": null}', b'{"usage": 7}'])
def test_an_answer_without_counts_has_none(body: bytes) -> None:
    assert DIALECTS[Dialect.OPENAI_CHAT].parse_usage(body) is None


@pytest.mark.parametrize(
    ("code", "status"), [(True, None), (200, None), ("9" * 400, None), ("\u00b2", None), ([], None)]
)
def test_a_code_that_is_no_status_gives_none(code: object, status: int | None) -> None:
    assert build_failure({"code": code}, b"").status == status
