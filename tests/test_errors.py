from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gateway import errors

DOCS = Path(__file__).resolve().parents[1] / "docs" / "errors.md"


def leaves(root: type[errors.LockgateError]) -> Iterator[type[errors.LockgateError]]:
    for kind in root.__subclasses__():
        if kind is not errors.StartError:  # answers nobody: the process does not start
            yield kind
            yield from leaves(kind)


def test_the_documentation_names_every_code_with_its_status() -> None:
    section = DOCS.read_text(encoding="utf-8").split("## Codes")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `([a-z_]+)` \| ([0-9]{3}) \|", section, re.MULTILINE)
    coded = {(kind.code, str(kind.status)) for kind in leaves(errors.LockgateError)}
    assert set(documented) == coded
    assert len(documented) == len(coded)


def test_the_tree_in_the_docstring_names_every_class() -> None:
    assert errors.__doc__ is not None
    for kind in leaves(errors.LockgateError):
        assert kind.__name__ in errors.__doc__
