"""What OpenAI and its likes answer beside text: images, speech, moderation, rankings.

Source: OpenAI's API reference for images, audio/speech and moderations; Mistral's for
fim/completions; vLLM's and Jina's for rerank. Some answers are JSON, some are sound.

Rule: an answer passes unread but for its counts, and for an error in its first KiB.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gateway.dialects.openai import VENDOR, dump_error, find_failure, parse_usage
from gateway.dialects.spec import DialectSpec, OpaqueWatch, build_error_finder
from gateway.entities import Dialect

SPEC: Final = DialectSpec(
    name=Dialect.OPENAI_RAW,
    vendor=VENDOR,
    watch=partial(OpaqueWatch, dump_error),
    parse_usage=parse_usage,
    dump_error=dump_error,
    find_error=build_error_finder(find_failure),
    count_output=lambda _: 0,
    end_required=False,
    is_json=False,
    is_framed=False,
)
