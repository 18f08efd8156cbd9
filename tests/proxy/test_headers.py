from __future__ import annotations

import pytest

from gateway.proxy.headers import (
    HeaderPlan,
    build_answer_lines,
    build_request_headers,
    find_credential,
    find_unknown,
    get_plan,
    strip_query_key,
)

OURS = get_plan(frozenset({"authorization", "x-of-ours"}), ())


def answer(*headers: tuple[str, str], needles: tuple[bytes, ...] = ()) -> list[tuple[str, str]]:
    """Return what a client gets of these headers of a provider."""
    head = "HTTP/1.1 200 OK" + "".join(f"\r\n{name}: {value}" for name, value in headers)
    lines = build_answer_lines(head.encode(), needles).decode()
    assert lines == "" or lines.endswith("\r\n")
    split = (line.partition(": ") for line in lines.split("\r\n") if line)
    return [(name, value) for name, _, value in split]


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
        "X_Api_Key",
        "Content_Length",
        "transfer_encoding",
        "X_Forwarded_Host",
        "OpenAI_Organization",
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
    client = [("X-Hop", "v"), ("X-Stay", "v"), ("Connection", "close, x-hop"), ("X-Two", "v")]
    sent = build_request_headers([*client, ("connection", "X-Two")], OURS)
    assert sent == [("X-Stay", "v")]


def test_repeated_headers_all_pass_in_order() -> None:
    sent = build_request_headers([("anthropic-beta", "a"), ("anthropic-beta", "b")], OURS)
    assert [value for name, value in sent if name == "anthropic-beta"] == ["a", "b"]


def test_what_ours_replace_is_not_there() -> None:
    client = [("Authorization", "Bearer theirs"), ("X-Of-Ours", "theirs"), ("X-Other", "v")]
    assert build_request_headers(client, OURS) == [("X-Other", "v")]


def test_a_value_that_is_no_utf8_is_left_out() -> None:
    assert build_request_headers([("X-Odd", "a\udcff")], OURS) == build_request_headers([], OURS)


def test_defaults_only_where_the_client_sent_none() -> None:
    plan = get_plan(frozenset(), (("anthropic-version", "2023-06-01"),))
    sent = [("Anthropic-Version", "2026-10-21")]
    assert build_request_headers(sent, plan) == sent
    assert build_request_headers([], plan) == list(plan.defaults)


def test_equal_plans_are_one_object() -> None:
    first: HeaderPlan = get_plan(frozenset({"a"}), (("b", "c"),))
    assert get_plan(frozenset({"a"}), (("b", "c"),)) is first
    assert get_plan(frozenset({"a"}), ()) is not first


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
    assert answer((name, "v"), ("X-Fine", "1")) == [("X-Fine", "1")]
    assert answer((name.upper(), "v")) == []


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
    assert answer((name, "v")) == [(name, "v")]


def test_what_the_providers_connection_names_is_dropped() -> None:
    named = answer(("X-Hop", "v"), ("CONNECTION", "close, x-hop"), ("X-Fine", "v"))
    assert named == [("X-Fine", "v")]


def test_the_bytes_of_a_value_pass_as_they_came() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Odd: a\xff\xfc\r\nServer: x"
    assert build_answer_lines(head, ()) == b"X-Odd: a\xff\xfc\r\n"


def test_any_header_with_the_credential_in_it_is_dropped() -> None:
    headers = [("X-Echo", "key=canary"), ("X-Fine", "other"), ("X-Two", "bird"), ("X-canary", "x")]
    assert answer(*headers, needles=(b"canary", b"bird")) == [("X-Fine", "other")]


def test_an_unknown_header_of_our_family_is_found_by_name() -> None:
    assert find_unknown(["x-lockgate-request-id", "x-lockgate-timeout-ms", "x-other"]) is None
    assert find_unknown(["x-other", "x-lockgate-retries"]) == "x-lockgate-retries"


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ([], "", None),
        ([("AUTHORIZATION", "BEARER a")], "", "a"),
        ([("authorization", "Bearer"), ("X-Api-Key", "b")], "", "b"),
        ([("authorization", "Basic dXNlcjphOmI=")], "", "a:b"),
        ([("authorization", "basic dXNlcjo="), ("X-Api-Key", "b")], "", "b"),
        ([("authorization", "Basic ???"), ("X-Api-Key", "b")], "", "b"),
        ([("authorization", "Basic /zr/")], "", None),
        ([("authorization", "Digest a")], "", None),
        ([("api-key", "d"), ("x-goog-api-key", "c")], "key=e", "c"),
        ([("x-api-key", ""), ("api-key", "d")], "", "d"),
        ([("x-api-key", "first"), ("x-api-key", "second")], "", "first"),
        ([], "a=b&key=e%2Bf", "e+f"),
        ([], "key=", None),
        ([], "monkey=e", None),
        ([("x-api-key", "x" * 5000)], "", "x" * 1024),
    ],
)
def test_the_first_credential_present_counts(
    headers: list[tuple[str, str]], query: str, expected: str | None
) -> None:
    assert find_credential(headers, query) == expected


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
