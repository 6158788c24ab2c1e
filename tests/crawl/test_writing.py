"""Which name a batch's models get in the index, and whose names they never take. No files: codes that are made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from forebear.crawl import Jobs, State
from forebear.crawl.base import Outcome, Task, Wanted
from forebear.crawl.work import refusal
from forebear.crawl.writing import Written, write
from forebear.errors import FormatError
from forebear.index import LocalIndex, Provenance
from forebear.signals import Fingerprint
from marks import mark


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "crawl.db", "here")
    made.begin("test")
    yield made
    made.close()


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


def batch(index: LocalIndex, jobs: Jobs, *given: tuple[str, Fingerprint]) -> Written:
    """Targets and what was measured of them, written and settled."""
    jobs.put(1, [Wanted(target, found.name) for target, found in given])
    pairs = []
    for target, found in given:
        job = jobs.at(target, "")
        assert job is not None
        pairs.append((job, Outcome(Task(target, found.name, ""), State.DONE, mark=found, location=target)))
    written = write(pairs, index, jobs)
    jobs.settle(job for job, _ in written.jobs)
    return written


def states(written: Written) -> dict[str, str]:
    return {job.target: job.state.value for job, _ in written.jobs}


def test_a_name_is_its_target_s(index: LocalIndex, jobs: Jobs) -> None:
    """Two folders called alike: the second is no new revision of the first."""
    assert batch(index, jobs, ("/a/x", mark("x", 1))).added == ("x",)
    other = batch(index, jobs, ("/b/x", mark("x", 2)))
    assert states(other) == {"/b/x": "failed"} and not other.added
    assert index.holding(mark("x", 1).digest) == ("x",)
    assert states(batch(index, jobs, ("/a/x", mark("x", 3)))) == {"/a/x": "done"}  # a new revision of the first
    assert index.holding(mark("x", 3).digest) == ("x",) and index.count() == 1


def test_a_guarded_name_is_neither_opened_nor_replaced(index: LocalIndex, jobs: Jobs) -> None:
    """Also where a crawl put the name there, before its owner guarded it."""
    batch(index, jobs, ("hf:org/m", mark("org/m", 1)))
    index.add(mark("org/m", 1), "", replace=True, provenance=Provenance(private=True))
    again = batch(index, jobs, ("hf:org/m", mark("org/m", 1)))
    later = batch(index, jobs, ("hf:org/m", mark("org/m", 2)))
    assert states(again) == {"hf:org/m": "done"} and states(later) == {"hf:org/m": "failed"}
    entry = index.get("org/m")
    assert entry is not None and entry.provenance is not None and entry.provenance.private
    assert entry.location == "" and entry.fingerprint.digest == mark("org/m", 1).digest
    copies = batch(index, jobs, ("hf:org/m", mark("org/m", 1)), ("hf:thief/m", mark("thief/m", 1)))
    assert states(copies)["hf:thief/m"] == "done" and index.get("thief/m") is not None  # told under its own name


def test_a_copy_of_what_could_not_be_added_stands_for_itself(index: LocalIndex, jobs: Jobs) -> None:
    index.add(mark("org/m", 9), "/mine")
    copies = [(f"hf:{name}", mark(name, 1)) for name in ("org/m", "thief/one", "thief/two")]
    written = batch(index, jobs, *copies)
    assert states(written) == {"hf:org/m": "failed", "hf:thief/one": "done", "hf:thief/two": "same"}
    assert index.holding(mark("org/m", 1).digest) == ("thief/one",) and "thief/one" in written.here


def test_a_file_of_this_machine_is_damaged_for_good(tmp_path: Path) -> None:
    """A server can send nonsense once; fifty damaged folders in a row are no host that is down."""
    error = FormatError("model.safetensors", "is cut off")
    assert refusal(Task(str(tmp_path), "x", ""), error).state is State.DAMAGED
    assert refusal(Task("hf:org/m", "org/m", ""), error).state is State.PENDING
    assert refusal(Task("hf:org/m", "org/m", "", attempts=1), error).state is State.DAMAGED
