"""Amazon Bedrock: Converse and ConverseStream, and vectors by InvokeModel.

    hub -> provider    request_out, messages, media, tools, thinking; losses in features
    provider -> hub    answer, reader; vectors both ways in embeddings

Rule: what its models differ in is told by their names, in `models`.
"""

from gateway.dialects.bedrock.codec import CODEC

__all__ = ["CODEC"]
