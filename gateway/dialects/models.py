"""Lists of models, in the shape of each vendor: what an endpoint looks like to an SDK.

Source: the vendors' API references for GET /v1/models and GET /v1beta/models.

Rule: an endpoint's name stands where the model's stands, and nothing tells what is
behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gateway.dialects.spec import dump_json

_OWNER: Final = "lockgate"
_GEMINI_METHODS: Final = (
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "batchEmbedContents",
)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One endpoint in a list; `created_at` in milliseconds since the epoch."""

    name: str
    created_at: int


def dump_models(vendor: str, entries: Sequence[ModelEntry]) -> bytes:
    """Return the whole list in the shape of a vendor (openai, anthropic or gemini)."""
    build, wrap = _SHAPES[vendor]
    return dump_json(wrap([build(entry) for entry in entries]))


def dump_model(vendor: str, entry: ModelEntry) -> bytes:
    """Return one entry in the shape of a vendor."""
    return dump_json(_SHAPES[vendor][0](entry))


def _build_openai(entry: ModelEntry) -> dict[str, Any]:
    created_s = entry.created_at // 1_000
    return {"id": entry.name, "object": "model", "created": created_s, "owned_by": _OWNER}


def _wrap_openai(models: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": models}


def _build_anthropic(entry: ModelEntry) -> dict[str, Any]:
    created = datetime.fromtimestamp(entry.created_at // 1_000, UTC)
    return {
        "type": "model",
        "id": entry.name,
        "display_name": entry.name,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",  # required by the SDK since version 2; an endpoint that is listed is
    }


def _wrap_anthropic(models: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "data": models,
        "has_more": False,
        "first_id": models[0]["id"] if models else None,
        "last_id": models[-1]["id"] if models else None,
    }


def _build_gemini(entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": f"models/{entry.name}",
        "baseModelId": entry.name,
        "version": "1",
        "displayName": entry.name,
        "supportedGenerationMethods": list(_GEMINI_METHODS),
    }


def _wrap_gemini(models: list[dict[str, Any]]) -> dict[str, Any]:
    return {"models": models}


_Build = Callable[[ModelEntry], dict[str, Any]]
_Wrap = Callable[[list[dict[str, Any]]], dict[str, Any]]
_SHAPES: Final[Mapping[str, tuple[_Build, _Wrap]]] = {
    "openai": (_build_openai, _wrap_openai),
    "anthropic": (_build_anthropic, _wrap_anthropic),
    "gemini": (_build_gemini, _wrap_gemini),
}
