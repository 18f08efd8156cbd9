-- Who may administer, who changed what, what was answered, what was used.
-- History has no foreign keys: it outlives what it tells of.

CREATE TABLE admin_tokens (
    token_id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    disabled INTEGER NOT NULL CONSTRAINT disabled CHECK (disabled IN (0, 1))
);

CREATE TABLE audit (
    audit_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    entity_name TEXT NOT NULL,
    before_change TEXT,
    after_change TEXT,
    request_id TEXT NOT NULL,
    source_address TEXT NOT NULL
);

CREATE INDEX audit_by_time ON audit (at, audit_id);
CREATE INDEX audit_by_actor ON audit (actor, at, audit_id);
CREATE INDEX audit_by_entity ON audit (entity_id, at, audit_id);
CREATE INDEX audit_by_entity_type ON audit (entity_type, at, audit_id);

CREATE TABLE idempotent_answers (
    key TEXT NOT NULL,
    caller TEXT NOT NULL,
    route TEXT NOT NULL,
    body_mac BLOB NOT NULL,
    status INTEGER NOT NULL,
    location TEXT,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (key, caller, route)
) WITHOUT ROWID;

CREATE INDEX idempotent_answers_by_creation ON idempotent_answers (created_at);

-- Five indexes and a small partial one, no more: each is paid for by every request. A filter without one of its own
-- (provider, a name) walks the index by time and stops at the end of the page.
CREATE TABLE usage (
    usage_id INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    endpoint_id TEXT NOT NULL,
    endpoint_name TEXT NOT NULL,
    model_definition_id TEXT,
    model_definition_name TEXT,
    provider TEXT,
    api_key_id TEXT,
    client_dialect TEXT NOT NULL,
    upstream_dialect TEXT,
    started_at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    error_code TEXT,
    failed INTEGER NOT NULL,
    first_byte_ms REAL,
    duration_ms REAL NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    reasoning_tokens INTEGER,
    estimated INTEGER NOT NULL,
    streamed INTEGER NOT NULL,
    client_gone INTEGER NOT NULL
);

CREATE INDEX usage_by_time ON usage (started_at, usage_id);
CREATE INDEX usage_by_endpoint ON usage (endpoint_id, started_at, usage_id);
CREATE INDEX usage_by_model_definition ON usage (model_definition_id, started_at, usage_id);
CREATE INDEX usage_by_api_key ON usage (api_key_id, started_at, usage_id);
CREATE INDEX usage_by_request ON usage (request_id, started_at, usage_id);
CREATE INDEX usage_failed ON usage (started_at, usage_id) WHERE failed = 1;
