"""OpenAI Responses: the watch of its streams, and its translation.

    client -> hub      request_in, items_in,        hub -> provider    request_out, items_out,
                       parts_in, tools_in                              parts_out, tools_out,
                                                                       settings_out
    provider -> hub    reader, parts_reader         hub -> client      response, writer, open_parts,
                                                                       open_calls, outlet

`watch` is for streams that pass; `losses` is the table of what is lost, `reasoning` how thoughts
of any vendor travel, `free_text` how custom tools become functions.

Rule: what knows this wire format is in this package alone.
"""

from gateway.dialects.openai_responses.codec import CODEC
from gateway.dialects.openai_responses.watch import SPEC, ResponsesWatch

__all__ = ["CODEC", "SPEC", "ResponsesWatch"]
