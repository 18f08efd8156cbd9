"""A patched snapshot equals a whole build, whatever changed; the rest is the same object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import (
    Configuration,
    ConfigurationChanges,
    EndpointLimits,
    GatewayEndpoint,
    SealedSecret,
    StoredApiKey,
)
from gateway.errors import ConflictError, LockgateError
from gateway.routing import Snapshot, build_snapshot, update_snapshot
from tests.routing.conftest import make_endpoint, make_key, make_mapping, make_secret

NAMES = ("a", "b", "c", "d")
GLOBS = st.sampled_from(("*", "a"))


@dataclass(frozen=True)
class Rows:
    """A configuration by id, as a database has it; nothing here is checked."""

    endpoints: dict[str, GatewayEndpoint]
    secrets: dict[str, SealedSecret]
    api_keys: dict[str, StoredApiKey]

    def configuration(self, epoch: int) -> Configuration:
        endpoints = sorted(
            self.endpoints.values(), key=lambda row: (row.created_at, row.endpoint_id)
        )
        return Configuration(
            epoch=epoch,
            endpoints=tuple(endpoints),
            secrets=tuple(self.secrets.values()),
            api_keys=tuple(self.api_keys.values()),
        )


def compare(before: Rows, after: Rows, since: int = 1) -> ConfigurationChanges:
    def changed(old: dict[str, Any], new: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row for name, row in new.items() if old.get(name) != row)

    def gone(old: dict[str, Any], new: dict[str, Any]) -> frozenset[Any]:
        return frozenset(old.keys() - new.keys())

    return ConfigurationChanges(
        since=since,
        epoch=since + 1,
        endpoints=changed(before.endpoints, after.endpoints),
        secrets=changed(before.secrets, after.secrets),
        api_keys=changed(before.api_keys, after.api_keys),
        gone_endpoints=gone(before.endpoints, after.endpoints),
        gone_secrets=gone(before.secrets, after.secrets),
        gone_api_keys=gone(before.api_keys, after.api_keys),
    )


def make_keyed(name: str, digest: bytes, *globs: str) -> StoredApiKey:
    stored = make_key(digest, *globs)
    return replace(stored, key=replace(stored.key, key_id=f"k-{name}"))


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Nearly always the usual: of values that are all drawn freely, few can run."""
    return st.integers(0, 9).flatmap(
        lambda number: st.sampled_from(others) if number == 0 else st.just(usual)
    )


@st.composite
def endpoints(draw: st.DrawFn, name: str) -> GatewayEndpoint:
    mappings = [
        make_mapping(
            f"{name}{place}" if draw(st.booleans()) else f"x{place}",
            draw(mostly(1.0, 3.0, 0.0)),
            order,
            secret_id=f"s-{draw(mostly('p', 'q'))}",
            provider=draw(mostly("openai", "gemini")),
        )
        for place, order in enumerate(draw(st.sampled_from([(None,), (None, None), (None, 1)])))
    ]
    return replace(
        make_endpoint(draw(mostly(f"own-{name}", *NAMES)), *mappings),
        endpoint_id=f"e-{name}",
        created_at=NAMES.index(name) // 2,
        limits=EndpointLimits(max_body_bytes=draw(st.sampled_from((None, 10, 20)))),
    )


@st.composite
def secrets(draw: st.DrawFn, name: str) -> SealedSecret:
    row = make_secret(f"s-{name}", draw(mostly("openai", None, "gemini")))
    return replace(row, secret_version=draw(st.integers(1, 2)))


@st.composite
def all_rows(draw: st.DrawFn) -> Rows:
    return Rows(
        {f"e-{name}": draw(endpoints(name)) for name in NAMES if draw(st.booleans())},
        {f"s-{name}": draw(secrets(name)) for name in "pq" if draw(mostly(True, False))},
        {
            f"k-{name}": make_keyed(name, draw(mostly(name.encode(), b"n")), draw(GLOBS))
            for name in "mn"
            if draw(st.booleans())
        },
    )


def outcome(build: Callable[[], Snapshot]) -> Snapshot | type[LockgateError]:
    try:
        return build()
    except LockgateError as error:
        return type(error)


def assert_equal(patched: Snapshot, whole: Snapshot) -> None:
    assert patched == whole
    assert list(patched.endpoints) == list(whole.endpoints)  # the order that clients see


@given(st.lists(all_rows(), min_size=2, max_size=6))
def test_patched_equals_built_and_what_cannot_run_is_refused_by_both(states: list[Rows]) -> None:
    before = Rows({}, {}, {})
    current = build_snapshot(before.configuration(1))
    for after in states:
        changes = compare(before, after, current.epoch)
        whole = outcome(lambda: build_snapshot(after.configuration(changes.epoch)))  # noqa: B023
        patched = outcome(lambda: update_snapshot(current, changes))  # noqa: B023
        if isinstance(whole, Snapshot):
            assert isinstance(patched, Snapshot), patched
            assert_equal(patched, whole)
            assert_unchanged_is_same(current, patched)
            before, current = after, patched
        else:
            assert not isinstance(patched, Snapshot)


def assert_unchanged_is_same(old: Snapshot, new: Snapshot) -> None:
    for before, after in (
        (old.endpoints, new.endpoints),
        (old.sealed, new.sealed),
        (old.keys, new.keys),
    ):
        pairs = [(before[name], after[name]) for name in before.keys() & after.keys()]  # type: ignore[index]
        assert all(one is other for one, other in pairs if one == other)


@pytest.fixture
def state() -> Rows:
    return Rows(
        {
            f"e-{name}": replace(make_endpoint(name, make_mapping(name)), created_at=place)
            for place, name in enumerate(NAMES)
        },
        {"s-1": make_secret(), "s-2": make_secret("s-2")},
        {"k-m": make_keyed("m", b"1"), "k-n": make_keyed("n", b"2")},
    )


def update(before: Rows, after: Rows) -> tuple[Snapshot, Snapshot]:
    old = build_snapshot(before.configuration(1))
    new = update_snapshot(old, compare(before, after))
    assert_equal(new, build_snapshot(after.configuration(2)))
    return old, new


def test_a_change_leaves_everything_else_the_same_object(state: Rows) -> None:
    changed = make_endpoint("b", make_mapping("b", 5), make_mapping("x", 3))
    after = replace(state, endpoints=state.endpoints | {"e-b": replace(changed, created_at=1)})
    old, new = update(state, after)
    assert [name for name in NAMES if new.endpoints[name] is not old.endpoints[name]] == ["b"]
    assert new.keys is old.keys
    assert new.sealed is old.sealed


def test_a_touch_that_changes_nothing_that_is_routed_keeps_the_object(state: Rows) -> None:
    touched = replace(state.endpoints["e-b"], tags={"team": "x"}, version=2)
    old, new = update(state, replace(state, endpoints=state.endpoints | {"e-b": touched}))
    assert new.endpoints["b"] is old.endpoints["b"]


def test_two_endpoints_may_swap_their_names(state: Rows) -> None:
    first, last = state.endpoints["e-a"], state.endpoints["e-d"]
    swapped = {"e-a": replace(first, name="d"), "e-d": replace(last, name="a")}
    _, new = update(state, replace(state, endpoints=state.endpoints | swapped))
    assert list(new.endpoints) == ["d", "b", "c", "a"]


def test_a_taken_name_is_refused(state: Rows) -> None:
    renamed = {"e-a": replace(state.endpoints["e-a"], name="b")}
    after = replace(state, endpoints=state.endpoints | renamed)
    with pytest.raises(ConflictError, match="two endpoints"):
        update_snapshot(build_snapshot(state.configuration(1)), compare(state, after))


@pytest.mark.parametrize("secrets", [{}, {"s-1": make_secret(provider="gemini")}])
def test_a_secret_that_its_targets_cannot_use_is_refused(state: Rows, secrets: Any) -> None:
    """No endpoint was touched, and none can be served any more."""
    with pytest.raises(ConflictError, match="endpoint 'a'"):
        update_snapshot(
            build_snapshot(state.configuration(1)), compare(state, replace(state, secrets=secrets))
        )


def test_the_largest_body_is_the_largest_of_those_that_are_there(state: Rows) -> None:
    def limit(name: str, size: int | None) -> GatewayEndpoint:
        limits = EndpointLimits(max_body_bytes=size)
        return replace(state.endpoints[f"e-{name}"], limits=limits)

    old, new = update(state, replace(state, endpoints=state.endpoints | {"e-a": limit("a", 9)}))
    assert (old.largest_body_bytes, new.largest_body_bytes) == (0, 9)
    both = replace(state, endpoints=state.endpoints | {"e-a": limit("a", 9), "e-b": limit("b", 5)})
    without = {name: row for name, row in both.endpoints.items() if name != "e-a"}
    old, new = update(both, replace(both, endpoints=without))
    assert (old.largest_body_bytes, new.largest_body_bytes) == (9, 5)
