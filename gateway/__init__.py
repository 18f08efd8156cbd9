"""Lockgate: an LLM gateway with a vault, weighted routing, fallback and a ledger."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("lockgate")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.0.0+checkout"
