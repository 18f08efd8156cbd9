"""Operations of /admin-tokens."""

from __future__ import annotations

from gateway.control.call import Operation, Policy
from gateway.control.handlers import admin_tokens
from gateway.control.idempotency import HEADER as IDEMPOTENCY_KEY
from gateway.control.routes.shared import IF_MATCH, IF_NONE_MATCH, NAME, PAGING
from gateway.control.schema import admin_tokens as schema
from gateway.control.schema.base import Accepted

ADMIN_TOKENS = (
    Operation(
        method="GET",
        path="/admin-tokens",
        name="listAdminTokens",
        summary="List admin tokens",
        tag="admin tokens",
        policy=Policy.ADMIN,
        handler=admin_tokens.list_admin_tokens,
        answers={200: schema.AdminTokenPage},
        query=(NAME, *PAGING),
    ),
    Operation(
        method="POST",
        path="/admin-tokens",
        name="createAdminToken",
        summary="Create an admin token; its value is shown this once",
        tag="admin tokens",
        policy=Policy.ADMIN,
        handler=admin_tokens.create_admin_token,
        answers={201: schema.NewAdminToken, 202: Accepted},
        body=schema.AdminTokenCreate,
        headers=(IDEMPOTENCY_KEY,),
    ),
    Operation(
        method="GET",
        path="/admin-tokens/{token_id}",
        name="getAdminToken",
        summary="Read an admin token without its value",
        tag="admin tokens",
        policy=Policy.ADMIN,
        handler=admin_tokens.get_admin_token,
        answers={200: schema.AdminToken},
        headers=(IF_NONE_MATCH,),
    ),
    Operation(
        method="PATCH",
        path="/admin-tokens/{token_id}",
        name="updateAdminToken",
        summary="Change what an admin token may do, and until when",
        tag="admin tokens",
        policy=Policy.ADMIN,
        handler=admin_tokens.update_admin_token,
        answers={200: schema.AdminToken, 202: Accepted},
        body=schema.AdminTokenPatch,
        headers=(IF_MATCH,),
    ),
    Operation(
        method="DELETE",
        path="/admin-tokens/{token_id}",
        name="deleteAdminToken",
        summary="Delete an admin token; the next request with it is refused",
        tag="admin tokens",
        policy=Policy.ADMIN,
        handler=admin_tokens.delete_admin_token,
        answers={204: None, 202: Accepted},
        headers=(IF_MATCH,),
    ),
)
