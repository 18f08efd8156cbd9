"""The table of operations: what the control plane answers to.

Rule: every route is a row of this table with its policy; registration and OpenAPI both read
it, and nothing else adds a route.
"""

from __future__ import annotations

from gateway.control.call import Operation
from gateway.control.routes.admin_tokens import ADMIN_TOKENS
from gateway.control.routes.bindings import BINDINGS
from gateway.control.routes.configuration import CONFIGURATION, HISTORY
from gateway.control.routes.credentials import API_KEYS, MODEL_DEFINITIONS, SECRETS
from gateway.control.routes.endpoints import ENDPOINTS, MAPPINGS, TAGS
from gateway.control.routes.reads import READS, SESSIONS
from gateway.control.routes.vault import VAULT

OPERATIONS: tuple[Operation, ...] = (
    *SECRETS,
    *MODEL_DEFINITIONS,
    *ENDPOINTS,
    *MAPPINGS,
    *TAGS,
    *API_KEYS,
    *BINDINGS,
    *CONFIGURATION,
    *HISTORY,
    *ADMIN_TOKENS,
    *READS,
    *VAULT,
    *SESSIONS,
)
