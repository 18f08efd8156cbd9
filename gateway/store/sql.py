"""Every query of the store, once, in the SQL that SQLite and PostgreSQL share.

Those of the ledger are in `gateway.store.usage_sql`, of the audit log in `gateway.store.audit_sql`.

Rule: texts of constants with `:name` parameters; no value ever becomes part of a
text. `IN (:ids)` stands for a list and is spelled out by the session.
"""

# ruff: noqa: S105, S608 - names of queries are no passwords, and only constants are joined

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """A list: what it selects, its order (unique as a whole, time first) and its filters."""

    select: str
    order: tuple[str, ...]
    filters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    newest_first: bool = False
    numbered: bool = False  # the id in the order is a number
    conditions: tuple[str, ...] = ()  # beside the filters, always
    # Of the id that ends the order: the page is made of the first pages of parts that are each in
    # order already. Filters that are not the query's own are the part's.
    part: ListQuery | None = None


def build_list(query: ListQuery, filters: Collection[str], *, resume: bool) -> str:
    """Build the text of one page: `filters` are names, `resume` asks for rows after a key."""
    direction, comparison = ("DESC", "<") if query.newest_first else ("ASC", ">")
    conditions = list(query.conditions)
    if query.part is not None:
        others = [name for name in filters if name not in query.filters]
        part = build_list(query.part, others, resume=resume)
        conditions.append(f"{query.order[-1]} IN ({part})")
        filters, resume = [name for name in filters if name in query.filters], False
    conditions += [query.filters[name] for name in filters]
    if resume:
        bounds = ", ".join(f":after_{place}" for place in range(len(query.order)))
        conditions.append(f"({', '.join(query.order)}) {comparison} ({bounds})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(f"{column} {direction}" for column in query.order)
    return f"{query.select}{where} ORDER BY {order} LIMIT :row_limit"


def insert(table: str, columns: str) -> str:
    """Return the text that inserts one row."""
    values = ", ".join(f":{column}" for column in columns.split(", "))
    return f"INSERT INTO {table} ({columns}) VALUES ({values})"


def _update(table: str, columns: str, key: str) -> str:
    changes = ", ".join(f"{column} = :{column}" for column in columns.split(", "))
    return f"UPDATE {table} SET {changes} WHERE {key} = :{key}"


_TRAIL = "created_at, last_updated_at, created_by, last_updated_by, version"
_CHANGE = "last_updated_at, last_updated_by, version"

# --- schema and epoch ---------------------------------------------------------------------

MIGRATIONS_CREATE = (
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, "
    "applied_at BIGINT NOT NULL)"
)
MIGRATIONS_LIST = "SELECT version, name, checksum FROM schema_migrations ORDER BY version"
MIGRATION_INSERT = insert("schema_migrations", "version, name, checksum, applied_at")

EPOCH_GET = "SELECT value FROM epoch WHERE id = 1"
EPOCH_BUMP = "UPDATE epoch SET value = value + 1 WHERE id = 1"
CHANGE_LIST = (
    "SELECT DISTINCT kind, row_id FROM configuration_changes WHERE epoch > :since LIMIT :row_limit"
)
CHANGE_DELETE_UNTIL = "DELETE FROM configuration_changes WHERE epoch <= :epoch"

# --- secrets ------------------------------------------------------------------------------

_PREVIOUS = " LEFT JOIN secret_previous_values p ON p.secret_id = s.secret_id"
_SECRET_INFO = (
    "SELECT s.secret_id, s.secret_name, s.masked_values, s.provider, s.auth_config, s.expires_at, "
    "s.created_at, s.last_updated_at, s.created_by, s.last_updated_by, s.version, "
    "p.masked_values AS previous_masked_values, p.grace_until, u.last_used_at FROM secrets s"
    + _PREVIOUS
    + " LEFT JOIN secret_uses u ON u.secret_id = s.secret_id"
)
_SECRET_SEALED = (
    "SELECT s.secret_id, s.secret_name, s.provider, s.auth_config, s.secret_version, "
    "s.kek_term, s.record, s.value_mac, s.created_at, p.secret_version AS previous_version, "
    "p.kek_term AS previous_kek_term, p.record AS previous_record, p.grace_until FROM secrets s"
    + _PREVIOUS
)
_SECRET_ORDER = ("s.created_at", "s.secret_id")

SECRET_GET = _SECRET_INFO + " WHERE s.secret_id = :secret_id"
SECRET_GET_SEALED = _SECRET_SEALED + " WHERE s.secret_id = :secret_id"
SECRET_OF_IDS = _SECRET_INFO + " WHERE s.secret_id IN (:ids)"
SECRET_LIST = ListQuery(
    select=_SECRET_INFO,
    order=_SECRET_ORDER,
    filters={"name": "s.secret_name = :name", "provider": "s.provider = :provider"},
)
SECRET_LIST_SEALED = ListQuery(select=_SECRET_SEALED, order=_SECRET_ORDER)
SECRET_ALL_SEALED = _SECRET_SEALED
SECRET_SEALED_OF_IDS = _SECRET_SEALED + " WHERE s.secret_id IN (:ids)"
SECRET_INSERT = insert(
    "secrets",
    "secret_id, secret_name, masked_values, provider, auth_config, expires_at, secret_version, "
    "kek_term, record, value_mac, " + _TRAIL,
)
SECRET_UPDATE = _update(
    "secrets", "masked_values, provider, auth_config, expires_at, " + _CHANGE, "secret_id"
)
SECRET_UPDATE_SEALED = _update(
    "secrets",
    "masked_values, provider, auth_config, expires_at, secret_version, kek_term, record, "
    "value_mac, " + _CHANGE,
    "secret_id",
)
SECRET_DELETE = "DELETE FROM secrets WHERE secret_id = :secret_id"
SECRET_COUNT = "SELECT COUNT(*) AS total FROM secrets"
SECRET_USERS = (
    "SELECT model_definition_id AS id, name FROM model_definitions "
    "WHERE secret_id = :id ORDER BY created_at, model_definition_id LIMIT :row_limit"
)
SECRET_USERS_COUNT = "SELECT COUNT(*) AS total FROM model_definitions WHERE secret_id = :id"
SECRET_EXPIRING = (
    "SELECT secret_id, secret_name, expires_at FROM secrets WHERE expires_at < :before "
    "ORDER BY expires_at, secret_id LIMIT :row_limit"
)

# --- former values of secrets, while they count -------------------------------------------

PREVIOUS_LIST = ListQuery(
    select=(
        "SELECT s.secret_id, s.secret_name, s.provider, s.auth_config, p.secret_version, "
        "p.kek_term, p.record, p.grace_until, NULL AS previous_record, "
        "NULL AS value_mac "
        "FROM secret_previous_values p CROSS JOIN secrets s"
    ),
    order=("p.grace_until", "p.secret_id"),
    conditions=("s.secret_id = p.secret_id",),
    filters={"kek_term": "p.kek_term = :kek_term"},
)
PREVIOUS_PUT = (
    insert(
        "secret_previous_values",
        "secret_id, secret_version, kek_term, record, masked_values, grace_until",
    )
    + " ON CONFLICT (secret_id) DO UPDATE SET secret_version = excluded.secret_version, "
    "kek_term = excluded.kek_term, record = excluded.record, "
    "masked_values = excluded.masked_values, grace_until = excluded.grace_until"
)
PREVIOUS_REWRAP = (
    "UPDATE secret_previous_values SET kek_term = :kek_term, record = :record "
    "WHERE secret_id = :secret_id AND record = :expected_record"
)
PREVIOUS_DELETE = "DELETE FROM secret_previous_values WHERE secret_id = :secret_id"
PREVIOUS_ENDED = (
    "SELECT secret_id FROM secret_previous_values WHERE grace_until <= :now "
    "ORDER BY grace_until, secret_id LIMIT :row_limit"
)

# --- model definitions --------------------------------------------------------------------

_MODEL = (
    "SELECT d.model_definition_id, d.name, d.secret_id, s.secret_name, d.provider, d.model_name, "
    "d.created_at, d.last_updated_at, d.created_by, d.last_updated_by, d.version "
    "FROM model_definitions d JOIN secrets s ON s.secret_id = d.secret_id"
)
MODEL_GET = _MODEL + " WHERE d.model_definition_id = :model_definition_id"
MODEL_LIST = ListQuery(
    select=_MODEL,
    order=("d.created_at", "d.model_definition_id"),
    filters={
        "name": "d.name = :name",
        "provider": "d.provider = :provider",
        "secret_id": "d.secret_id = :secret_id",
    },
)
MODEL_ALL = _MODEL
MODEL_OF_IDS = _MODEL + " WHERE d.model_definition_id IN (:ids)"
MODEL_OF_ENDPOINTS = (
    _MODEL + " WHERE d.model_definition_id IN (SELECT m.model_definition_id "
    "FROM endpoint_model_mappings m WHERE m.endpoint_id IN (:ids))"
)
MODEL_INSERT = insert(
    "model_definitions", "model_definition_id, name, secret_id, provider, model_name, " + _TRAIL
)
MODEL_UPDATE = _update(
    "model_definitions", "name, secret_id, provider, model_name, " + _CHANGE, "model_definition_id"
)
MODEL_DELETE = "DELETE FROM model_definitions WHERE model_definition_id = :model_definition_id"
MODEL_USERS = (
    "SELECT e.endpoint_id AS id, e.name FROM endpoints e WHERE e.endpoint_id IN "
    "(SELECT m.endpoint_id FROM endpoint_model_mappings m WHERE m.model_definition_id = :id) "
    "ORDER BY e.created_at, e.endpoint_id LIMIT :row_limit"
)
MODEL_USERS_COUNT = (
    "SELECT COUNT(DISTINCT endpoint_id) AS total FROM endpoint_model_mappings "
    "WHERE model_definition_id = :id"
)

# --- endpoints ----------------------------------------------------------------------------

_ENDPOINT = (
    "SELECT e.endpoint_id, e.name, e.routing_strategy, e.fallback_config, e.usage_tracking, "
    "e.limits, e.resilience, e.created_at, e.last_updated_at, e.created_by, e.last_updated_by, "
    "e.version FROM endpoints e"
)
_MAPPING = (
    "SELECT m.mapping_id, m.endpoint_id, m.model_definition_id, m.weight, m.linkage_type, "
    "m.fallback_order, m.created_at, m.created_by FROM endpoint_model_mappings m"
)
_MAPPED = (
    "EXISTS (SELECT 1 FROM endpoint_model_mappings m JOIN model_definitions d "
    "ON d.model_definition_id = m.model_definition_id WHERE m.endpoint_id = e.endpoint_id AND "
)
ENDPOINT_GET = _ENDPOINT + " WHERE e.endpoint_id = :endpoint_id"
_BOUND = "e.endpoint_id IN (SELECT b.endpoint_id FROM endpoint_bindings b WHERE "
ENDPOINT_LIST = ListQuery(
    select=_ENDPOINT,
    order=("e.created_at", "e.endpoint_id"),
    filters={
        "name": "e.name = :name",
        "provider": _MAPPED + "d.provider = :provider)",
        "secret_id": _MAPPED + "d.secret_id = :secret_id)",
        "model_definition_id": (
            "EXISTS (SELECT 1 FROM endpoint_model_mappings m "
            "WHERE m.model_definition_id = :model_definition_id "
            "AND m.endpoint_id = e.endpoint_id)"
        ),
        "q": "LOWER(e.name) LIKE :q ESCAPE '\\'",
        "resource_type": (
            "EXISTS (SELECT 1 FROM endpoint_bindings b WHERE b.endpoint_id = e.endpoint_id "
            "AND b.resource_type = :resource_type)"
        ),
        "resource_id": (
            _BOUND + "b.resource_type = :resource_type AND b.resource_id = :resource_id)"
        ),
    },
)
ENDPOINT_ALL = _ENDPOINT + " ORDER BY e.created_at, e.endpoint_id"
ENDPOINT_OF_IDS = _ENDPOINT + " WHERE e.endpoint_id IN (:ids)"
ENDPOINT_IDS_OF_MODELS = (
    "SELECT DISTINCT endpoint_id FROM endpoint_model_mappings WHERE model_definition_id IN (:ids)"
)
MAPPING_ALL = _MAPPING + " ORDER BY m.endpoint_id, m.position"
MAPPING_OF_ENDPOINTS = (
    _MAPPING + " WHERE m.endpoint_id IN (:ids) ORDER BY m.endpoint_id, m.position"
)
TAG_ALL = "SELECT t.endpoint_id, t.key, t.value FROM endpoint_tags t"
TAG_OF_ENDPOINTS = TAG_ALL + " WHERE t.endpoint_id IN (:ids)"
ENDPOINT_INSERT = insert(
    "endpoints",
    "endpoint_id, name, routing_strategy, fallback_config, usage_tracking, limits, resilience, "
    + _TRAIL,
)
ENDPOINT_UPDATE = _update(
    "endpoints",
    "name, routing_strategy, fallback_config, usage_tracking, limits, resilience, " + _CHANGE,
    "endpoint_id",
)
ENDPOINT_DELETE = "DELETE FROM endpoints WHERE endpoint_id = :endpoint_id"
ENDPOINT_EXISTS = "SELECT 1 AS found FROM endpoints WHERE endpoint_id = :endpoint_id"
ENDPOINT_USERS = (
    "SELECT resource_type, resource_id, display_name FROM endpoint_bindings "
    "WHERE endpoint_id = :id ORDER BY created_at, resource_type, resource_id LIMIT :row_limit"
)
ENDPOINT_USERS_COUNT = "SELECT COUNT(*) AS total FROM endpoint_bindings WHERE endpoint_id = :id"
MAPPING_INSERT = insert(
    "endpoint_model_mappings",
    "mapping_id, endpoint_id, model_definition_id, position, weight, linkage_type, "
    "fallback_order, created_at, created_by",
)
MAPPING_DELETE = "DELETE FROM endpoint_model_mappings WHERE mapping_id = :mapping_id"
MAPPING_DELETE_ALL = "DELETE FROM endpoint_model_mappings WHERE endpoint_id = :endpoint_id"
TAG_INSERT = insert("endpoint_tags", "endpoint_id, key, value")
TAG_PUT = TAG_INSERT + " ON CONFLICT (endpoint_id, key) DO UPDATE SET value = excluded.value"
TAG_DELETE = "DELETE FROM endpoint_tags WHERE endpoint_id = :endpoint_id AND key = :key"
TAG_DELETE_ALL = "DELETE FROM endpoint_tags WHERE endpoint_id = :endpoint_id"

# --- bindings -----------------------------------------------------------------------------

_BINDING = (
    "SELECT b.endpoint_id, b.resource_type, b.resource_id, e.name AS endpoint_name, "
    "b.display_name, b.created_at, b.last_updated_at, b.created_by, b.last_updated_by, b.version "
    "FROM endpoint_bindings b JOIN endpoints e ON e.endpoint_id = b.endpoint_id"
)
_BINDING_KEY = (
    " WHERE endpoint_id = :endpoint_id AND resource_type = :resource_type "
    "AND resource_id = :resource_id"
)
BINDING_GET = (
    _BINDING + " WHERE b.endpoint_id = :endpoint_id AND b.resource_type = :resource_type "
    "AND b.resource_id = :resource_id"
)
BINDING_LIST = ListQuery(
    select=_BINDING,
    order=("b.created_at", "b.endpoint_id", "b.resource_type", "b.resource_id"),
    filters={
        "endpoint_id": "b.endpoint_id = :endpoint_id",
        "resource_type": "b.resource_type = :resource_type",
        "resource_id": "b.resource_id = :resource_id",
    },
)
BINDING_OF_ENDPOINTS = (
    _BINDING + " WHERE b.endpoint_id IN (:ids) "
    "ORDER BY b.created_at, b.endpoint_id, b.resource_type, b.resource_id"
)
BINDING_PUT = (
    insert(
        "endpoint_bindings",
        "endpoint_id, resource_type, resource_id, display_name, " + _TRAIL,
    )
    + " ON CONFLICT (endpoint_id, resource_type, resource_id) DO UPDATE SET "
    "display_name = excluded.display_name, last_updated_at = excluded.last_updated_at, "
    "last_updated_by = excluded.last_updated_by, "
    # Whoever puts without having read gets a new version all the same.
    "version = CASE WHEN excluded.version > endpoint_bindings.version "
    "THEN excluded.version ELSE endpoint_bindings.version + 1 END"
)
BINDING_DELETE = "DELETE FROM endpoint_bindings" + _BINDING_KEY
BINDING_DELETE_ALL = "DELETE FROM endpoint_bindings WHERE endpoint_id = :endpoint_id"

# --- api keys -----------------------------------------------------------------------------

_API_KEY_COLUMNS = (
    "SELECT k.key_id, k.name, k.masked_value, k.digest, k.allowed_endpoints, k.expires_at, "
    "k.disabled, k.created_at, k.last_updated_at, k.created_by, k.last_updated_by, k.version, "
)
_API_KEY = (
    _API_KEY_COLUMNS
    + "u.last_used_at FROM api_keys k LEFT JOIN api_key_uses u ON u.key_id = k.key_id"
)
_API_KEY_SERVED = _API_KEY_COLUMNS + "NULL AS last_used_at FROM api_keys k"
API_KEY_GET = _API_KEY + " WHERE k.key_id = :key_id"
API_KEY_LIST = ListQuery(
    select=_API_KEY, order=("k.created_at", "k.key_id"), filters={"name": "k.name = :name"}
)
API_KEY_ALL = _API_KEY_SERVED
API_KEY_OF_IDS = _API_KEY_SERVED + " WHERE k.key_id IN (:ids)"
API_KEY_INSERT = insert(
    "api_keys",
    "key_id, name, masked_value, digest, allowed_endpoints, expires_at, disabled, " + _TRAIL,
)
API_KEY_UPDATE = _update(
    "api_keys", "name, allowed_endpoints, expires_at, disabled, " + _CHANGE, "key_id"
)
API_KEY_UPDATE_VALUE = _update("api_keys", "masked_value, digest", "key_id")
API_KEY_DELETE = "DELETE FROM api_keys WHERE key_id = :key_id"

# --- vault --------------------------------------------------------------------------------

_META = "root_kind, kdf, kdf_params, salt, root_check, wrapped_root"
META_GET = "SELECT installation_id, created_at, " + _META + " FROM vault_meta WHERE id = 1"
META_INSERT = insert("vault_meta", "id, installation_id, created_at, " + _META)
META_UPDATE = _update("vault_meta", _META, "id")
TERM_LIST = (
    "SELECT term, state, wrapped_key, check_value, wraps, created_at FROM kek_terms ORDER BY term"
)
TERM_INSERT = insert("kek_terms", "term, state, wrapped_key, check_value, wraps, created_at")
TERM_UPDATE_KEY = _update("kek_terms", "wrapped_key", "term")
TERM_SET_STATE = _update("kek_terms", "state", "term")
TERM_ADD_WRAPS = (
    "UPDATE kek_terms SET wraps = wraps + :wraps WHERE term = :term AND state = 'active'"
)
TERM_WRAPS = "SELECT wraps FROM kek_terms WHERE term = :term"
TERM_RECORDS = (
    "SELECT kek_term, COUNT(*) AS total FROM (SELECT kek_term FROM secrets "
    "UNION ALL SELECT kek_term FROM secret_previous_values) AS records GROUP BY kek_term"
)

# --- admin --------------------------------------------------------------------------------

_TOKEN = (
    "SELECT t.token_id, t.name, t.digest, t.role, t.scopes, t.expires_at, t.disabled, "
    "t.masked_value, t.last_used_at, t.created_at, t.last_updated_at, t.created_by, "
    "t.last_updated_by, t.version FROM admin_tokens t"
)
TOKEN_GET = _TOKEN + " WHERE t.token_id = :token_id"
TOKEN_ALL = _TOKEN + " ORDER BY t.created_at, t.token_id"
TOKEN_LIST = ListQuery(
    select=_TOKEN, order=("t.created_at", "t.token_id"), filters={"name": "t.name = :name"}
)
TOKEN_INSERT = insert(
    "admin_tokens",
    "token_id, name, digest, role, scopes, expires_at, disabled, masked_value, " + _TRAIL,
)
TOKEN_UPDATE = _update(
    "admin_tokens", "name, role, scopes, expires_at, disabled, " + _CHANGE, "token_id"
)
TOKEN_USED = _update("admin_tokens", "last_used_at", "token_id")
TOKEN_DELETE = "DELETE FROM admin_tokens WHERE token_id = :token_id"
SESSION_END = (
    insert("ended_sessions", "session_id, ends_at") + " ON CONFLICT (session_id) DO NOTHING"
)
SESSION_ENDED = "SELECT session_id FROM ended_sessions WHERE ends_at > :now_ms"
SESSION_DELETE_BEFORE = "DELETE FROM ended_sessions WHERE ends_at <= :ends_at"
_ANSWER = "key, caller, route, body_mac, status, location, body, created_at"
ANSWER_FIND = (
    "SELECT " + _ANSWER + " FROM idempotent_answers "
    "WHERE key = :key AND caller = :caller AND route = :route"
)
ANSWER_INSERT = insert("idempotent_answers", _ANSWER)
ANSWER_DELETE_BEFORE = "DELETE FROM idempotent_answers WHERE created_at < :created_at"
