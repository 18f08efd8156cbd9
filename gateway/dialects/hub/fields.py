"""Reading of a client's JSON with the path of each field.

Rule: a field of the wrong type is refused by its path; null is "not said".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeVar

from gateway.errors import MalformedRequestError

ValueT = TypeVar("ValueT")

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
    """Refuse what stands at `at`.

    Raises:
        MalformedRequestError: always.
    """
    raise MalformedRequestError(f"'{at}' must be {wanted}", field=at)


def check(value: Any, kind: type[ValueT], at: str) -> ValueT:
    """Return a value of the kind that it must have; a float may be given as an integer.

    Raises:
        MalformedRequestError: it is of another.
    """
    if kind is float and type(value) is int:
        return value  # type: ignore[return-value]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        refuse(at, _WORDS[kind])
    return value


def read(values: Mapping[str, Any], name: str, kind: type[ValueT], at: str = "") -> ValueT | None:
    """Return a field, None where it is missing or null.

    Raises:
        MalformedRequestError: another type than `kind`.
    """
    value = values.get(name)
    if type(value) is kind or value is None:  # nearly always, and spares the path
        return value
    return check(value, kind, join_path(at, name))


def want(values: Mapping[str, Any], name: str, kind: type[ValueT], at: str = "") -> ValueT:
    """Return a field that must be there.

    Raises:
        MalformedRequestError: it is missing, or of another type.
    """
    value = values.get(name)
    return value if type(value) is kind else check(value, kind, join_path(at, name))


def read_texts(values: Mapping[str, Any], name: str, at: str = "") -> tuple[str, ...]:
    """Return a list of strings, empty where it is missing.

    Raises:
        MalformedRequestError: it is no such list.
    """
    path = join_path(at, name)
    given = read(values, name, list, at) or []
    return tuple(check(one, str, f"{path}[{index}]") for index, one in enumerate(given))


def read_objects(
    values: Mapping[str, Any], name: str, at: str = ""
) -> list[tuple[str, dict[str, Any]]]:
    """Return a list of objects, each with its path; empty where it is missing.

    Raises:
        MalformedRequestError: it is no such list.
    """
    path = join_path(at, name)
    given = read(values, name, list, at) or []
    return [
        (f"{path}[{index}]", check(one, dict, f"{path}[{index}]"))
        for index, one in enumerate(given)
    ]
