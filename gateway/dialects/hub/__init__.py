"""The hub: a chat request, its answer and its stream, in the words of no vendor.

    client's bytes -> ChatRequest -> provider's bytes -> Event... -> client's bytes

What is translated stands in `request`, `content`, `answer`, `events` and `embedding`; how a wire
format takes part in `codec`; what becomes of what a format lacks in `loss`, `wanted` and `places`.
What every format needs and none shall have of its own: `fields` reads a client's JSON, `provided` a
provider's; `arguments`, `tooling` and `structured` are of tools; `wording` is what the gateway
itself says; `carry` takes foreign signatures and ids along; `stream` and `progress` follow streams;
`size` estimates tokens; `vectors` is of embeddings.

Rule: nothing here knows a wire format; a wire format knows nothing of another.
"""

from gateway.dialects.hub.answer import Asked, ChatAnswer, Choice, Finish
from gateway.dialects.hub.codec import (
    ClientCodec,
    ClientEmbeddingCodec,
    Codec,
    Destination,
    StreamReader,
    StreamWriter,
    UpstreamCodec,
    UpstreamEmbeddingCodec,
)
from gateway.dialects.hub.content import (
    Audio,
    CacheMark,
    Citation,
    Document,
    Family,
    Image,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from gateway.dialects.hub.embedding import EmbeddingAnswer, EmbeddingRequest
from gateway.dialects.hub.events import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Logprobs,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
)
from gateway.dialects.hub.loss import Feature, Loss, Losses, LossTable
from gateway.dialects.hub.request import (
    ChatRequest,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningConfig,
    Role,
    Tool,
    ToolChoice,
    ToolKind,
    ToolMode,
)
from gateway.dialects.hub.stream import Collector, Sequencer, collect, replay

__all__ = [
    "Asked",
    "Audio",
    "Begun",
    "CacheMark",
    "ChatAnswer",
    "ChatRequest",
    "Choice",
    "ChoiceEnded",
    "Citation",
    "ClientCodec",
    "ClientEmbeddingCodec",
    "Codec",
    "Collector",
    "Counted",
    "Destination",
    "Document",
    "EmbeddingAnswer",
    "EmbeddingRequest",
    "Ended",
    "Event",
    "Failed",
    "Family",
    "Feature",
    "Finish",
    "Image",
    "Logprobs",
    "Loss",
    "LossTable",
    "Losses",
    "Media",
    "Message",
    "Opaque",
    "OutputFormat",
    "OutputKind",
    "Part",
    "PartAdded",
    "PartBegun",
    "PartDelta",
    "PartEnded",
    "Reasoning",
    "ReasoningConfig",
    "Refusal",
    "Role",
    "Sequencer",
    "StreamReader",
    "StreamWriter",
    "Text",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolKind",
    "ToolMode",
    "ToolResult",
    "UpstreamCodec",
    "UpstreamEmbeddingCodec",
    "Video",
    "collect",
    "replay",
]
