"""Which dialects one model of a provider speaks, with the settings of its credential.

Rule: a dialect is listed only where its requests arrive: at an address that is known, by the
publisher that has the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.entities import Dialect, Purpose
from gateway.providers.provider import Layout, Provider

_RESPONSES: Final = "responses"
_CHAT: Final = "chat"
_GOOGLE: Final = "google"
_ANTHROPIC: Final = "anthropic"
_PUBLISHED: Final = {_GOOGLE: Dialect.GEMINI, _ANTHROPIC: Dialect.ANTHROPIC_MESSAGES}
# What Anthropic's own SDK sends to Vertex AI instead of the header `anthropic-version`.
_VERTEX_VERSION: Final = "vertex-2023-10-16"


@dataclass(frozen=True, slots=True)
class BodyChange:
    """What a provider wants otherwise in the bodies of a dialect that it speaks.

    Attributes:
        dropped: top-level fields that it refuses.
        added: top-level fields that it wants where they are not there.
    """

    dropped: tuple[str, ...]
    added: tuple[tuple[str, str], ...]


_VERTEX_MESSAGES: Final = BodyChange(("model",), (("anthropic_version", _VERTEX_VERSION),))
_VERTEX_COUNT: Final = BodyChange((), (("anthropic_version", _VERTEX_VERSION),))


def list_spoken(
    provider: Provider, model: str, auth_config: Mapping[str, Any] | None
) -> frozenset[Dialect]:
    """Return the dialects whose requests one model of a provider takes byte for byte."""
    config = auth_config or {}
    dialects = provider.dialects
    if provider.layout is Layout.VERTEX:
        return frozenset({_PUBLISHED.get(find_publisher(model), Dialect.OPENAI_CHAT)})
    if config.get("api_base") is not None:
        dialects = dialects.difference(dialect for dialect, _ in provider.other_bases)
    if config.get("api") == _CHAT and _is_told(provider):
        dialects = dialects - {Dialect.OPENAI_RESPONSES}
    return dialects


def list_hub_dialects(
    provider: Provider, model: str, auth_config: Mapping[str, Any] | None
) -> tuple[Dialect, ...]:
    """Return what translated chats are sent as, the best first."""
    spoken = list_spoken(provider, model, auth_config)
    found = tuple(dialect for dialect in provider.hub_dialects if dialect in spoken)
    if (auth_config or {}).get("api") == _RESPONSES and Dialect.OPENAI_RESPONSES in found:
        rest = tuple(dialect for dialect in found if dialect is not Dialect.OPENAI_RESPONSES)
        return (Dialect.OPENAI_RESPONSES, *rest)
    return found


def _is_told(provider: Provider) -> bool:
    """Tell whether only the operator knows which of OpenAI's APIs the server has."""
    return any(field.name == "api" and field.default is None for field in provider.config_fields)


def find_body_change(provider: Provider, dialect: Dialect, purpose: Purpose) -> BodyChange | None:
    """Return what has to be changed in a body, also in one that passes; None: nothing."""
    if provider.layout is not Layout.VERTEX or dialect is not Dialect.ANTHROPIC_MESSAGES:
        return None
    return _VERTEX_COUNT if purpose is Purpose.COUNT else _VERTEX_MESSAGES


def change_fields(body: dict[str, Any], change: BodyChange | None) -> dict[str, Any]:
    """Return a body with what a provider wants otherwise."""
    if change is None:
        return body
    kept = {name: value for name, value in body.items() if name not in change.dropped}
    return {**dict(change.added), **kept}


def find_publisher(model: str) -> str:
    """Return who published a model of Vertex AI: ``google``, ``anthropic`` or another's name.

    Bare names are Google's unless they begin with ``claude``; a tuned model is at an endpoint.
    """
    name = model.removeprefix("publishers/")
    publisher, slash, _ = name.partition("/")
    if not slash:
        return _ANTHROPIC if name.startswith("claude") else _GOOGLE
    return _GOOGLE if publisher in ("models", "endpoints") else publisher
