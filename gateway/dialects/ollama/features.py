"""What ``/api/chat`` cannot express, and what becomes of it.

Rule: what a table does not list is refused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from gateway.dialects.hub import Feature, Loss, LossTable

KNOWN: Final = frozenset(
    {
        Feature.MAX_TOKENS,
        Feature.TEMPERATURE,
        Feature.TOP_P,
        Feature.TOP_K,
        Feature.STOP,
        Feature.SEED,
        Feature.PRESENCE_PENALTY,
        Feature.FREQUENCY_PENALTY,
        Feature.LOGPROBS,
    }
)

LOSSES: Final[LossTable] = MappingProxyType(
    {
        # Refused: the client would be wrong about the answer.
        Feature.IMAGE_URL: Loss.REFUSED,  # bytes only; nothing is fetched for a client
        Feature.DOCUMENT: Loss.REFUSED,  # but plain text, which becomes text
        Feature.DOCUMENT_URL: Loss.REFUSED,
        Feature.FILE_ID: Loss.REFUSED,
        Feature.AUDIO: Loss.REFUSED,
        Feature.VIDEO: Loss.REFUSED,
        Feature.TOOL_CHOICE_REQUIRED: Loss.REFUSED,  # there is no tool choice at all
        Feature.TOOL_CHOICE_NAMED: Loss.REFUSED,
        Feature.MAX_TOKENS: Loss.REFUSED,  # these three where a server's row says so
        Feature.STOP: Loss.REFUSED,
        Feature.LOGPROBS: Loss.REFUSED,
        Feature.CANDIDATES: Loss.REFUSED,
        Feature.MODALITIES: Loss.REFUSED,
        Feature.PREVIOUS_ID: Loss.REFUSED,
        # Said in another way.
        Feature.TOOL_CHOICE_NONE: Loss.CHANGED,  # no tools are sent
        Feature.ALLOWED_TOOLS: Loss.CHANGED,  # the others are not sent
        Feature.CUSTOM_TOOL: Loss.CHANGED,  # a function of one text
        Feature.REFUSAL_HISTORY: Loss.CHANGED,  # text
        Feature.MEDIA_IN_TOOL_RESULT: Loss.CHANGED,  # in a user's message behind the results
        Feature.TOOL_RESULT_ERROR: Loss.CHANGED,  # "Error: " before its text
        # Hints: left out and reported.
        Feature.IMAGE_DETAIL: Loss.DROPPED,
        Feature.DOCUMENT_CONTEXT: Loss.DROPPED,
        Feature.CITATIONS: Loss.DROPPED,
        Feature.CACHE_CONTROL: Loss.DROPPED,
        Feature.REASONING_HISTORY: Loss.DROPPED,
        Feature.OPAQUE_PART: Loss.DROPPED,
        Feature.NAME: Loss.DROPPED,
        Feature.STRICT_TOOL: Loss.DROPPED,
        Feature.TOOL_GRAMMAR: Loss.DROPPED,
        Feature.HOSTED_TOOL: Loss.DROPPED,
        Feature.SERIAL_CALLS: Loss.DROPPED,
        Feature.LOGIT_BIAS: Loss.DROPPED,
        # These only of a server whose quirks say that it lacks them.
        Feature.TEMPERATURE: Loss.DROPPED,
        Feature.TOP_P: Loss.DROPPED,
        Feature.TOP_K: Loss.DROPPED,
        Feature.SEED: Loss.DROPPED,
        Feature.PRESENCE_PENALTY: Loss.DROPPED,
        Feature.FREQUENCY_PENALTY: Loss.DROPPED,
        Feature.REASONING: Loss.DROPPED,  # where the model is known not to think
        Feature.VERBOSITY: Loss.DROPPED,
        Feature.PREDICTION: Loss.DROPPED,
        Feature.USER: Loss.DROPPED,
        Feature.METADATA: Loss.DROPPED,
        Feature.SERVICE_TIER: Loss.DROPPED,
        Feature.STORE: Loss.DROPPED,
        Feature.CACHE_KEY: Loss.DROPPED,
        Feature.EXTRA: Loss.DROPPED,
    }
)
