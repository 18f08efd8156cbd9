"""What Bedrock's models can: Converse is one form for many makers, and refuses by maker.

Source: the user guide's tables "Supported models and model features", "Structured output" and
"Prompt caching" (November 2026), and the makers' own request fields.

Rule: a model that nobody knows (an ARN of an inference profile, a new maker) is taken to be able
to do what Converse has a field for; Bedrock's own refusal tells better than a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_CLAUDE: Final = re.compile(
    r"claude-(?:(\d+)-?(\d{1,2})?-)?(?:[a-z]+)(?:-(\d+))?(?:-(\d{1,2}))?(?!\d)"
)
_SCHEMA: Final = re.compile(
    r"qwen\.qwen3|openai\.gpt-oss|deepseek\.v3|moonshot|minimax|google\.gemma-3|nvidia\.nemotron"
    r"|mistral\.(?:mistral-large-3|ministral|magistral|voxtral)"
)
_MAKER: Final = re.compile(
    r"\b(anthropic|amazon|mistral|meta|cohere|openai|deepseek|qwen|moonshot|moonshotai|ai21|writer"
    r"|google|nvidia|minimax|zai)\."
)
# Of the makers known, those whose models can be made to call a tool, or a certain one.
_REQUIRED: Final = frozenset({"anthropic", "amazon", "mistral", ""})
_NAMED: Final = frozenset({"anthropic", "amazon", ""})
_CACHING: Final = frozenset({"anthropic", "amazon", ""})
_ADAPTIVE: Final = (4, 6)  # from here on Claude takes an effort in place of a budget
_NATIVE_SCHEMA: Final = (4, 5)


@dataclass(frozen=True, slots=True)
class Traits:
    """What one model can.

    Attributes:
        maker: anthropic, amazon and so on; "" where the name does not tell.
        version: of a Claude; (0, 0) of others.
        schema: answers after a schema by `outputConfig`.
    """

    maker: str = ""
    version: tuple[int, int] = (0, 0)
    schema: bool = False
    nova_2: bool = False

    @property
    def is_claude(self) -> bool:
        """Whether Anthropic made it."""
        return self.maker == "anthropic"

    @property
    def is_adaptive(self) -> bool:
        """Whether it is a Claude that decides itself how much to think."""
        return self.version >= _ADAPTIVE

    @property
    def can_require(self) -> bool:
        """Whether it can be made to call some tool."""
        return self.maker in _REQUIRED

    @property
    def can_name(self) -> bool:
        """Whether it can be made to call a certain tool."""
        return self.maker in _NAMED

    @property
    def can_cache(self) -> bool:
        """Whether it takes cache points."""
        return self.maker in _CACHING


@lru_cache(maxsize=256)  # a gateway knows a few dozen models
def find_traits(model: str) -> Traits:
    """Return what a model can, by its id or ARN."""
    found = _MAKER.search(model)
    maker = found.group(1) if found else ""
    if maker == "anthropic":
        version = _find_version(model)
        return Traits(maker, version, schema=version >= _NATIVE_SCHEMA)
    return Traits(maker, schema=bool(_SCHEMA.search(model)), nova_2="nova-2" in model)


def _find_version(model: str) -> tuple[int, int]:
    """Return 3, 7 of ``claude-3-7-sonnet-20250219`` and 4, 5 of ``claude-sonnet-4-5-20250929``."""
    found = _CLAUDE.search(model)
    if found is None:
        return (0, 0)
    major = found.group(1) or found.group(3)
    minor = found.group(2) if found.group(1) else found.group(4)
    if major is None or len(major) > _MOST_DIGITS:  # a date
        return (0, 0)
    return (int(major), int(minor or 0))


_MOST_DIGITS: Final = 2
