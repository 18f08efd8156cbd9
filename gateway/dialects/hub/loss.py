"""What a target dialect cannot express, and what becomes of it.

Rule: nothing is left out unsaid: it is refused with its place in the client's body, or dropped and
reported in ``x-lockgate-dropped``; which of the two is a table per target dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.errors import NotExpressibleError


class Feature(StrEnum):
    """What a request may ask for that some dialect cannot express."""

    # --- parts
    IMAGE = "image"
    IMAGE_URL = "image_url"
    IMAGE_DETAIL = "image_detail"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    DOCUMENT_URL = "document_url"
    DOCUMENT_CONTEXT = "document_context"
    FILE_ID = "file_id"
    CITATIONS = "citations"
    CACHE_CONTROL = "cache_control"
    REASONING_HISTORY = "reasoning_history"  # thoughts of an earlier turn, of another vendor
    REFUSAL_HISTORY = "refusal_history"
    OPAQUE_PART = "opaque_part"
    LATE_SYSTEM = "late_system"  # a system message within the conversation
    NAME = "name"  # of a message's author
    MEDIA_IN_TOOL_RESULT = "media_in_tool_result"
    TOOL_RESULT_ERROR = "tool_result_error"
    # --- tools
    TOOLS = "tools"
    STRICT_TOOL = "strict_tool"
    CUSTOM_TOOL = "custom_tool"
    TOOL_GRAMMAR = "tool_grammar"
    HOSTED_TOOL = "hosted_tool"
    TOOL_CHOICE_NONE = "tool_choice_none"
    TOOL_CHOICE_REQUIRED = "tool_choice_required"
    TOOL_CHOICE_NAMED = "tool_choice_named"
    ALLOWED_TOOLS = "allowed_tools"
    SERIAL_CALLS = "serial_calls"  # parallel calls forbidden
    # --- the answer
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    SCHEMA_KEYWORD = "schema_keyword"
    MAX_TOKENS = "max_tokens"
    TEMPERATURE = "temperature"
    TOP_P = "top_p"
    TOP_K = "top_k"
    STOP = "stop"
    SEED = "seed"
    PRESENCE_PENALTY = "presence_penalty"
    FREQUENCY_PENALTY = "frequency_penalty"
    LOGIT_BIAS = "logit_bias"
    LOGPROBS = "logprobs"
    CANDIDATES = "candidates"
    REASONING = "reasoning"
    REASONING_SUMMARY = "reasoning_summary"
    REASONING_ENCRYPTED = "reasoning_encrypted"
    VERBOSITY = "verbosity"
    MODALITIES = "modalities"
    PREDICTION = "prediction"
    # --- the rest
    USER = "user"
    METADATA = "metadata"
    SERVICE_TIER = "service_tier"
    STORE = "store"
    CACHE_KEY = "cache_key"
    PREVIOUS_ID = "previous_id"
    EXTRA = "extra"  # a field that the hub has no name for
    # --- embeddings
    EMBEDDING_TOKENS = "embedding_tokens"
    DIMENSIONS = "dimensions"
    TASK_TYPE = "task_type"


class Loss(StrEnum):
    """What becomes of a feature that the target lacks."""

    DROPPED = "dropped"  # left out and reported
    REFUSED = "refused"  # 400 with the field
    CHANGED = "changed"  # expressed in another way, with nothing to report


LossTable = Mapping[Feature, Loss]


class Losses:
    """What one request has lost on its way into one target dialect."""

    __slots__ = ("_dropped", "_table", "_target")

    def __init__(self, target: str, table: LossTable) -> None:
        self._target = target
        self._table = table
        self._dropped: dict[str, None] = {}

    @property
    def dropped(self) -> tuple[str, ...]:
        """What was left out, as the client's places, in the order it was met."""
        return tuple(self._dropped)

    def lose(self, feature: Feature, at: str) -> None:
        """Note that a feature cannot be expressed; what the table does not list is refused.

        Args:
            feature: what is lost.
            at: the client's field, such as ``messages[2].content[1]``.

        Raises:
            NotExpressibleError: the table says that it is refused.
        """
        if self._table.get(feature, Loss.REFUSED) is Loss.REFUSED:
            raise NotExpressibleError(
                f"{feature.value.replace('_', ' ')} cannot be expressed for {self._target}",
                field=at,
            )
        self._dropped[at] = None
