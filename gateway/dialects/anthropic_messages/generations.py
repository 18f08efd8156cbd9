"""What generations of Claude take, as data.

Sources, of 2026-11: platform.claude.com, "Models overview" (limits of the answer), "Adaptive
thinking", "Extended thinking", "Effort", "Structured outputs" and the migration guides of Opus 4.7
and of the 5 and 5.5 models; Vercel's @ai-sdk/anthropic (`getModelCapabilities`) has the same table.

- Up to 4.5, thinking has a budget (``enabled``). 4.6 takes that and ``adaptive``, later ones only
  ``adaptive``: "thinking.type.enabled is not supported for this model".
- From 4.7 on temperature, top_p and top_k are refused. From Opus 4.1 to 4.6 temperature and top_p
  exclude each other.
- Effort came with Opus 4.5, ``max`` with 4.6, ``xhigh`` with 4.7.
- Structured outputs came with Opus 4.1 and the 4.5 models.
- Fable, Mythos and Opus 5.5 cannot be kept from thinking; Sonnet 5.5 is by ``between_tools``.
- The 5 models think unless they are told not to; a model that thinks cannot be forced to call a
  tool. From 5.5 on (Fable and Mythos 5.1) none can.
- From 4.6 on a conversation must not end with the assistant's turn.

Rule: a name of no known form is a model that takes what all servers of the format take; a Claude
of an unknown number is like the newest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_EFFORTS: Final = ("low", "medium", "high")
# claude-opus-4-7, claude-sonnet-4-5@20250929, anthropic.claude-opus-4-6-v1, claude-4-opus-20250514,
# claude-3-5-haiku-20241022, claude-4.7-opus.
_FAMILIES: Final = "opus|sonnet|haiku|fable|mythos"
_NUMBER: Final = r"(?P<{0}>\d)(?:[-.](?P<{1}>\d)(?!\d))?(?!\d)"
_NAME: Final = re.compile(
    rf"claude-(?:(?P<family>{_FAMILIES})-{_NUMBER.format('major', 'minor')}"
    rf"|{_NUMBER.format('old_major', 'old_minor')}-(?P<old_family>{_FAMILIES}))"
)
_NEWEST: Final = (9, 9)
_ALWAYS_THINKING: Final = frozenset({"fable", "mythos"})
_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model takes.

    Attributes:
        max_tokens: the longest answer.
        thinks_by_budget: ``thinking: enabled`` with a budget.
        thinks_adaptively: ``thinking: adaptive``.
        no_thinking: the type of ``thinking`` that asks for none; None: it cannot be asked for.
        efforts: of ``output_config.effort``, from the least to the most; empty: it is unknown.
        samples: temperature, top_p and top_k.
        samples_both_ways: temperature and top_p at once.
        has_schemas: ``output_config.format``.
        can_be_forced: to call a tool, while it does not think.
        thinks_by_default: unless it is told not to.
        continues: an answer that the client has begun.
        is_known: a Claude, whose limits are.
    """

    max_tokens: int
    thinks_by_budget: bool = True
    thinks_adaptively: bool = False
    no_thinking: str | None = "disabled"
    efforts: tuple[str, ...] = ()
    samples: bool = True
    samples_both_ways: bool = True
    has_schemas: bool = False
    can_be_forced: bool = True
    thinks_by_default: bool = False
    continues: bool = True
    is_known: bool = True


_OTHER: Final = Generation(8_192, is_known=False)


@lru_cache(_KEPT)
def find_generation(model: str) -> Generation:
    """Return what a model takes, by its name as the provider has it."""
    if "claude" not in model:
        return _OTHER
    found = _NAME.search(model)
    if found is None:
        return _build("", _NEWEST) if _is_new(model) else Generation(4_096)
    family = found["family"] or found["old_family"]
    major, minor = found["major"] or found["old_major"], found["minor"] or found["old_minor"]
    return _build(family, (int(major), int(minor or 0)))


def _is_new(model: str) -> bool:
    """Whether a name without a number that is understood is none of Claude 1 and 2."""
    return re.search(r"claude-(?:instant|v?[12])", model) is None


def _build(family: str, number: tuple[int, int]) -> Generation:
    if number < (4, 0):
        return Generation(_limit_old(family, number))
    opus = family == "opus"
    with_schemas = number >= (4, 5) or (opus and number == (4, 1))
    if number < (4, 6):
        return Generation(
            32_000 if opus and number < (4, 5) else 64_000,
            efforts=_EFFORTS if opus and number == (4, 5) else (),
            samples_both_ways=not with_schemas,
            has_schemas=with_schemas,
        )
    is_46 = number == (4, 6)
    always = family in _ALWAYS_THINKING or (opus and number >= (5, 5)) or number == _NEWEST
    between = family == "sonnet" and number >= (5, 5)
    return Generation(
        128_000,
        thinks_by_budget=is_46,
        thinks_adaptively=True,
        no_thinking=None if always else "between_tools" if between else "disabled",
        efforts=(*_EFFORTS, "max") if is_46 else (*_EFFORTS, "xhigh", "max"),
        samples=is_46,
        samples_both_ways=False,
        has_schemas=True,
        can_be_forced=not (number >= (5, 5) or (always and number >= (5, 1))),
        thinks_by_default=number >= (5, 0),
        continues=False,
    )


def _limit_old(family: str, number: tuple[int, int]) -> int:
    if number >= (3, 7):
        return 64_000
    return 8_192 if number == (3, 5) and family in ("sonnet", "haiku") else 4_096
