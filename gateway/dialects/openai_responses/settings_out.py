"""How the model shall think and in which form it shall answer, on the wire of OpenAI Responses.

Source: OpenAI's API reference, "Create a model response", `reasoning` and `text`; its guide to
structured outputs for the rules of strict schemas.

Rule: a model that is known not to think is asked for no thoughts: it would refuse the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Feature,
    Losses,
    OutputFormat,
    OutputKind,
    ReasoningConfig,
)
from gateway.dialects.hub.carry import fit_id
from gateway.dialects.hub.places import find_place
from gateway.dialects.openai_responses.parts_out import Json

# Models that think: the others refuse to be asked for encrypted reasoning.
THINKING_MODELS: Final = re.compile(
    r"(?:^|[./-])(?:o[1-9]|gpt-[5-9]|codex)(?!.*chat)", re.IGNORECASE
)
# Models that do not, and refuse every word about it. Of others nothing is known (Azure's
# deployments have names of their own): they get what the client asks for.
PLAIN_MODELS: Final = re.compile(r"(?:^|[./-])(?:gpt-[34]|chatgpt|gpt-5[\w.]*-chat)", re.IGNORECASE)
# Thoughts of up to so many tokens are an effort's (Anthropic and Gemini count, OpenAI weighs).
_EFFORTS: Final = ((1024, "minimal"), (4096, "low"), (16384, "medium"))
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SAMPLING: Final = frozenset({Feature.TEMPERATURE.value, Feature.TOP_P.value})
_THOUGHTS: Final = frozenset(
    {
        Feature.REASONING.value,
        Feature.REASONING_SUMMARY.value,
        Feature.REASONING_ENCRYPTED.value,
    }
)


class Asks:
    """Whether a server takes what one field of a request asks for."""

    __slots__ = ("_losses", "_request", "_unsupported")

    def __init__(self, request: ChatRequest, to: Destination, losses: Losses) -> None:
        self._request, self._losses = request, losses
        thoughts = _THOUGHTS if PLAIN_MODELS.search(to.model) else frozenset[str]()
        # A model that thinks takes no temperature, unless it is told not to think.
        thinks = THINKING_MODELS.search(to.model) and _find_effort(request.reasoning) != "none"
        sampling = _SAMPLING if thinks else frozenset[str]()
        self._unsupported = to.quirks.unsupported | thoughts | sampling

    def knows(self, feature: Feature) -> bool:
        """Return whether the server takes it."""
        return feature.value not in self._unsupported

    def take(self, feature: Feature) -> bool:
        """Return whether the server takes it; tell `Losses` if not."""
        if self.knows(feature):
            return True
        self._losses.lose(feature, find_place(self._request.dialect, feature))
        return False


def dump_reasoning(request: ChatRequest, asks: Asks) -> Json:
    """Return how much the model shall think, and what of it is shown."""
    asked = request.reasoning
    if asked is None:
        return {}
    dumped: Json = {}
    effort = _find_effort(asked)
    if effort == "none":  # what a model that cannot think does anyway
        dumped = {"effort": effort} if asks.knows(Feature.REASONING) else {}
    elif effort is not None and asks.take(Feature.REASONING):
        dumped["effort"] = effort
    # Whoever sees thoughts in his own format without asking for them sees summaries here.
    summary = asked.summary or ("auto" if asked.show else None)
    if summary is not None and effort != "none" and asks.take(Feature.REASONING_SUMMARY):
        dumped["summary"] = summary
    return {"reasoning": dumped} if dumped else {}


def _find_effort(asked: ReasoningConfig | None) -> str | None:
    if asked is None:
        return None
    if asked.effort is not None:
        return asked.effort
    return "none" if asked.enabled is False else find_effort(asked.budget_tokens)


def find_effort(budget_tokens: int | None) -> str | None:
    """Return the effort that a budget of thoughts comes near to; -1 is "as you like"."""
    if budget_tokens is None or budget_tokens < 0:
        return None
    if budget_tokens == 0:
        return "none"
    return next((word for most, word in _EFFORTS if budget_tokens <= most), "high")


def dump_text(request: ChatRequest, asks: Asks) -> Json:
    """Return the form of the answer's text, and how long it may be."""
    text: Json = {}
    if request.output is not None and request.output.kind is not OutputKind.TEXT:
        text["format"] = _dump_format(request.output)
    if request.verbosity is not None and asks.take(Feature.VERBOSITY):
        text["verbosity"] = request.verbosity
    return text


def _dump_format(output: OutputFormat) -> Json:
    if output.kind is OutputKind.JSON or output.schema is None:
        return {"type": "json_object"}
    strict = is_strict(output.schema) if output.strict is None else output.strict
    dumped = {
        "type": "json_schema",
        "name": fit_id(output.name or "answer", _NAME, 32, prefix="schema_"),
        "schema": output.schema,
        "strict": strict,
        "description": output.description,
    }
    return {name: value for name, value in dumped.items() if value is not None}


def is_strict(schema: Any) -> bool:
    """Whether a schema keeps the rules of strict mode: all fields required, none besides.

    Where the client's format promises that the schema is kept, this keeps the promise if OpenAI
    can: a schema that breaks the rules would be refused.
    """
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        fields = schema.get("properties")
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or not isinstance(fields, Mapping):
            return False
        if not isinstance(required, list) or set(fields) != set(map(str, required)):
            return False
    return all(map(is_strict, schema.values()))
