"""The recorded streams of providers, for the tests that read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.entities import Dialect

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "recorded"
FOLDERS = ("openai_chat", "openai_responses", "anthropic", "gemini", "groq", "mistral", "deepseek")
FOLDERS += ("openrouter", "azure_openai")


def parametrize_streams(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `recorded_stream` each of them, with its dialect."""
    if "recorded_stream" not in metafunc.fixturenames:
        return
    paths = [path for folder in FOLDERS for path in sorted((RECORDED / folder).glob("*.sse"))]
    if not paths:
        reason = pytest.mark.skip(reason="the recorded exchanges are not beside the checkout")
        metafunc.parametrize("recorded_stream", [pytest.param(None, marks=reason)])
        return
    metafunc.parametrize(
        "recorded_stream",
        [(find_dialect(path), path) for path in paths],
        ids=[f"{path.parent.name}/{path.name}" for path in paths],
    )


def find_dialect(path: Path) -> Dialect:
    """Return the dialect of a recorded stream."""
    if path.parent.name == "anthropic":
        return Dialect.ANTHROPIC_MESSAGES
    if path.parent.name == "gemini":
        return Dialect.GEMINI
    return Dialect.OPENAI_RESPONSES if "-responses-" in path.name else Dialect.OPENAI_CHAT
