"""The queries of rotations: leases, heartbeats, records by term.

Rule: as in `gateway.store.sql`. A statement with `:token` changes nothing for who has lost the
lease, one with the old version and term nothing for who comes too late.
"""

# ruff: noqa: S105, S608 - no passwords, and only constants are joined

from __future__ import annotations

_ROTATION = (
    "token, holder, lease_until, phase, to_term, reencrypt, total, moved, failed, started_at, "
    "finished_at, started_by"
)
ROTATION_GET = f"SELECT {_ROTATION} FROM key_rotation WHERE id = 1"
LEASE_TAKE = (
    "UPDATE key_rotation SET token = token + 1, holder = :holder, lease_until = :lease_until "
    "WHERE id = 1 AND lease_until <= :now"
)
LEASE_RENEW = (
    "UPDATE key_rotation SET lease_until = :lease_until WHERE id = 1 AND token = :token "
    "AND holder <> ''"
)
LEASE_END = "UPDATE key_rotation SET holder = '', lease_until = 0 WHERE id = 1 AND token = :token"
ROTATION_UPDATE = (
    "UPDATE key_rotation SET phase = :phase, to_term = :to_term, reencrypt = :reencrypt, "
    "total = :total, moved = :moved, failed = :failed, started_at = :started_at, "
    "finished_at = :finished_at, started_by = :started_by WHERE id = 1 AND token = :token"
)

_PROCESS = (
    "process_id, host, pid, workers, started_at, seen_at, lease_until, loaded_term, served_epoch"
)
PROCESS_PUT = (
    f"INSERT INTO serving_processes ({_PROCESS}) VALUES (:process_id, :host, :pid, :workers, "
    ":started_at, :seen_at, :lease_until, :loaded_term, :served_epoch) "
    "ON CONFLICT (process_id) DO UPDATE SET workers = excluded.workers, "
    "seen_at = excluded.seen_at, lease_until = excluded.lease_until, "
    "loaded_term = excluded.loaded_term, served_epoch = excluded.served_epoch"
)
PROCESS_LIVE = (
    f"SELECT {_PROCESS} FROM serving_processes WHERE lease_until > :now "
    "ORDER BY started_at, process_id"
)
PROCESS_DELETE = "DELETE FROM serving_processes WHERE process_id = :process_id"
PROCESS_DELETE_GONE = "DELETE FROM serving_processes WHERE lease_until <= :now"

SECRETS_OF_TERM = (
    "SELECT secret_id, secret_name, provider, auth_config, secret_version, kek_term, record, "
    "value_mac, NULL AS previous_record, version FROM secrets "
    "WHERE kek_term = :term AND secret_id > :after ORDER BY secret_id LIMIT :row_limit"
)
SECRET_MOVE = (
    "UPDATE secrets SET kek_term = :kek_term, record = :record WHERE secret_id = :secret_id "
    "AND version = :version AND secret_version = :secret_version AND kek_term = :old_term"
)
TERM_DESTROY = (
    "UPDATE kek_terms SET wrapped_key = :wrapped_key, state = 'retired' WHERE term = :term"
)
