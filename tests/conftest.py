"""For all tests: property tests with the same examples every time and no clock; a deadline for what may block."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import settings

from forebear.sources import http
from hub import Hub

os.environ["FOREBEAR_OFFLINE"] = "1"  # a test that needs a network brings its own, and says so

settings.register_profile("forebear", deadline=None, derandomize=True)
settings.load_profile("forebear")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub, and an environment in which it is the only one: no token, an empty cache, short pauses."""
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "FOREBEAR_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.01)
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
        monkeypatch.setenv("FOREBEAR_CACHE", str(tmp_path / "cache"))
        yield hub


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
