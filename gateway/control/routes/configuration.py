"""Operations of /configuration and /history."""

from __future__ import annotations

from gateway.control.call import Operation, Policy
from gateway.control.handlers import configuration, history
from gateway.control.query import MAX_TIME_MS, Parameter
from gateway.control.routes.shared import PAGING
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

_AGAINST = Parameter(
    name="against", kind="integer", maximum=MAX_TIME_MS, meaning="Epoch to compare with; now."
)

HISTORY = (
    Operation(
        method="GET",
        path="/history",
        name="listHistory",
        summary="List the states that the configuration has had, newest first",
        tag="history",
        policy=Policy.AUDIT,
        handler=history.list_history,
        answers={200: schema.HistoryPage},
        query=PAGING,
    ),
    Operation(
        method="GET",
        path="/history/{epoch}",
        name="getHistory",
        summary="Read the configuration as it was with an epoch",
        tag="history",
        policy=Policy.AUDIT,
        handler=history.get_history,
        answers={200: schema.HistoryState},
    ),
    Operation(
        method="GET",
        path="/history/{epoch}/diff",
        name="diffHistory",
        summary="Read what changed from an epoch to another",
        tag="history",
        policy=Policy.AUDIT,
        handler=history.diff_history,
        answers={200: schema.HistoryDiff},
        query=(_AGAINST,),
    ),
    Operation(
        method="POST",
        path="/history/{epoch}/rollback",
        name="rollBack",
        summary="Make the configuration what it was with an epoch, as a new one",
        tag="history",
        policy=Policy.EDIT,
        handler=history.roll_back_history,
        answers={200: schema.Rollback, 202: Accepted},
        body=schema.RollbackRequest,
        body_required=False,
    ),
)
