"""Query parameters: declared once, used to check and to describe.

Rule: a parameter that an operation does not declare, or that comes twice, is an error
that names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from multidict import MultiMapping

from gateway.errors import InvalidValueError, UnknownFieldError

MAX_LIMIT = 500  # rows of a page: what one answer of about a megabyte holds
DEFAULT_LIMIT = 50
MAX_TEXT = 255  # what a name may have; also percent-encoded it fits into a request line
MAX_TIME_MS = 1 << 53  # the largest integer that every JSON reader keeps exact
_INTEGER = re.compile(r"-?[0-9]{1,16}")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One query parameter; `kind` is string, integer or boolean."""

    name: str
    meaning: str
    kind: str = "string"
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = MAX_TIME_MS
    max_length: int = MAX_TEXT
    pattern: str | None = None
    default: Any = None
    required: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The parameter's JSON Schema."""
        schema: dict[str, Any] = {"type": self.kind}
        if self.kind == "integer":
            schema |= {"minimum": self.minimum, "maximum": self.maximum}
        if self.kind == "string":
            schema |= {"maxLength": self.max_length}
        if self.pattern is not None:
            schema["pattern"] = f"^{self.pattern}$"
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.default is not None:
            schema["default"] = self.default
        return schema


LIMIT = Parameter(
    name="limit",
    kind="integer",
    minimum=1,
    maximum=MAX_LIMIT,
    default=DEFAULT_LIMIT,
    meaning="How many rows the page may have.",
)
CURSOR = Parameter(
    name="cursor",
    max_length=4_096,
    pattern="[A-Za-z0-9_-]+",
    meaning="`next_cursor` of the page before; it fits only the same list with the same filters.",
)
FORCE = Parameter(
    name="force",
    kind="boolean",
    default=False,
    meaning="Detach the users of the row and delete it, in one transaction.",
)


def parse_query(given: MultiMapping[str], declared: Iterable[Parameter]) -> Mapping[str, Any]:
    """Check the query string against the declared parameters; absent ones get their default.

    Raises:
        UnknownFieldError: a parameter that is not declared.
        InvalidValueError: given twice, missing, or with a value that cannot be.
    """
    known = {parameter.name: parameter for parameter in declared}
    for name in given:
        if name not in known:
            raise UnknownFieldError(f"unknown query parameter{_hint(name, known)}", field=name)
        if len(given.getall(name)) > 1:
            raise InvalidValueError("is given more than once", field=name)
    return {name: _parse_one(parameter, given.get(name)) for name, parameter in known.items()}


def _hint(name: str, known: Mapping[str, Parameter]) -> str:
    nearest = get_close_matches(name, known, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def _parse_one(parameter: Parameter, text: str | None) -> Any:
    if text is None:
        if parameter.required:
            raise InvalidValueError("is required", field=parameter.name)
        return parameter.default
    return _PARSERS[parameter.kind](parameter, text)


def _parse_string(parameter: Parameter, text: str) -> str:
    if len(text) > parameter.max_length:
        raise InvalidValueError(
            f"must have at most {parameter.max_length} characters", field=parameter.name
        )
    if not text.isprintable():  # no control character, no half of a surrogate pair
        raise InvalidValueError("must be printable text", field=parameter.name)
    if parameter.pattern is not None and not re.fullmatch(parameter.pattern, text):
        raise InvalidValueError("is not of the form that it must have", field=parameter.name)
    if parameter.choices and text not in parameter.choices:
        raise InvalidValueError(
            f"must be one of: {', '.join(parameter.choices)}", field=parameter.name
        )
    return text


def _parse_integer(parameter: Parameter, text: str) -> int:
    if not _INTEGER.fullmatch(text) or not parameter.minimum <= int(text) <= parameter.maximum:
        raise InvalidValueError(
            f"must be a whole number from {parameter.minimum} to {parameter.maximum}",
            field=parameter.name,
        )
    return int(text)


def _parse_boolean(parameter: Parameter, text: str) -> bool:
    if text not in _BOOLEANS:
        raise InvalidValueError("must be true or false", field=parameter.name)
    return _BOOLEANS[text]


_PARSERS = {"string": _parse_string, "integer": _parse_integer, "boolean": _parse_boolean}
