"""How validators of the pydantic family word a flaw: Anthropic's and Mistral's answers.

Source: pydantic's table of error types; answers of both vendors, 2026-11.

Rule: a sentence and its type; where it is said is each vendor's.
"""

from __future__ import annotations

from gateway.simulator.strict.shapes import Fault, Flaw

_TYPES = {
    "string": ("string_type", "Input should be a valid string"),
    "integer": ("int_type", "Input should be a valid integer"),
    "number": ("float_type", "Input should be a valid number"),
    "boolean": ("bool_type", "Input should be a valid boolean"),
    "array": ("list_type", "Input should be a valid list"),
    "object": ("dict_type", "Input should be a valid dictionary"),
}


def say_flaw(flaw: Flaw) -> tuple[str, str]:
    """Say a flaw: its type and its sentence."""
    if flaw.fault is Fault.TYPE:
        return _TYPES[flaw.noun]
    if flaw.fault is Fault.VALUE:
        return _say_value(flaw)
    if flaw.fault in {Fault.LONG, Fault.SHORT}:
        return _say_length(flaw)
    kind, sentence = _SENTENCES[flaw.fault]
    return kind, sentence.format(limit=flaw.limit)


_SENTENCES = {
    Fault.UNKNOWN: ("extra_forbidden", "Extra inputs are not permitted"),
    Fault.MISSING: ("missing", "Field required"),
    Fault.BELOW: ("greater_than_equal", "Input should be greater than or equal to {limit}"),
    Fault.ABOVE: ("less_than_equal", "Input should be less than or equal to {limit}"),
    Fault.PATTERN: ("string_pattern_mismatch", "String should match pattern '^{limit}$'"),
}


def _say_value(flaw: Flaw) -> tuple[str, str]:
    listed = [f"'{one}'" for one in flaw.limit]
    if flaw.noun == "tag":
        return "union_tag_invalid", (
            f"Input tag '{flaw.given}' found using '{flaw.path[-1]}' does not match any of the "
            f"expected tags: {', '.join(listed)}"
        )
    words = " or ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
    return "literal_error", f"Input should be {words}"


def _say_length(flaw: Flaw) -> tuple[str, str]:
    noun = "String" if flaw.noun == "string" else "List"
    unit = "characters" if flaw.noun == "string" else "items"
    side = "most" if flaw.fault is Fault.LONG else "least"
    return f"too_{flaw.fault}", f"{noun} should have at {side} {flaw.limit} {unit}"
