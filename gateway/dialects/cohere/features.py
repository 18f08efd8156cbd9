"""What ``/v2/chat`` cannot express, and what becomes of it.

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
    }
)

LOSSES: Final[LossTable] = MappingProxyType(
    {
        # Refused: the client would be wrong about the answer.
        Feature.IMAGE_URL: Loss.REFUSED,  # of a cloud's storage
        Feature.STOP: Loss.REFUSED,  # more of them than five
        Feature.MAX_TOKENS: Loss.REFUSED,
        Feature.DOCUMENT: Loss.REFUSED,  # but plain text
        Feature.DOCUMENT_URL: Loss.REFUSED,
        Feature.FILE_ID: Loss.REFUSED,
        Feature.AUDIO: Loss.REFUSED,
        Feature.VIDEO: Loss.REFUSED,
        Feature.CANDIDATES: Loss.REFUSED,
        Feature.LOGPROBS: Loss.REFUSED,  # Cohere's go by chunks of text, not by tokens
        Feature.MODALITIES: Loss.REFUSED,
        Feature.PREVIOUS_ID: Loss.REFUSED,
        # Said in another way.
        # A named tool is the only one that is sent, and one must be called; one that is not there
        # is refused.
        Feature.TOOL_CHOICE_NAMED: Loss.REFUSED,
        Feature.ALLOWED_TOOLS: Loss.CHANGED,  # the others are not sent
        Feature.CUSTOM_TOOL: Loss.CHANGED,  # a function of one text
        Feature.REFUSAL_HISTORY: Loss.CHANGED,  # text
        Feature.MEDIA_IN_TOOL_RESULT: Loss.CHANGED,  # in a user's message behind the results
        Feature.TOOL_RESULT_ERROR: Loss.CHANGED,  # "Error: " before its text
        # Hints: left out and reported.
        Feature.DOCUMENT_CONTEXT: Loss.DROPPED,
        Feature.CITATIONS: Loss.DROPPED,  # of an earlier turn
        Feature.CACHE_CONTROL: Loss.DROPPED,
        Feature.REASONING_HISTORY: Loss.DROPPED,
        Feature.OPAQUE_PART: Loss.DROPPED,
        Feature.NAME: Loss.DROPPED,
        Feature.STRICT_TOOL: Loss.DROPPED,  # it is all tools or none
        Feature.TOOL_GRAMMAR: Loss.DROPPED,
        Feature.HOSTED_TOOL: Loss.DROPPED,
        Feature.SERIAL_CALLS: Loss.DROPPED,
        Feature.TEMPERATURE: Loss.DROPPED,  # above 1 it is 1
        Feature.TOP_P: Loss.DROPPED,
        Feature.TOP_K: Loss.DROPPED,
        Feature.SEED: Loss.DROPPED,
        Feature.PRESENCE_PENALTY: Loss.DROPPED,  # negative ones; above 1 they are 1
        Feature.FREQUENCY_PENALTY: Loss.DROPPED,
        Feature.LOGIT_BIAS: Loss.DROPPED,
        Feature.REASONING: Loss.DROPPED,  # of a model that does not think
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
