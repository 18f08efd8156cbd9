"""What rows of the table share: parameters and headers.

Rule: nothing here belongs to one resource alone.
"""

from __future__ import annotations

from gateway.control.query import CURSOR, LIMIT, Parameter

IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"


def build_id_parameter(name: str, prefix: str, meaning: str) -> Parameter:
    """Build a filter by an id."""
    return Parameter(name=name, meaning=meaning, pattern=f"{prefix}-[0-9a-f]{{32}}")


NAME = Parameter(name="name", meaning="Only the one of this name.")
PROVIDER = Parameter(
    name="provider", max_length=64, pattern="[a-z0-9_]+", meaning="Only those of this provider."
)
SECRET_ID = build_id_parameter("secret_id", "s", "Only those that use this secret.")
PAGING = (LIMIT, CURSOR)
