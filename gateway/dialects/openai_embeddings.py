"""OpenAI Embeddings.

Source: OpenAI's API reference. Answers are never streamed; the counts have no output.

Rule: an embedding is opaque; nothing of it is parsed but the counts.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gateway.dialects.openai import VENDOR, dump_error, parse_usage
from gateway.dialects.spec import DialectSpec, OpaqueWatch
from gateway.entities import Dialect

SPEC: Final = DialectSpec(
    name=Dialect.OPENAI_EMBEDDINGS,
    vendor=VENDOR,
    watch=partial(OpaqueWatch, dump_error),
    parse_usage=parse_usage,
    dump_error=dump_error,
    end_required=False,
)
