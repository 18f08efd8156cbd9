"""The shape of a request to Gemini: protocol buffers written as JSON.

Source: Google's REST reference (generativelanguage v1beta, aiplatform v1) and the types of its
SDK 3.4, 2026-11.

Rule: a field may be written in camelCase or snake_case; an unknown one is refused. Of JSON Schema
a ``parameters`` or ``responseSchema`` knows the OpenAPI subset only.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.simulator.strict.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    Either,
    Fields,
    Flaw,
    Many,
    Number,
    Path,
    Shape,
    Text,
    either,
)

_WHOLE = either(Number(whole=True), Text(pattern="-?[0-9]+"))
_NUMBER = Number()


def dump_snake(name: str) -> str:
    """Write a camelCase name in snake_case."""
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


def proto(**known: Shape) -> Fields:
    """Name the fields of a message in camelCase; snake_case is known too."""
    return Fields(known | {dump_snake(name): shape for name, shape in known.items()})


class _Schema:
    """A schema, which holds schemas: it is looked up when it is needed."""

    def takes(self, value: Any) -> bool:
        return isinstance(value, dict)

    def find(self, value: Any, path: Path) -> Flaw | None:
        return _SCHEMA.find(value, path)


class _Named:
    """Schemas by the names of properties."""

    def takes(self, value: Any) -> bool:
        return isinstance(value, dict)

    def find(self, value: Any, path: Path) -> Flaw | None:
        if not isinstance(value, dict):
            return OBJECT.find(value, path)
        flaws = (_SCHEMA.find(one, (*path, f"<{name}")) for name, one in value.items())
        return next(filter(None, flaws), None)


SCHEMA_TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_TYPE = Text(one_of=SCHEMA_TYPES + tuple(name.lower() for name in SCHEMA_TYPES))
_SCHEMA = proto(
    anyOf=Many(_Schema()),
    default=ANY,
    description=TEXT,
    enum=Many(TEXT),
    example=ANY,
    format=TEXT,
    items=_Schema(),
    maxItems=_WHOLE,
    maxLength=_WHOLE,
    maxProperties=_WHOLE,
    maximum=_NUMBER,
    minItems=_WHOLE,
    minLength=_WHOLE,
    minProperties=_WHOLE,
    minimum=_NUMBER,
    nullable=FLAG,
    pattern=TEXT,
    properties=_Named(),
    propertyOrdering=Many(TEXT),
    required=Many(TEXT),
    title=TEXT,
    type=_TYPE,
)
_BLOB = proto(mimeType=TEXT, data=TEXT, displayName=TEXT)
_FILE = proto(fileUri=TEXT, mimeType=TEXT, displayName=TEXT)
_CALL = proto(id=TEXT, name=TEXT, args=OBJECT, partialArgs=ANY, willContinue=FLAG)
_RESPONSE = proto(
    id=TEXT,
    name=TEXT,
    response=OBJECT,
    willContinue=FLAG,
    scheduling=TEXT,
    parts=Many(proto(inlineData=_BLOB, fileData=_FILE)),
)
_PART = proto(
    text=TEXT,
    inlineData=_BLOB,
    fileData=_FILE,
    functionCall=_CALL,
    functionResponse=_RESPONSE,
    executableCode=OBJECT,
    codeExecutionResult=OBJECT,
    thought=FLAG,
    thoughtSignature=TEXT,
    videoMetadata=OBJECT,
    mediaResolution=ANY,
    toolCall=ANY,
    toolResponse=ANY,
    partMetadata=ANY,
)
_PARTS: Either = either(Many(_PART), _PART)
_CONTENT = proto(role=TEXT, parts=_PARTS)
_DECLARATION = proto(
    name=TEXT,
    description=TEXT,
    parameters=_SCHEMA,
    parametersJsonSchema=OBJECT,
    response=_SCHEMA,
    responseJsonSchema=OBJECT,
    behavior=TEXT,
)
_TOOL = proto(
    functionDeclarations=Many(_DECLARATION),
    googleSearch=OBJECT,
    googleSearchRetrieval=OBJECT,
    codeExecution=OBJECT,
    urlContext=OBJECT,
    computerUse=OBJECT,
    fileSearch=OBJECT,
    googleMaps=OBJECT,
    retrieval=OBJECT,
    enterpriseWebSearch=OBJECT,
    mcpServers=ANY,
)
_CALLING = proto(
    mode=Text(one_of=("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")),
    allowedFunctionNames=Many(TEXT),
    streamFunctionCallArguments=FLAG,
)
_THINKING = proto(includeThoughts=FLAG, thinkingBudget=_WHOLE, thinkingLevel=TEXT)
_CONFIG = proto(
    temperature=_NUMBER,
    topP=_NUMBER,
    topK=_NUMBER,
    candidateCount=_WHOLE,
    maxOutputTokens=_WHOLE,
    stopSequences=Many(TEXT),
    responseMimeType=TEXT,
    responseSchema=_SCHEMA,
    responseJsonSchema=OBJECT,
    responseModalities=Many(TEXT),
    responseLogprobs=FLAG,
    logprobs=_WHOLE,
    seed=_WHOLE,
    presencePenalty=_NUMBER,
    frequencyPenalty=_NUMBER,
    thinkingConfig=_THINKING,
    speechConfig=OBJECT,
    imageConfig=OBJECT,
    mediaResolution=TEXT,
    audioTimestamp=FLAG,
    routingConfig=OBJECT,
    modelSelectionConfig=OBJECT,
    enableEnhancedCivicAnswers=FLAG,
    responseFormat=ANY,
)
BODY = proto(
    model=TEXT,
    contents=either(Many(_CONTENT), _CONTENT),
    systemInstruction=_CONTENT,
    tools=Many(_TOOL),
    toolConfig=proto(
        functionCallingConfig=_CALLING,
        retrievalConfig=OBJECT,
        includeServerSideToolInvocations=FLAG,
    ),
    generationConfig=_CONFIG,
    safetySettings=Many(proto(category=TEXT, threshold=TEXT, method=TEXT)),
    cachedContent=TEXT,
    labels=OBJECT,
    serviceTier=TEXT,
    store=FLAG,
)
"""A request for content."""
COUNTED = proto(
    contents=either(Many(_CONTENT), _CONTENT),
    generateContentRequest=BODY,
    model=TEXT,
    systemInstruction=_CONTENT,
    tools=Many(_TOOL),
    generationConfig=_CONFIG,
)
"""A request for a count of tokens (Vertex takes the fields behind ``model``)."""
EMBEDDED = proto(
    model=TEXT,
    content=_CONTENT,
    taskType=TEXT,
    title=TEXT,
    outputDimensionality=_WHOLE,
    autoTruncate=FLAG,
    embedContentConfig=ANY,
)
BATCH = proto(requests=Many(EMBEDDED))
"""Requests for embeddings."""
