"""The file that a gateway's configuration comes from: applied at the start, followed from then on.

Rule: a file that cannot be applied changes nothing: a gateway that starts does not start, one that
runs serves on what it has and tells what is wrong. Files are looked at, not watched: what is put
in place by a rename or by a change of links (Kubernetes) is seen like any other change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.errors import LockgateError, ManifestError, RequestError
from gateway.manifest import Manifest, build_document, check_unset, iter_references
from gateway.manifest.references import Place
from gateway.manifest.sources import Credentials, find_folder, read_credentials, read_manifest
from gateway.process import forget_variables

logger = logging.getLogger("lockgate.configuration")

# How often the file is looked at. It is read once it was the same for as long: one that is being
# written in place is not read halfway.
POLL_INTERVAL_S: Final = 1.0

_Signature = tuple[tuple[int, int, int, int] | None, ...]


class Target(Protocol):
    """The gateway that a file is applied to."""

    async def read(self) -> Mapping[str, Any]:
        """Return the configuration as it is, as a document."""
        ...

    async def apply(self, document: Mapping[str, Any], name: str) -> int | None:
        """Make it what a document says; return the new epoch, None where nothing changed."""
        ...


class ConfigurationFile:
    """One file, the sections that it has, and what is wrong with its newest version."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.sections: Collection[str] = ()
        self.faults: Sequence[str] = ()
        self.applied_at: int | None = None
        self._environ = dict(environ)  # what is forgotten below is needed again
        self._secrets: tuple[Path, ...] = ()
        self._tried: _Signature = ()
        self._done: _Signature = ()
        self._seen: _Signature | None = None
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def load(self, target: Target, now_ms: int) -> None:
        """Read the file and apply it.

        Raises:
            ManifestError: the file cannot be used; what was served before still is.
            LockgateError: the database does not take it now.
        """
        manifest, credentials = await asyncio.to_thread(self._read_all)
        if credentials.unset:
            for note in check_unset(manifest, credentials.unset, await target.read()):
                logger.warning("%s", note)
        try:
            document = build_document(manifest, credentials.values)
            epoch = await target.apply(document, manifest.name)
        except RequestError as error:
            raise manifest.build_fault(error.field or "", error.detail) from None
        self.sections = manifest.sections
        self.applied_at = now_ms
        self._done = self._tried
        self._forget(manifest)
        if epoch is not None:
            logger.info("%s was applied: epoch %d", self.path, epoch)

    def start(self, target: Target, now_ms: Callable[[], int]) -> None:
        """Begin to follow the file; `now_ms` tells the time."""
        self._task = asyncio.create_task(self._follow(target, now_ms), name="configuration file")

    async def stop(self) -> None:
        """End that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Read the file now, changed or not."""
        self._woken.set()

    def describe(self) -> dict[str, Any]:
        """Return what the operator may know."""
        return {
            "path": str(self.path),
            "sections": sorted(self.sections),
            "applied_at": self.applied_at,
            "faults": list(self.faults),
        }

    async def _follow(self, target: Target, now_ms: Callable[[], int]) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await self._woken.wait()
            except TimeoutError:
                if not self._is_due():
                    continue
            self._woken.clear()
            await self._try(target, now_ms())

    def _is_due(self) -> bool:
        found = self._sign()
        was, self._seen = self._seen, found
        return found != self._done and found == was

    async def _try(self, target: Target, now_ms: int) -> None:
        try:
            await self.load(target, now_ms)
        except ManifestError as error:
            self._done = self._tried  # not again until it changes
            self._report(error.faults)
        except LockgateError as error:
            self._done = ()  # again with the next look
            self._report((f"{self.path}: {error.detail}",))
        else:
            self._report(())

    def _report(self, faults: Sequence[str]) -> None:
        if faults != self.faults:
            for fault in faults:
                logger.error("%s", fault)
            logger.warning(
                "%s: %s",
                self.path,
                "not applied, the last good version is served" if faults else "applied again",
            )
        self.faults = faults

    def _read_all(self) -> tuple[Manifest, Credentials]:
        # The state of a file is taken before it is read: what comes meanwhile is seen later.
        path, folder = str(self.path), find_folder(str(self.path))
        self._tried = self._sign()
        manifest = read_manifest(path)
        self._secrets = tuple(
            folder / owned.reference.target
            for owned in iter_references(manifest)
            if owned.reference.place is Place.FILE
        )
        self._tried = (self._tried[0], *self._sign()[1:])
        return manifest, read_credentials(manifest, folder, self._environ)

    def _forget(self, manifest: Manifest) -> None:
        forget_variables(
            owned.reference.target
            for owned in iter_references(manifest)
            if owned.reference.place is Place.ENV
        )

    def _sign(self) -> _Signature:
        return tuple(_sign(path) for path in (self.path, *self._secrets))


def _sign(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
