-- How far each writer of the ledger has come: rows that it wrote aside while the database was away
-- are stored once, whatever ends in between.

CREATE TABLE ledger_writers (
    writer TEXT PRIMARY KEY,
    rows_stored INTEGER NOT NULL CONSTRAINT rows_stored CHECK (rows_stored >= 0),
    stored_at INTEGER NOT NULL
) WITHOUT ROWID;
