"""The root of the tree, and where a fault lies.

Rule: nothing here knows a single error.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Source(StrEnum):
    """Whose fault an error is."""

    CLIENT = "client"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


class LockgateError(Exception):
    """Root of the tree.

    Args:
        detail: one sentence for the person who has to act.
        field: the input field, setting or path at fault (JSON path with dots), if one is.
        retry_after_s: seconds after which trying again makes sense, if known.
        extra: more facts for the machine-readable answer (for example the users of a row).
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    source: ClassVar[Source] = Source.GATEWAY
    next_target: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        retry_after_s: float | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.extra = extra or {}
