"""Images, sounds and files that OpenAI cannot read.

Source: OpenAI's guides to vision and files and its answers to wrong media, 2026-11.

Rule: a medium is refused for its declared type, its base64 or bytes that contradict the type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.simulator.exchange import Inquiry, Problem
from gateway.simulator.media import decode, find_type, split_data_url
from gateway.simulator.strict.openai_words import build_invalid

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_UNSUPPORTED = (
    "You uploaded an unsupported image. Please make sure your image has of one the following "
    "formats: ['png', 'jpeg', 'gif', 'webp']."
)


def find_media_problem(inquiry: Inquiry) -> Problem | None:
    """Find an image that cannot be read in the messages or items of a request."""
    nodes = [inquiry.body.get("messages"), inquiry.body.get("input")]
    problems = (_find_image_problem(url) for url in _iterate_images(nodes))
    return next(filter(None, problems), None)


def _iterate_images(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _iterate_images(item)
    elif isinstance(node, dict):
        image = node.get("image_url")
        if image is not None:
            yield image.get("url") if isinstance(image, dict) else image
        for name in ("content", "output"):
            yield from _iterate_images(node.get(name))


def _find_image_problem(url: Any) -> Problem | None:
    if not isinstance(url, str):
        return None
    if url.startswith(("http://", "https://")):
        return None
    media_type, data = split_data_url(url)
    if data is None:
        message = (
            "Invalid 'image_url': expected a base64-encoded data URL with an image MIME type (e.g. "
            "'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without it."
        )
        return build_invalid(message, "invalid_value", "image_url")
    content = decode(data)
    if not content:
        return build_invalid("Invalid base64 image_url.", "invalid_base64_image")
    if media_type not in _IMAGES or find_type(content) not in {None, media_type}:
        return build_invalid(_UNSUPPORTED, "invalid_image_format")
    return None
