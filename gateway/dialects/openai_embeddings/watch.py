"""OpenAI Embeddings.

Source: OpenAI's API reference. Answers are never streamed; the counts have no output.

Rule: an embedding is opaque; nothing of it is parsed but the counts.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gateway.dialects.openai import VENDOR, dump_error, find_failure, parse_usage
from gateway.dialects.spec import DialectSpec, OpaqueWatch, build_error_finder
from gateway.entities import Dialect

SPEC: Final = DialectSpec(
    name=Dialect.OPENAI_EMBEDDINGS,
    vendor=VENDOR,
    watch=partial(OpaqueWatch, dump_error),
    parse_usage=parse_usage,
    dump_error=dump_error,
    find_error=build_error_finder(find_failure),
    count_output=lambda _: 0,
    end_required=False,
)
