"""The configuration file: YAML with lines, its format, its credentials' places, and imports.

Rule: parsing and mapping are pure; `sources` alone reads files and the environment.
"""

from __future__ import annotations

from gateway.manifest.document import (
    Manifest,
    build_document,
    check_unset,
    iter_references,
    parse_manifest,
)
from gateway.manifest.format import SECTIONS, build_schema
from gateway.yaml_nodes import Fault, Node, build_error, build_plain, parse_yaml

__all__ = [
    "SECTIONS",
    "Fault",
    "Manifest",
    "Node",
    "build_document",
    "build_error",
    "build_plain",
    "build_schema",
    "check_unset",
    "iter_references",
    "parse_manifest",
    "parse_yaml",
]
