"""What an operator sees of a running gateway: metrics and logs.

Rule: nothing here knows a request, a credential or a body; callers hand over
numbers and short names.
"""

from gateway.telemetry.logs import configure_logging
from gateway.telemetry.metrics import Metrics

__all__ = ["Metrics", "configure_logging"]
