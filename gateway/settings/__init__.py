"""Settings: flags, environment and file make one frozen `Settings`.

Flags win over ``LOCKGATE_*`` variables, those over the file's ``settings:``.

Rule: every setting is one row of `SPECS`; its name in the file, its variable,
its parser and its place in docs/settings.md all come from there. An unknown
name is an error that names the nearest known one.
"""

from __future__ import annotations

from gateway.settings.fields import (
    Address,
    OriginPattern,
    Settings,
)
from gateway.settings.reading import (
    FILE_SECTIONS,
    MANAGED_SECTIONS,
    parse_settings,
)
from gateway.settings.specs import (
    ENV_PREFIX,
    SPECS,
    Spec,
)
from gateway.settings.values import (
    parse_address,
    parse_origin_pattern,
)

__all__ = [
    "ENV_PREFIX",
    "FILE_SECTIONS",
    "MANAGED_SECTIONS",
    "SPECS",
    "Address",
    "OriginPattern",
    "Settings",
    "Spec",
    "parse_address",
    "parse_origin_pattern",
    "parse_settings",
]
