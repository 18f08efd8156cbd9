from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import FallbackConfig
from gateway.errors import ConflictError, InvalidValueError
from gateway.routing import SnapshotHolder, build_snapshot


def test_targets_are_sorted_into_their_parts(rows: Any) -> None:
    endpoint = rows.endpoint(
        "chat",
        rows.mapping("late", order=9),
        rows.mapping("idle", 0),
        rows.mapping("big", 3),
        rows.mapping("soon", order=2),
        rows.mapping("small", 1),
        config=FallbackConfig(max_attempts=1),
    )
    route = build_snapshot(rows.configuration(endpoint)).endpoints["chat"]
    assert [target.model_definition_name for target in route.primaries] == ["big", "small"]
    assert [target.model_definition_name for target in route.drained] == ["idle"]
    assert [target.upstream_model for target in route.fallbacks] == ["vendor-soon", "vendor-late"]
    assert route.cumulative == (0.75, 1.0)
    assert route.max_fallbacks == 1
    assert len(route.targets) == 5


def test_no_fallback_config_means_all_fallbacks(rows: Any) -> None:
    route = build_snapshot(rows.configuration(rows.endpoint("chat", rows.mapping("a")))).endpoints
    assert route["chat"].max_fallbacks is None


def test_what_cannot_run_cannot_be_built(rows: Any) -> None:
    good = rows.endpoint("chat", rows.mapping("a"))
    for configuration, kind, words in (
        (rows.configuration(good, good), ConflictError, "two endpoints"),
        (rows.configuration(good, secrets=()), ConflictError, "missing"),
        (
            rows.configuration(good, secrets=(rows.secret(provider="gemini"),)),
            ConflictError,
            "another",
        ),
        (rows.configuration(secrets=(rows.secret(), rows.secret())), ConflictError, "two secrets"),
        (rows.configuration(api_keys=(rows.key(), rows.key())), ConflictError, "two api keys"),
        (
            rows.configuration(rows.endpoint("x", rows.mapping("a", 0))),
            InvalidValueError,
            "PRIMARY",
        ),
    ):
        with pytest.raises(kind, match=words):
            build_snapshot(configuration)


def test_a_secret_without_provider_serves_any(rows: Any) -> None:
    endpoint = rows.endpoint("chat", rows.mapping("a", provider="gemini"))
    configuration = rows.configuration(endpoint, secrets=(rows.secret(provider=None),))
    assert build_snapshot(configuration).endpoints["chat"].primaries[0].provider == "gemini"


@pytest.mark.parametrize(
    ("globs", "allowed", "refused"),
    [
        (("*",), ["chat", "CHAT", "a.b"], []),
        (("chat",), ["chat"], ["Chat", "chat2", "xchat"]),
        (("chat*", "embed-?"), ["chat", "chat-2", "embed-1"], ["embed-", "embed-12", "mychat"]),
        (("[ab]x",), ["ax", "bx"], ["cx", "[ab]x"]),
        (("[!a]x",), ["bx"], ["ax"]),
        (("a.c",), ["a.c"], ["abc"]),
    ],
)
def test_globs_match_as_fnmatch_does(
    rows: Any, globs: tuple[str, ...], allowed: list[str], refused: list[str]
) -> None:
    configuration = rows.configuration(api_keys=(rows.key(b"d", *globs),))
    key = build_snapshot(configuration).keys[b"d"]
    assert [name for name in allowed + refused if key.allows(name)] == allowed


def test_a_key_allows_nothing_by_an_empty_list(rows: Any) -> None:
    stored = rows.key(b"d", "")
    assert not build_snapshot(rows.configuration(api_keys=(stored,))).keys[b"d"].allows("chat")


def test_only_allowed_endpoints_are_listed(rows: Any) -> None:
    endpoints = [rows.endpoint(name, rows.mapping("a")) for name in ("a1", "b1", "a2")]
    snapshot = build_snapshot(rows.configuration(*endpoints, api_keys=(rows.key(b"d", "a*"),)))
    assert [route.name for route in snapshot.iter_allowed(snapshot.keys[b"d"])] == ["a1", "a2"]


@given(
    st.lists(st.text("ab.", min_size=1, max_size=3), unique=True),
    st.lists(st.text("ab.*?[]", max_size=3), max_size=3),
)
def test_exactly_what_a_key_allows_is_listed_in_order(
    rows: Any, names: list[str], globs: list[str]
) -> None:
    endpoints = [
        replace(rows.endpoint(name, rows.mapping("a")), created_at=place)
        for place, name in enumerate(names)
    ]
    snapshot = build_snapshot(rows.configuration(*endpoints, api_keys=(rows.key(b"d", *globs),)))
    key = snapshot.keys[b"d"]
    for _ in range(2):  # what the first listing leaves behind does not change the second
        listed = [route.name for route in snapshot.iter_allowed(key)]
        assert listed == [name for name in names if key.allows(name)]


def test_a_key_dies_at_its_expiry(rows: Any) -> None:
    keys = (rows.key(b"a", expires_at=100), rows.key(b"b", disabled=True), rows.key(b"c"))
    built = build_snapshot(rows.configuration(api_keys=keys)).keys
    assert [built[b"a"].is_live(99), built[b"a"].is_live(100)] == [True, False]
    assert not built[b"b"].is_live(0)
    assert built[b"c"].is_live(2**53)


def test_only_a_newer_epoch_takes_over(rows: Any) -> None:
    first, second, third = (build_snapshot(rows.configuration(epoch=epoch)) for epoch in (5, 6, 6))
    holder = SnapshotHolder(first)
    assert not holder.swap(build_snapshot(rows.configuration(epoch=4)))
    assert holder.swap(second)
    assert not holder.swap(third)
    assert holder.current is second


def test_the_work_grows_with_the_size_and_no_faster(rows: Any) -> None:
    """Compared with itself: twenty times the endpoints in less than a hundred times the time."""

    def measure(count: int) -> float:
        endpoints = [
            rows.endpoint(f"e{index}", rows.mapping("a", 8), rows.mapping("b", 2))
            for index in range(count)
        ]
        configuration = rows.configuration(*endpoints)
        started = time.process_time()
        assert len(build_snapshot(configuration).endpoints) == count
        return time.process_time() - started

    small = max(measure(500), 0.001)
    assert measure(10_000) < 100 * small
