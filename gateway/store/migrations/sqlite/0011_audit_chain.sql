-- The audit log as a chain: each row holds the hash of the row before it, its own hash, and a MAC
-- over that under a key that only the root key gives. docs/audit.md has every byte.
-- Rows that are there already are taken into the chain at the next start (before_chain = 1).

ALTER TABLE audit ADD COLUMN before_chain INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN former_hash BLOB;
ALTER TABLE audit ADD COLUMN row_hash BLOB;
ALTER TABLE audit ADD COLUMN row_mac BLOB;

-- The last row's number and hash, so that rows cut off the end are missed. Made at the next start.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CONSTRAINT id CHECK (id = 1),
    last_id INTEGER NOT NULL,
    last_hash BLOB NOT NULL,
    mac BLOB NOT NULL
);
