"""What a worker is told before anything else.

Rule: nothing secret is in it: the settings are stripped, keys go by `keys` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """A worker's settings and its seat on the board."""

    settings: Settings
    seat: int


def strip_settings(settings: Settings) -> Settings:
    """Return the settings without what only the parent may know."""
    return replace(
        settings,
        admin_token=None,
        oidc_client_secret=None,
        passphrase=None,
        passphrase_file=None,
        key_file=None,
        database_url=None,
        redis_url=None,
    )
