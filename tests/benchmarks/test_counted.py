"""Counted work: the same twice, and more of it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import counted
import pytest
from counted import Change, Counts, changes, judged, table

from forebear.inspect import compare
from forebear.sources import Metered
from models import tiny_llama

BEFORE: dict[str, Counts] = {"scan": {"bytes": 1_000, "requests": 10, "calls": 500, "memory": 10_000}}


def entry(counts: Mapping[str, Counts]) -> dict[str, Any]:
    return {"version": "0.1", "date": "2026-01-01", "why": "first", "counts": counts}


@pytest.mark.parametrize(
    ("counter", "now", "fails"),
    [
        ("bytes", 1_001, True),
        ("bytes", 999, False),
        ("requests", 11, True),
        ("calls", 525, False),
        ("calls", 526, True),
        ("memory", 11_500, False),
        ("memory", 11_501, True),
    ],
)
def test_what_grows_beyond_its_tolerance_fails(counter: str, now: int, fails: bool) -> None:
    after = {"scan": {**BEFORE["scan"], counter: now}}
    lines = judged([entry(BEFORE)], after)
    assert bool(lines) is fails
    assert changes(BEFORE, after) == [Change("scan", counter, BEFORE["scan"][counter], now)]
    assert ("too much" in table([entry(BEFORE)], after)) is fails


def test_a_case_that_comes_or_goes_is_told() -> None:
    assert judged([], BEFORE) and judged([entry(BEFORE)], BEFORE) == []
    assert judged([entry(BEFORE)], {}) == ["scan: not on both sides; --update"]
    assert judged([entry({})], BEFORE) == ["scan: not on both sides; --update"]
    assert "| scan | bytes |  | 1,000 |  |" in table([entry({})], BEFORE)


def test_the_last_entry_is_what_counts_and_all_are_shown() -> None:
    less = {"scan": {**BEFORE["scan"], "bytes": 500}}
    assert judged([entry(less), entry(BEFORE)], BEFORE) == []
    assert judged([entry(BEFORE), entry(less)], BEFORE) != []
    assert "| scan | bytes | 500 | 1,000 | 1,000 | +0.0% |" in table([entry(less), entry(BEFORE)], BEFORE)


def test_reads_that_grow_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real counters: a source that reads a page more each time is found, and nothing else is a regression."""
    models = [str(tiny_llama(tmp_path / name, seed=seed, layers=2)) for seed, name in enumerate("ab")]

    def case() -> Mapping[str, Any]:
        cost: Mapping[str, Any] = compare(models[0], models[1]).to_json()["cost"]
        return cost

    before = counted.counted(case)
    again = counted.counted(case)
    assert (again["bytes"], again["requests"], again["calls"]) == tuple(
        before[c] for c in ("bytes", "requests", "calls")
    )
    assert judged([entry({"compare": before})], {"compare": again}) == []
    real = Metered.read

    def wasteful(self: Metered, path: str, start: int, stop: int) -> bytes:
        real(self, path, start, min(stop, start + 1))
        return real(self, path, start, stop)

    monkeypatch.setattr(Metered, "read", wasteful)
    lines = judged([entry({"compare": before})], {"compare": counted.counted(case)})
    assert any("compare: bytes" in line for line in lines) and any("compare: requests" in line for line in lines)


def test_the_history_is_of_the_cases_that_there_are() -> None:
    history = json.loads(counted.HISTORY.read_text())
    assert history and all(e["why"] and set(e) == {"version", "date", "why", "counts"} for e in history)
    for counts in history[-1]["counts"].values():
        assert counts.keys() == counted.TOLERANCE.keys()
        assert counts["calls"] > 100 and counts["memory"] > 10_000
    assert os.path.getsize(counted.HISTORY) < 100_000
