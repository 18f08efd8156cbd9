"""Where a client's dialect has its fields: what a report or a refusal calls them.

Rule: a client reads of its own field, never of the hub's or of the provider's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.dialects.hub.loss import Feature
from gateway.entities import Dialect

_OPENAI_CHAT: Final = {
    Feature.CANDIDATES: "n",
    Feature.SERIAL_CALLS: "parallel_tool_calls",
    Feature.TOOL_CHOICE_NONE: "tool_choice",
    Feature.TOOL_CHOICE_REQUIRED: "tool_choice",
    Feature.TOOL_CHOICE_NAMED: "tool_choice",
    Feature.ALLOWED_TOOLS: "tool_choice",
    Feature.JSON_OBJECT: "response_format",
    Feature.JSON_SCHEMA: "response_format",
    Feature.SCHEMA_KEYWORD: "response_format",
    Feature.REASONING: "reasoning_effort",
    Feature.REASONING_SUMMARY: "reasoning_effort",
    Feature.CACHE_KEY: "prompt_cache_key",
}
_OPENAI_RESPONSES: Final = _OPENAI_CHAT | {
    Feature.MAX_TOKENS: "max_output_tokens",
    Feature.JSON_OBJECT: "text.format",
    Feature.JSON_SCHEMA: "text.format",
    Feature.SCHEMA_KEYWORD: "text.format",
    Feature.VERBOSITY: "text.verbosity",
    Feature.REASONING: "reasoning",
    Feature.REASONING_SUMMARY: "reasoning.summary",
    Feature.REASONING_ENCRYPTED: "include",
    Feature.LOGPROBS: "top_logprobs",
    Feature.PREVIOUS_ID: "previous_response_id",
    Feature.USER: "safety_identifier",
}
_ANTHROPIC: Final = {
    Feature.STOP: "stop_sequences",
    Feature.SERIAL_CALLS: "tool_choice.disable_parallel_tool_use",
    Feature.TOOL_CHOICE_NONE: "tool_choice",
    Feature.TOOL_CHOICE_REQUIRED: "tool_choice",
    Feature.TOOL_CHOICE_NAMED: "tool_choice",
    Feature.ALLOWED_TOOLS: "tool_choice",
    Feature.JSON_OBJECT: "output_config.format",
    Feature.JSON_SCHEMA: "output_config.format",
    Feature.SCHEMA_KEYWORD: "output_config.format",
    Feature.REASONING: "thinking",
    Feature.REASONING_SUMMARY: "thinking",
    Feature.USER: "metadata.user_id",
}
_GEMINI: Final = {
    Feature.MAX_TOKENS: "generationConfig.maxOutputTokens",
    Feature.TEMPERATURE: "generationConfig.temperature",
    Feature.TOP_P: "generationConfig.topP",
    Feature.TOP_K: "generationConfig.topK",
    Feature.STOP: "generationConfig.stopSequences",
    Feature.SEED: "generationConfig.seed",
    Feature.PRESENCE_PENALTY: "generationConfig.presencePenalty",
    Feature.FREQUENCY_PENALTY: "generationConfig.frequencyPenalty",
    Feature.LOGPROBS: "generationConfig.responseLogprobs",
    Feature.CANDIDATES: "generationConfig.candidateCount",
    Feature.JSON_OBJECT: "generationConfig.responseMimeType",
    Feature.JSON_SCHEMA: "generationConfig.responseSchema",
    Feature.SCHEMA_KEYWORD: "generationConfig.responseSchema",
    Feature.REASONING: "generationConfig.thinkingConfig",
    Feature.REASONING_SUMMARY: "generationConfig.thinkingConfig",
    Feature.MODALITIES: "generationConfig.responseModalities",
    Feature.TOOL_CHOICE_NONE: "toolConfig.functionCallingConfig",
    Feature.TOOL_CHOICE_REQUIRED: "toolConfig.functionCallingConfig",
    Feature.TOOL_CHOICE_NAMED: "toolConfig.functionCallingConfig",
    Feature.ALLOWED_TOOLS: "toolConfig.functionCallingConfig",
    Feature.PREVIOUS_ID: "cachedContent",
    Feature.SERVICE_TIER: "serviceTier",
    Feature.DIMENSIONS: "outputDimensionality",
    Feature.TASK_TYPE: "taskType",
}
_PLACES: Final[Mapping[Dialect, Mapping[Feature, str]]] = MappingProxyType(
    {
        Dialect.OPENAI_CHAT: _OPENAI_CHAT,
        Dialect.OPENAI_COMPLETIONS: _OPENAI_CHAT,
        Dialect.OPENAI_RESPONSES: _OPENAI_RESPONSES,
        Dialect.ANTHROPIC_MESSAGES: _ANTHROPIC,
        Dialect.GEMINI: _GEMINI,
    }
)


def find_place(client: Dialect, feature: Feature) -> str:
    """Return the field by which a client's dialect asks for a feature; else the feature's name."""
    return _PLACES.get(client, {}).get(feature, feature.value)
