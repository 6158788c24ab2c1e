"""Batches of records: the same in one process and in several, each place once, and what a killed process costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from captures import KIMI, chat, events, har, json_lines, saved
from forebear.inspect import read_traffic, traffic_search
from forebear.inspect import traffic as module
from forebear.inspect.traffic_search import Searched, searched
from forebear.traffic import Exchange, Message, Side
from forebear.types import Cost


def test_several_processes_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 0)
    monkeypatch.setattr(traffic_search, "BATCH", 2_000)
    talks = [chat("acme-1", KIMI if k % 7 == 0 else "acme-1") for k in range(60)]
    talks += [replace(chat("sk-abc", "gpt-4o"), said=events([{"model": "gpt-4o"}] * 30))]
    paths = [saved(tmp_path, har(talks), "a"), saved(tmp_path, json_lines(talks)[:-20], "b")]
    one, two = read_traffic(paths, workers=1), read_traffic(paths, workers=2)
    assert replace(one, cost=Cost()) == replace(two, cost=Cost())
    assert one.findings and one.redactions and one.problems


def test_each_place_is_told_once_with_how_often(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "gpt-4o " * 5_000
    body = {"a": text, "b": {"model": "gpt-4o"}, "c": [f"kimi-k2.5 x{k}" for k in range(50)]}
    exchange = Exchange(3, (Message(Side.RESPONSE, body=body),))
    for most, places in ((1_000, 52), (10, 10)):
        monkeypatch.setattr(traffic_search, "MOST_PLACES", most)
        (batch,) = searched([exchange], 1)
        ((record, seen),) = batch.seen
        assert record == 3 and sum(s.times for s in seen) == 5_051
        assert places <= len(seen) <= places + 3


def test_batches_end_by_size_and_nothing_is_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_search, "BATCH", 1_000)
    records = [Exchange(k, (Message(Side.LOG, body="x" * 400),)) for k in range(7)]
    assert [len(batch.seen) for batch in searched(records, 1)] == [3, 3, 1]
    assert list(searched([], 1)) == []


def test_what_a_killed_process_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(records: Iterable[Exchange], workers: int) -> Iterator[Searched]:
        yield Searched(lost=tuple(record.record for record in records))

    monkeypatch.setattr(module, "searched", killed)
    result = read_traffic([saved(tmp_path, har([chat("a", "b"), chat("a", "b")]))])
    assert len(result.problems) == 1 and "records 1 to 2 were lost" in result.problems[0]


def test_a_small_file_and_standard_input_need_one_process(tmp_path: Path) -> None:
    path = saved(tmp_path, b"x" * 100)
    assert module._workers(path, 4) == module._workers("-", 4) == module._workers("a\0b", 4) == 1
    large = tmp_path / "large"
    with open(large, "wb") as file:
        file.truncate(module.LARGE)
    assert module._workers(str(large), 3) == 3 and module._workers(str(large), None) >= 1
