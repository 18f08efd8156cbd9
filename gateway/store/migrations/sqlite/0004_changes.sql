-- What each epoch changed, so that a snapshot is patched and not built anew.
-- Triggers write it: whoever changes a row, by whatever statement, cannot forget to say so. A change
-- stands under the epoch that its transaction is about to make (or the next, if it makes none).
-- Bindings and tags are in no snapshot. A model definition is in one only as part of an endpoint, so
-- only its changes count: one that is new is not mapped yet, one that goes is mapped no more.

CREATE TABLE configuration_changes (
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL CONSTRAINT kind
        CHECK (kind IN ('secret', 'model_definition', 'endpoint', 'api_key')),
    row_id TEXT NOT NULL,
    PRIMARY KEY (epoch, kind, row_id)
) WITHOUT ROWID;

CREATE TRIGGER secrets_insert_noted AFTER INSERT ON secrets BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'secret', NEW.secret_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER secrets_update_noted AFTER UPDATE ON secrets BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'secret', NEW.secret_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER secrets_delete_noted AFTER DELETE ON secrets BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'secret', OLD.secret_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER model_definitions_update_noted AFTER UPDATE ON model_definitions BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'model_definition', NEW.model_definition_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoints_insert_noted AFTER INSERT ON endpoints BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'endpoint', NEW.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoints_update_noted AFTER UPDATE ON endpoints BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'endpoint', NEW.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoints_delete_noted AFTER DELETE ON endpoints BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'endpoint', OLD.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoint_model_mappings_insert_noted AFTER INSERT ON endpoint_model_mappings BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'endpoint', NEW.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoint_model_mappings_update_noted AFTER UPDATE ON endpoint_model_mappings BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'endpoint', NEW.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER endpoint_model_mappings_delete_noted AFTER DELETE ON endpoint_model_mappings BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'endpoint', OLD.endpoint_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER api_keys_insert_noted AFTER INSERT ON api_keys BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'api_key', NEW.key_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER api_keys_update_noted AFTER UPDATE ON api_keys BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'api_key', NEW.key_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER api_keys_delete_noted AFTER DELETE ON api_keys BEGIN
    INSERT INTO configuration_changes (epoch, kind, row_id)
        SELECT value + 1, 'api_key', OLD.key_id FROM epoch WHERE id = 1
        ON CONFLICT DO NOTHING;
END;
