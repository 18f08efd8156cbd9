"""What Converse cannot express, and what becomes of it.

Rule: what a table does not list is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.dialects.hub import Feature, Loss, LossTable

# Fields of a request that Converse, or a model's own fields within it, have a place for.
KNOWN: Final = frozenset(
    {
        Feature.MAX_TOKENS,
        Feature.TEMPERATURE,
        Feature.TOP_P,
        Feature.TOP_K,
        Feature.STOP,
        Feature.METADATA,
        Feature.SERVICE_TIER,
    }
)

LOSSES: Final[LossTable] = MappingProxyType(
    {
        # Refused: the client would be wrong about the answer.
        Feature.IMAGE: Loss.REFUSED,  # in a form that is not taken, as all media
        Feature.DOCUMENT: Loss.REFUSED,
        Feature.AUDIO: Loss.REFUSED,
        Feature.VIDEO: Loss.REFUSED,
        Feature.MEDIA_IN_TOOL_RESULT: Loss.REFUSED,  # sound; the rest is taken
        Feature.STOP: Loss.REFUSED,  # more of them than the server takes
        Feature.MAX_TOKENS: Loss.REFUSED,
        Feature.IMAGE_URL: Loss.REFUSED,  # Converse takes bytes; nothing is fetched for a client
        Feature.DOCUMENT_URL: Loss.REFUSED,
        Feature.FILE_ID: Loss.REFUSED,
        Feature.TOOL_CHOICE_NONE: Loss.REFUSED,  # only where the history holds calls
        # A model without schemas of its own gets a tool that it must call; what some makers'
        # models cannot be made to is refused.
        Feature.JSON_OBJECT: Loss.REFUSED,
        Feature.JSON_SCHEMA: Loss.REFUSED,
        Feature.TOOL_CHOICE_REQUIRED: Loss.REFUSED,
        Feature.TOOL_CHOICE_NAMED: Loss.REFUSED,
        Feature.CANDIDATES: Loss.REFUSED,
        Feature.LOGPROBS: Loss.REFUSED,
        Feature.MODALITIES: Loss.REFUSED,
        Feature.PREVIOUS_ID: Loss.REFUSED,
        # Said in another way.
        Feature.LATE_SYSTEM: Loss.CHANGED,  # <system> in the user's turn
        Feature.REFUSAL_HISTORY: Loss.CHANGED,  # text
        Feature.CUSTOM_TOOL: Loss.CHANGED,  # a function of one text
        Feature.ALLOWED_TOOLS: Loss.CHANGED,  # the others are not sent
        # Hints: left out and reported.
        Feature.TEMPERATURE: Loss.DROPPED,  # above 1 it is 1; a thinking Claude has none
        Feature.TOP_P: Loss.DROPPED,  # below 0.95, with a Claude that thinks
        Feature.TOP_K: Loss.DROPPED,
        Feature.IMAGE_DETAIL: Loss.DROPPED,
        Feature.CITATIONS: Loss.DROPPED,
        Feature.CACHE_CONTROL: Loss.DROPPED,
        Feature.REASONING_HISTORY: Loss.DROPPED,
        Feature.OPAQUE_PART: Loss.DROPPED,
        Feature.NAME: Loss.DROPPED,
        Feature.TOOL_RESULT_ERROR: Loss.DROPPED,
        Feature.STRICT_TOOL: Loss.DROPPED,
        Feature.TOOL_GRAMMAR: Loss.DROPPED,
        Feature.HOSTED_TOOL: Loss.DROPPED,
        Feature.SERIAL_CALLS: Loss.DROPPED,
        Feature.SEED: Loss.DROPPED,
        Feature.PRESENCE_PENALTY: Loss.DROPPED,
        Feature.FREQUENCY_PENALTY: Loss.DROPPED,
        Feature.LOGIT_BIAS: Loss.DROPPED,
        Feature.REASONING: Loss.DROPPED,
        Feature.REASONING_SUMMARY: Loss.DROPPED,
        Feature.REASONING_ENCRYPTED: Loss.DROPPED,
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

# The word that Converse has for a media type.
IMAGE_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image/png": "png",
        "image/jpeg": "jpeg",
        "image/jpg": "jpeg",
        "image/gif": "gif",
        "image/webp": "webp",
    }
)
DOCUMENT_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
    }
)
VIDEO_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "video/mp4": "mp4",
        "video/x-matroska": "mkv",
        "video/quicktime": "mov",
        "video/mov": "mov",
        "video/webm": "webm",
        "video/x-flv": "flv",
        "video/mpeg": "mpeg",
        "video/mpg": "mpg",
        "video/wmv": "wmv",
        "video/x-ms-wmv": "wmv",
        "video/3gpp": "three_gp",
    }
)
AUDIO_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "audio/mpeg": "mp3",
        "audio/mp3": "mp3",
        "audio/wav": "wav",
        "audio/x-wav": "wav",
        "audio/wave": "wav",
        "audio/ogg": "ogg",
        "audio/opus": "opus",
        "audio/flac": "flac",
        "audio/aac": "aac",
        "audio/mp4": "m4a",
        "audio/webm": "webm",
        "audio/pcm": "pcm",
    }
)
