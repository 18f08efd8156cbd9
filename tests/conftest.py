"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A loaded machine is slow at times: how long one example takes says nothing.
settings.register_profile("lockgate", deadline=None)
settings.load_profile("lockgate")
