-- What an admin token may do, where and until when; which sessions were ended before their time.
-- A token of before may do everything, as it could.

ALTER TABLE admin_tokens ADD COLUMN role TEXT NOT NULL DEFAULT 'admin'
    CONSTRAINT role CHECK (role IN ('admin', 'editor', 'viewer', 'auditor'));
ALTER TABLE admin_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '["*"]';
ALTER TABLE admin_tokens ADD COLUMN expires_at INTEGER;
ALTER TABLE admin_tokens ADD COLUMN masked_value TEXT NOT NULL DEFAULT '***';
ALTER TABLE admin_tokens ADD COLUMN last_used_at INTEGER;
ALTER TABLE admin_tokens ADD COLUMN last_updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE admin_tokens ADD COLUMN created_by TEXT NOT NULL DEFAULT 'lockgate';
ALTER TABLE admin_tokens ADD COLUMN last_updated_by TEXT NOT NULL DEFAULT 'lockgate';
ALTER TABLE admin_tokens ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
UPDATE admin_tokens SET last_updated_at = created_at;
CREATE INDEX admin_tokens_by_creation ON admin_tokens (created_at, token_id);

CREATE TABLE ended_sessions (
    session_id TEXT PRIMARY KEY NOT NULL,
    ends_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX ended_sessions_by_end ON ended_sessions (ends_at);
