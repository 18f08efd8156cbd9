-- The life of a credential: when its value ends, the value before it while that still counts, and
-- when credentials and api keys were last used.

ALTER TABLE secrets ADD COLUMN expires_at INTEGER;

CREATE INDEX secrets_by_expiry ON secrets (expires_at) WHERE expires_at IS NOT NULL;

-- At most one former value per secret, sealed as it was: its record is bound to its own version.
CREATE TABLE secret_previous_values (
    secret_id TEXT PRIMARY KEY NOT NULL REFERENCES secrets (secret_id) ON DELETE CASCADE,
    secret_version INTEGER NOT NULL CONSTRAINT secret_version CHECK (secret_version >= 1),
    kek_term INTEGER NOT NULL REFERENCES kek_terms (term) ON DELETE RESTRICT,
    record BLOB NOT NULL,
    masked_values TEXT NOT NULL,
    grace_until INTEGER NOT NULL
);

CREATE INDEX secret_previous_values_by_kek_term
    ON secret_previous_values (kek_term, grace_until, secret_id);
CREATE INDEX secret_previous_values_by_end ON secret_previous_values (grace_until, secret_id);

CREATE TRIGGER secret_previous_values_insert_noted AFTER INSERT ON secret_previous_values BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'secret', NEW.secret_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER secret_previous_values_update_noted AFTER UPDATE ON secret_previous_values BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'secret', NEW.secret_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER secret_previous_values_delete_noted AFTER DELETE ON secret_previous_values BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'secret', OLD.secret_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

-- Beside the rows that they speak of: these are written by the ledger, once a minute at most, and
-- must note no change of the configuration.
CREATE TABLE secret_uses (
    secret_id TEXT PRIMARY KEY NOT NULL REFERENCES secrets (secret_id) ON DELETE CASCADE,
    last_used_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_key_uses (
    key_id TEXT PRIMARY KEY NOT NULL REFERENCES api_keys (key_id) ON DELETE CASCADE,
    last_used_at INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO secret_uses (secret_id, last_used_at)
SELECT d.secret_id, MAX(u.at) - MAX(u.at) % 60000
FROM (
    SELECT f.model_definition_id, (
        SELECT MAX(r.started_at) FROM usage r WHERE r.facet_id = f.facet_id
    ) AS at
    FROM usage_facets f
) u
JOIN model_definitions d ON d.model_definition_id = u.model_definition_id
WHERE u.at IS NOT NULL
GROUP BY d.secret_id;

INSERT INTO api_key_uses (key_id, last_used_at)
SELECT k.key_id, MAX(u.at) - MAX(u.at) % 60000
FROM (
    SELECT f.api_key_id, (
        SELECT MAX(r.started_at) FROM usage r WHERE r.facet_id = f.facet_id
    ) AS at
    FROM usage_facets f
) u
JOIN api_keys k ON k.key_id = u.api_key_id
WHERE u.at IS NOT NULL
GROUP BY k.key_id;
