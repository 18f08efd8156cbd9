"""Logprobs between Gemini's form and the hub's, which is OpenAI's.

Source: the Generative Language API's reference, `LogprobsResult`; OpenAI's, "Create chat
completion".

Rule: tokens keep their order, each with its alternatives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_Json = dict[str, Any]


def parse_logprobs(result: Mapping[str, Any]) -> _Json | None:
    """Return OpenAI's object for a candidate's logprobsResult, None where it holds none."""
    chosen, top = result.get("chosenCandidates"), result.get("topCandidates")
    if not isinstance(chosen, list) or not chosen:
        return None
    tops = top if isinstance(top, list) else []
    content = []
    for index, one in enumerate(chosen):
        token = _parse_token(one)
        beside = tops[index] if index < len(tops) else None
        others = beside.get("candidates") if isinstance(beside, dict) else None
        listed = others if isinstance(others, list) else []
        token["top_logprobs"] = [_parse_token(other) for other in listed]
        content.append(token)
    return {"content": content}


def _parse_token(value: Any) -> _Json:
    given = value if isinstance(value, dict) else {}
    token, logprob = given.get("token"), given.get("logProbability")
    text = token if isinstance(token, str) else ""
    number = logprob if isinstance(logprob, int | float) else 0.0
    encoded = list(text.encode("utf-8", "surrogatepass"))
    return {"token": text, "logprob": number, "bytes": encoded}


def dump_logprobs(value: Mapping[str, Any]) -> _Json:
    """Return the fields of a candidate that say what OpenAI's object does."""
    content = value.get("content")
    tokens = [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []
    if not tokens:
        return {}
    chosen = [_dump_token(one) for one in tokens]
    tops = [
        {"candidates": [_dump_token(other) for other in one.get("top_logprobs") or ()]}
        for one in tokens
    ]
    total = sum(one["logProbability"] for one in chosen)
    return {
        "avgLogprobs": total / len(chosen),
        "logprobsResult": {"chosenCandidates": chosen, "topCandidates": tops},
    }


def _dump_token(value: Any) -> _Json:
    given = value if isinstance(value, dict) else {}
    number = given.get("logprob")
    return {
        "token": str(given.get("token", "")),
        "logProbability": number if isinstance(number, int | float) else 0.0,
    }
