"""A configuration file that is followed: applied when it changes, kept out when it is wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.configuration_file import ConfigurationFile
from gateway.errors import InvalidValueError, LockgateError, ManifestError, StoreUnavailableError
from gateway.secret import Secret

LIMIT_S = 30.0
TEXT = """\
lockgate: 1
secrets:
- secret_name: prod
  provider: openai
  secret_value: {api_key: {env: FOLLOWED_KEY}}
- secret_name: other
  provider: openai
  secret_value: {api_key: {file: key}}
"""


class Gateway:
    """A target that keeps what it was given, or refuses it."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.refusal: LockgateError | None = None
        self.stored: dict[str, Any] = {}
        self.called = asyncio.Event()

    async def read(self) -> Mapping[str, Any]:
        return self.stored

    async def apply(self, document: Mapping[str, Any], name: str) -> int | None:
        self.called.set()
        if self.refusal is not None:
            raise self.refusal
        self.documents.append(dict(document))
        return len(self.documents)

    async def wait(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            await self.called.wait()
        self.called.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("made-up-2\n")
    found = tmp_path / "prod.yaml"
    found.write_text(TEXT)
    return found


async def wait_for_faults(file: ConfigurationFile) -> tuple[str, ...]:
    async with asyncio.timeout(LIMIT_S):
        while not file.faults:
            await asyncio.sleep(0.02)
    return tuple(file.faults)


async def wait_for_none(file: ConfigurationFile) -> None:
    async with asyncio.timeout(LIMIT_S):
        while file.faults:
            await asyncio.sleep(0.02)


async def test_a_load_applies_the_file_with_its_credentials(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLLOWED_KEY", "made-up-1")
    gateway = Gateway()
    file = ConfigurationFile(path, os.environ)
    await file.load(gateway, 7)
    values = [row["secret_value"]["api_key"] for row in gateway.documents[0]["secrets"]]
    assert values == [{"value": Secret("made-up-1")}, {"value": Secret("made-up-2")}]
    assert file.describe() == {
        "path": str(path),
        "sections": ["secrets"],
        "applied_at": 7,
        "faults": [],
    }
    # No child process gets the credential; the next load still knows it.
    assert "FOLLOWED_KEY" not in os.environ
    await file.load(gateway, 8)
    assert gateway.documents[1] == gateway.documents[0]


async def test_a_refusal_names_the_line(path: Path) -> None:
    gateway = Gateway()
    gateway.refusal = InvalidValueError("cannot be", field="secrets[1].provider")
    with pytest.raises(ManifestError) as refused:
        await ConfigurationFile(path, {"FOLLOWED_KEY": "made-up-1"}).load(gateway, 0)
    assert refused.value.faults == (f"{path}:7: secrets[1].provider: cannot be",)


async def test_an_unset_variable_keeps_what_is_stored(path: Path) -> None:
    gateway = Gateway()
    file = ConfigurationFile(path, {})
    with pytest.raises(ManifestError):
        await file.load(gateway, 0)
    gateway.stored = {"secrets": [{"secret_name": "prod", "secret_value": {"api_key": "stored"}}]}
    await file.load(gateway, 0)
    assert gateway.documents[0]["secrets"][0]["secret_value"] == {"api_key": "stored"}


@pytest.mark.slow
async def test_what_changes_is_applied_and_what_is_wrong_is_not(path: Path) -> None:
    gateway = Gateway()
    file = ConfigurationFile(path, {"FOLLOWED_KEY": "made-up-1"})
    await file.load(gateway, 0)
    gateway.called.clear()
    file.start(gateway, lambda: 1)
    try:
        # By a rename, as editors do.
        draft = path.with_name("draft")
        draft.write_text(TEXT.replace("other", "third"))
        draft.replace(path)
        await gateway.wait()
        assert gateway.documents[-1]["secrets"][1]["secret_name"] == "third"
        # Broken: told, not applied; whole again: applied.
        path.write_text(TEXT.replace("provider", "provdier"))
        assert (await wait_for_faults(file))[0].startswith(f"{path}:4: secrets[0].provdier: ")
        assert len(gateway.documents) == 2
        path.write_text(TEXT)
        await gateway.wait()
        await wait_for_none(file)
        # A credential's file alone.
        (path.parent / "key").write_text("made-up-3")
        await gateway.wait()
        value = gateway.documents[-1]["secrets"][1]["secret_value"]["api_key"]["value"]
        assert value == Secret("made-up-3")
    finally:
        await file.stop()


@pytest.mark.slow
async def test_a_swap_of_links_is_seen(tmp_path: Path) -> None:
    """Kubernetes mounts a ConfigMap so: the file is a link into a folder that a link names."""
    for name, text in (
        ("one", "lockgate: 1\nendpoints: []\n"),
        ("two", "lockgate: 1\nbindings: []\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "prod.yaml").write_text(text)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "prod.yaml").symlink_to("data/prod.yaml")
    gateway = Gateway()
    file = ConfigurationFile(tmp_path / "prod.yaml", {})
    await file.load(gateway, 0)
    gateway.called.clear()
    file.start(gateway, lambda: 1)
    try:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(tmp_path / "data")
        await gateway.wait()
        assert "bindings" in gateway.documents[-1]
    finally:
        await file.stop()


@pytest.mark.slow
async def test_a_database_that_does_not_answer_is_asked_again(path: Path) -> None:
    gateway = Gateway()
    file = ConfigurationFile(path, {"FOLLOWED_KEY": "made-up-1"})
    await file.load(gateway, 0)
    gateway.refusal = StoreUnavailableError("the database does not answer")
    file.start(gateway, lambda: 1)
    try:
        file.wake()
        assert await wait_for_faults(file) == (f"{path}: the database does not answer",)
        gateway.refusal = None
        await wait_for_none(file)
    finally:
        await file.stop()
