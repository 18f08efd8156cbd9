"""Embedding vectors out of a text.

Rule: equal texts get equal vectors of length one, whatever the vendor.
"""

from __future__ import annotations

import base64
import math
import random
import struct

from gateway.simulator.exchange import build_digest


def build_vector(simulator: str, model: str, text: str, dimensions: int) -> list[float]:
    """Build the unit vector of a text, with values that 32-bit floats hold exactly."""
    source = random.Random(build_digest(simulator, model, text))
    values = [source.gauss(0.0, 1.0) for _ in range(dimensions)]
    length = math.sqrt(sum(value * value for value in values))
    packed = struct.pack(f"<{dimensions}f", *(value / length for value in values))
    return list(struct.unpack(f"<{dimensions}f", packed))


def dump_base64(vector: list[float]) -> str:
    """Write a vector as OpenAI's ``encoding_format: base64``: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
