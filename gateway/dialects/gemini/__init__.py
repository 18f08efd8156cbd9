"""Google Gemini: generateContent and its relatives, translated and as they pass.

Source: the Generative Language API's reference and discovery document; google-genai 3.4's types;
recordings.

    client -> hub      request_in, contents_in,     hub -> provider    request_out, contents_out,
                       tools_in, schema_in                             tools_out, schema_out
    provider -> hub    answer_in, citations_in,     hub -> client      answer_out, writer
                       reader

`watch` is for streams that pass; `models` and `thinking_out` know the models, `thoughts` how
foreign signatures travel, `embeddings` vectors both ways.

Rule: same dialect on both sides needs `SPEC` alone; whatever translates is in `CODEC`.
"""

from gateway.dialects.gemini.codec import CODEC
from gateway.dialects.gemini.watch import SPEC, VENDOR, GeminiWatch, dump_error, parse_usage

__all__ = ["CODEC", "SPEC", "VENDOR", "GeminiWatch", "dump_error", "parse_usage"]
