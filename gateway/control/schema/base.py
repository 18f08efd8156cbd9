"""What all bodies share: strictness, text, names, fields that may be absent.

Rule: no coercion and no unknown field on the way in; an absent field is not a null one.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MAX_NAME = 255  # characters, as the contract says
MAX_TIME_MS = 1 << 53  # the largest integer that every JSON reader keeps exact


class Strict(BaseModel):
    """A body that is sent to us."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )
    immutable: ClassVar[frozenset[str]] = frozenset()  # fields of the entity that a PATCH refuses
    root: ClassVar[str | None] = None  # the field that paths in errors are told from

    def given(self, name: str) -> bool:
        """Tell whether the body has this field."""
        return name in self.model_fields_set

    def changes(self) -> dict[str, Any]:
        """Return the fields that the body has, by name."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Entity(BaseModel):
    """A body that we answer with: every field always present."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def absent() -> Any:
    """Declare a field that may be left out but, unless its type says so, not be null."""
    return Field(default=None, json_schema_extra=_drop_default)


def _drop_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def check_text(value: str) -> str:
    """Refuse text that cannot be shown on one line as it is."""
    if not value.isprintable():
        raise ValueError("must be printable text on one line")
    if value != value.strip():
        raise ValueError("must not begin or end with a blank")
    return value


def check_content(value: str) -> str:
    """Refuse NUL and halves of surrogate pairs, which no database keeps."""
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must not hold NUL or unpaired surrogates")
    return value


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_NAME), AfterValidator(check_text)
]
Content = Annotated[str, StringConstraints(max_length=5_000), AfterValidator(check_content)]
Time = Annotated[int, Field(ge=0, le=MAX_TIME_MS)]


class Stamped(Entity):
    """Times in milliseconds since the epoch, users as the audit log names them."""

    created_at: int
    last_updated_at: int
    created_by: str
    last_updated_by: str


class Problem(BaseModel):
    """An error (RFC 9457). Further members, such as `users` and `count`, depend on the code."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable; see docs/errors.md."""
    field: str | None
    """Path of the field, parameter or header at fault."""
    request_id: str


class Accepted(BaseModel):
    """Durable, but some workers still serve the older configuration.

    Holds the fields of the entity too, where the operation answers with one.
    """

    model_config = ConfigDict(extra="allow")

    stragglers: list[str]
