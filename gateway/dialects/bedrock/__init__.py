"""Amazon Bedrock: Converse and ConverseStream, and vectors by InvokeModel.

Rule: what its models differ in is told by their names, in `models`.
"""

from gateway.dialects.bedrock.codec import CODEC

__all__ = ["CODEC"]
