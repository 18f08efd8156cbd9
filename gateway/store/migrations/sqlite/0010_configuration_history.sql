-- Every epoch as a state that can be read again: the versions of each entity, and who made an epoch.
-- A version's content names other entities by id, so that renaming one is one row and not many.
-- The log of changes now tells of everything that a document holds: bindings, tags (by their
-- endpoint's id) and new or gone model definitions too. The table is made anew for that; triggers name it, so it keeps its name.

CREATE TABLE configuration_changes_kept AS SELECT epoch, kind, row_id FROM configuration_changes;
DROP TABLE configuration_changes;
CREATE TABLE configuration_changes (
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL CONSTRAINT kind
        CHECK (kind IN ('secret', 'model_definition', 'endpoint', 'tags', 'binding', 'api_key')),
    row_id TEXT NOT NULL,
    PRIMARY KEY (epoch, kind, row_id)
) WITHOUT ROWID;
INSERT INTO configuration_changes (epoch, kind, row_id)
    SELECT epoch, kind, row_id FROM configuration_changes_kept;
DROP TABLE configuration_changes_kept;

CREATE TRIGGER model_definitions_insert_noted AFTER INSERT ON model_definitions BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'model_definition', NEW.model_definition_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER model_definitions_delete_noted AFTER DELETE ON model_definitions BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'model_definition', OLD.model_definition_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoint_tags_insert_noted AFTER INSERT ON endpoint_tags BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'tags', NEW.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoint_tags_update_noted AFTER UPDATE ON endpoint_tags BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'tags', NEW.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoint_tags_delete_noted AFTER DELETE ON endpoint_tags BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'tags', OLD.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

-- A binding's id is its key joined by line feeds, which no part of it can hold.
CREATE TRIGGER endpoint_bindings_insert_noted AFTER INSERT ON endpoint_bindings BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'binding',
            NEW.endpoint_id || char(10) || NEW.resource_type || char(10) || NEW.resource_id
            FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoint_bindings_update_noted AFTER UPDATE ON endpoint_bindings BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'binding',
            NEW.endpoint_id || char(10) || NEW.resource_type || char(10) || NEW.resource_id
            FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoint_bindings_delete_noted AFTER DELETE ON endpoint_bindings BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'binding',
            OLD.endpoint_id || char(10) || OLD.resource_type || char(10) || OLD.resource_id
            FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

-- Content null: gone from this epoch on.
CREATE TABLE configuration_versions (
    kind TEXT NOT NULL,
    row_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    name TEXT NOT NULL,
    content TEXT,
    PRIMARY KEY (row_id, epoch)
) WITHOUT ROWID;

CREATE INDEX configuration_versions_by_epoch ON configuration_versions (epoch);
CREATE INDEX configuration_versions_by_name ON configuration_versions (name, epoch);

-- The digest is known once the epoch's document has been read as one: a later document names it.
CREATE TABLE configuration_epochs (
    epoch INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    request_id TEXT NOT NULL,
    digest TEXT
);

CREATE INDEX configuration_epochs_by_digest ON configuration_epochs (digest, epoch)
    WHERE digest IS NOT NULL;

-- What a document last made of each entity.
CREATE TABLE applied_entities (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- Keyed, so that a value that is given can be compared with the stored one, which nobody reads back.
-- Null: the value is older than this column.
ALTER TABLE secrets ADD COLUMN value_mac BLOB;
