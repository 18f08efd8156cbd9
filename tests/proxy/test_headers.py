from __future__ import annotations

import pytest

from gateway.errors import MalformedRequestError
from gateway.proxy.headers import (
    add_defaults,
    build_answer_headers,
    build_request_headers,
    check_own_headers,
    strip_query_key,
)

OURS = (("authorization", "Bearer ours"), ("openai-organization", "org-ours"))


def never(_: str) -> bool:
    return False


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "x-api-key",
        "X-Goog-Api-Key",
        "api-key",
        "Cookie",
        "Host",
        "Content-Length",
        "Accept-Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Proxy-Authorization",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "x-lockgate-timeout-ms",
        "Expect",
        "OpenAI-Organization",
        "x-goog-user-project",
    ],
)
def test_what_stays_on_the_clients_side(name: str) -> None:
    sent = build_request_headers([(name, "of the client")], OURS)
    assert "of the client" not in dict(sent).values()


@pytest.mark.parametrize(
    "name",
    [
        "anthropic-version",
        "anthropic-beta",
        "User-Agent",
        "x-stainless-lang",
        "traceparent",
        "tracestate",
        "Content-Type",
        "Accept",
        "idempotency-key",
    ],
)
def test_what_passes_upstream_with_its_spelling(name: str) -> None:
    assert (name, "v") in build_request_headers([(name, "v")], OURS)


def test_what_connection_names_is_dropped() -> None:
    sent = build_request_headers([("X-Hop", "v"), ("X-Stay", "v")], OURS, "close, x-hop")
    assert "X-Hop" not in dict(sent)
    assert "X-Stay" in dict(sent)


def test_repeated_headers_all_pass_in_order() -> None:
    sent = build_request_headers([("anthropic-beta", "a"), ("anthropic-beta", "b")], OURS)
    assert [value for name, value in sent if name == "anthropic-beta"] == ["a", "b"]


def test_no_compression_is_asked_for_and_our_credential_is_there_once() -> None:
    sent = build_request_headers([("Authorization", "Bearer theirs")], OURS)
    assert [value for name, value in sent if name.lower() == "authorization"] == ["Bearer ours"]
    assert ("Accept-Encoding", "identity") in sent


def test_a_value_that_is_no_utf8_is_left_out() -> None:
    assert build_request_headers([("X-Odd", "a\udcff")], OURS) == build_request_headers([], OURS)


def test_defaults_only_where_the_client_sent_none() -> None:
    defaults = (("anthropic-version", "2023-06-01"),)
    sent = [("Anthropic-Version", "2026-10-21")]
    add_defaults(sent, defaults)
    assert sent == [("Anthropic-Version", "2026-10-21")]
    empty: list[tuple[str, str]] = []
    add_defaults(empty, defaults)
    assert empty == list(defaults)


@pytest.mark.parametrize(
    "name",
    [
        "Set-Cookie",
        "Server",
        "Date",
        "Alt-Svc",
        "Strict-Transport-Security",
        "WWW-Authenticate",
        "Content-Length",
        "Content-Encoding",
        "Transfer-Encoding",
        "Connection",
        "Location",
        "x-lockgate-model",
        "openai-organization",
        "access-control-allow-origin",
    ],
)
def test_what_stays_on_the_providers_side(name: str) -> None:
    assert build_answer_headers([(name, "v")], never) == []


@pytest.mark.parametrize(
    "name",
    [
        "x-request-id",
        "request-id",
        "x-ratelimit-remaining-tokens",
        "anthropic-ratelimit-requests-reset",
        "retry-after-ms",
        "Retry-After",
        "x-should-retry",
        "openai-processing-ms",
        "Content-Type",
    ],
)
def test_what_passes_to_the_client(name: str) -> None:
    assert build_answer_headers([(name, "v")], never) == [(name, "v")]


def test_any_header_with_the_credential_in_it_is_dropped() -> None:
    headers = [("X-Echo", "key=canary"), ("X-Fine", "other")]
    assert build_answer_headers(headers, lambda value: "canary" in value) == [("X-Fine", "other")]


def test_an_unknown_header_of_our_family_is_refused_by_name() -> None:
    check_own_headers(["x-lockgate-request-id", "X-Lockgate-Timeout-Ms", "x-other"])
    with pytest.raises(MalformedRequestError) as caught:
        check_own_headers(["X-Lockgate-Retries"])
    assert caught.value.field == "x-lockgate-retries"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ""),
        ("beta=true", "beta=true"),
        ("key=abc", ""),
        ("alt=sse&key=abc", "alt=sse"),
        ("key=abc&alt=sse&key=def", "alt=sse"),
        ("%6Bey=abc&a=%2F", "a=%2F"),
        ("keys=1&a=key&monkey=2", "keys=1&a=key&monkey=2"),
    ],
)
def test_the_clients_key_is_cut_out_of_the_query(query: str, expected: str) -> None:
    assert strip_query_key(query) == expected
