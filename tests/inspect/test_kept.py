"""Answers that outlive their process: kills, damage, other runs, disks that cannot be written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from forebear.inspect.kept import Kept, key_of

FOLDER = "/some/folder"
Open = Callable[..., Kept]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens answers and closes them after the test: while it runs they stay open, as after a kill."""
    with ExitStack() as stack:
        yield lambda *arguments, **more: stack.enter_context(closing(Kept(*arguments, **more)))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOREBEAR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def file(place: Path) -> Path:
    (found,) = (place / "scans").glob("*.jsonl")
    return found


def test_an_answer_is_there_at_once_and_in_the_next_run(place: Path, opened: Open) -> None:
    first = opened(FOLDER, {"a", "b"})
    first.put("a", {"x": 1})
    first.put("b", {"x": "ünï\n\udcff"})
    assert first.get("a") == {"x": 1} and first.get("c") is None
    second = opened(FOLDER, {"a", "b"})
    assert (second.get("a"), second.get("b")) == ({"x": 1}, {"x": "ünï\n\udcff"})
    assert opened("/another/folder", {"a"}).get("a") is None


def test_what_is_out_of_date_is_removed(place: Path, opened: Open) -> None:
    kept = opened(FOLDER, {"a", "b"})
    for key in ("a", "b"):
        kept.put(key, {"x": "y" * 1000})
    assert file(place).stat().st_size > 2000
    kept = opened(FOLDER, {"b"})
    assert kept.get("a") is None and kept.get("b") is not None
    assert file(place).stat().st_size < 2000
    assert opened(FOLDER, {"b"}, fresh=True).get("b") is None
    assert file(place).stat().st_size == 0


def test_every_place_to_be_cut_off_loses_the_last_answer_only(place: Path, opened: Open) -> None:
    kept = opened(FOLDER, {"a", "b"})
    kept.put("a", {"x": 1})
    kept.put("b", {"x": 2})
    whole = file(place).read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        file(place).write_bytes(whole[:cut])
        again = opened(FOLDER, {"a", "b"})
        assert (again.get("a"), again.get("b")) == ({"x": 1}, None)
        again.put("b", {"x": 3})
        assert opened(FOLDER, {"a", "b"}).get("b") == {"x": 3}


@pytest.mark.parametrize(
    "line", [b"[1]", b"{}", b'{"key": "a"}', b'{"key": "a", "document": 5}', b"\xff\xfe", b"[" * 100_000, b"null"]
)
def test_lines_that_are_not_ours_are_left_out(line: bytes, place: Path, opened: Open) -> None:
    opened(FOLDER, {"a"}).put("a", {"x": 1})
    file(place).write_bytes(line + b"\n" + file(place).read_bytes())
    kept = opened(FOLDER, {"a"})
    assert kept.get("a") == {"x": 1} and kept.problem == ""


def test_two_runs_at_one_folder_do_not_mix_their_answers(opened: Open) -> None:
    one, two = opened(FOLDER, {"a", "b", "c"}), opened(FOLDER, {"a", "b", "c"})
    for key in ("a", "b", "c"):
        one.put(key, {"by": "one", "key": key})
        two.put(key, {"by": "two", "key": key, "more": "x" * 50})
    for key in ("a", "b", "c"):
        assert (one.get(key), two.get(key)) == (
            {"by": "one", "key": key},
            {"by": "two", "key": key, "more": "x" * 50},
        )
    assert opened(FOLDER, {"a", "b", "c"}).get("b") is not None


def test_without_a_place_it_works_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    (tmp_path / "file").write_bytes(b"")
    for nowhere in (tmp_path / "file", Path("/proc/forebear")):
        monkeypatch.setenv("FOREBEAR_CACHE", str(nowhere))
        kept = opened(FOLDER, {"a"})
        assert "not kept" in kept.problem and str(nowhere) in kept.problem
        kept.put("a", {"x": 1})
        assert kept.get("a") == {"x": 1}


def test_a_full_disk_costs_the_next_run_and_not_this_one(monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    kept = opened(FOLDER, {"a", "b"})

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    kept.put("a", {"x": 1})
    assert kept.get("a") == {"x": 1} and "No space left" in kept.problem
    monkeypatch.undo()
    kept.put("b", {"x": 2})
    assert (kept.get("a"), kept.get("b")) == ({"x": 1}, {"x": 2})


def test_a_key_is_for_this_version_and_these_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ["scan/1", "standard", [["model.safetensors", 5]]]
    key = key_of(*parts)
    assert key == key_of(*json.loads(json.dumps(parts)))
    assert key_of(*parts, "x") != key and key_of("scan/1standard", *parts[2:]) != key
    monkeypatch.setattr("forebear.inspect.kept.__version__", "99")
    assert key_of(*parts) != key
