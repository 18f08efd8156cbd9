"""Handlers of /openapi.json and /configuration/schema: documents that say what may be sent."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from gateway.control.call import Answer, Call
from gateway.control.keys import DOCUMENT
from gateway.manifest import build_schema

_SCHEMA = build_schema()


class Document(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str


async def get_document(call: Call) -> Answer:
    """Answer with the document that was made when the application was built."""
    return Answer(status=200, value=call.request.app[DOCUMENT])


class FileSchema(BaseModel):
    """A JSON Schema, draft 2020-12."""

    model_config = ConfigDict(extra="allow")

    type: str


async def get_file_schema(call: Call) -> Answer:  # noqa: ARG001  every handler has the call
    """Answer with the JSON Schema of the configuration file."""
    return Answer(status=200, value=_SCHEMA)
