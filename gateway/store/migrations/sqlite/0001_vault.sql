-- How the vault's keys are kept, and the number of the configuration.

CREATE TABLE vault_meta (
    id INTEGER PRIMARY KEY CONSTRAINT id CHECK (id = 1),
    installation_id TEXT NOT NULL,
    root_kind TEXT NOT NULL CONSTRAINT root_kind CHECK (root_kind IN ('key_file', 'passphrase')),
    kdf TEXT,
    kdf_params TEXT NOT NULL,
    salt BLOB NOT NULL,
    root_check BLOB NOT NULL,
    wrapped_root BLOB NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE kek_terms (
    term INTEGER PRIMARY KEY CONSTRAINT term CHECK (term BETWEEN 1 AND 4294967295),
    state TEXT NOT NULL CONSTRAINT state
        CHECK (state IN ('pending', 'active', 'decrypt_only', 'retired')),
    wrapped_key BLOB NOT NULL,
    check_value BLOB NOT NULL,
    wraps INTEGER NOT NULL CONSTRAINT wraps CHECK (wraps >= 0),
    created_at INTEGER NOT NULL
);

-- New records have one term to go to: the old one steps down before the next becomes active.
CREATE UNIQUE INDEX kek_terms_one_active ON kek_terms (state) WHERE state = 'active';

CREATE TABLE epoch (
    id INTEGER PRIMARY KEY CONSTRAINT id CHECK (id = 1),
    value INTEGER NOT NULL CONSTRAINT value CHECK (value >= 0)
);

INSERT INTO epoch (id, value) VALUES (1, 0);
