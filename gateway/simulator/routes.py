"""Which path is which vendor's: the only place where they all meet.

Rule: paths tell vendors apart, but for ``/v1/models``, where headers do, as with real SDKs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.simulator import (
    anthropic,
    azure,
    bedrock,
    cohere,
    gemini,
    ollama,
    openai,
    openai_responses,
    tokens,
    vertex,
)
from gateway.simulator.anthropic_messages import answer_messages, answer_token_count
from gateway.simulator.bedrock_converse import answer_converse, answer_converse_stream
from gateway.simulator.bedrock_converse import answer_token_count as answer_bedrock_count
from gateway.simulator.bedrock_invoke import answer_invoke
from gateway.simulator.cohere_chat import answer_chat as answer_cohere_chat
from gateway.simulator.cohere_embed import answer_embed, answer_rerank
from gateway.simulator.exchange import Inquiry, Problem, Surface, Vendor
from gateway.simulator.gemini_content import answer_action
from gateway.simulator.openai_chat import answer_chat
from gateway.simulator.openai_completions import answer_completion
from gateway.simulator.openai_embeddings import answer_embeddings
from gateway.simulator.openai_responses import answer_response
from gateway.simulator.strict import anthropic as strict_anthropic
from gateway.simulator.strict import bedrock as strict_bedrock
from gateway.simulator.strict import cohere as strict_cohere
from gateway.simulator.strict import gemini as strict_gemini
from gateway.simulator.strict import ollama as strict_ollama
from gateway.simulator.strict import openai_chat
from gateway.simulator.strict import openai_responses as strict_responses

_GEMINI_ACTION = Surface(
    gemini.VENDOR, answer_action, gemini.dump_error_event, check=strict_gemini.find_problem
)
_GEMINI_ARRAY = replace(
    _GEMINI_ACTION, dump_error_event=gemini.dump_error_item, errors_in_array=True
)
"""The stream without ``alt=sse``, which is one JSON array."""
_VERTEX_ACTION = replace(_GEMINI_ACTION, vendor=vertex.VENDOR, answer=vertex.answer_google)
_VERTEX_ARRAY = replace(_GEMINI_ARRAY, vendor=vertex.VENDOR, answer=vertex.answer_google)
_CHAT = Surface(openai.VENDOR, answer_chat, openai.dump_error_event, check=openai_chat.find_problem)
_RESPONSE = Surface(
    openai.VENDOR,
    answer_response,
    openai_responses.dump_error_event,
    check=strict_responses.find_problem,
)
_EMBEDDINGS = Surface(openai.VENDOR, answer_embeddings, openai.dump_error_event)

POSTS: Mapping[str, Surface] = {
    "/v1/chat/completions": _CHAT,
    "/chat/completions": _CHAT,
    "/api/v1/chat/completions": _CHAT,
    "/v1/completions": Surface(openai.VENDOR, answer_completion, openai.dump_error_event),
    "/v1/responses": _RESPONSE,
    "/v1/embeddings": _EMBEDDINGS,
    "/api/v1/completions": Surface(openai.VENDOR, answer_completion, openai.dump_error_event),
    "/api/v1/responses": _RESPONSE,
    "/api/v1/messages": Surface(
        anthropic.VENDOR,
        answer_messages,
        anthropic.dump_error_event,
        check=strict_anthropic.find_problem,
    ),
    "/v1/messages": Surface(
        anthropic.VENDOR,
        answer_messages,
        anthropic.dump_error_event,
        check=strict_anthropic.find_problem,
    ),
    "/v1/messages/count_tokens": Surface(
        anthropic.VENDOR,
        answer_token_count,
        anthropic.dump_error_event,
        check=strict_anthropic.find_count_problem,
    ),
    "/openai/v1/chat/completions": replace(_CHAT, vendor=azure.VENDOR),
    "/models/chat/completions": replace(_CHAT, vendor=azure.VENDOR),
    "/openai/responses": replace(_RESPONSE, vendor=azure.VENDOR),
    "/openai/v1/responses": replace(_RESPONSE, vendor=azure.VENDOR),
    "/openai/v1/embeddings": replace(_EMBEDDINGS, vendor=azure.VENDOR),
    "/v2/chat": Surface(
        cohere.VENDOR,
        answer_cohere_chat,
        cohere.dump_error_event,
        check=strict_cohere.find_problem,
    ),
    "/v2/embed": Surface(
        cohere.VENDOR,
        answer_embed,
        cohere.dump_error_event,
        check=strict_cohere.find_embed_problem,
    ),
    "/v2/rerank": Surface(cohere.VENDOR, answer_rerank, cohere.dump_error_event),
    "/api/chat": Surface(
        ollama.VENDOR,
        ollama.answer_chat,
        ollama.dump_error_event,
        check=strict_ollama.find_problem,
    ),
    "/api/embed": Surface(
        ollama.VENDOR,
        ollama.answer_embed,
        ollama.dump_error_event,
        check=strict_ollama.find_embed_problem,
    ),
    "/token": Surface(tokens.VENDOR, tokens.answer_google, tokens.dump_error_event, form=True),
}
"""Path to surface, for the routes that name their model in the body."""

_BEDROCK = {
    "converse": (answer_converse, strict_bedrock.find_problem),
    "converse-stream": (answer_converse_stream, strict_bedrock.find_problem),
    "count-tokens": (answer_bedrock_count, strict_bedrock.find_count_problem),
    "invoke": (answer_invoke, None),
}
_DEPLOYMENTS = {
    "chat/completions": (azure.answer_deployment_chat, openai_chat.find_problem),
    "completions": (azure.answer_deployment_completion, None),
    "embeddings": (azure.answer_deployment_embeddings, None),
}


def _check_named(
    check: Callable[[Inquiry], Problem | None],
    build_named: Callable[[Inquiry], Inquiry],
) -> Callable[[Inquiry], Problem | None]:
    """Make a check see the model of the path where its own format has it."""
    return lambda inquiry: check(build_named(inquiry))


def _check_vertex_anthropic(inquiry: Inquiry) -> Problem | None:
    """Check as Anthropic's own surface does; a wrong version is for the answer to say."""
    counting = inquiry.model.startswith("count-tokens")
    if "model" in inquiry.body and not counting:  # it stands in the path
        detail = "model: Extra inputs are not permitted"
        return vertex.ANTHROPIC_VENDOR.build_problem("bad-fault", detail=detail)
    check = strict_anthropic.find_count_problem if counting else strict_anthropic.find_problem
    return check(vertex.build_named(inquiry))


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to; model, action and version are empty where the path has none."""

    surface: Surface
    model: str = ""
    action: str = ""
    version: str = "v1"


def _match_bedrock(found: re.Match[str], _query: Mapping[str, str]) -> Match:
    answer, check = _BEDROCK[found["action"]]
    surface = Surface(bedrock.VENDOR, answer, bedrock.dump_error_event, check=check)
    return Match(surface, found["model"], found["action"])


def _match_deployment(found: re.Match[str], _query: Mapping[str, str]) -> Match:
    answer, check = _DEPLOYMENTS[found["action"]]
    named = None if check is None else _check_named(check, azure.build_named)
    surface = Surface(azure.VENDOR, answer, openai.dump_error_event, check=named)
    return Match(surface, found["model"], found["action"])


def _match_vertex(found: re.Match[str], query: Mapping[str, str]) -> Match:
    action = found["action"]
    in_array = action == "streamGenerateContent" and query.get("alt") != "sse"
    surface = _VERTEX_ARRAY if in_array else _VERTEX_ACTION
    return Match(surface, found["model"], action, found["version"])


def _match_vertex_anthropic(found: re.Match[str], _query: Mapping[str, str]) -> Match:
    surface = Surface(
        vertex.ANTHROPIC_VENDOR,
        vertex.answer_anthropic,
        anthropic.dump_error_event,
        check=_check_vertex_anthropic,
    )
    return Match(surface, found["model"], found["action"], found["version"])


def _match_entra(_found: re.Match[str], _query: Mapping[str, str]) -> Match:
    surface = Surface(tokens.VENDOR, tokens.answer_entra, tokens.dump_error_event, form=True)
    return Match(surface)


def _match_gemini(found: re.Match[str], query: Mapping[str, str]) -> Match:
    action = found["action"]
    in_array = action == "streamGenerateContent" and query.get("alt") != "sse"
    surface = _GEMINI_ARRAY if in_array else _GEMINI_ACTION
    return Match(surface, found["model"], action, found["version"])


_PROJECT = "/(?P<version>v1|v1beta1)/projects/[^/]+/locations/[^/]+/publishers"
_PATTERNS = tuple(
    (re.compile(pattern), build)
    for pattern, build in (
        (r"/(?P<version>v1|v1beta)/models/(?P<model>.+):(?P<action>[^:]*)", _match_gemini),
        (rf"/model/(?P<model>.+)/(?P<action>{'|'.join(_BEDROCK)})", _match_bedrock),
        (
            rf"/openai/deployments/(?P<model>[^/]+)/(?P<action>{'|'.join(_DEPLOYMENTS)})",
            _match_deployment,
        ),
        (_PROJECT + r"/google/models/(?P<model>[^/]+):(?P<action>[^:]*)", _match_vertex),
        (
            _PROJECT + r"/anthropic/models/(?P<model>[^/]+):(?P<action>(?:raw|streamRaw)Predict)",
            _match_vertex_anthropic,
        ),
        (r"/[^/]+/oauth2/v2\.0/token", _match_entra),
    )
)
"""Paths of POST with a model in them, and what makes a match of each."""

_MODELS: Mapping[str, tuple[Surface, Surface]] = {
    module.VENDOR.name: (
        Surface(module.VENDOR, module.list_models, module.dump_error_event),
        Surface(module.VENDOR, module.get_model, module.dump_error_event),
    )
    for module in (openai, anthropic, gemini)
}
"""Vendor name to its list of models and its page of one model."""
_AZURE_MODELS = Surface(azure.VENDOR, openai.list_models, openai.dump_error_event)
_LISTS: Mapping[str, Surface] = {
    "/api/tags": Surface(ollama.VENDOR, ollama.list_models, ollama.dump_error_event),
    "/openai/models": _AZURE_MODELS,
    "/openai/v1/models": _AZURE_MODELS,
    "/async-invoke": Surface(bedrock.VENDOR, bedrock.list_async_calls, bedrock.dump_error_event),
    "/v1beta1/publishers/google/models": Surface(
        vertex.VENDOR, vertex.list_models, gemini.dump_error_event
    ),
}
"""Lists that have a path of their own: what a test of a credential asks for."""


def find_match(
    method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str]
) -> Match | None:
    """Find the surface of a decoded path; header names are in lower case."""
    if method == "POST":
        return Match(POSTS[path]) if path in POSTS else _find_pattern(path, query)
    if method != "GET":
        return None
    if path in _LISTS:
        return Match(_LISTS[path])
    version, slash, rest = path.removeprefix("/").partition("/models")
    if not slash or version not in {"v1", "v1beta"} or rest[:1] not in {"", "/"}:
        return None
    name = rest.removeprefix("/")
    listing = _MODELS[find_vendor(path, headers, query).name]
    return Match(listing[1] if name else listing[0], name, "", version)


def _find_pattern(path: str, query: Mapping[str, str]) -> Match | None:
    for pattern, build in _PATTERNS:
        found = pattern.fullmatch(path)
        if found is not None:
            return build(found, query)
    return None


_BEGINNINGS: Mapping[str, Vendor] = {
    "/v1beta": gemini.VENDOR,
    "/model/": bedrock.VENDOR,
    "/openai/": azure.VENDOR,
    "/v2/": cohere.VENDOR,
    "/v1/projects/": vertex.VENDOR,
}


def find_vendor(path: str, headers: Mapping[str, str], query: Mapping[str, str]) -> Vendor:
    """Choose the vendor that a request without a route of its own is meant for."""
    for beginning, vendor in _BEGINNINGS.items():
        if path.startswith(beginning):
            return vendor
    if path.startswith("/api/") and not path.startswith("/api/v1"):
        return ollama.VENDOR
    if "x-goog-api-key" in headers or "key" in query:
        return gemini.VENDOR
    return anthropic.VENDOR if "anthropic-version" in headers else openai.VENDOR
