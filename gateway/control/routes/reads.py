"""Operations that read what has happened and what runs, and those of /session."""

from __future__ import annotations

from gateway.control.call import Operation, Policy
from gateway.control.handlers import document, ledger, oidc, sessions, system
from gateway.control.query import MAX_TIME_MS, Parameter
from gateway.control.routes.shared import PAGING, PROVIDER, build_id_parameter
from gateway.control.schema import ledger as ledger_schema
from gateway.control.schema import system as system_schema

_SINCE = Parameter(
    name="since", kind="integer", maximum=MAX_TIME_MS, meaning="From this millisecond on."
)
_UNTIL = Parameter(
    name="until", kind="integer", maximum=MAX_TIME_MS, meaning="Before this millisecond."
)
_AFTER = Parameter(
    name="after", kind="integer", default=0, meaning="Only rows with a number above this one."
)
_MOST_CHECKED = 10_000  # rows of a call: some 0.2 s of the processor, in slices of 200 rows
_VISIBLE = "[!-~]*"
_GROUPS = ("endpoint", "model_definition", "provider", "api_key", "day", "hour")

READS = (
    Operation(
        method="GET",
        path="/usage",
        name="listUsage",
        summary="List attempts, newest first, or sum them by a group",
        tag="reads",
        policy=Policy.READ,
        scoped=True,
        handler=ledger.list_usage,
        answers={200: ledger_schema.UsagePage},
        query=(
            Parameter(name="endpoint", meaning="Id or name of an endpoint."),
            Parameter(name="model_definition", meaning="Id or name of a model definition."),
            PROVIDER,
            build_id_parameter("api_key_id", "k", "Id of an api key."),
            Parameter(name="request_id", meaning="Id of a request."),
            Parameter(name="error", kind="boolean", meaning="Only failed ones, or only others."),
            _SINCE,
            _UNTIL,
            Parameter(
                name="group_by",
                choices=_GROUPS,
                meaning="Sum instead of listing: the first `limit` groups, on one page.",
            ),
            *PAGING,
        ),
    ),
    Operation(
        method="GET",
        path="/audit",
        name="listAudit",
        summary="List changes, newest first",
        tag="reads",
        policy=Policy.AUDIT,
        scoped=True,
        handler=ledger.list_audit,
        answers={200: ledger_schema.AuditPage},
        query=(
            Parameter(name="actor", meaning="Only changes by this one."),
            Parameter(name="entity_type", meaning="Such as secret or endpoint."),
            Parameter(name="entity_id", meaning="Only changes of this entity."),
            Parameter(name="entity_name", meaning="Only changes of what had this name."),
            Parameter(
                name="action",
                max_length=64,
                pattern="[a-z_]+",
                meaning="Only these, such as create, update, delete, login.",
            ),
            Parameter(name="request_id", meaning="Only what this request did."),
            Parameter(name="source_address", meaning="Only what came from this address."),
            _SINCE,
            _UNTIL,
            *PAGING,
        ),
    ),
    Operation(
        method="GET",
        path="/audit/export",
        name="exportAudit",
        summary="Export the audit log, oldest first, with what it takes to check it elsewhere",
        tag="reads",
        policy=Policy.AUDIT,
        handler=ledger.export_audit,
        answers={200: ledger_schema.AuditExportLine},
        answers_lines=True,
        query=(
            _AFTER,
            Parameter(
                name="since",
                kind="integer",
                maximum=MAX_TIME_MS,
                meaning="From the first row on that is not older than this millisecond.",
            ),
        ),
    ),
    Operation(
        method="GET",
        path="/audit/verify",
        name="verifyAudit",
        summary="Check the audit log's chain, a part at a time",
        tag="reads",
        policy=Policy.AUDIT,
        handler=ledger.verify_audit,
        answers={200: ledger_schema.AuditVerification},
        query=(
            _AFTER,
            Parameter(
                name="limit",
                kind="integer",
                minimum=1,
                maximum=_MOST_CHECKED,
                default=_MOST_CHECKED,
                meaning="How many rows to check at most.",
            ),
            Parameter(
                name="checkpoint",
                pattern="[0-9]{1,18}:[0-9a-f]{64}:[0-9a-f]{64}",
                meaning="What an earlier check or export ended with: its row has to be there.",
            ),
        ),
    ),
    Operation(
        method="GET",
        path="/status",
        name="getStatus",
        summary="Read what runs, what is stored, and what is wrong",
        tag="reads",
        policy=Policy.READ,
        handler=system.get_status,
        answers={200: system_schema.Status},
    ),
    Operation(
        method="GET",
        path="/providers",
        name="listProviders",
        summary="List the providers with the fields that they need",
        tag="reads",
        policy=Policy.READ,
        scoped=True,
        handler=system.list_providers,
        answers={200: system_schema.ProviderPage},
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        name="getOpenApi",
        summary="Read this document",
        tag="reads",
        policy=Policy.PUBLIC,  # it says nothing about an installation; clients are made from it
        handler=document.get_document,
        answers={200: document.Document},
    ),
)

SESSIONS = (
    Operation(
        method="POST",
        path="/session",
        name="createSession",
        summary="Exchange an admin token for a session cookie",
        tag="session",
        policy=Policy.PUBLIC,  # the credential is in the body
        handler=sessions.create_session,
        answers={201: system_schema.Session},
        body=system_schema.SessionCreate,
        errors=frozenset({401, 403, 429}),
    ),
    Operation(
        method="GET",
        path="/session/methods",
        name="listLoginMethods",
        summary="Read how one can log in",
        tag="session",
        policy=Policy.PUBLIC,  # asked before anybody is known
        handler=sessions.list_login_methods,
        answers={200: system_schema.LoginMethods},
    ),
    Operation(
        method="GET",
        path=oidc.PATH,
        name="startOidcLogin",
        summary="Go to the identity provider to log in",
        tag="session",
        policy=Policy.PUBLIC,  # a browser is sent to it before anybody is known
        handler=oidc.start_login,
        answers={303: None},
        errors=frozenset({404}),
    ),
    Operation(
        method="GET",
        path=oidc.CALLBACK,
        name="finishOidcLogin",
        summary="Come back from the identity provider, with a session or a reason",
        tag="session",
        policy=Policy.PUBLIC,  # the credential is the provider's answer
        handler=oidc.finish_login,
        answers={303: None},
        query=(
            Parameter(
                name="code",
                max_length=2_048,
                pattern=_VISIBLE,
                meaning="What the provider gives a token for.",
            ),
            Parameter(name="state", pattern=_VISIBLE, meaning="What the login was begun with."),
            Parameter(name="iss", pattern=_VISIBLE, meaning="Who answers (RFC 9207)."),
            Parameter(name="error", pattern=_VISIBLE, meaning="Why there is no code."),
        ),
        open_query=True,  # providers add what they like
        errors=frozenset({404}),
    ),
    Operation(
        method="GET",
        path="/session",
        name="getSession",
        summary="Read who is calling, and the session's CSRF token",
        tag="session",
        policy=Policy.SELF,
        handler=sessions.get_session,
        answers={200: system_schema.Session},
    ),
    Operation(
        method="DELETE",
        path="/session",
        name="deleteSession",
        summary="End the session and take its cookie back",
        tag="session",
        policy=Policy.SELF,
        handler=sessions.delete_session,
        answers={204: None},
    ),
)
