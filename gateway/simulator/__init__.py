"""Model providers on loopback: the wire formats of OpenAI, Anthropic and Gemini, with faults.

``start_simulator`` runs one on a free port; the demo, the tests and the bench call it instead of
a real provider. The grammar of faults is in ``gateway.simulator.faults``.

Rule: nothing here calls out, and nothing of the data plane or the control plane is used, so that
what the simulator says is an independent witness of the formats.
"""

from gateway.simulator.calls import ReceivedCall
from gateway.simulator.faults import FAULT_HEADER, Fault, dump_fault, parse_fault
from gateway.simulator.server import (
    RunningSimulator,
    Simulator,
    build_simulator_app,
    start_simulator,
)

__all__ = [
    "FAULT_HEADER",
    "Fault",
    "ReceivedCall",
    "RunningSimulator",
    "Simulator",
    "build_simulator_app",
    "dump_fault",
    "parse_fault",
    "start_simulator",
]
