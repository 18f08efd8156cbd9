"""Reads configuration files, and the credentials that they refer to.

Rule: the only module of the package that reads files, stdin or the environment; what it reads
is bounded, and a credential is a `Secret` from the moment it is read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from gateway.errors import ManifestError
from gateway.manifest.document import Manifest, Owned, iter_references, parse_manifest
from gateway.manifest.references import Place, Reference
from gateway.secret import Secret
from gateway.yaml_nodes import Fault, build_error

MAX_FILE_BYTES: Final = 32 << 20  # 50,000 endpoints; more is no file that somebody wrote
_MAX_SECRET_BYTES: Final = 64 << 10  # eight times what a credential may have
STDIN: Final = "-"


@dataclass(slots=True)
class Credentials:
    """What the references of a file gave: values by path, and variables that are not set."""

    values: dict[str, Secret] = field(default_factory=dict)
    unset: list[Owned] = field(default_factory=list)


def read_bytes(path: str) -> tuple[bytes, str]:
    """Read a file, or stdin for ``-``; return its bytes and its name for messages.

    Raises:
        ManifestError: it cannot be read, or is larger than `MAX_FILE_BYTES`.
    """
    name = "stdin" if path == STDIN else path
    try:
        if path == STDIN:
            raw = _read_bounded(sys.stdin.buffer)
        else:
            with Path(path).open("rb") as file:
                raw = _read_bounded(file)
    except OSError as error:
        raise _refuse(name, f"cannot be read: {error.strerror}") from None
    except ValueError:  # a path with NUL
        raise _refuse(name, "is no path of a file") from None
    if len(raw) > MAX_FILE_BYTES:
        raise _refuse(name, f"is larger than {MAX_FILE_BYTES >> 20} MiB")
    return raw, name


def _read_bounded(file: BinaryIO) -> bytes:
    return file.read(MAX_FILE_BYTES + 1)


def _refuse(name: str, message: str) -> ManifestError:
    return build_error(name, [Fault(0, "", message)])


def read_manifest(path: str) -> Manifest:
    """Read and check a configuration file; ``-`` is stdin.

    Raises:
        ManifestError: it cannot be read, or is wrong.
    """
    return parse_manifest(*read_bytes(path))


def read_credentials(manifest: Manifest, folder: Path, environ: Mapping[str, str]) -> Credentials:
    """Read what the references of a file name; paths of files count from `folder`.

    Raises:
        ManifestError: a file cannot be read, or a value cannot be a credential.
    """
    read = Credentials()
    faults: list[Fault] = []
    for owned in iter_references(manifest):
        reference = owned.reference
        if reference.place is Place.STORED:
            continue
        try:
            value = _read(reference, folder, environ)
        except ValueError as error:
            faults.append(Fault(reference.line, reference.path, str(error)))
            continue
        if value is None:
            read.unset.append(owned)
        else:
            read.values[reference.path] = Secret(value)
    if faults:
        raise build_error(manifest.name, faults)
    return read


def _read(reference: Reference, folder: Path, environ: Mapping[str, str]) -> str | None:
    if reference.place is Place.ENV:
        return environ.get(reference.target) or None  # an empty one is how a shell unsets it
    path = folder / reference.target
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_SECRET_BYTES + 1)
        text = raw.decode()
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not UTF-8 text") from None
    if len(raw) > _MAX_SECRET_BYTES:
        raise ValueError(f"the file {path} is larger than {_MAX_SECRET_BYTES >> 10} KiB")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError(f"the file {path} is empty")
    return text


def find_folder(path: str) -> Path:
    """Return the folder from which a configuration file's own paths count."""
    return Path.cwd() if path == STDIN else Path(os.path.abspath(path)).parent  # noqa: PTH100  a symlink stays where it is
