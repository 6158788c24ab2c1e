"""For all tests: property tests with the same examples every time and no clock; a deadline for what may block."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from hypothesis import settings

os.environ["FOREBEAR_OFFLINE"] = "1"  # a test that needs a network brings its own, and says so

settings.register_profile("forebear", deadline=None, derandomize=True)
settings.load_profile("forebear")


@pytest.fixture
def deadline() -> Iterator[None]:
    """Fail, rather than wait for ever, when something blocks."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError("blocked")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
