"""Whether everything that entities name will be there, and fits.

Rule: pure; looks at the state that a plan would make, not at the way there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.control.service.configuration.document import Item
from gateway.control.service.configuration.plan import Key, show_name
from gateway.control.service.model_definitions import check_fit
from gateway.errors import ConflictError, InUseError, InvalidValueError

_WORDS = {
    "secret": "secret",
    "model_definition": "model definition",
    "endpoint": "endpoint",
    "binding": "binding",
    "api_key": "api key",
}


def check_references(final: Mapping[Key, Item], paths: Mapping[Key, str]) -> None:
    """Check every reference of the state that is to be.

    Args:
        final: all entities that there will be.
        paths: where those that a document has stand in it.

    Raises:
        InvalidValueError: the document names what will not be there, or what does not fit, or
            gives an api key the value of another.
        InUseError: what is to go is used by an entity that the document does not have.
        ConflictError: a secret would not fit a model definition that the document does not have.
    """
    for item in final.values():
        path = paths.get(item.key)
        for target, field in _iter_references(item):
            if target not in final:
                _refuse(item, target, field, path)
        if item.kind == "model_definition":
            _check_definition(item, final["secret", item.content["secret_name"]], path)
    _check_key_values([item for item in final.values() if item.kind == "api_key"], paths)


def _check_key_values(keys: Sequence[Item], paths: Mapping[Key, str]) -> None:
    """Check that each application has a value of its own; the document's entry is the wrong one."""
    taken: dict[str, Item] = {}
    for item in sorted(keys, key=lambda found: found.key in paths):
        other = taken.setdefault(item.content["value"]["sha256"], item)
        if other is not item:
            raise InvalidValueError(
                f"the api key {other.name!r} has the same value", field=f"{paths[item.key]}.value"
            )


def _iter_references(item: Item) -> Iterator[tuple[Key, str]]:
    content = item.content
    if item.kind == "model_definition":
        yield ("secret", content["secret_name"]), "secret_name"
    elif item.kind == "endpoint":
        for place, mapping in enumerate(content["model_mappings"]):
            name = mapping["model_definition"]
            yield ("model_definition", name), f"model_mappings[{place}].model_definition"
    elif item.kind == "binding":
        yield ("endpoint", content["endpoint"]), "endpoint"


def _refuse(item: Item, target: Key, field: str, path: str | None) -> None:
    kind, name = target
    if path is not None:
        raise InvalidValueError(f"there is no such {_WORDS[kind]}", field=f"{path}.{field}")
    raise InUseError(
        f"{_WORDS[kind]} {name!r} is to go, but {_WORDS[item.kind]} {show_name(item)!r} uses it",
        extra={
            "users": [{"kind": item.kind, "id": item.row_id, "name": show_name(item)}],
            "count": 1,
        },
    )


def _check_definition(item: Item, secret: Item, path: str | None) -> None:
    settings: Mapping[str, Any] | None = secret.content.get("auth_config")
    try:
        check_fit(
            item.content["provider"],
            secret.content.get("provider"),
            settings,
            secret.content["secret_value"],
        )
    except InvalidValueError as error:
        if path is None:
            raise ConflictError(
                f"model definition {item.name!r} uses secret {secret.name!r}: {error.detail}"
            ) from None
        field = "secret_name" if error.field == "secret_id" else error.field
        raise InvalidValueError(error.detail, field=f"{path}.{field}") from None
