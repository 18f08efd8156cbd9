"""What rows of the table share: parameters, headers, statuses.

Rule: values only.
"""

from __future__ import annotations

from gateway.control.query import CURSOR, LIMIT, Parameter

IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"
CONFLICT = frozenset({409})

NAME = Parameter(name="name", meaning="Only the one of this name.")
PROVIDER = Parameter(name="provider", meaning="Only those of this provider.")
SECRET_ID = Parameter(name="secret_id", meaning="Only those that use this secret.")
PAGING = (LIMIT, CURSOR)
