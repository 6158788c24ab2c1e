"""Short pauses for all tests of endpoints."""

from __future__ import annotations

import pytest

from forebear.endpoints import live


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch, deadline: None) -> None:
    monkeypatch.setattr(live, "FIRST_PAUSE", 0.01)
