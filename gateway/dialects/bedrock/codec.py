"""The row of Bedrock's Converse.

Rule: it is asked for only, no client is understood in it.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.bedrock import embeddings
from gateway.dialects.bedrock.answer import parse_answer, parse_count, parse_error
from gateway.dialects.bedrock.features import LOSSES
from gateway.dialects.bedrock.reader import ConverseReader
from gateway.dialects.bedrock.request_out import dump_count, dump_request
from gateway.dialects.hub import Codec, UpstreamCodec
from gateway.entities import Dialect

CODEC: Final = Codec(
    Dialect.BEDROCK_CONVERSE,
    upstream=UpstreamCodec(
        losses=LOSSES,
        dump_request=dump_request,
        parse_answer=parse_answer,
        reader=ConverseReader,
        parse_error=parse_error,
        dump_count=dump_count,
        parse_count=parse_count,
    ),
    upstream_embeddings=embeddings.CODEC,
)
