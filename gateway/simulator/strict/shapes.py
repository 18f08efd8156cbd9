"""The shape of a request as data: which fields there are, of which type and in which limits.

Rule: a shape finds the first flaw in the order of the request's own fields, and says where it is;
how a flaw is worded is each vendor's. A null counts as absent where a field may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

Path = tuple[str | int, ...]
"""Field names and places in lists; a name that begins with ``<`` is the kind of a variant."""


class Fault(StrEnum):
    """What is wrong with a value."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    TYPE = "type"
    VALUE = "value"
    BELOW = "below"
    ABOVE = "above"
    PATTERN = "pattern"
    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first thing wrong in a request; ``limit`` and ``given`` are for the sentence."""

    fault: Fault
    path: Path
    limit: Any = None
    given: Any = None
    noun: str = ""
    """What the value should have been: string, integer, number, boolean, array, object."""


class Shape(Protocol):
    """What a value must look like."""

    def takes(self, value: Any) -> bool:
        """Tell whether the value is of the right JSON type at all."""
        ...

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find the first flaw of a value."""
        ...


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value, not looked into."""

    def takes(self, _value: Any) -> bool:
        """Take all."""
        return True

    def find(self, _value: Any, _path: Path) -> Flaw | None:
        """Find nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Text:
    """A string; ``one_of`` lists the only values, ``most`` and ``least`` are characters."""

    pattern: str = ""
    one_of: tuple[str, ...] = ()
    least: int = 0
    most: int | None = None

    def takes(self, value: Any) -> bool:
        """Take strings."""
        return isinstance(value, str)

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find a wrong value, length or pattern."""
        if not isinstance(value, str):
            return Flaw(Fault.TYPE, path, given=value, noun="string")
        if self.one_of and value not in self.one_of:
            return Flaw(Fault.VALUE, path, self.one_of, value, "string")
        if len(value) < self.least:
            return Flaw(Fault.SHORT, path, self.least, len(value), "string")
        if self.most is not None and len(value) > self.most:
            return Flaw(Fault.LONG, path, self.most, len(value), "string")
        if self.pattern and not re.fullmatch(self.pattern, value):
            return Flaw(Fault.PATTERN, path, self.pattern, value, "string")
        return None


@dataclass(frozen=True, slots=True)
class Number:
    """A number within limits that are themselves allowed; ``whole`` forbids fractions."""

    low: float | None = None
    high: float | None = None
    whole: bool = False

    def takes(self, value: Any) -> bool:
        """Take numbers, but no booleans; a whole one may be written as 5.0."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return not self.whole or float(value).is_integer()

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find a wrong type or limit."""
        noun = "integer" if self.whole else "number"
        if not self.takes(value):
            return Flaw(Fault.TYPE, path, given=value, noun=noun)
        if self.low is not None and value < self.low:
            return Flaw(Fault.BELOW, path, self.low, value, noun)
        if self.high is not None and value > self.high:
            return Flaw(Fault.ABOVE, path, self.high, value, noun)
        return None


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""

    def takes(self, value: Any) -> bool:
        """Take booleans."""
        return isinstance(value, bool)

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find a wrong type."""
        return None if self.takes(value) else Flaw(Fault.TYPE, path, given=value, noun="boolean")


@dataclass(frozen=True, slots=True)
class Many:
    """A list of values of one shape."""

    item: Shape
    least: int = 0
    most: int | None = None

    def takes(self, value: Any) -> bool:
        """Take lists."""
        return isinstance(value, list)

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find a wrong length, or the first flaw of an item."""
        if not isinstance(value, list):
            return Flaw(Fault.TYPE, path, given=value, noun="array")
        if len(value) < self.least:
            return Flaw(Fault.SHORT, path, self.least, len(value), "array")
        if self.most is not None and len(value) > self.most:
            return Flaw(Fault.LONG, path, self.most, len(value), "array")
        flaws = (self.item.find(item, (*path, index)) for index, item in enumerate(value))
        return next(filter(None, flaws), None)


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with these fields and no other, unless ``free`` allows them."""

    known: Mapping[str, Shape]
    required: frozenset[str] = frozenset()
    free: bool = False

    def takes(self, value: Any) -> bool:
        """Take objects."""
        return isinstance(value, dict)

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find a missing field, an unknown one or the first flaw inside."""
        if not isinstance(value, dict):
            return Flaw(Fault.TYPE, path, given=value, noun="object")
        for name in self.known:
            if name in self.required and value.get(name) is None:
                return Flaw(Fault.MISSING, (*path, name))
        flaws = (self._find_field(name, one, path) for name, one in value.items())
        return next(filter(None, flaws), None)

    def _find_field(self, name: str, value: Any, path: Path) -> Flaw | None:
        shape = self.known.get(name)
        if shape is None:
            return None if self.free else Flaw(Fault.UNKNOWN, (*path, name), given=value)
        return None if value is None else shape.find(value, (*path, name))


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object whose ``tag`` field chooses its variant; ``default`` where it may be missing."""

    variants: Mapping[str, Shape]
    tag: str = "type"
    default: str = ""
    prefixes: Mapping[str, Shape] = field(default_factory=dict)
    """Variants whose tag begins so: dated names of hosted tools."""

    def takes(self, value: Any) -> bool:
        """Take objects."""
        return isinstance(value, dict)

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find a missing or unknown tag, or the first flaw of the variant."""
        if not isinstance(value, dict):
            return Flaw(Fault.TYPE, path, given=value, noun="object")
        tag = value.get(self.tag, self.default or None)
        if tag is None:
            return Flaw(Fault.MISSING, (*path, self.tag))
        shape = self.variants.get(tag) if isinstance(tag, str) else None
        if shape is None:
            beginnings = (one for one in self.prefixes if str(tag).startswith(one))
            shape = next((self.prefixes[one] for one in beginnings), None)
        if shape is None:
            return Flaw(Fault.VALUE, (*path, self.tag), tuple(self.variants), tag, "tag")
        return shape.find(value, (*path, f"<{tag}"))


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one of several JSON types: the first shape that takes it judges it."""

    shapes: tuple[Shape, ...]

    def takes(self, value: Any) -> bool:
        """Take what one of the shapes takes."""
        return any(shape.takes(value) for shape in self.shapes)

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find the flaw that the right shape finds; the first's where none fits."""
        fitting = (shape for shape in self.shapes if shape.takes(value))
        return next(fitting, self.shapes[0]).find(value, path)


def fields(*required: str, free: bool = False, **known: Shape) -> Fields:
    """Name the fields of an object; the positional names must be there.

    A trailing underscore is cut off, for names that Python keeps to itself.
    """
    named = {name.removesuffix("_"): shape for name, shape in known.items()}
    return Fields(named, frozenset(required), free)


def either(*shapes: Shape) -> Either:
    """Join shapes of different JSON types."""
    return Either(shapes)


TEXT = Text()
FLAG = Flag()
NUMBER = Number()
WHOLE = Number(whole=True)
ANY = Anything()
OBJECT = Fields({}, free=True)
