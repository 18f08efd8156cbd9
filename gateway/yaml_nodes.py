"""YAML as nodes that know their lines.

Scalars are read as YAML 1.2's core schema has them: ``no`` is text, a date is text, ``1e3`` is
a number.

Rule: a file cannot cost more than its size: depth and the nodes that aliases repeat are bounded,
and nothing recurses before that was checked. A message never repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml

from gateway.errors import ManifestError

Scalar: TypeAlias = str | int | float | bool | None

MAX_DEPTH: Final = 40  # the format needs six levels, LiteLLM's files rarely ten
MAX_NODES: Final = 2_000_000  # aliases written out; a file of the greatest size has fewer
_MAX_SHOWN: Final = 20
_MAX_NAME: Final = 64  # of a field that is repeated in a message
_MERGE: Final = "<<"
_CORE: Final = "tag:yaml.org,2002:"
# PyYAML's C parser is six times as fast; it is not in every build.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_BASED = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(slots=True, eq=False)
class Node:
    """A value with its line (1-based): that of its key, where it has one."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int
    size: int = 1

    @property
    def fields(self) -> dict[str, Node]:
        """The entries of a mapping; none where it is something else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The items of a list; none where it is something else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str | None:
        """The text, where it is text."""
        return self.value if isinstance(self.value, str) else None

    def get(self, *names: str) -> Node | None:
        """Return the node below these names, if all of them are there."""
        node: Node | None = self
        for name in names:
            node = None if node is None else node.fields.get(name)
        return node


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, and a sentence that begins after the path."""

    line: int
    path: str
    message: str

    def dump(self, name: str) -> str:
        """Return it as ``FILE:LINE: PATH: MESSAGE``."""
        place = f"{name}:{self.line}: " if self.line else f"{name}: "
        return f"{place}{self.path}: {self.message}" if self.path else place + self.message


def build_error(name: str, faults: list[Fault]) -> ManifestError:
    """Build the error of a file's faults, in the order of their lines."""
    ordered = sorted(faults, key=lambda fault: fault.line)
    lines = [fault.dump(name) for fault in ordered[:_MAX_SHOWN]]
    if len(ordered) > _MAX_SHOWN:
        lines.append(f"{name}: and {len(ordered) - _MAX_SHOWN} more")
    return ManifestError(tuple(lines), field=ordered[0].path or None)


def join(path: str, name: str) -> str:
    """Return the path of a field below a path."""
    shown = name[:_MAX_NAME]
    return f"{path}.{shown}" if path else shown


def build_plain(node: Node) -> Any:
    """Return the values without their lines."""
    if isinstance(node.value, dict):
        return {name: build_plain(child) for name, child in node.value.items()}
    if isinstance(node.value, list):
        return [build_plain(child) for child in node.value]
    return node.value


def parse_yaml(raw: bytes, name: str) -> Node:
    """Parse a file of one document; an empty one is a null.

    Args:
        raw: its bytes, UTF-8.
        name: the file's, for messages.

    Raises:
        ManifestError: it is no such file, or has a field twice; all that is found is listed.
    """
    text = _decode(raw, name)
    builder = _Builder(name)
    try:
        for event in _iter_events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        raise build_error(name, [_convert(error, text)]) from None
    if builder.faults:
        raise build_error(name, builder.faults)
    return builder.root or Node(None, 1)


def _iter_events(text: str) -> Iterator[Any]:
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise build_error(name, [Fault(line, "", "is not UTF-8 text")]) from None


def _convert(error: yaml.YAMLError, text: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML does not have; the error tells its place, not its line
        place = getattr(error, "position", None)
        number = text.count("\n", 0, place) + 1 if isinstance(place, int) else 0
        return Fault(number, "", "is not valid YAML: it holds a control character")
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return Fault(mark.line + 1, "", "is not valid YAML: a tab cannot indent, blanks do")
    problem = re.sub(r"'[^']{2,}'", "that", str(getattr(error, "problem", "") or "cannot be read"))
    return Fault(mark.line + 1, "", f"is not valid YAML: {problem}")


@dataclass(slots=True)
class _Open:
    """A mapping or list that has begun."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_line: int = 0
    is_merge: bool = False  # what stands at the key is written out here
    merged: list[Node] = field(default_factory=list)


class _Builder:
    """Makes nodes of events, without recursion."""

    def __init__(self, name: str) -> None:
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self._name = name
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._handlers: dict[str, Callable[[Any], None]] = {
            "DocumentStartEvent": self._start_document,
            "MappingStartEvent": lambda event: self._open(event, {}),
            "SequenceStartEvent": lambda event: self._open(event, []),
            "MappingEndEvent": lambda _: self._close(),
            "SequenceEndEvent": lambda _: self._close(),
            "ScalarEvent": self._take_scalar,
            "AliasEvent": self._take_alias,
        }

    def take(self, event: Any) -> None:
        handler = self._handlers.get(type(event).__name__)
        if handler is not None:
            handler(event)

    def _start_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._refuse(event, "holds a second document; put each in a file of its own")

    def _open(self, event: Any, empty: list[Node] | dict[str, Node]) -> None:
        if len(self._stack) >= MAX_DEPTH:
            message = f"nests deeper than {MAX_DEPTH} levels"
            raise build_error(self._name, [Fault(self._line_of(event), "", message)])
        self._check_tag(event)
        if self._expects_key():
            raise self._refuse(event, "a name must be plain text")
        self._stack.append(_Open(Node(empty, self._line_of(event)), event.anchor))

    def _close(self) -> None:
        opened = self._stack.pop()
        for source in opened.merged:  # what stands in the mapping itself wins
            for name, child in source.fields.items():
                opened.node.fields.setdefault(name, child)
        self._add(opened.node, opened.anchor)

    def _take_scalar(self, event: Any) -> None:
        self._check_tag(event)
        if self._expects_key():
            self._take_key(event)
            return
        value = event.value
        is_plain = event.tag is None and event.implicit[0]
        if is_plain or event.tag not in (None, "!", _CORE + "str"):
            value = _resolve(value)
        self._add(Node(value, self._line_of(event)), event.anchor)

    def _take_key(self, event: Any) -> None:
        top = self._stack[-1]
        top.key, top.key_line = event.value, event.start_mark.line + 1
        top.is_merge = event.value == _MERGE and event.implicit[0]  # in quotes it is a name
        known = top.node.fields.get(event.value)
        if known is not None and not top.is_merge:
            message = f"is given twice; first at line {known.line}"
            self.faults.append(Fault(top.key_line, self._path(), message))

    def _take_alias(self, event: Any) -> None:
        found = self._anchors.get(event.anchor)
        if found is None:
            raise self._refuse(event, "refers to an anchor that is not complete before it")
        if self._expects_key():
            raise self._refuse(event, "a name must be plain text")
        self._add(Node(found.value, self._line_of(event), found.size), None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        top.node.size += node.size
        if top.node.size > MAX_NODES:
            fault = Fault(node.line, self._path(), "is too large, aliases written out")
            raise build_error(self._name, [fault])
        if isinstance(top.node.value, list):
            top.node.value.append(node)
            return
        name, top.key = top.key, None
        if top.is_merge:
            top.is_merge = False
            self._merge(top, node)
        elif name is not None:
            top.node.fields.setdefault(name, node)

    def _merge(self, top: _Open, node: Node) -> None:
        sources = node.items or [node]
        if not all(isinstance(source.value, dict) for source in sources):
            self.faults.append(
                Fault(node.line, self._path(), "<< takes a mapping, or a list of them")
            )
        top.merged.extend(sources)

    def _check_tag(self, event: Any) -> None:
        if event.tag is None or event.tag == "!":
            return
        kinds = ("str", "int", "float", "bool", "null", "map", "seq")
        if event.tag not in [_CORE + kind for kind in kinds]:
            raise self._refuse(event, "has a tag; only plain values are read")

    def _expects_key(self) -> bool:
        return (
            bool(self._stack)
            and isinstance(self._stack[-1].node.value, dict)
            and (self._stack[-1].key is None)
        )

    def _line_of(self, event: Any) -> int:
        if self._stack and self._stack[-1].key is not None:
            return self._stack[-1].key_line
        return int(event.start_mark.line) + 1

    def _path(self) -> str:
        path = ""
        for opened in self._stack:
            if isinstance(opened.node.value, list):
                path += f"[{len(opened.node.value)}]"
            elif opened.key is not None:
                path = join(path, opened.key)
        return path

    def _refuse(self, event: Any, message: str) -> ManifestError:
        return build_error(
            self._name, [*self.faults, Fault(event.start_mark.line + 1, self._path(), message)]
        )


def _resolve(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
