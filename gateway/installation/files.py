"""The files of an installation: data directory, key file, passphrase file.

Rule: a key file appears whole or not at all, is never overwritten, and is
refused when others may read it. Everything here blocks; callers on an event
loop use a thread.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from gateway.errors import InstallationError, RootKeyError
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.store.sqlite_files import find_size_bytes
from gateway.vault import aead

DATABASE_NAME = "lockgate.db"
KEY_NAME = "root.key"
_SQLITE_SCHEME = "sqlite:///"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAX_PASSPHRASE_BYTES = 4096
_NO_PLAIN_FILE = (
    "the key file {} is not a plain file: remove it if it is an empty mount point, "
    "or name the key file with LOCKGATE_KEY_FILE"
)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # a pipe in the key file's place must not hang a start


def get_database_path(settings: Settings) -> Path:
    """Return where the SQLite database is or will be."""
    if settings.database_url is not None:
        return Path(settings.database_url.removeprefix(_SQLITE_SCHEME))
    return settings.data / DATABASE_NAME


def get_key_path(settings: Settings) -> Path:
    """Return where the key file is or will be."""
    return settings.key_file or settings.data / KEY_NAME


def prepare_data_dir(path: Path) -> None:
    """Make the data directory with mode 0700 unless it is there; check that it can be used.

    Raises:
        InstallationError: not a directory, or not one that this user may write.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise InstallationError(
            f"{path} is not a directory: give another one with --data", field="data"
        ) from None
    except OSError as error:
        raise InstallationError(
            f"the data directory {path} cannot be made ({error.strerror}): "
            "give another one with --data",
            field="data",
        ) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise InstallationError(
            f"the data directory {path} is not writable: change its owner or mode, "
            "or give another one with --data",
            field="data",
        )


def check_database_exists(path: Path) -> None:
    """Raise InstallationError unless a database file is at `path`."""
    if find_size_bytes(path) is None:
        raise InstallationError(
            f"there is no database at {path}: give the data directory with --data, "
            "or start `lockgate serve` once to make one",
            field="data",
        )


def find_key(path: Path) -> Secret | None:
    """Read the key file; None where there is no file.

    Raises:
        RootKeyError: unreadable, no plain file, of a wrong length, or open to others.
    """
    try:
        raw, mode = _read(path, aead.KEY_BYTES + 1, _NO_WAITING)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise RootKeyError(_NO_PLAIN_FILE.format(path), field="key_file") from None
    except OSError as error:
        raise RootKeyError(
            f"the key file {path} cannot be read ({error.strerror}): "
            "give this user read access to it",
            field="key_file",
        ) from None
    if not stat.S_ISREG(mode):
        raise RootKeyError(_NO_PLAIN_FILE.format(path), field="key_file")
    if os.name == "posix" and mode & _OTHERS:
        raise RootKeyError(
            f"the key file {path} is open to other users: chmod 600 {path}", field="key_file"
        )
    if len(raw) != aead.KEY_BYTES:
        raise RootKeyError(
            f"the key file {path} is damaged: it must hold exactly {aead.KEY_BYTES} bytes; "
            "restore it from a backup",
            field="key_file",
        )
    return Secret(raw)


def create_key(path: Path) -> Secret:
    """Make a key file of 256 random bits with mode 0600; take the one of a faster process.

    Written under another name, synced, then linked: a crash leaves no half file.

    Raises:
        InstallationError: the file cannot be written.
        RootKeyError: another process made one that cannot be used.
    """
    draft = path.with_name(f".{path.name}.{aead.random_bytes(8).hex()}")
    try:
        _write_synced(draft, aead.random_bytes(aead.KEY_BYTES))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        _sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise InstallationError(
            f"the key file {path} cannot be made ({error.strerror}): make its directory "
            "writable, or give another path with LOCKGATE_KEY_FILE",
            field="key_file",
        ) from None
    key = find_key(path)
    if key is None:
        raise InstallationError(f"the key file {path} vanished while it was made")
    return key


def get_next_key_path(path: Path) -> Path:
    """Return where the key file waits that is to take the place of the one at `path`."""
    return path.with_name(f"{path.name}.next")


def remove_key(path: Path) -> None:
    """Remove a key file that never came to protect anything.

    Raises:
        InstallationError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InstallationError(
            f"{path} cannot be removed ({error.strerror}): remove it", field="key_file"
        ) from None


def replace_key(path: Path, at_ms: int) -> Path | None:
    """Put the next key file in its place; return the name that the former one is kept under.

    The former gets its second name first: killed anywhere, both are there.

    Raises:
        InstallationError: the files cannot change places; the next start tries again.
    """
    following = get_next_key_path(path)
    kept = _find_free_name(path, at_ms) if path.exists() else None
    try:
        if not following.exists():
            return None  # a start was faster
        if kept is not None:
            os.link(path, kept)
        following.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise InstallationError(
            f"the key file {following} cannot take the place of {path} "
            f"({error.strerror}): make its directory writable; the next start tries again",
            field="key_file",
        ) from None
    return kept


def _find_free_name(path: Path, number: int) -> Path:
    while (found := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    return found


def read_passphrase_file(path: Path) -> Secret:
    """Return the first line of the file.

    Raises:
        RootKeyError: the file cannot be read or is absurdly long.
    """
    try:
        raw, _ = _read(path, _MAX_PASSPHRASE_BYTES + 1)
    except OSError as error:
        raise RootKeyError(
            f"the passphrase file {path} cannot be read ({error.strerror})",
            field="passphrase_file",
        ) from None
    line = raw.splitlines()[0] if raw else b""
    if len(line) > _MAX_PASSPHRASE_BYTES:
        raise RootKeyError(
            f"the first line of {path} is longer than {_MAX_PASSPHRASE_BYTES} bytes",
            field="passphrase_file",
        )
    return Secret(line)


def _read(path: Path, limit: int, flags: int = 0) -> tuple[bytes, int]:
    """Return up to `limit` bytes, and the mode of the very file that they came from."""
    descriptor = os.open(path, os.O_RDONLY | flags)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        return file.read(limit), mode


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return  # directories cannot be opened there; the link itself is journalled
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
