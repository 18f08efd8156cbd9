"""Every query of the history of the configuration, and those that read all of it at once.

Rule: as in `gateway.store.sql`; a state is read in as many queries as there are kinds of rows.
"""

# ruff: noqa: S105 - names of queries are no passwords

from __future__ import annotations

from gateway.store.sql import insert

TOUCHED = "SELECT kind, row_id FROM configuration_changes WHERE epoch = :epoch"

_SECRET = (
    "SELECT secret_id, secret_name, provider, auth_config, masked_values, secret_version, "
    "expires_at FROM secrets"
)
SECRET_ALL = _SECRET
SECRET_OF_IDS = _SECRET + " WHERE secret_id IN (:ids)"
SECRET_MACS = "SELECT secret_id, value_mac FROM secrets WHERE secret_id IN (:ids)"

_MODEL = "SELECT model_definition_id, name, provider, model_name, secret_id FROM model_definitions"
MODEL_ALL = _MODEL
MODEL_OF_IDS = _MODEL + " WHERE model_definition_id IN (:ids)"

_BINDING = "SELECT endpoint_id, resource_type, resource_id, display_name FROM endpoint_bindings"
BINDING_ALL = _BINDING
BINDING_OF_ENDPOINTS = _BINDING + " WHERE endpoint_id IN (:ids)"
BINDING_OF_KEY = (
    _BINDING + " WHERE endpoint_id = :endpoint_id AND resource_type = :resource_type "
    "AND resource_id = :resource_id"
)

VERSION_INSERT = (
    "INSERT INTO configuration_versions (kind, row_id, epoch, name, content) VALUES (?, ?, ?, ?, ?)"
)
_LAST = (
    "SELECT v.kind, v.row_id, v.epoch, v.name, v.content FROM configuration_versions v "
    "JOIN (SELECT row_id, MAX(epoch) AS epoch FROM configuration_versions "
    "WHERE {condition} GROUP BY row_id) last "
    "ON last.row_id = v.row_id AND last.epoch = v.epoch"
)
VERSIONS_AT = _LAST.format(condition="epoch <= :epoch") + " WHERE v.content IS NOT NULL"
VERSIONS_LAST_OF = _LAST.format(condition="row_id IN (:ids)")
VERSIONS_OF_EPOCHS = (
    "SELECT kind, row_id, epoch, name, gone, total, "
    "COALESCE((SELECT b.content IS NULL FROM configuration_versions b WHERE b.row_id = v.row_id "
    "AND b.epoch < v.epoch ORDER BY b.epoch DESC LIMIT 1), 1) AS new "
    "FROM (SELECT kind, row_id, epoch, name, content IS NULL AS gone, "
    "COUNT(*) OVER (PARTITION BY epoch) AS total, "
    "ROW_NUMBER() OVER (PARTITION BY epoch ORDER BY kind, name) AS place "
    "FROM configuration_versions WHERE epoch >= :first AND epoch <= :last) v "
    "WHERE place <= :each ORDER BY epoch, place"
)
AUTHORS_OF_NAMES = (
    "SELECT v.kind, v.name, e.epoch, e.at, e.actor, e.request_id FROM configuration_versions v "
    "JOIN configuration_epochs e ON e.epoch = v.epoch "
    "WHERE v.name IN (:ids) ORDER BY v.epoch"
)

EPOCH_INSERT = insert("configuration_epochs", "epoch, at, actor, request_id")
_EPOCH = "SELECT epoch, at, actor, request_id FROM configuration_epochs"
# The newest one until then: a login or a moved record raises the epoch and changes no state.
_UNTIL = "epoch = (SELECT MAX(epoch) FROM configuration_epochs WHERE epoch <= :epoch)"
EPOCH_FIND = (
    _EPOCH + f" WHERE {_UNTIL} AND :epoch <= (SELECT value FROM epoch WHERE id = 1)"  # noqa: S608 - constants
)
EPOCH_OLDEST = "SELECT MIN(epoch) AS epoch FROM configuration_epochs"
EPOCH_NEWEST = "SELECT MAX(epoch) AS epoch FROM configuration_epochs"
EPOCH_LIST = _EPOCH + " WHERE epoch < :before ORDER BY epoch DESC LIMIT :row_limit"
EPOCH_SET_DIGEST = (
    f"UPDATE configuration_epochs SET digest = :digest WHERE {_UNTIL} AND digest IS NULL"  # noqa: S608 - constants
)
EPOCH_OF_DIGEST = "SELECT MAX(epoch) AS epoch FROM configuration_epochs WHERE digest = :digest"

# The state at :epoch stays readable, and every one after it; what only older ones need goes.
EPOCH_DELETE_BEFORE = "DELETE FROM configuration_epochs WHERE epoch < :epoch"
VERSION_DELETE_BEFORE = (
    "DELETE FROM configuration_versions WHERE epoch < :epoch AND EXISTS "
    "(SELECT 1 FROM configuration_versions n WHERE n.row_id = configuration_versions.row_id "
    "AND n.epoch > configuration_versions.epoch AND n.epoch <= :epoch)"
)
VERSION_DELETE_GONE = "DELETE FROM configuration_versions WHERE epoch <= :epoch AND content IS NULL"
EPOCH_FIRST_SINCE = "SELECT MIN(epoch) AS epoch FROM configuration_epochs WHERE at >= :since"
EPOCH_BEHIND = "SELECT epoch FROM configuration_epochs ORDER BY epoch DESC LIMIT 1 OFFSET :newer"

APPLIED_ALL = "SELECT kind, name, digest FROM applied_entities"
APPLIED_PUT = (
    insert("applied_entities", "kind, name, digest")
    + " ON CONFLICT (kind, name) DO UPDATE SET digest = excluded.digest"
)
APPLIED_DELETE = "DELETE FROM applied_entities WHERE kind = :kind AND name = :name"
