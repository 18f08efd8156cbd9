-- Who serves from this database and which keys it has; how far the newest rotation has come, and
-- who may run it.

CREATE TABLE serving_processes (
    process_id TEXT PRIMARY KEY NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    workers INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    loaded_term INTEGER NOT NULL,
    served_epoch INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE key_rotation (
    id INTEGER PRIMARY KEY CONSTRAINT id CHECK (id = 1),
    token INTEGER NOT NULL CONSTRAINT token CHECK (token >= 0),
    holder TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    phase TEXT NOT NULL CONSTRAINT phase CHECK (phase IN ('idle', 'loading', 'moving', 'done')),
    to_term INTEGER,
    reencrypt INTEGER NOT NULL CONSTRAINT reencrypt CHECK (reencrypt IN (0, 1)),
    total INTEGER NOT NULL,
    moved INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    started_by TEXT NOT NULL
);

INSERT INTO key_rotation
    (id, token, holder, lease_until, phase, reencrypt, total, moved, failed, started_by)
    VALUES (1, 0, '', 0, 'idle', 0, 0, 0, 0, '');

-- A batch of a rotation reads on where the last one ended.
DROP INDEX secrets_by_kek_term;
CREATE INDEX secrets_by_kek_term ON secrets (kek_term, secret_id);
