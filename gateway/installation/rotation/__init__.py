"""Rotation of the key-encryption key, while traffic flows.

Rule: one runner at a time, killed wherever it may be; see `runner`.
"""

from gateway.installation.rotation.runner import Actor, RotationParts, rotate

__all__ = ["Actor", "RotationParts", "rotate"]
