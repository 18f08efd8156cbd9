"""What OpenAI Responses cannot express, and what becomes of it.

Rule: what is not listed is either expressed or refused. `test_losses` holds the table to the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.dialects.hub import Feature, Loss

LOSSES: Final[Mapping[Feature, Loss]] = MappingProxyType(
    {
        # --- refused: the client would be wrong about its answer
        Feature.AUDIO: Loss.REFUSED,  # no part for it
        Feature.VIDEO: Loss.REFUSED,
        Feature.FILE_ID: Loss.REFUSED,  # another vendor's file
        Feature.CANDIDATES: Loss.REFUSED,
        Feature.STOP: Loss.REFUSED,  # the answer would run past where its reader wants it to end
        Feature.MODALITIES: Loss.REFUSED,  # text alone
        Feature.PREVIOUS_ID: Loss.REFUSED,  # nothing is stored: see `store` in `request_out`
        Feature.TOOL_CHOICE_NAMED: Loss.REFUSED,  # only where the named tool is another vendor's
        # --- dropped: hints and tuning
        Feature.CITATIONS: Loss.DROPPED,
        Feature.CACHE_CONTROL: Loss.DROPPED,  # prefixes are cached by themselves
        Feature.REASONING_HISTORY: Loss.DROPPED,
        Feature.OPAQUE_PART: Loss.DROPPED,
        Feature.NAME: Loss.DROPPED,
        Feature.HOSTED_TOOL: Loss.DROPPED,
        Feature.TOP_K: Loss.DROPPED,
        Feature.SEED: Loss.DROPPED,
        Feature.PRESENCE_PENALTY: Loss.DROPPED,
        Feature.FREQUENCY_PENALTY: Loss.DROPPED,
        Feature.LOGIT_BIAS: Loss.DROPPED,
        Feature.PREDICTION: Loss.DROPPED,
        Feature.SERVICE_TIER: Loss.DROPPED,  # another vendor's word
        Feature.STORE: Loss.DROPPED,
        Feature.EXTRA: Loss.DROPPED,
        # --- dropped where the server is one that refuses them (`Quirks.unsupported`)
        Feature.TEMPERATURE: Loss.DROPPED,
        Feature.TOP_P: Loss.DROPPED,
        Feature.REASONING: Loss.DROPPED,
        Feature.REASONING_SUMMARY: Loss.DROPPED,
        Feature.REASONING_ENCRYPTED: Loss.DROPPED,
        Feature.VERBOSITY: Loss.DROPPED,
        Feature.SERIAL_CALLS: Loss.DROPPED,
        Feature.USER: Loss.DROPPED,
        Feature.METADATA: Loss.DROPPED,
        Feature.CACHE_KEY: Loss.DROPPED,
        Feature.LOGPROBS: Loss.REFUSED,
        # --- said in another way
        Feature.MAX_TOKENS: Loss.CHANGED,  # fewer than 16 become 16
        Feature.DOCUMENT_CONTEXT: Loss.CHANGED,  # as text before the document
        Feature.TOOL_RESULT_ERROR: Loss.CHANGED,  # as the first word of the text
    }
)
