"""Anthropic Messages, translated and as it passes.

Source: Anthropic's API reference; anthropic-sdk-python 2.12's types; recordings. A stream ends
with message_stop; pings and an error event may come at any time.

    client -> hub      request_in, blocks_in        hub -> provider    request_out, turns_out,
    provider -> hub    answer_in, reader                               blocks_out, tools_out
                                                    hub -> client      answer_out, writer

`watch` is for streams that pass; `generations` and `thinking_out` know the models, `schemas` what
their structured answers take, `thoughts` how foreign thoughts travel.

Rule: same dialect on both sides needs `SPEC` alone; whatever translates is in `CODEC`.
"""

from gateway.dialects.anthropic_messages.codec import CODEC
from gateway.dialects.anthropic_messages.watch import (
    SPEC,
    VENDOR,
    MessagesWatch,
    dump_error,
    parse_usage,
)

__all__ = [
    "CODEC",
    "SPEC",
    "VENDOR",
    "MessagesWatch",
    "dump_error",
    "parse_usage",
]
