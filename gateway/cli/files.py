"""Files that commands write.

Rule: a file appears whole or not at all, and only its owner may read it; one that is there
keeps its mode.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from gateway.cli.refusal import Refused

_PRIVATE = 0o600


def write_whole(path: Path, text: str) -> None:
    """Write a file under another name and move it into place, synced.

    Raises:
        Refused: it cannot be written; what was there is as it was.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    if target.is_dir():
        raise Refused(f"{path} is a folder; give the name of a file in it")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        mode = target.stat().st_mode & 0o7777 if target.exists() else _PRIVATE
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(mode)
        draft.replace(target)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise Refused(f"{path} cannot be written: {error.strerror}") from None
