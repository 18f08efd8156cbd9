"""Google Gemini: generateContent and its relatives, translated and as they pass.

Source: the Generative Language API's reference and discovery document; google-genai 3.4's types;
recordings.

Rule: same dialect on both sides needs `SPEC` alone; whatever translates is in `CODEC`.
"""

from gateway.dialects.gemini.codec import CODEC
from gateway.dialects.gemini.watch import SPEC, VENDOR, GeminiWatch, dump_error, parse_usage

__all__ = ["CODEC", "SPEC", "VENDOR", "GeminiWatch", "dump_error", "parse_usage"]
