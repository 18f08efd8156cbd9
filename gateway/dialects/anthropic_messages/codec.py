"""Anthropic Messages as a row of the table of wire formats."""

from __future__ import annotations

from typing import Final

from gateway.dialects.anthropic_messages.answer_in import parse_answer, parse_count, parse_error
from gateway.dialects.anthropic_messages.answer_out import dump_answer
from gateway.dialects.anthropic_messages.reader import MessagesReader
from gateway.dialects.anthropic_messages.request_in import parse_request
from gateway.dialects.anthropic_messages.request_out import LOSSES, dump_count, dump_request
from gateway.dialects.anthropic_messages.writer import MessagesWriter
from gateway.dialects.hub import ClientCodec, Codec, UpstreamCodec
from gateway.entities import Dialect

CODEC: Final = Codec(
    name=Dialect.ANTHROPIC_MESSAGES,
    client=ClientCodec(parse_request, dump_answer, MessagesWriter),
    upstream=UpstreamCodec(
        losses=LOSSES,
        dump_request=dump_request,
        parse_answer=parse_answer,
        reader=MessagesReader,
        parse_error=parse_error,
        dump_count=dump_count,
        parse_count=parse_count,
    ),
)
