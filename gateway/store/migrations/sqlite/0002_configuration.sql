-- What a snapshot is built from. JSON is kept as text, booleans as 0 and 1.
-- RESTRICT where a person has to detach first; CASCADE where a row is part of another.

CREATE TABLE secrets (
    secret_id TEXT PRIMARY KEY NOT NULL,
    secret_name TEXT NOT NULL UNIQUE,
    masked_values TEXT NOT NULL,
    provider TEXT,
    auth_config TEXT,
    secret_version INTEGER NOT NULL CONSTRAINT secret_version CHECK (secret_version >= 1),
    kek_term INTEGER NOT NULL REFERENCES kek_terms (term) ON DELETE RESTRICT,
    record BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    last_updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    last_updated_by TEXT NOT NULL,
    version INTEGER NOT NULL CONSTRAINT version CHECK (version >= 1)
);

CREATE INDEX secrets_by_creation ON secrets (created_at, secret_id);
CREATE INDEX secrets_by_provider ON secrets (provider, created_at, secret_id);
CREATE INDEX secrets_by_kek_term ON secrets (kek_term);

CREATE TABLE model_definitions (
    model_definition_id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    secret_id TEXT NOT NULL REFERENCES secrets (secret_id) ON DELETE RESTRICT,
    provider TEXT NOT NULL,
    model_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    last_updated_by TEXT NOT NULL,
    version INTEGER NOT NULL CONSTRAINT version CHECK (version >= 1)
);

CREATE INDEX model_definitions_by_creation ON model_definitions (created_at, model_definition_id);
CREATE INDEX model_definitions_by_provider
    ON model_definitions (provider, created_at, model_definition_id);
CREATE INDEX model_definitions_by_secret
    ON model_definitions (secret_id, created_at, model_definition_id);

CREATE TABLE endpoints (
    endpoint_id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    routing_strategy TEXT,
    fallback_config TEXT,
    usage_tracking INTEGER NOT NULL CONSTRAINT usage_tracking CHECK (usage_tracking IN (0, 1)),
    limits TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    last_updated_by TEXT NOT NULL,
    version INTEGER NOT NULL CONSTRAINT version CHECK (version >= 1)
);

CREATE INDEX endpoints_by_creation ON endpoints (created_at, endpoint_id);

CREATE TABLE endpoint_model_mappings (
    mapping_id TEXT PRIMARY KEY NOT NULL,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (endpoint_id) ON DELETE CASCADE,
    model_definition_id TEXT NOT NULL
        REFERENCES model_definitions (model_definition_id) ON DELETE RESTRICT,
    position INTEGER NOT NULL CONSTRAINT position CHECK (position >= 0),
    -- The upper bound keeps infinity out; not-a-number is stored as null and refused as such.
    weight REAL NOT NULL CONSTRAINT weight
        CHECK (weight >= 0 AND weight <= 1.7976931348623157e308),
    linkage_type TEXT NOT NULL CONSTRAINT linkage_type
        CHECK (linkage_type IN ('PRIMARY', 'FALLBACK')),
    fallback_order INTEGER CONSTRAINT fallback_order CHECK (fallback_order >= 0),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (endpoint_id, model_definition_id, linkage_type)
);

CREATE INDEX mappings_by_endpoint ON endpoint_model_mappings (endpoint_id, position);
CREATE INDEX mappings_by_model_definition
    ON endpoint_model_mappings (model_definition_id, endpoint_id);

CREATE TABLE endpoint_tags (
    endpoint_id TEXT NOT NULL REFERENCES endpoints (endpoint_id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, key)
) WITHOUT ROWID;

CREATE TABLE endpoint_bindings (
    endpoint_id TEXT NOT NULL REFERENCES endpoints (endpoint_id) ON DELETE RESTRICT,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    display_name TEXT,
    created_at INTEGER NOT NULL,
    last_updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    last_updated_by TEXT NOT NULL,
    version INTEGER NOT NULL CONSTRAINT version CHECK (version >= 1),
    PRIMARY KEY (endpoint_id, resource_type, resource_id)
) WITHOUT ROWID;

CREATE INDEX bindings_by_creation
    ON endpoint_bindings (created_at, endpoint_id, resource_type, resource_id);
CREATE INDEX bindings_by_endpoint
    ON endpoint_bindings (endpoint_id, created_at, resource_type, resource_id);
CREATE INDEX bindings_by_type
    ON endpoint_bindings (resource_type, created_at, endpoint_id, resource_id);
CREATE INDEX bindings_by_resource
    ON endpoint_bindings (resource_type, resource_id, created_at, endpoint_id);

CREATE TABLE api_keys (
    key_id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    masked_value TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    allowed_endpoints TEXT NOT NULL,
    expires_at INTEGER,
    disabled INTEGER NOT NULL CONSTRAINT disabled CHECK (disabled IN (0, 1)),
    created_at INTEGER NOT NULL,
    last_updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    last_updated_by TEXT NOT NULL,
    version INTEGER NOT NULL CONSTRAINT version CHECK (version >= 1)
);

CREATE INDEX api_keys_by_creation ON api_keys (created_at, key_id);
