"""Reading of a client's JSON with the path of each field.

Rule: a field of the wrong type is told by its path; null is "not said".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeVar

from gateway.errors import MalformedRequestError

T = TypeVar("T")
_WORDS: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def join_path(at: str, name: str) -> str:
    """Return the path of a field within the object at `at`."""
    return f"{at}.{name}" if at else name


def refuse(at: str, wanted: str) -> NoReturn:
    """Refuse what stands at `at`."""
    raise MalformedRequestError(f"'{at}' must be {wanted}", field=at)


def check(value: Any, kind: type[T], at: str) -> T:
    """Return a value of the kind that it must have; a float may be given as an integer."""
    if kind is float and type(value) is int:
        return value  # type: ignore[return-value]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        refuse(at, _WORDS[kind])
    return value


def read(values: Mapping[str, Any], name: str, kind: type[T], at: str = "") -> T | None:
    """Return a field, None where it is missing or null.

    Raises:
        MalformedRequestError: another type than `kind`.
    """
    value = values.get(name)
    if type(value) is kind or value is None:  # nearly always, and spares the path
        return value
    return check(value, kind, join_path(at, name))


def want(values: Mapping[str, Any], name: str, kind: type[T], at: str) -> T:
    """Return a field that must be there."""
    value = values.get(name)
    return value if type(value) is kind else check(value, kind, join_path(at, name))
