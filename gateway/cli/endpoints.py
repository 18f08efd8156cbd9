"""`lockgate endpoints`: the names that applications call.

Rule: a change of some mappings or tags is one conditional PATCH of the whole, made
from the version that was read: nobody else's change in between is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from gateway.cli.client import Api
from gateway.cli.inputs import parse_pairs, parse_weighted
from gateway.cli.options import with_api, with_if_match, with_limit, with_output
from gateway.cli.output import print_rows
from gateway.cli.resource import (
    add_delete,
    add_get,
    find_id,
    get_entity,
    patch_entity,
    print_change,
)
from gateway.cli.resources import ENDPOINTS, MODELS, SECRETS
from gateway.entities import RefusalKind

F = TypeVar("F", bound=Callable[..., Any])
_DEFAULT = "default"
_NONE = "none"


@click.group()
def endpoints() -> None:
    """Define endpoints: a name that applications call, and the models behind it."""


def _with_shape(command: F) -> F:
    for option in (
        click.option(
            "--limits",
            multiple=True,
            metavar="NAME=N",
            help="Limit of this endpoint alone, as total_timeout_ms=30000, or NAME=default.",
        ),
        click.option(
            "--hedge/--no-hedge",
            default=None,
            help="Ask a second model when the first is slow; at most 2 % more calls.",
        ),
        click.option(
            "--fallback-on",
            multiple=True,
            metavar="KIND",
            type=click.Choice([*(kind.value for kind in RefusalKind), _NONE]),
            help="Go on to another model after this refusal too: context_window_exceeded, "
            "content_policy; repeatable, or none.",
        ),
        click.option(
            "--usage-tracking/--no-usage-tracking", default=None, help="Keep a ledger of calls."
        ),
        click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag; repeatable."),
        click.option(
            "--max-fallbacks", metavar="N|all", help="How many fallbacks a request may go on to."
        ),
        click.option(
            "--fallback",
            "fallbacks",
            multiple=True,
            metavar="MODEL",
            help="Model to go on to when the others failed; repeatable, in order.",
        ),
        click.option(
            "--model",
            "primaries",
            multiple=True,
            metavar="MODEL[=WEIGHT]",
            help="Model with its share of the traffic, a relative weight [1]; repeatable.",
        ),
    ):
        command = option(command)
    return command


@endpoints.command("list", epilog="Example: lockgate endpoints list --q chat")
@click.option("--q", help="Only those with this in their name.")
@click.option("--provider", help="Only those that reach this provider.")
@click.option("--secret", help="Only those that use this secret (name or id).")
@click.option("--model", help="Only those that use this model definition (name or id).")
@with_limit
@with_output
@with_api
def list_(
    api: Api,
    q: str | None,
    provider: str | None,
    secret: str | None,
    model: str | None,
    limit: int | None,
    output: str,
) -> None:
    """List the endpoints with the share that each model has of their traffic."""
    query = {
        "q": q,
        "provider": provider,
        "secret_id": None if secret is None else find_id(api, SECRETS, secret),
        "model_definition_id": None if model is None else find_id(api, MODELS, model),
    }
    print_rows(api.list_all(ENDPOINTS.path, query, limit=limit), ENDPOINTS.columns, output)


@endpoints.command(
    epilog="Example: lockgate endpoints create chat --model mini=80 --model big=20 "
    "--fallback cheap --max-fallbacks 1 --tag team=search"
)
@click.argument("name")
@_with_shape
@with_output
@with_api
def create(
    api: Api,
    name: str,
    primaries: tuple[str, ...],
    fallbacks: tuple[str, ...],
    max_fallbacks: str | None,
    tags: tuple[str, ...],
    usage_tracking: bool | None,
    fallback_on: tuple[str, ...],
    hedge: bool | None,
    limits: tuple[str, ...],
    output: str,
) -> None:
    """Define an endpoint with the models behind it."""
    if not primaries:
        raise click.UsageError("an endpoint needs at least one --model")
    body: dict[str, Any] = {
        "name": name,
        "tags": parse_pairs(tags, "--tag"),
        **_parse_options(max_fallbacks, usage_tracking, limits),
    }
    resilience = _parse_resilience(fallback_on, hedge)
    if resilience:
        body["resilience"] = resilience
    body["model_mappings"] = [
        *_build_primaries(api, primaries),
        *_build_fallbacks(api, fallbacks),
    ]
    print_change(ENDPOINTS, api.call("POST", ENDPOINTS.path, body=body), "created", output)


@endpoints.command(epilog="Example: lockgate endpoints update chat --model mini=50 --model big=50")
@click.argument("reference", metavar="NAME")
@click.option("--name", help="New name.")
@_with_shape
@click.option("--no-fallbacks", is_flag=True, help="Remove all fallbacks.")
@click.option("--untag", multiple=True, metavar="KEY", help="Remove a tag; repeatable.")
@with_if_match
@with_output
@with_api
def update(
    api: Api,
    reference: str,
    name: str | None,
    primaries: tuple[str, ...],
    fallbacks: tuple[str, ...],
    no_fallbacks: bool,
    max_fallbacks: str | None,
    tags: tuple[str, ...],
    untag: tuple[str, ...],
    usage_tracking: bool | None,
    fallback_on: tuple[str, ...],
    hedge: bool | None,
    limits: tuple[str, ...],
    if_match: str | None,
    output: str,
) -> None:
    """Change an endpoint.

    --model replaces all weighted models, --fallback all fallbacks; what is not
    named stays. --tag and --untag change single tags.
    """
    if no_fallbacks and fallbacks:
        raise click.UsageError("give --fallback or --no-fallbacks, not both")
    body = _parse_options(max_fallbacks, usage_tracking, limits)
    if name is not None:
        body["name"] = name
    new_tags = parse_pairs(tags, "--tag")
    current = get_entity(api, ENDPOINTS, reference)
    if "limits" in body:
        body["limits"] = {**(current.body.get("limits") or {}), **body["limits"]}
    if resilience := _parse_resilience(fallback_on, hedge):
        body["resilience"] = {**current.body["resilience"], **resilience}
    if new_tags or untag:
        body["tags"] = _merge_tags(current.body["tags"], new_tags, untag)
    if primaries or fallbacks or no_fallbacks:
        body["model_mappings"] = [
            *(_build_primaries(api, primaries) or _keep(current.body, "PRIMARY")),
            *(
                []
                if no_fallbacks
                else _build_fallbacks(api, fallbacks) or _keep(current.body, "FALLBACK")
            ),
        ]
    answer = patch_entity(
        api, ENDPOINTS, current.body["endpoint_id"], body, if_match or current.etag
    )
    print_change(ENDPOINTS, answer, "updated", output)


def _parse_options(
    max_fallbacks: str | None, usage_tracking: bool | None, limits: Sequence[str]
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if max_fallbacks is not None:
        body["fallback_config"] = {
            "strategy": "SEQUENTIAL",
            "max_attempts": _parse_number(max_fallbacks, "all", "--max-fallbacks"),
        }
    if usage_tracking is not None:
        body["usage_tracking"] = usage_tracking
    if limits:
        body["limits"] = {
            key: _parse_number(value, _DEFAULT, "--limits")
            for key, value in parse_pairs(limits, "--limits").items()
        }
    return body


def _parse_resilience(fallback_on: Sequence[str], hedge: bool | None) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if fallback_on:
        given["fallback_on"] = [kind for kind in fallback_on if kind != _NONE]
    if hedge is not None:
        given["hedge"] = hedge
    return given


def _parse_number(text: str, word: str, option: str) -> int | None:
    if text == word:
        return None
    if not text.isascii() or not text.isdigit():
        raise click.BadParameter(f"{text!r} is neither a number nor {word!r}", param_hint=option)
    return int(text)


def _build_primaries(api: Api, texts: Sequence[str]) -> list[dict[str, Any]]:
    built = []
    for name, weight in [parse_weighted(text) for text in texts]:
        mapping = {
            "model_definition_id": find_id(api, MODELS, name),
            "linkage_type": "PRIMARY",
        }
        built.append(mapping if weight is None else {**mapping, "weight": weight})
    return built


def _build_fallbacks(api: Api, names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "model_definition_id": find_id(api, MODELS, name),
            "linkage_type": "FALLBACK",
            "fallback_order": order,
        }
        for order, name in enumerate(names)
    ]


def _keep(endpoint: Mapping[str, Any], linkage: str) -> list[dict[str, Any]]:
    kept = ("model_definition_id", "linkage_type", "weight", "fallback_order")
    return [
        {key: mapping[key] for key in kept if mapping[key] is not None}
        for mapping in endpoint["model_mappings"]
        if mapping["linkage_type"] == linkage
    ]


def _merge_tags(
    current: Mapping[str, str], new: Mapping[str, str], untag: Sequence[str]
) -> dict[str, str]:
    for key in untag:
        if key not in current:
            raise click.BadParameter(f"there is no tag {key!r}", param_hint="--untag")
    return {**{key: value for key, value in current.items() if key not in untag}, **new}


add_get(endpoints, ENDPOINTS)
add_delete(endpoints, ENDPOINTS, force_help="Delete it although resources are bound to it.")
