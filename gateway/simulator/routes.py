"""Which path is which vendor's: the only place where the three meet.

Rule: paths tell vendors apart, but for ``/v1/models``, where headers do, as with real SDKs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.simulator import anthropic, gemini, openai, openai_responses
from gateway.simulator.anthropic_messages import answer_messages, answer_token_count
from gateway.simulator.exchange import Surface, Vendor
from gateway.simulator.gemini_content import answer_action
from gateway.simulator.openai_chat import answer_chat
from gateway.simulator.openai_completions import answer_completion
from gateway.simulator.openai_embeddings import answer_embeddings
from gateway.simulator.openai_responses import answer_response

_GEMINI_ACTION = Surface(gemini.VENDOR, answer_action, gemini.dump_error_event)
_GEMINI_ARRAY = Surface(gemini.VENDOR, answer_action, gemini.dump_error_item, errors_in_array=True)
"""The stream without ``alt=sse``, which is one JSON array."""

POSTS: Mapping[str, Surface] = {
    "/v1/chat/completions": Surface(openai.VENDOR, answer_chat, openai.dump_error_event),
    "/v1/completions": Surface(openai.VENDOR, answer_completion, openai.dump_error_event),
    "/v1/responses": Surface(openai.VENDOR, answer_response, openai_responses.dump_error_event),
    "/v1/embeddings": Surface(openai.VENDOR, answer_embeddings, openai.dump_error_event),
    "/v1/messages": Surface(anthropic.VENDOR, answer_messages, anthropic.dump_error_event),
    "/v1/messages/count_tokens": Surface(
        anthropic.VENDOR, answer_token_count, anthropic.dump_error_event
    ),
}
"""Path to surface, for the routes that name their model in the body."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to; model, action and version are empty where the path has none."""

    surface: Surface
    model: str = ""
    action: str = ""
    version: str = "v1"


def find_match(
    method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str]
) -> Match | None:
    """Find the surface of a decoded path; header names are in lower case."""
    if method == "POST" and path in POSTS:
        return Match(POSTS[path])
    version, slash, rest = path.removeprefix("/").partition("/models")
    if not slash or version not in {"v1", "v1beta"} or rest[:1] not in {"", "/"}:
        return None
    name = rest.removeprefix("/")
    if method == "POST":
        model, colon, action = name.rpartition(":")
        in_array = action == "streamGenerateContent" and query.get("alt") != "sse"
        surface = _GEMINI_ARRAY if in_array else _GEMINI_ACTION
        return Match(surface, model, action, version) if colon else None
    if method != "GET":
        return None
    listing = _MODELS[find_vendor(path, headers, query).name]
    return Match(listing[1] if name else listing[0], name, "", version)


def find_vendor(path: str, headers: Mapping[str, str], query: Mapping[str, str]) -> Vendor:
    """Choose the vendor that a request without a route of its own is meant for."""
    if path.startswith("/v1beta") or "x-goog-api-key" in headers or "key" in query:
        return gemini.VENDOR
    return anthropic.VENDOR if "anthropic-version" in headers else openai.VENDOR


_MODELS: Mapping[str, tuple[Surface, Surface]] = {
    module.VENDOR.name: (
        Surface(module.VENDOR, module.list_models, module.dump_error_event),
        Surface(module.VENDOR, module.get_model, module.dump_error_event),
    )
    for module in (openai, anthropic, gemini)
}
"""Vendor name to its list of models and its page of one model."""
