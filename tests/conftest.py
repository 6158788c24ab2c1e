"""One profile for property tests: the same examples every time, and no clock, which a busy machine would fail."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("forebear", deadline=None, derandomize=True)
settings.load_profile("forebear")
