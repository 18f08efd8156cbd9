"""Operations of /configuration and /history."""

from __future__ import annotations

from gateway.control.call import Operation, Policy
from gateway.control.handlers import configuration
from gateway.control.schema import configuration as schema
from gateway.control.schema.base import Accepted

CONFIGURATION = (
    Operation(
        method="GET",
        path="/configuration",
        name="getConfiguration",
        summary="Read the whole configuration as one document",
        tag="configuration",
        policy=Policy.READ,
        handler=configuration.get_configuration,
        answers={200: schema.Configuration},
    ),
    Operation(
        method="POST",
        path="/configuration/plan",
        name="planConfiguration",
        summary="Compare a document with what is stored; nothing is changed",
        tag="configuration",
        policy=Policy.EDIT,  # what it says of values that are given is not for everybody
        handler=configuration.plan_configuration,
        answers={200: schema.ConfigurationPlan},
        body=schema.ConfigurationRequest,
        max_body_bytes=schema.MAX_DOCUMENT_BYTES,
    ),
    Operation(
        method="POST",
        path="/configuration/apply",
        name="applyConfiguration",
        summary="Make the configuration what a document says, all or nothing",
        tag="configuration",
        policy=Policy.EDIT,
        handler=configuration.apply_configuration,
        answers={200: schema.ConfigurationApplied, 202: Accepted},
        body=schema.ConfigurationRequest,
        max_body_bytes=schema.MAX_DOCUMENT_BYTES,
    ),
)
