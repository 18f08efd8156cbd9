"""MLflow's own definition of its methods: none is missing here, none is read in another way."""

from __future__ import annotations

from typing import Any

from mlflow.protos import databricks_pb2, service_pb2

from gateway.control.mlflow.routes import OPERATIONS

ITS_OWN = {"linkage_type"}  # fields of ours beside MLflow's


def list_methods() -> dict[tuple[str, str], set[str]]:
    found = {}
    for method in service_pb2.MlflowService.DESCRIPTOR.methods:
        for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
            if endpoint.path.startswith("/mlflow/gateway/"):
                path = endpoint.path.removeprefix("/mlflow")
                fields = {field.name for field in method.input_type.fields}
                found[(endpoint.method, path)] = fields
    return found


def list_fields(row: Any) -> set[str]:
    if row.body is None:
        return {parameter.name for parameter in row.query}
    return {field.alias or name for name, field in row.body.model_fields.items()}


def test_every_method_of_mlflows_service_is_in_the_table_with_its_fields() -> None:
    here = {(row.method, row.path): row for row in OPERATIONS}
    theirs = list_methods()
    assert len(theirs) > 30
    assert [key for key in theirs if key not in here] == []
    for key, fields in theirs.items():
        row = here[key]
        if row.handler.__name__.startswith("refuse_") and row.method != "GET":
            continue  # its body is not read
        assert list_fields(row) - ITS_OWN == fields, key
