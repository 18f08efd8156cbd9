"""The statements that read MLflow's own tables.

Rule: only reads. Whole rows are asked for because MLflow's columns grew from release to release;
which there are is seen in the rows.
"""

from __future__ import annotations

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
SECRETS = "SELECT * FROM secrets ORDER BY created_at, secret_id"
MODELS = "SELECT * FROM model_definitions ORDER BY created_at, model_definition_id"
ENDPOINTS = "SELECT * FROM endpoints ORDER BY created_at, endpoint_id"
MAPPINGS = "SELECT * FROM endpoint_model_mappings ORDER BY created_at, mapping_id"
BINDINGS = "SELECT * FROM endpoint_bindings ORDER BY resource_type, resource_id"
TAGS = "SELECT * FROM endpoint_tags ORDER BY key"
GUARDRAILS = "SELECT * FROM guardrails ORDER BY name"
BUDGETS = "SELECT * FROM budget_policies ORDER BY created_at"
