-- What many ledger rows share (who called what, through which model) stands once; a row points to it.

CREATE TABLE usage_facets (
    facet_id INTEGER PRIMARY KEY NOT NULL,
    -- The eight values as a JSON array: to a UNIQUE of the columns themselves no NULL equals another.
    facet TEXT NOT NULL UNIQUE,
    endpoint_id TEXT NOT NULL,
    endpoint_name TEXT NOT NULL,
    model_definition_id TEXT,
    model_definition_name TEXT,
    provider TEXT,
    api_key_id TEXT,
    client_dialect TEXT NOT NULL,
    upstream_dialect TEXT
);

INSERT INTO usage_facets (
    facet, endpoint_id, endpoint_name, model_definition_id, model_definition_name, provider,
    api_key_id, client_dialect, upstream_dialect
)
SELECT
    json_array(
        endpoint_id, endpoint_name, model_definition_id, model_definition_name, provider,
        api_key_id, client_dialect, upstream_dialect
    ),
    endpoint_id, endpoint_name, model_definition_id, model_definition_name, provider,
    api_key_id, client_dialect, upstream_dialect
FROM usage
GROUP BY 2, 3, 4, 5, 6, 7, 8, 9
ORDER BY MIN(usage_id);

-- Written once in the life of a combination: these indexes cost no request anything.
CREATE INDEX usage_facets_by_endpoint ON usage_facets (endpoint_id);
CREATE INDEX usage_facets_by_endpoint_name ON usage_facets (endpoint_name);
CREATE INDEX usage_facets_by_model_definition ON usage_facets (model_definition_id);
CREATE INDEX usage_facets_by_model_definition_name ON usage_facets (model_definition_name);
CREATE INDEX usage_facets_by_provider ON usage_facets (provider);
CREATE INDEX usage_facets_by_api_key ON usage_facets (api_key_id);

-- No AUTOINCREMENT: it would write the table of sequences once per row. No foreign key: a facet is
-- committed before its rows or with them, and to look for it again would cost every row.
CREATE TABLE usage_rows (
    usage_id INTEGER PRIMARY KEY NOT NULL,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    facet_id INTEGER NOT NULL,
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

INSERT INTO usage_rows
SELECT
    u.usage_id, u.request_id, u.attempt, f.facet_id, u.started_at, u.status, u.error_code, u.failed,
    u.first_byte_ms, u.duration_ms, u.input_tokens, u.output_tokens, u.cache_read_tokens,
    u.cache_write_tokens, u.reasoning_tokens, u.estimated, u.streamed, u.client_gone
FROM usage u
JOIN usage_facets f ON f.facet = json_array(
    u.endpoint_id, u.endpoint_name, u.model_definition_id, u.model_definition_name, u.provider,
    u.api_key_id, u.client_dialect, u.upstream_dialect
)
ORDER BY u.usage_id;

DROP TABLE usage;
ALTER TABLE usage_rows RENAME TO usage;

-- Three indexes and a small partial one, no more: each is paid for by every request. SQLite ends every
-- index with the row's id: naming usage_id too would store it twice.
CREATE INDEX usage_by_time ON usage (started_at);
CREATE INDEX usage_by_facet ON usage (facet_id, started_at);
CREATE INDEX usage_by_request ON usage (request_id, started_at);
CREATE INDEX usage_failed ON usage (started_at) WHERE failed = 1;
