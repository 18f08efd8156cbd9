"""The pure packages have no coroutine, clock, randomness, file, socket or environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

GATEWAY = Path(__file__).resolve().parents[1] / "gateway"
PURE = ("providers", "routing", "dialects", "manifest")
EDGES = {"manifest/sources.py"}  # the one module of a package that is there to read
FORBIDDEN_MODULES = frozenset(
    [
        "aiohttp",
        "aiosqlite",
        "asyncio",
        "http",
        "os",
        "pathlib",
        "random",
        "secrets",
        "shutil",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
    ],
)
FORBIDDEN_CALLS = frozenset({"open", "print", "input", "now", "utcnow", "today", "urandom"})


def find_impurities(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield f"line {node.lineno}: a coroutine"
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name in FORBIDDEN_MODULES:
                    yield f"line {node.lineno}: imports {name.name}"
        elif isinstance(node, ast.ImportFrom) and node.module in FORBIDDEN_MODULES:
            yield f"line {node.lineno}: imports {node.module}"
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in FORBIDDEN_CALLS:
                yield f"line {node.lineno}: calls {name}"


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_are_pure(package: str) -> None:
    paths = [
        path
        for path in sorted((GATEWAY / package).rglob("*.py"))
        if path.relative_to(GATEWAY).as_posix() not in EDGES
    ]
    assert paths
    found = {path.name: list(find_impurities(ast.parse(path.read_bytes()))) for path in paths}
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_the_search_finds_what_it_looks_for() -> None:
    source = (
        "import time\nfrom os import urandom\nasync def f():\n    await x\nopen('a')\nd.now()\n"
    )
    assert len(list(find_impurities(ast.parse(source)))) == 6
