"""Files, standard input and credentials, as they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ManifestError
from gateway.manifest import parse_manifest
from gateway.manifest.sources import find_folder, read_credentials, read_manifest
from gateway.secret import Secret

TEXT = "lockgate: 1\nsecrets:\n- secret_name: a\n  secret_value: {api_key: {file: key}}\n"
PATH = "secrets[0].secret_value.api_key"


def read(folder: Path, text: str = TEXT, **environ: str) -> dict[str, Secret]:
    return read_credentials(parse_manifest(text.encode(), "f.yaml"), folder, environ).values


def test_a_file_counts_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"made-up\r\n")
    (tmp_path / "f.yaml").write_text(TEXT)
    found = read_credentials(
        read_manifest(str(tmp_path / "f.yaml")), find_folder(str(tmp_path / "f.yaml")), {}
    )
    assert found.values == {PATH: Secret("made-up")}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "is not UTF-8 text"),
        (b"x" * 65_537, "is larger than 64 KiB"),
    ],
)
def test_a_file_that_holds_no_credential_is_told(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(ManifestError) as refused:
        read(tmp_path)
    (fault,) = refused.value.faults
    assert fault.startswith(f"f.yaml:4: {PATH}: the file {tmp_path / 'key'} ")
    assert words in fault


def test_a_variable_that_is_empty_is_not_set(tmp_path: Path) -> None:
    text = TEXT.replace("{file: key}", "{env: KEY}")
    assert read(tmp_path, text, KEY="made-up") == {PATH: Secret("made-up")}
    manifest = parse_manifest(text.encode(), "f.yaml")
    found = read_credentials(manifest, tmp_path, {"KEY": ""})
    assert [owned.reference.target for owned in found.unset] == ["KEY"]


@pytest.mark.parametrize("path", ["absent.yaml", "", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ManifestError):
        read_manifest(path)
