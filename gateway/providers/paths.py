"""The path of a call behind a provider's base URL, with its query where it needs one.

Sources: the vendors' API references; botocore's model of bedrock-runtime; the paths that the
vendors' own SDKs ask for at Azure and Vertex AI. Read in November 2026.

Rule: a model's name cannot leave its place in a path, and settings are checked before they stand
in one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.entities import Dialect, Purpose
from gateway.errors import DialectMismatchError, InvalidValueError
from gateway.providers.provider import Layout, Provider
from gateway.providers.urls import quote_model

_Config = Mapping[str, Any]
# Collections that a Gemini model's name may already begin with (AI API reference, "models").
_GEMINI_COLLECTIONS: Final = ("models", "tunedModels")
_GEMINI_VERSION: Final = "v1beta"
_STREAM_ACTION: Final = "streamGenerateContent"
_SSE: Final = "?alt=sse"
_COUNT_SUFFIX: Final = "/v1/messages/count_tokens"
_GEMINI_ACTIONS: Final = {
    Purpose.CHAT: "generateContent",
    Purpose.COUNT: "countTokens",
    Purpose.EMBED: "batchEmbedContents",
}
# {model} is the name, percent-encoded. One that is streamed stands in `_STREAMED` if it differs.
_PATHS: Final = {
    (Dialect.OPENAI_CHAT, Purpose.CHAT): "/chat/completions",
    (Dialect.OPENAI_CHAT, Purpose.EMBED): "/embeddings",
    (Dialect.OPENAI_COMPLETIONS, Purpose.CHAT): "/completions",
    (Dialect.OPENAI_RESPONSES, Purpose.CHAT): "/responses",
    (Dialect.OPENAI_EMBEDDINGS, Purpose.EMBED): "/embeddings",
    (Dialect.ANTHROPIC_MESSAGES, Purpose.CHAT): "/v1/messages",
    (Dialect.ANTHROPIC_MESSAGES, Purpose.COUNT): _COUNT_SUFFIX,
    (Dialect.BEDROCK_CONVERSE, Purpose.CHAT): "/model/{model}/converse",
    (Dialect.BEDROCK_CONVERSE, Purpose.COUNT): "/model/{model}/count-tokens",
    (Dialect.BEDROCK_CONVERSE, Purpose.EMBED): "/model/{model}/invoke",
    (Dialect.COHERE_CHAT, Purpose.CHAT): "/v2/chat",
    (Dialect.COHERE_CHAT, Purpose.EMBED): "/v2/embed",
    (Dialect.OLLAMA_CHAT, Purpose.CHAT): "/api/chat",
    (Dialect.OLLAMA_CHAT, Purpose.EMBED): "/api/embed",
}
_STREAMED: Final = {
    (Dialect.BEDROCK_CONVERSE, Purpose.CHAT): "/model/{model}/converse-stream",
}


def call_path(
    provider: Provider,
    dialect: Dialect,
    purpose: Purpose,
    model: str,
    *,
    stream: bool,
    auth_config: _Config | None,
) -> str:
    """Return the path and query of a translated call, to be joined by `upstream_url`.

    Args:
        provider: whose model it is.
        dialect: that the body is in.
        purpose: what for.
        model: the provider's name of it.
        stream: whether a stream is wanted; Gemini's comes as server-sent events.
        auth_config: the settings of the credential.

    Raises:
        DialectMismatchError: the dialect has no such call there.
        InvalidValueError: a setting that the path needs is missing or has no place in it.
    """
    if dialect is Dialect.GEMINI:
        is_streamed = stream and purpose is Purpose.CHAT
        action = _STREAM_ACTION if is_streamed else _GEMINI_ACTIONS[purpose]
        path = relay_path(
            provider, dialect, _GEMINI_VERSION, model, action, auth_config=auth_config
        )
        return path + _SSE if is_streamed else path
    call = (dialect, purpose)
    found = _STREAMED.get(call) if stream and call in _STREAMED else _PATHS.get(call)
    if found is None:
        raise DialectMismatchError(f"{dialect.value} has no call to {purpose.value}")
    suffix = found.replace("{model}", quote_model(model))
    return relay_path(
        provider, dialect, suffix, model, None, stream=stream, auth_config=auth_config
    )


def relay_path(
    provider: Provider,
    dialect: Dialect,
    suffix: str,
    model: str,
    action: str | None,
    *,
    stream: bool = False,
    auth_config: _Config | None,
) -> str:
    """Return the path and query of a call whose body passes as the client sent it.

    Args:
        provider: whose model it is.
        dialect: of client and provider.
        suffix: the path at the dialect's own vendor; Gemini's is the version alone.
        model: the provider's name of it.
        action: Gemini's word after the colon.
        stream: whether the body asks for a stream.
        auth_config: the settings of the credential.

    Raises:
        DialectMismatchError: there is no such call there.
        InvalidValueError: a setting that the path needs is missing or has no place in it.
    """
    layout = _LAYOUTS.get(provider.layout)
    if layout is not None:
        return layout(_Place(provider, auth_config or {}), dialect, suffix, model, action, stream)
    return suffix if action is None else gemini_suffix(suffix, model, action)


def gemini_suffix(version: str, model: str, action: str) -> str:
    """Return the path of a Gemini call, the model's name percent-encoded.

    ``models/x`` and ``tunedModels/x`` keep their collection; a bare name is of ``models``.
    """
    collection, slash, name = model.partition("/")
    if not slash or collection not in _GEMINI_COLLECTIONS:
        collection, name = "models", model
    return f"/{version}/{collection}/{quote_model(name)}:{action}"


class _Place:
    """A provider's settings, where they stand in a path."""

    __slots__ = ("_config", "_provider")

    def __init__(self, provider: Provider, config: _Config) -> None:
        self._provider = provider
        self._config = config

    def find(self, name: str) -> str | None:
        """Return a setting or its default. Raises InvalidValueError: it fits into no path."""
        field = next(row for row in self._provider.config_fields if row.name == name)
        value = self._config.get(name) or field.default
        if value is not None and not (isinstance(value, str) and field.matches(value)):
            raise InvalidValueError(
                "is not of the form that it must have", field=f"auth_config.{name}"
            )
        return value

    def get(self, name: str) -> str:
        """Return a setting or its default. Raises InvalidValueError also where there is none."""
        value = self.find(name)
        if value is None:
            raise InvalidValueError("is required", field=f"auth_config.{name}")
        return value


def _place_azure(
    place: _Place, dialect: Dialect, suffix: str, model: str, _: str | None, __: bool
) -> str:
    version = place.find("api_version")
    if version is None:
        return f"/openai/v1{suffix}"
    # Responses name their deployment in the body only.
    if dialect is Dialect.OPENAI_RESPONSES:
        return f"/openai{suffix}?api-version={version}"
    return f"/openai/deployments/{quote_model(model)}{suffix}?api-version={version}"


def _place_vertex(
    place: _Place, dialect: Dialect, suffix: str, model: str, action: str | None, stream: bool
) -> str:
    home = f"/v1/projects/{place.get('project')}/locations/{place.get('location')}"
    if dialect is Dialect.OPENAI_CHAT:
        return f"{home}/endpoints/openapi{suffix}"
    if dialect is Dialect.ANTHROPIC_MESSAGES:
        return home + _publish_anthropic(suffix, model, stream=stream)
    if action is None or action.endswith("mbedContents"):
        raise DialectMismatchError("Vertex AI takes no batches of Gemini's embeddings")
    name = model.removeprefix("publishers/").removeprefix("google/").removeprefix("models/")
    if name.startswith("endpoints/"):  # a tuned model
        return f"{home}/endpoints/{quote_model(name.removeprefix('endpoints/'))}:{action}"
    return f"{home}/publishers/google/models/{quote_model(name, safe='@')}:{action}"


def _publish_anthropic(suffix: str, model: str, *, stream: bool) -> str:
    if suffix == _COUNT_SUFFIX:
        return "/publishers/anthropic/models/count-tokens:rawPredict"
    name = model.rpartition("/")[2]
    action = "streamRawPredict" if stream else "rawPredict"
    return f"/publishers/anthropic/models/{quote_model(name, safe='@')}:{action}"


_LAYOUTS: Final[Mapping[Layout, Callable[[_Place, Dialect, str, str, str | None, bool], str]]] = {
    Layout.AZURE: _place_azure,
    Layout.VERTEX: _place_vertex,
}
