"""OpenAI Responses as a row of the table of translatable formats."""

from __future__ import annotations

from typing import Final

from gateway.dialects.hub import ClientCodec, Codec, UpstreamCodec
from gateway.dialects.openai_responses.errors import parse_error
from gateway.dialects.openai_responses.losses import LOSSES
from gateway.dialects.openai_responses.reader import ResponsesReader, parse_answer
from gateway.dialects.openai_responses.request_in import parse_request
from gateway.dialects.openai_responses.request_out import dump_request
from gateway.dialects.openai_responses.writer import ResponsesWriter, dump_answer
from gateway.entities import Dialect

CODEC: Final = Codec(
    name=Dialect.OPENAI_RESPONSES,
    client=ClientCodec(
        parse_request=parse_request,
        dump_answer=dump_answer,
        writer=ResponsesWriter,
    ),
    upstream=UpstreamCodec(
        losses=LOSSES,
        dump_request=dump_request,
        parse_answer=parse_answer,
        reader=ResponsesReader,
        parse_error=parse_error,
    ),
)
