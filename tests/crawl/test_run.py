"""The loop: what is added, what is not, what is tried again, and that a second crawl reads nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from crawls import QUICK, Crawl
from forebear.crawl import Crawled, Jobs, State, Watched
from forebear.crawl import run as run_module
from forebear.errors import IndexError_, InputError, UsageError
from forebear.index import LocalIndex, Provenance
from forebear.inspect import fingerprint
from hub import Fault, Hub


def counts(result: Crawled) -> dict[str, int]:
    return {state.value: n for state, n in result.tally.states.items() if n}


def names(index: LocalIndex) -> list[str]:
    return [entry.name for entry in index.entries()]


def test_every_model_once_and_a_second_crawl_reads_nothing(five: Hub, index: LocalIndex, crawl: Crawl) -> None:
    result = crawl()
    assert counts(result) == {"done": 5} and result.complete and result.unreadable == 0
    assert names(index) == [f"org/m{k}" for k in range(5)]
    entry = index.get("org/m3")
    assert entry is not None and entry.provenance is not None
    commit = five.repositories["org/m3"].commit
    assert entry.location == f"hf:org/m3@{commit}" and entry.provenance.revision == commit
    assert entry.fingerprint.digest == fingerprint("hf:org/m3").digest
    assert result.tally.bytes > 0 and result.tally.requests > 5
    five.forget()
    again = crawl()
    assert counts(again) == {"done": 5} and again.tally.before == 5 and again.tally.added == 0
    assert [r.path.partition("?")[0] for r in five.log] == ["/api/models"]


def test_a_new_revision_takes_the_place_of_the_old_one(
    five: Hub, files: list[dict[str, bytes]], index: LocalIndex, crawl: Crawl
) -> None:
    crawl()
    five.add("org/m0", {**files[1], "more.txt": b"x"})  # m0 becomes what m1 is
    result = crawl()
    assert counts(result) == {"done": 5} and index.count() == 5
    entry, other = index.get("org/m0"), index.get("org/m1")
    assert entry is not None and other is not None and entry.fingerprint.digest == other.fingerprint.digest


def test_a_copy_under_another_name_is_no_second_reference(
    five: Hub, files: list[dict[str, bytes]], index: LocalIndex, crawl: Crawl
) -> None:
    five.add("thief/copy", dict(files[2]))
    result = crawl()
    assert counts(result) == {"done": 5, "same": 1} and index.count() == 5
    assert [(job.name, job.same_as) for job in result.same] == [("thief/copy", "org/m2")]
    assert crawl().tally.bytes == 0
    five.add("org/m2", dict(files[0]))  # the first name stands for other content now, so the copy stands for itself
    later = crawl()
    entry = index.get("thief/copy")
    assert later.complete and entry is not None and index.count() == 6
    assert entry.fingerprint.digest == fingerprint("thief/copy").digest


def test_what_cannot_be_read_has_a_state_and_a_reason(
    five: Hub, files: list[dict[str, bytes]], index: LocalIndex, crawl: Crawl
) -> None:
    five.add("org/gated", dict(files[0]), gated=True)
    five.add("org/cut", {**files[1], "model.safetensors": files[1]["model.safetensors"][:5_000]})
    five.add("org/words", {"README.md": b"# Nothing"})
    five.add("org/lora", {"adapter_config.json": b"{}", "adapter_model.safetensors": b""})
    five.add("org/quants", {"m.Q4_K_M.gguf": b"GGUF"})
    tiny = {"config.json": b"{}", "model.safetensors": (2).to_bytes(8, "little") + b"{}"}
    five.add("org/empty", tiny)
    result = crawl()
    jobs = {job.name: job for job in Jobs(Path(result.job)).all()}
    states = {name: job.state.value for name, job in jobs.items() if job.state is not State.DONE}
    assert states["org/gated"] == "gated" and "accept its terms" in jobs["org/gated"].reason
    assert states["org/cut"] == "damaged" and "model.safetensors" in jobs["org/cut"].reason
    assert {states[f"org/{n}"] for n in ("words", "lora", "quants")} == {"skipped"}
    assert states["org/empty"] in ("unfit", "damaged") and jobs["org/empty"].reason
    assert result.unreadable == len(result.unread) >= 2 and result.complete
    assert index.count() == 5
    assert {listing.name for listing in index.listings()} >= {"org/lora", "org/quants", "org/gated"}
    five.granted.add("org/gated")
    five.repositories["org/gated"].gated = False
    assert counts(crawl())["gated"] == 1
    assert "gated" not in counts(crawl(retry_failed=True)) and index.get("org/gated") is None  # it is m0's content


def test_a_hub_that_has_enough_half_way_is_waited_for(five: Hub, index: LocalIndex, crawl: Crawl) -> None:
    five.fault(Fault("hub/org/m", skip=6, times=20, status=429, headers={"Retry-After": "0"}))
    five.fault(Fault("/tree/", skip=2, times=2, body=b"<html>garbage</html>"))
    result = crawl()
    assert counts(result) == {"done": 5} and index.count() == 5
    jobs = list(Jobs(Path(result.job)).all())
    assert sum(job.attempts for job in jobs) <= 2  # too many requests are no model's fault; garbage costs an attempt


def test_a_hub_that_is_gone_ends_the_run_and_the_next_goes_on(five: Hub, index: LocalIndex, crawl: Crawl) -> None:
    five.fault(Fault("/tree/", skip=2, times=None, status=500, body=b"down"))
    result = crawl(rules=run_module.Rules(attempts=99, backoff=0.0, in_a_row=4, free=0))
    assert result.stopped.startswith("4 attempts in a row failed") and "answers 500" in result.stopped
    assert not result.complete and result.tally.states[State.DONE] == 2 and result.unreadable == 3
    five.forget()
    assert counts(crawl()) == {"done": 5} and index.count() == 5


def test_every_model_has_so_many_attempts(five: Hub, crawl: Crawl) -> None:
    five.fault(Fault("org/m1/tree/", times=None, body=b"[1]"))
    result = crawl()
    assert counts(result) == {"done": 4, "failed": 1}
    assert result.unread[0].attempts == QUICK.attempts and "not answer as a hub" in result.unread[0].reason
    five.forget()
    assert counts(crawl()) == {"done": 4, "failed": 1} and counts(crawl(retry_failed=True)) == {"done": 5}


@pytest.mark.parametrize("moment", ["before the index", "after the index", "after the job table"])
def test_a_crash_between_index_and_job_table(
    five: Hub, index: LocalIndex, crawl: Crawl, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Index first, then the table: whatever is cut off, the same command brings the same index."""
    monkeypatch.setattr(run_module, "BATCH", 2)

    class Crash(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        if moment == "before the index":
            patch.setattr(LocalIndex, "add_many", crash)
        elif moment == "after the index":
            patch.setattr(Jobs, "settle", crash)
        else:
            patch.setattr(run_module.Run, "_tell", crash)
        with pytest.raises(Crash):
            crawl()
    assert index.count() == (0 if moment != "after the index" else 2)
    result = crawl()
    assert counts(result) == {"done": 5} and names(index) == [f"org/m{k}" for k in range(5)]


def test_what_has_left_the_index_is_read_again(five: Hub, index: LocalIndex, crawl: Crawl) -> None:
    crawl()
    index.remove("org/m4")
    assert crawl().tally.added == 1 and index.count() == 5


def test_a_name_that_somebody_else_has_taken_stays_his(five: Hub, index: LocalIndex, crawl: Crawl) -> None:
    mine = fingerprint("hf:org/m0", name="org/m1")
    index.add(mine, "/mine")
    result = crawl()
    assert counts(result) == {"done": 3, "same": 1, "failed": 1}  # m0 is what stands under m1's name
    failed = result.unread[0]
    assert failed.name == "org/m1" and "another model" in failed.reason
    entry = index.get("org/m1")
    assert entry is not None and entry.fingerprint.digest == mine.digest


def test_what_a_complete_list_no_longer_names_is_gone(
    five: Hub, index: LocalIndex, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told of those that an earlier list of the same hub named, until they are listed again; of no part of a list."""

    def gone() -> list[str]:
        return sorted({x.name for x in index.listings() if x.gone})

    crawl("hf:org")
    kept = five.repositories.pop("org/m3")
    crawl("hf:org", limit=4)
    assert not gone()
    crawl("hf:org")
    assert gone() == ["org/m3"] and len(list(index.listings("org/m3"))) == 2
    crawl("hf:org")
    assert gone() == ["org/m3"] and index.get("org/m3") is not None
    five.repositories["org/m3"] = kept
    crawl("hf:org")
    assert not gone() and [x.gone for x in index.listings("org/m3")] == [False]


def test_what_only_a_file_of_names_named_was_never_listed(
    five: Hub, index: LocalIndex, crawl: Crawl, tmp_path: Path
) -> None:
    (tmp_path / "names.txt").write_text("hf:org/typo\nhf:org/m1\n")
    crawl(str(tmp_path / "names.txt"))
    crawl("hf:org")
    crawl("hf:org")
    assert not any(x.gone for x in index.listings())


def test_another_hub_and_a_list_that_lost_most_say_nothing_of_what_is_gone(
    five: Hub, index: LocalIndex, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl("hf:org")
    for k in range(3):
        five.repositories.pop(f"org/m{k}")
    result = crawl("hf:org")
    assert any("lacks 3 that it named before" in line for line in result.problems)
    monkeypatch.setenv("HF_ENDPOINT", os.environ["HF_ENDPOINT"].replace("127.0.0.1", "localhost"))
    crawl("hf:org")
    assert not any(x.gone for x in index.listings())


def test_a_guarded_reference_hides_no_copy(five: Hub, index: LocalIndex, crawl: Crawl) -> None:
    index.add(fingerprint("hf:org/m0", name="secret"), "/secret", provenance=Provenance(private=True))
    seen: list[str] = []

    def watch(fresh: Sequence[str]) -> Watched:
        seen.extend(fresh)
        return Watched(("report",) if "org/m0" in seen else ())

    result = crawl(watch=watch)
    assert counts(result) == {"done": 5} and sorted(seen) == [f"org/m{k}" for k in range(5)]
    assert result.matches and result.to_json()["matches"] == list(result.matches)


def test_one_repository_at_two_revisions_is_two_models(
    five: Hub, files: list[dict[str, bytes]], index: LocalIndex, crawl: Crawl, tmp_path: Path
) -> None:
    """And neither takes the other's place, crawl after crawl. A branch is no fixed revision: it is looked at again."""
    old = five.repositories["org/m0"].commit
    five.add("org/m0", dict(files[1]))
    text = tmp_path / "names.txt"
    text.write_text(f"org/m0@{old}\norg/m0@main\n")
    assert counts(crawl(str(text))) == {"done": 2}
    assert names(index) == sorted([f"org/m0@{old}", "org/m0@main"])
    five.forget()
    again = crawl(str(text))
    assert counts(again) == {"done": 2} and again.tally.bytes == 0 and index.count() == 2
    assert not any(old in r.path for r in five.log)
    five.add("org/m0", dict(files[2]))
    crawl(str(text))
    entry = index.get("org/m0@main")
    assert entry is not None and entry.fingerprint.digest == fingerprint("hf:org/m2").digest and index.count() == 2


def test_a_disk_that_fills_up_ends_the_run(five: Hub, crawl: Crawl) -> None:
    result = crawl(rules=run_module.Rules(free=10**18))
    assert "are to stay so" in result.stopped and result.unreadable == 5 and not result.complete


def test_one_crawl_at_a_time_and_for_one_index(tmp_path: Path, index: LocalIndex) -> None:
    path = tmp_path / "crawl.db"
    first = Jobs(path, index.where)
    with pytest.raises(UsageError, match="another crawl is at work"):
        Jobs(path, index.where)
    first.close()
    with pytest.raises(UsageError, match="are about the index"):
        Jobs(path, "/another")
    Jobs(path, index.where).close()


def test_a_file_that_is_no_job_table(tmp_path: Path, index: LocalIndex) -> None:
    (tmp_path / "crawl.db").write_bytes(b"no database at all, " * 100)
    with pytest.raises(IndexError_, match="not a database"):
        Jobs(tmp_path / "crawl.db", index.where)
    with pytest.raises(UsageError, match="no job file"):
        Jobs(tmp_path / "nothing.db")


def test_a_listing_that_breaks_off_is_worked_on_as_far_as_it_came(five: Hub, crawl: Crawl) -> None:
    five.models_page = 2
    five.fault(Fault("/api/models?", skip=2, times=None, body=b"<html>"))
    result = crawl()
    assert counts(result) == {"done": 4} and result.stopped == "the listing broke off" and not result.complete
    assert result.problems[0].startswith("the listing broke off after 4 models: ")
    five.forget()
    five.fault(Fault("/api/models?", times=None, body=b"<html>"))
    with pytest.raises(InputError, match="what it sends is none"):
        crawl()
