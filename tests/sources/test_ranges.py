"""Ranges held in memory: always the right bytes, joined sensibly, each fetched once, never more than there is room."""

from __future__ import annotations

import os
import signal
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.sources import File, RangeCache, ranges
from forebear.sources.http import PARALLEL
from forebear.sources.ranges import GAP, LONGEST, Ranges, coalesced, together
from models import refused

SIZE = 400_000
DATA = bytes(k * k % 251 for k in range(1_000)) * (SIZE // 1_000)


class Wire:
    """Fetches from memory and remembers what."""

    def __init__(self) -> None:
        self.fetched: list[tuple[str, int, int]] = []
        self.halted = False

    def fetch(self, path: str, start: int, stop: int) -> bytes:
        self.fetched.append((path, start, stop))
        return DATA[start:stop]

    def halt(self) -> None:
        self.halted = True


def opened(wire: Wire, folder: Path, contents: dict[str, str] | None = None) -> Ranges:
    files = [File("big", SIZE), File("other", SIZE), File("small", 1_000), File("empty", 0)]
    return Ranges("org/m", files, contents or {}, wire.fetch, wire.halt, RangeCache(folder))


positions = st.integers(0, SIZE)
parts = st.tuples(st.sampled_from(["big", "other"]), positions, st.integers(0, 60_000))


@given(steps=st.lists(st.tuples(st.booleans(), parts), max_size=12))
def test_every_read_is_right_and_little_is_fetched_that_nobody_asked_for(
    steps: list[tuple[bool, tuple[str, int, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    wire = Wire()
    reader = opened(wire, tmp_path_factory.getbasetemp())
    asked: list[tuple[str, int, int]] = []
    for hint, (path, start, length) in steps:
        stop = min(SIZE, start + length)
        asked.append((path, start, stop))
        if hint:
            reader.prefetch([(path, start, stop)])
        else:
            assert reader.read(path, start, stop) == DATA[start:stop]
    for path in ("big", "other"):
        mine = [s for s in wire.fetched if s[0] == path]
        assert union(mine) >= union([s for s in asked if s[0] == path])
    fetched = sum(stop - start for _, start, stop in wire.fetched)
    assert fetched <= union(asked) + GAP * len(steps)  # only what lies between near ranges


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30_000_000), st.integers(1, 9_000_000)), max_size=20))
def test_joined_ranges_cover_the_same_bytes_without_overlap(raw: list[tuple[str, int, int]]) -> None:
    wanted = [(path, start, start + length) for path, start, length in raw]
    joined = coalesced(wanted)
    assert joined == sorted(joined)
    for (path, _, stop), (following, start, _) in pairwise(joined):
        assert path != following or stop <= start
    for path, start, stop in wanted:
        assert (
            sum(min(stop, b) - max(start, a) for p, a, b in joined if p == path and a < stop and b > start)
            == stop - start
        )
    gaps = sum(b - a for _, a, b in joined) - union(wanted)
    assert 0 <= gaps <= GAP * max(0, len(wanted) - 1)
    assert all(b - a <= max(LONGEST, 9_000_000) for _, a, b in joined)


def union(wanted: list[tuple[str, int, int]]) -> int:
    """Bytes in any of these ranges."""
    total, reached = 0, dict.fromkeys((path for path, _, _ in wanted), 0)
    for path, start, stop in sorted(wanted):
        total += max(0, stop - max(start, reached[path]))
        reached[path] = max(reached[path], stop)
    return total


def test_near_ranges_take_one_request_and_far_ones_their_own(tmp_path: Path) -> None:
    wire = Wire()
    reader = opened(wire, tmp_path)
    reader.prefetch([("big", 0, 10), ("big", 10 + GAP, 20 + GAP), ("big", 300_000, 300_010), ("other", 0, 10)])
    assert sorted(wire.fetched) == [("big", 0, 20 + GAP), ("big", 300_000, 300_010), ("other", 0, 10)]
    assert reader.read("big", 5, 15) == DATA[5:15]  # the gap was fetched as well
    assert len(wire.fetched) == 3


def test_what_is_held_is_not_fetched_again(tmp_path: Path) -> None:
    wire = Wire()
    reader = opened(wire, tmp_path)
    reader.prefetch([("big", 100_000, 200_000)])
    assert reader.read("big", 50_000, 400_000) == DATA[50_000:400_000]
    assert sorted(wire.fetched) == [("big", 50_000, 100_000), ("big", 100_000, 200_000), ("big", 200_000, 400_000)]


def test_small_files_are_fetched_whole_once(tmp_path: Path) -> None:
    wire = Wire()
    reader = opened(wire, tmp_path)
    assert reader.read("small", 5, 6) + reader.read("small", 0, 1_000) == DATA[5:6] + DATA[:1_000]
    assert wire.fetched == [("small", 0, 1_000)]
    assert reader.read("empty", 0, 0) == b"" and len(wire.fetched) == 1


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "HELD", 100_000)
    monkeypatch.setattr(ranges, "GAP", 0)
    monkeypatch.setattr(ranges, "SMALL", 0)
    wire = Wire()
    reader = opened(wire, tmp_path)
    for start in range(0, SIZE, 20_000):
        assert reader.read("big", start, start + 20_000) == DATA[start : start + 20_000]
        assert reader._held <= 100_000
        assert reader._held == sum(len(d) for p in reader._pieces.values() for d in p._data.values())
    assert reader.read("big", 0, SIZE) == DATA  # larger than the room: fetched and not held
    wire.fetched.clear()
    reader.prefetch([("other", 0, 40_000), ("other", 100_000, 140_000)])  # a hint beyond the room is left to the read
    assert wire.fetched == [("other", 0, 40_000)]


@pytest.mark.parametrize("part", [("nothing", 0, 1), ("big", -1, 5), ("big", 0, SIZE + 1), ("big", 2**70, 2**70 + 1)])
def test_out_of_bounds_is_refused_and_in_a_hint_ignored(tmp_path: Path, part: tuple[str, int, int]) -> None:
    wire = Wire()
    reader = opened(wire, tmp_path)
    reader.prefetch([part, ("big", 5, 5), ("big", 9, 3)])
    with refused(part[0]):
        reader.read(*part)
    assert wire.fetched == [] and reader.read("big", 9, 3) == b""


def test_a_second_source_is_served_by_the_cache(tmp_path: Path) -> None:
    first, second, third = Wire(), Wire(), Wire()
    opened(first, tmp_path, {"big": "hash-1"}).prefetch([("big", 0, 10), ("big", 20, 30)])
    reader = opened(second, tmp_path, {"big": "hash-1"})
    assert reader.read("big", 3, 28) == DATA[3:28] and second.fetched == []
    assert opened(third, tmp_path, {"big": "hash-2"}).read("big", 3, 28) == DATA[3:28]
    assert third.fetched == [("big", 3, 28)]


def test_a_few_work_at_once_and_the_first_error_ends_it() -> None:
    lock, busy, most = threading.Lock(), 0, 0
    gate = threading.Barrier(PARALLEL)
    done: list[int] = []

    def work(item: int) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        gate.wait(10)
        with lock:
            busy -= 1
            done.append(item)

    together(work, range(4 * PARALLEL), lambda: None)
    assert sorted(done) == list(range(4 * PARALLEL)) and most == PARALLEL

    def fail(item: int) -> None:
        done.append(item)
        raise ValueError(item)

    done.clear()
    with pytest.raises(ValueError):
        together(fail, range(100), lambda: None)
    assert len(done) <= PARALLEL
    together(fail, [], lambda: None)


def test_an_interrupt_halts_what_is_under_way(deadline: None) -> None:
    class Interrupted(BaseException):
        pass

    halted = threading.Event()

    def work(item: int) -> None:
        if item == 0:
            os.kill(os.getpid(), signal.SIGUSR1)
        halted.wait(10)

    def stop(number: int, frame: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with pytest.raises(Interrupted):
            together(work, range(20), halted.set)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert halted.is_set()
