"""Dialects: one file per wire format, as a row of the table `DIALECTS`.

Rule: pure and without I/O; bytes go in and come out, a stream may be cut anywhere.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.dialects import (
    anthropic_messages,
    gemini,
    openai_chat,
    openai_embeddings,
    openai_raw,
    openai_responses,
)
from gateway.dialects.codecs import CODECS
from gateway.dialects.estimate import estimate_tokens, estimate_usage
from gateway.dialects.models import ModelEntry, dump_model, dump_models
from gateway.dialects.request import (
    cut_model,
    parse_body,
    parse_head,
    parse_values,
    replace_named_model,
)
from gateway.dialects.spec import (
    DialectSpec,
    RequestHead,
    StreamFailure,
    StreamWatch,
    Usage,
    dump_json,
)
from gateway.entities import Dialect

DIALECTS: Final[Mapping[Dialect, DialectSpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            openai_chat.CHAT_SPEC,
            openai_chat.COMPLETIONS_SPEC,
            openai_responses.SPEC,
            openai_embeddings.SPEC,
            openai_raw.SPEC,
            anthropic_messages.SPEC,
            gemini.SPEC,
        )
    }
)

__all__ = [
    "CODECS",
    "DIALECTS",
    "DialectSpec",
    "ModelEntry",
    "RequestHead",
    "StreamFailure",
    "StreamWatch",
    "Usage",
    "cut_model",
    "dump_json",
    "dump_model",
    "dump_models",
    "estimate_tokens",
    "estimate_usage",
    "parse_body",
    "parse_head",
    "parse_values",
    "replace_named_model",
]
