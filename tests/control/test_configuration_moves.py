"""Whatever a configuration is, its export is a file that makes the same one elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.manifest import build_document, iter_references, parse_manifest
from gateway.manifest.dump import dump_yaml, name_credentials
from gateway.secret import Secret
from gateway.settings import Settings
from tests.control.conftest import Control, run_control

TIMES = st.none() | st.integers(0, 1 << 53)
WEIGHTS = st.integers(0, 10**6) | st.floats(0, 1e6, allow_nan=False)
# What YAML could take for something else, beside what hypothesis thinks of.
WORDS = st.sampled_from(
    ["no", "~", "1e3", "0o17", "2027-01-01", "<<", "=", "a: b", "# x", "*", "é"]
)
TEXT = WORDS | st.text(
    st.characters(
        exclude_categories=(
            "Cc",
            "Cf",
            "Cn",
            "Co",
            "Cs",
            "Zl",
            "Zp",
            "Zs",
        )  # as isprintable() has it
    ),
    min_size=1,
    max_size=20,
).filter(str.isprintable)
ENDPOINT_NAMES = st.from_regex(r"[A-Za-z0-9_.\-]{1,12}", fullmatch=True)


def drop_empty(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value not in (None, {}, [])}


def named(key: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    rows = st.fixed_dictionaries({key: TEXT, **fields}).map(drop_empty)
    return st.lists(rows, max_size=4, unique_by=lambda row: row[key])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a document that a gateway takes."""
    value = st.text("abc", min_size=8, max_size=40).map(lambda text: {"api_key": {"value": text}})
    header = st.text("ab-1", min_size=1, max_size=9)  # what a setting becomes on its way
    config = st.fixed_dictionaries({}, optional={"organization": header, "project": header})
    secrets = draw(
        named(
            "secret_name",
            provider=st.sampled_from(["openai", None]),
            expires_at=TIMES,
            secret_value=value,
        )
    )
    for secret in secrets:
        if "provider" in secret:
            secret.update(drop_empty({"auth_config": draw(config)}))
    names = [secret["secret_name"] for secret in secrets]
    models = named(
        "name", provider=st.just("openai"), model_name=TEXT, secret_name=st.sampled_from(names)
    )
    definitions = draw(models) if names else []
    endpoints = draw(endpoints_of([row["name"] for row in definitions])) if definitions else []
    targets = st.sampled_from([row["name"] for row in endpoints] or [""])
    bindings = st.fixed_dictionaries(
        {"endpoint": targets, "resource_type": TEXT, "resource_id": TEXT},
        optional={"display_name": TEXT},
    )
    unique = st.lists(
        bindings,
        max_size=3,
        unique_by=lambda row: (row["endpoint"], row["resource_type"], row["resource_id"]),
    )
    keys = draw(
        named("name", allowed_endpoints=st.lists(TEXT, min_size=1, max_size=3), expires_at=TIMES)
    )
    for number, key in enumerate(keys):
        key["value"] = {"value": f"lg-{number:043}"}
        key["disabled"] = draw(st.booleans())
    return {
        "lockgate": 1,
        "secrets": secrets,
        "model_definitions": definitions,
        "endpoints": endpoints,
        "bindings": draw(unique) if endpoints else [],
        "api_keys": keys,
    }


def endpoints_of(models: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    primary = st.tuples(st.sampled_from(models), WEIGHTS)
    rows = st.fixed_dictionaries(
        {
            "name": ENDPOINT_NAMES,
            "model_mappings": st.builds(
                build_mappings,
                st.lists(primary, min_size=1, max_size=3, unique_by=lambda pair: pair[0]),
                st.lists(st.sampled_from(models), max_size=3, unique=True),
            ),
            "usage_tracking": st.booleans(),
        },
        optional={
            "routing_strategy": st.sampled_from(["REQUEST_BASED_TRAFFIC_SPLIT", None]),
            "fallback_config": st.fixed_dictionaries(
                {"strategy": st.just("SEQUENTIAL")},
                optional={"max_attempts": st.none() | st.integers(0, 100)},
            ),
            "limits": st.dictionaries(
                st.sampled_from(["max_body_bytes", "idle_timeout_ms", "total_timeout_ms"]),
                st.none() | st.integers(1, 86_400_000),
            ),
            "resilience": st.fixed_dictionaries(
                {"hedge": st.booleans()},
                optional={"fallback_on": st.just(["content_policy", "context_window_exceeded"])},
            ),
            "tags": st.dictionaries(TEXT, TEXT, max_size=4),
        },
    )
    return st.lists(rows, max_size=4, unique_by=lambda row: row["name"])


def build_mappings(
    primaries: list[tuple[str, float]], fallbacks: list[str]
) -> list[dict[str, Any]]:
    """Return mappings of which the first has traffic."""
    first, *rest = primaries
    rows = [{"model_definition": first[0], "weight": first[1] or 1}]
    rows += [{"model_definition": name, "weight": weight} for name, weight in rest]
    return rows + [{"model_definition": name, "linkage_type": "FALLBACK"} for name in fallbacks]


async def apply(control: Control, document: dict[str, Any]) -> None:
    body = {"document": document, "prune": True, "overwrite": True}
    reply = await control.call("POST", "/configuration/apply", body)
    assert reply.status == 200, reply.json


async def export(control: Control) -> str:
    document = (await control.get("/configuration")).json["document"]
    return dump_yaml(name_credentials(document))


def read(text: str, value: str) -> dict[str, Any]:
    """Return the document that a file is sent as, each of its variables set."""
    manifest = parse_manifest(text.encode(), "lockgate.yaml")
    paths = [owned.reference.path for owned in iter_references(manifest)]
    document = build_document(manifest, dict.fromkeys(paths, Secret(value)))
    for secret in document["secrets"]:
        secret["secret_value"] = {"api_key": {"value": value}}
    return document


async def check(document: dict[str, Any], first: Control, second: Control) -> None:
    await apply(first, document)
    exported = await export(first)
    await apply(second, read(exported, "made-up-value"))
    assert await export(second) == exported
    before = (await second.get("/configuration")).json["epoch"]
    await apply(second, read(exported, "made-up-value"))
    assert (await second.get("/configuration")).json["epoch"] == before


@pytest.fixture
def run_check(settings: Settings) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give what checks a document on two gateways, which each takes in place of the one before."""
    with asyncio.Runner() as runner:
        opened = AsyncExitStack()
        first, second = (
            runner.run(opened.enter_async_context(run_control(replace(settings, data=folder))))
            for folder in (settings.data / "first", settings.data / "second")
        )
        yield lambda document: runner.run(check(document, first, second))
        runner.run(opened.aclose())


@given(document=documents())
@examples(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_an_export_makes_the_same_configuration_elsewhere(
    run_check: Callable[[dict[str, Any]], None], document: dict[str, Any]
) -> None:
    run_check(document)
