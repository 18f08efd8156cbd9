"""Servers that speak OpenAI's chat format with an accent: which, by the name of the model.

Formats: recorded answers of DeepSeek, Mistral and OpenRouter, vLLM's documentation, 2026-11.

Rule: a flavour changes ids, names of fields and framing, never what the model says.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Flavour(StrEnum):
    """Whose accent it is."""

    OPENAI = "openai"
    MISTRAL = "mistral"
    DEEPSEEK = "deepseek"
    OPENROUTER = "openrouter"
    OPEN = "open"
    """A server of open models (vLLM and its like): fields it does not know are let through."""


_NAMES = (
    (re.compile(r"(mistral|ministral|magistral|codestral|devstral|pixtral)"), Flavour.MISTRAL),
    (re.compile(r"deepseek"), Flavour.DEEPSEEK),
    (re.compile(r"(llama|qwen|glm|kimi|gemma|phi|gpt-oss|grok|sonar|hermes)"), Flavour.OPEN),
    (re.compile(r"[a-z0-9-]+/"), Flavour.OPENROUTER),
)


def find_flavour(model: str) -> Flavour:
    """Find the flavour of a model by how its name begins; OpenAI's where nothing tells."""
    found = (flavour for pattern, flavour in _NAMES if pattern.match(model.lower()))
    return next(found, Flavour.OPENAI)
