"""Routing: stored rows become a snapshot, a snapshot a plan, an answer a decision.

Rule: pure. Clock, randomness and the state of targets come as arguments.
"""

from gateway.routing.mappings import (
    MappingSpec,
    build_specs,
    check_mappings,
    compute_shares,
    fill_fallback_orders,
)
from gateway.routing.plan import plan
from gateway.routing.retry import Decision, classify_answer, parse_retry_after
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
    "ClientKey",
    "Decision",
    "EndpointRoute",
    "MappingSpec",
    "Snapshot",
    "SnapshotHolder",
    "Target",
    "build_snapshot",
    "build_specs",
    "check_mappings",
    "classify_answer",
    "compute_shares",
    "fill_fallback_orders",
    "iter_snapshot",
    "iter_update",
    "parse_retry_after",
    "plan",
    "update_snapshot",
]
