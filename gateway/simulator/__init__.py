"""Model providers on loopback: the wire formats of all vendors, strict, and with faults.

``start_simulator`` runs one on a free port; the demo, the tests and the bench call it instead of
a real provider. One simulator speaks at once OpenAI (chat, responses, completions, embeddings; by
the model's name also with the accent of Mistral, DeepSeek, OpenRouter or vLLM), Azure OpenAI,
Anthropic, Gemini, Vertex, Bedrock, Cohere, Ollama and the token endpoints of Google and Entra.

The grammar of faults is in ``gateway.simulator.faults``; what a prompt can ask of the model
(``sim-run:`` scripts for agents, ``please-refuse`` and its like) in
``gateway.simulator.conversation``; what real providers refuse in ``gateway.simulator.strict``.
Signed requests of AWS are verified where the simulator is given a key pair.

Rule: nothing here calls out, and nothing of the data plane or the control plane is used, so that
what the simulator says is an independent witness of the formats.
"""

from gateway.simulator.answers import CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, REASONING_TOKENS
from gateway.simulator.calls import ReceivedCall
from gateway.simulator.faults import FAULT_HEADER, Fault, dump_fault, parse_fault
from gateway.simulator.server import (
    RunningSimulator,
    Simulator,
    build_simulator_app,
    start_simulator,
)

__all__ = [
    "CACHE_READ_TOKENS",
    "CACHE_WRITE_TOKENS",
    "FAULT_HEADER",
    "REASONING_TOKENS",
    "Fault",
    "ReceivedCall",
    "RunningSimulator",
    "Simulator",
    "build_simulator_app",
    "dump_fault",
    "parse_fault",
    "start_simulator",
]
