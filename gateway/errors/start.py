"""The process cannot start.

Rule: one sentence that says what and how to mend it; the command prints it and exits with 1.
"""

from __future__ import annotations

from gateway.errors.base import LockgateError, Source


class StartError(LockgateError):
    """The process cannot start or the command cannot run; the message says how to mend it."""

    code = "start_failed"


class SettingsError(StartError):
    """A setting is unknown, contradictory or has a value that cannot be."""

    code = "settings_invalid"
    source = Source.CLIENT


class ManifestError(StartError):
    """A configuration file cannot be used; nothing of it was.

    Args:
        faults: a line each, as ``FILE:LINE: PATH: MESSAGE``; at least one.
        field: path of the first one, if it has one.
    """

    code = "manifest_invalid"
    source = Source.CLIENT

    def __init__(self, faults: tuple[str, ...], *, field: str | None = None) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(faults[0] + more, field=field)
        self.faults = faults


class InstallationError(StartError):
    """The data directory, key file, port or platform is not as it must be."""

    code = "installation_invalid"


class DatabaseDamagedError(StartError):
    """The file is no database, fails its integrity check, or contradicts itself."""

    code = "database_damaged"
    status = 503  # found while running: traffic flows, what needs that page does not


class SchemaTooNewError(StartError):
    """The database was written by a newer Lockgate; nothing was changed."""

    code = "schema_too_new"


class RootKeyError(StartError):
    """The root key is missing, unreadable, or not the one that this database was sealed with."""

    code = "root_key_wrong"
