"""Lines of JSON: cut anywhere, they are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.ndjson import LineSplitter
from gateway.errors import UpstreamMalformedError


@given(
    st.lists(st.sampled_from([b'{"a":1}', b"", b"\r", b'{"b":"x y"}']), max_size=6),
    st.integers(1, 9),
)
def test_cuts_change_nothing(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines) + b'{"rest'
    splitter = LineSplitter()
    found = [one for at in range(0, len(data), size) for one in splitter.feed(data[at : at + size])]
    assert found == [line for line in lines if line.strip()]
    assert splitter.conclude() == b'{"rest'
    assert splitter.conclude() == b""


def test_a_line_without_end_is_not_held() -> None:
    splitter = LineSplitter()
    with pytest.raises(UpstreamMalformedError):
        for _ in range(20):
            splitter.feed(b"x" * (1 << 20))
