"""Routing: stored rows become a snapshot, a snapshot a plan, an answer a decision.

Rule: pure. Clock, randomness and the state of targets come as arguments.
"""

from gateway.routing.health import Blame, HealthEvent, HealthTimes, TargetHealth, parse_event
from gateway.routing.health_table import HealthTable
from gateway.routing.hints import find_hint, parse_retry_after
from gateway.routing.mappings import (
    MappingSpec,
    build_specs,
    check_mappings,
    compute_shares,
    fill_fallback_orders,
)
from gateway.routing.plan import plan
from gateway.routing.retry import Decision, blame_error, classify_answer
from gateway.routing.snapshot import (
    ClientKey,
    EndpointRoute,
    Snapshot,
    SnapshotHolder,
    Target,
    build_snapshot,
    iter_snapshot,
)
from gateway.routing.update import iter_update, update_snapshot

__all__ = [
    "Blame",
    "ClientKey",
    "Decision",
    "EndpointRoute",
    "HealthEvent",
    "HealthTable",
    "HealthTimes",
    "MappingSpec",
    "Snapshot",
    "SnapshotHolder",
    "Target",
    "TargetHealth",
    "blame_error",
    "build_snapshot",
    "build_specs",
    "check_mappings",
    "classify_answer",
    "compute_shares",
    "fill_fallback_orders",
    "find_hint",
    "iter_snapshot",
    "iter_update",
    "parse_event",
    "parse_retry_after",
    "plan",
    "update_snapshot",
]
