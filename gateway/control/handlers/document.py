"""Handler of /openapi.json."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from gateway.control.call import Answer, Call
from gateway.control.keys import DOCUMENT


class Document(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str


async def get_document(call: Call) -> Answer:
    """Answer with the document that was made when the application was built."""
    return Answer(status=200, value=call.request.app[DOCUMENT])
