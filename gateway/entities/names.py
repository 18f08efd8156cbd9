"""Ids and enumerations of the configuration.

Rule: values as the contract spells them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

SecretId = NewType("SecretId", str)  # "s-" and 32 hex digits

ModelDefinitionId = NewType("ModelDefinitionId", str)  # "d-"

EndpointId = NewType("EndpointId", str)  # "e-"

MappingId = NewType("MappingId", str)  # "m-"

ApiKeyId = NewType("ApiKeyId", str)  # "k-"


class LinkageType(StrEnum):
    """How a mapping takes part in an endpoint."""

    PRIMARY = "PRIMARY"
    FALLBACK = "FALLBACK"


class RoutingStrategy(StrEnum):
    """How the first target of a request is chosen."""

    REQUEST_BASED_TRAFFIC_SPLIT = "REQUEST_BASED_TRAFFIC_SPLIT"


class FallbackStrategy(StrEnum):
    """In which order fallbacks are tried."""

    SEQUENTIAL = "SEQUENTIAL"


class RefusalKind(StrEnum):
    """Refusals of what a request holds that another model might not share."""

    CONTEXT_WINDOW_EXCEEDED = "context_window_exceeded"
    CONTENT_POLICY = "content_policy"


class Dialect(StrEnum):
    """A wire format that a client or an upstream speaks."""

    OPENAI_CHAT = "openai_chat"
    OPENAI_COMPLETIONS = "openai_completions"
    OPENAI_RESPONSES = "openai_responses"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    OPENAI_RAW = "openai_raw"  # what of OpenAI's passes unread: images, speech, moderation
    ANTHROPIC_MESSAGES = "anthropic_messages"
    GEMINI = "gemini"
    BEDROCK_CONVERSE = "bedrock_converse"
    COHERE_CHAT = "cohere_chat"
    OLLAMA_CHAT = "ollama_chat"


class Purpose(StrEnum):
    """What a call of a model is for, whatever the dialect."""

    CHAT = "chat"
    EMBED = "embed"
    COUNT = "count"  # the tokens of a chat request
