"""The index on disk: what goes in comes out, whoever writes, reads, interrupts or damages it."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forebear.errors import IndexError_, UsageError
from forebear.index import Addition, Entry, Listing, LocalIndex, Provenance, home
from forebear.index.search import ROW_BYTES, row_of
from forebear.signals.binomial import log10_tail
from forebear.signals.declared import Declared
from forebear.signals.sign_code import CODE_BYTES, SignCode
from index import fingerprints
from index.fingerprints import SHAPE, make_code, make_fingerprint, same, same_code

WRITER = Path(fingerprints.__file__)


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "index")


@pytest.fixture
def three(index: LocalIndex) -> LocalIndex:
    """An index with m0, m1 and m2."""
    for seed in range(3):
        index.add(make_fingerprint(f"m{seed}", seed), f"/models/m{seed}")
    return index


def found(index: LocalIndex, name: str) -> Entry:
    entry = index.get(name)
    assert entry is not None
    return entry


def files(index: LocalIndex) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in index.folder.iterdir()}


def names(index: LocalIndex) -> list[str]:
    return [entry.name for entry in index.entries()]


def start_writer(index: LocalIndex, first: int, stop: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(index.folder), str(first), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# -- one process --------------------------------------------------------------------------------------------------


def test_every_field_comes_back(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    mark = make_fingerprint("org/model", 1)
    assert index.add(mark, "/somewhere/model")
    entry = found(index, "org/model")
    assert same(entry.fingerprint, mark)
    assert (entry.name, entry.location, entry.added) == ("org/model", "/somewhere/model", "2023-11-14T22:13:20Z")
    assert [e.name for e in LocalIndex(index.folder).entries()] == ["org/model"]


def test_a_bare_fingerprint_comes_back(index: LocalIndex) -> None:
    blank = np.zeros(CODE_BYTES, dtype=np.uint8)
    code = SignCode(blank, blank, (-1,) * 16, np.full((16, 2, 64), np.nan, dtype=np.float16), (), "row", ())
    shape: dict[str, Any] = {"parameters": 12, "family": None, "coins": []}
    mark = make_fingerprint(
        "bare", 1, code=code, shape=shape, vocabulary=None, declared=Declared(), content=None, dtype="I8"
    )
    index.add(mark, "/bare")
    assert same(found(index, "bare").fingerprint, mark)
    assert index.search(code) == index.search(make_code(1)) == ()
    assert index.info()["families"] == {"unknown": 1}


def test_odd_text_comes_back(index: LocalIndex) -> None:
    """Paths may hold bytes that are no UTF-8; cards and tokens may hold anything."""
    odd = os.fsdecode(b"/models/\xff\xe4 \n'\"%")
    mark = make_fingerprint("odd", 1, target=odd, declared=Declared(("a\0b", "\ud800"), "日本", "\x1b[31m"))
    index.add(mark, odd)
    entry = found(index, "odd")
    assert entry.location == odd and same(entry.fingerprint, mark)
    assert not index.add(mark, odd + "2")
    assert found(index, "odd").location == odd + "2"


def test_adding_twice_is_no_addition(index: LocalIndex) -> None:
    mark = make_fingerprint("a", 1)
    assert index.add(mark, "/a") is True
    codes = (index.folder / "codes.bin").read_bytes()
    assert index.add(mark, "/moved") is False
    assert index.count() == 1 and (index.folder / "codes.bin").read_bytes() == codes
    assert found(index, "a").location == "/moved"  # where it was seen last


def test_a_taken_name_is_refused_and_nothing_changes(three: LocalIndex) -> None:
    before = files(three)
    with pytest.raises(UsageError, match="m1 is already in the index") as raised:
        three.add(make_fingerprint("m1", 99), "/other")
    assert raised.value.exit_code == 2 and "--replace" in raised.value.hint
    assert files(three) == before


def test_replace(three: LocalIndex) -> None:
    other = make_fingerprint("m1", 99)
    assert three.add(other, "/other", replace=True) is True
    assert same(found(three, "m1").fingerprint, other)
    assert names(three) == ["m0", "m1", "m2"]
    hits = {h.name: h for h in three.search(make_code(1))}  # of what was there before, nothing is left
    assert hits["m1"].log10_p > -6
    assert three.search(other.code, 1)[0].name == "m1"


def test_one_model_may_have_two_names(index: LocalIndex) -> None:
    assert index.add(make_fingerprint("one", 1), "/m") and index.add(make_fingerprint("two", 1), "/m")
    first, second = index.search(make_code(1))
    assert (first.name, second.name) == ("one", "two")
    assert first.log10_p == second.log10_p


def test_a_removed_model_never_matches_again(three: LocalIndex) -> None:
    code = make_code(1)
    assert three.search(code, 1)[0].name == "m1"
    assert three.remove("m1") is True
    assert three.remove("m1") is False
    assert three.get("m1") is None and names(three) == ["m0", "m2"]
    stored = (three.folder / "codes.bin").read_bytes()
    assert stored[ROW_BYTES : 2 * ROW_BYTES] == bytes(ROW_BYTES)
    assert {h.name for h in three.search(code)} == {"m0", "m2"}
    three.add(make_fingerprint("m3", 3), "/m3")
    stored = (three.folder / "codes.bin").read_bytes()
    assert stored[ROW_BYTES : 2 * ROW_BYTES] == bytes(ROW_BYTES)  # never given out again
    assert stored[3 * ROW_BYTES :] == row_of(make_code(3))


def test_a_removed_last_row_is_not_given_out_again(three: LocalIndex) -> None:
    three.remove("m2")
    three.add(make_fingerprint("m3", 3), "/m3")
    assert (three.folder / "codes.bin").stat().st_size == 4 * ROW_BYTES


def test_a_row_that_was_not_blanked_does_not_match(three: LocalIndex) -> None:
    """As where the process was killed between forgetting a record and blanking its row."""
    codes = three.folder / "codes.bin"
    before = codes.read_bytes()
    three.remove("m1")
    codes.write_bytes(before)
    assert {h.name for h in three.search(make_code(1))} == {"m0", "m2"}


@pytest.mark.parametrize(
    "name", ["a", "org/model", "模型-7B", "Ünïcode ✓", "emoji 🦙", "a'; DROP TABLE models; --", "%", "x" * 200]
)
def test_unusual_names(index: LocalIndex, name: str) -> None:
    assert index.add(make_fingerprint(name, 1), "/m")
    assert found(index, name).name == name
    assert index.search(make_code(1))[0].name == name
    assert index.remove(name) and index.count() == 0


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "a\x1b[31mb", "a\0b", " a", "a ", "a  b", "\u202ea", "\udcff", "x" * 201]
)
def test_unusable_names(index: LocalIndex, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name") as raised:
        index.add(make_fingerprint(name, 1), "/m")
    assert raised.value.exit_code == 2 and str(raised.value).isprintable()
    assert not index.folder.exists()
    index.add(make_fingerprint("good", 1), "/m")
    assert index.get(name) is None and index.remove(name) is False


def test_an_empty_index_answers_everything(tmp_path: Path) -> None:
    never = LocalIndex(tmp_path / "never")
    emptied = LocalIndex(tmp_path / "emptied")
    emptied.add(make_fingerprint("a", 1), "/a")
    emptied.remove("a")
    for index in (never, emptied):
        assert index.count() == 0
        assert index.get("a") is None
        assert list(index.entries()) == []
        assert index.remove("a") is False
        assert tuple(index.search(make_code(1))) == ()
        assert index.comparable(SHAPE) == 0
        info = index.info()
        assert (info["models"], info["families"], info["path"]) == (0, {}, str(index.folder))
    assert not never.folder.exists()


def test_reading_creates_no_files(three: LocalIndex) -> None:
    before = files(three)
    assert set(before) == {"index.db", "codes.bin"}
    for read in readers(three).values():
        read()
        assert files(three) == before


def test_comparable_counts_matching_shapes(index: LocalIndex) -> None:
    index.add(make_fingerprint("same", 1), "/m")
    index.add(make_fingerprint("wider", 2, shape={**SHAPE, "width": 4096}), "/m")
    index.add(make_fingerprint("deeper", 3, shape={**SHAPE, "layers": 40}), "/m")
    index.add(make_fingerprint("unknown", 4, shape={"parameters": 1, "family": None, "coins": []}), "/m")
    assert index.comparable(SHAPE) == 2
    assert index.comparable({**SHAPE, "width": 1}) == 0
    assert index.comparable({"parameters": 1, "family": None, "coins": []}) == 0
    assert index.info()["families"] == {"llama": 3, "unknown": 1}


def test_search_counts_exactly_and_keeps_to_the_limit(three: LocalIndex) -> None:
    code = make_code(1)
    hits = three.search(code)
    assert (hits[0].name, hits[0].agree, hits[0].n) == ("m1", code.n, code.n)
    for hit in hits:
        other = make_code(int(hit.name[1:]))
        both = np.unpackbits(code.valid & other.valid).astype(bool)
        agree = int((np.unpackbits(code.bits) == np.unpackbits(other.bits))[both].sum())
        assert (hit.agree, hit.n, hit.log10_p) == (agree, int(both.sum()), log10_tail(agree, int(both.sum())))
    assert [h.name for h in three.search(code, 2)] == [h.name for h in hits[:2]]
    assert tuple(three.search(code, 0)) == ()


def test_forebear_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "here"))
    assert home() == LocalIndex().folder == tmp_path / "here"
    LocalIndex().add(make_fingerprint("a", 1), "/a")
    assert {p.name for p in (tmp_path / "here").iterdir()} == {"index.db", "codes.bin"}
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FOREBEAR_HOME", "~/there")
    assert home() == tmp_path / "there"
    monkeypatch.delenv("FOREBEAR_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert home().name == "forebear" and home().is_relative_to(tmp_path)


# -- interruptions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("moment", ["writing.record_of", "writing.created", "local.row_of"])
def test_an_interrupted_add_changes_nothing(
    three: LocalIndex, moment: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(f"forebear.index.{moment}", interrupt)
        with pytest.raises(error):
            three.add(make_fingerprint("m3", 3), "/m3")
        with pytest.raises(error):
            three.add(make_fingerprint("m1", 99), "/other", replace=True)
    assert names(three) == ["m0", "m1", "m2"]
    assert same(found(three, "m1").fingerprint, make_fingerprint("m1", 1))
    assert three.add(make_fingerprint("m3", 3), "/m3")
    assert same(found(three, "m3").fingerprint, make_fingerprint("m3", 3))


def test_a_full_disk_changes_nothing(three: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("forebear.index.storage.os.fsync", full)
        with pytest.raises(IndexError_, match="No space left on device"):
            three.add(make_fingerprint("m3", 3), "/m3")
        assert three.remove("m2")  # its row stays, and is never matched
    assert names(three) == ["m0", "m1"]
    assert {h.name for h in three.search(make_code(2))} == {"m0", "m1"}


def test_a_disk_that_fills_up_in_the_middle_of_a_row(three: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel takes a part and says so; asked to take the rest it refuses. Nothing is half written."""
    before = files(three)
    whole, taken = os.pwrite, list[int]()

    def nearly_full(descriptor: int, payload: bytes, at: int) -> int:
        if taken:
            raise OSError(28, "No space left on device")
        taken.append(whole(descriptor, bytes(payload)[:100], at))
        return taken[0]

    with monkeypatch.context() as patch:
        patch.setattr("forebear.index.storage.os.pwrite", nearly_full)
        with pytest.raises(IndexError_, match="No space left on device") as refused:
            three.add_many([Addition(make_fingerprint(f"m{k}", k), f"/m{k}") for k in range(3, 9)])
    assert taken == [100] and "make room" in refused.value.hint and "unchanged" in refused.value.hint
    assert files(three)["codes.bin"] == before["codes.bin"] and names(three) == ["m0", "m1", "m2"]
    assert three.add(make_fingerprint("m3", 3), "/m3") and three.search(make_code(3), 1)[0].name == "m3"


@pytest.mark.parametrize("room", [500, 40_000])
def test_a_limit_on_the_size_of_files(three: LocalIndex, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one: the codes do not fit, or only the records do not."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # or a compiled module is cut, and kept
    before = names(three)
    size = max(path.stat().st_size for path in three.folder.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    many = [Addition(make_fingerprint(f"x{k}", k), "/x") for k in range(20, 120)]
    resource.setrlimit(resource.RLIMIT_FSIZE, ((4 * ROW_BYTES if room == 500 else size) + room, limits[1]))
    try:
        with pytest.raises(IndexError_) as refused:
            three.add_many(many)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(three.folder) in refused.value.message and refused.value.hint
    assert names(three) == before and three.search(make_code(1), 1)[0].name == "m1"
    assert all(three.add_many(many)) and three.count() == 103


def test_all_records_are_read_a_page_at_a_time(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forebear.index.local.PAGE", 2)
    index.add_many([Addition(make_fingerprint(f"m{k}", k), "/m") for k in range(5)])
    assert names(index) == [f"m{k}" for k in range(5)]
    entries = index.entries()
    assert [next(entries).name, next(entries).name] == ["m0", "m1"]
    index.remove("m2")
    assert [e.name for e in entries] == ["m3", "m4"]


def test_a_replacement_under_a_readers_eyes(three: LocalIndex) -> None:
    """A record is read, then its row is blanked: the reader looks again instead of crying damage."""
    entries = three.entries()
    assert next(entries).name == "m0"
    three.add(make_fingerprint("m1", 99), "/other", replace=True)
    three.remove("m2")
    rest = list(entries)
    assert [e.name for e in rest] == ["m1"]
    assert same(rest[0].fingerprint, make_fingerprint("m1", 99))


# -- several processes --------------------------------------------------------------------------------------------


def test_four_writers_and_a_reader(index: LocalIndex) -> None:
    """All is there afterwards, and reading all the while never fails nor sees half a model."""
    writers = [start_writer(index, k * 25, k * 25 + 25) for k in range(4)]
    seen = 0
    while any(w.poll() is None for w in writers):
        hits = index.search(make_code(7), 100)
        assert len(hits) >= seen
        seen = len(hits)
        if index.get("m7") is not None:
            best = index.search(make_code(7), 1)[0]
            assert (best.name, best.agree) == ("m7", best.n)
        for entry in index.entries():
            assert same_code(entry.fingerprint.code, make_code(int(entry.name[1:])))
        index.info()
    for writer in writers:
        out, err = writer.communicate(timeout=60)
        assert (writer.returncode, err) == (0, "")
        assert len(out.splitlines()) == 25
    assert sorted(names(index)) == sorted(f"m{k}" for k in range(100))
    for k in range(100):
        assert same(found(index, f"m{k}").fingerprint, make_fingerprint(f"m{k}", k))
    assert (index.folder / "codes.bin").stat().st_size == 100 * ROW_BYTES


@pytest.mark.parametrize("after", [1, 6, 12])
def test_killed_in_the_middle_of_many_adds(index: LocalIndex, after: int) -> None:
    writer = start_writer(index, 0, 400)
    assert writer.stdout is not None
    said = [writer.stdout.readline().strip() for _ in range(after)]
    time.sleep(random.Random(after).random() / 50)
    writer.send_signal(signal.SIGKILL)
    out = writer.stdout.read()  # not communicate(), which forgets what readline() has read ahead
    writer.communicate(timeout=60)
    assert writer.returncode == -signal.SIGKILL
    said += [line for line in out.split("\n")[:-1] if line]
    there = names(index)
    assert set(said) <= set(there) and len(there) <= len(said) + 1
    for name in there:
        assert same(found(index, name).fingerprint, make_fingerprint(name, int(name[1:])))
    total = len(there) + 5
    again = start_writer(index, 0, total)
    assert again.communicate(timeout=60)[1] == ""
    assert index.count() == total
    assert {h.name for h in index.search(make_code(0), total)} == {f"m{k}" for k in range(total)}
    assert (index.folder / "codes.bin").stat().st_size == total * ROW_BYTES


def test_a_lock_that_is_held_too_long(three: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forebear.index.storage.BUSY_SECONDS", 0.05)
    with contextlib.closing(sqlite3.connect(three.folder / "index.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(IndexError_, match="locked") as raised:
            three.add(make_fingerprint("m3", 3), "/m3")
        assert "another process" in raised.value.hint
        assert three.count() == 3  # readers do not wait


# -- damage -------------------------------------------------------------------------------------------------------


def readers(index: LocalIndex) -> dict[str, Callable[[], Any]]:
    return {
        "count": index.count,
        "get": lambda: index.get("m1"),
        "entries": lambda: list(index.entries()),
        "search": lambda: index.search(make_code(1)),
        "comparable": lambda: index.comparable(SHAPE),
        "info": index.info,
    }


def writers(index: LocalIndex) -> dict[str, Callable[[], Any]]:
    return {
        "add": lambda: index.add(make_fingerprint("m9", 9), "/m9"),
        "remove": lambda: index.remove("m1"),
    }


def refused(call: Callable[[], Any], path: Path) -> None:
    """One line that names the file, and advice."""
    with pytest.raises(IndexError_) as raised:
        call()
    error = raised.value
    assert error.exit_code == 4
    assert str(path) in error.message and error.hint
    assert str(error).isprintable()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def noise(data: bytes) -> bytes:
    return random.Random(0).randbytes(len(data))


@pytest.mark.parametrize("damage", [noise, cut, lambda _: b"", lambda _: b"x"], ids=["noise", "cut", "empty", "x"])
def test_a_damaged_database(three: LocalIndex, damage: Callable[[bytes], bytes]) -> None:
    database = three.folder / "index.db"
    broken = damage(database.read_bytes())
    database.write_bytes(broken)
    codes = (three.folder / "codes.bin").read_bytes()
    for name, call in {**readers(three), **writers(three)}.items():
        if name == "remove" and damage is cut:
            continue  # what is asked for may still be readable
        refused(call, database)
    assert (three.folder / "codes.bin").read_bytes() == codes
    assert database.read_bytes() == broken or damage is cut


def test_a_database_with_flipped_bytes_never_crashes(three: LocalIndex) -> None:
    """Whatever is flipped: an answer, or one line; nothing else."""
    database, codes = three.folder / "index.db", three.folder / "codes.bin"
    whole = files(three)
    chance = random.Random(1)
    refusals = 0
    for _ in range(60):
        for path in three.folder.iterdir():
            path.unlink()
        codes.write_bytes(whole["codes.bin"])
        broken = bytearray(whole["index.db"])
        for _ in range(chance.choice([1, 20, 2000])):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        database.write_bytes(broken)
        for call in {**readers(three), **writers(three)}.values():
            try:
                call()
            except IndexError_ as error:
                assert str(three.folder) in error.message and str(error).isprintable()
                refusals += 1
    assert refusals > 60


def test_a_missing_database(three: LocalIndex) -> None:
    """An index that lost its records is no empty index: a scan would report that nothing is related."""
    (three.folder / "index.db").unlink()
    for call in {**readers(three), "remove": lambda: three.remove("m1")}.values():
        refused(call, three.folder / "index.db")
    assert {p.name for p in three.folder.iterdir()} == {"codes.bin"}
    refused(writers(three)["add"], three.folder / "index.db")


def test_missing_codes(three: LocalIndex) -> None:
    codes = three.folder / "codes.bin"
    codes.unlink()
    for name in ("get", "entries", "search"):
        refused(readers(three)[name], codes)
    refused(writers(three)["add"], codes)
    assert not codes.exists()
    assert three.count() == 3 and three.remove("m1")


@pytest.mark.parametrize("left", [0, 1, ROW_BYTES + 100, 3 * ROW_BYTES - 1])
def test_truncated_codes(three: LocalIndex, left: int) -> None:
    codes = three.folder / "codes.bin"
    os.truncate(codes, left)
    for call in (lambda: three.get("m2"), lambda: list(three.entries()), lambda: three.search(make_code(1))):
        refused(call, codes)
    refused(writers(three)["add"], codes)
    three.remove("m2")
    assert codes.stat().st_size == left  # a hole would hide the damage


def test_a_flipped_bit_in_the_codes(three: LocalIndex) -> None:
    codes = three.folder / "codes.bin"
    data = bytearray(codes.read_bytes())
    data[ROW_BYTES + 17] ^= 4
    codes.write_bytes(data)
    refused(lambda: three.get("m1"), codes)
    refused(lambda: list(three.entries()), codes)
    assert same(found(three, "m0").fingerprint, make_fingerprint("m0", 0))  # the others are sound
    assert three.search(make_code(1), 1)[0].name == "m1"
    assert three.add(make_fingerprint("m1", 1), "/m1", replace=True)  # as the hint says
    assert same(found(three, "m1").fingerprint, make_fingerprint("m1", 1))


@pytest.mark.parametrize(
    "change",
    [
        "record = '{'",
        "record = '{}'",
        "record = json_set(record, '$.code', 7)",
        "record = json_set(record, '$.vocabulary.smallest', 7)",
        "signature = x'00'",
    ],
)
def test_a_damaged_record(three: LocalIndex, change: str) -> None:
    with contextlib.closing(sqlite3.connect(three.folder / "index.db", isolation_level=None)) as db:
        db.execute(f"UPDATE models SET {change} WHERE name = 'm1'")
    refused(lambda: three.get("m1"), three.folder / "index.db")
    refused(lambda: list(three.entries()), three.folder / "index.db")
    assert three.add(make_fingerprint("m1", 1), "/m1", replace=True)
    assert same(found(three, "m1").fingerprint, make_fingerprint("m1", 1))


@pytest.mark.parametrize("row", [-1, 3, 2**62])
def test_a_record_that_points_nowhere(three: LocalIndex, row: int) -> None:
    with contextlib.closing(sqlite3.connect(three.folder / "index.db", isolation_level=None)) as db:
        db.execute("UPDATE models SET row = ? WHERE name = 'm1'", (row,))
    for name in ("get", "entries", "search"):
        refused(readers(three)[name], three.folder / "codes.bin")


# -- folders that are not ours ------------------------------------------------------------------------------------


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    index = LocalIndex(tmp_path / "file")
    refused(lambda: index.add(make_fingerprint("a", 1), "/a"), tmp_path / "file")
    index = LocalIndex(tmp_path / "file" / "below")
    refused(lambda: index.add(make_fingerprint("a", 1), "/a"), tmp_path / "file")


@pytest.mark.parametrize("name", ["index.db", "codes.bin"])
def test_a_folder_where_a_file_should_be(three: LocalIndex, name: str) -> None:
    (three.folder / name).unlink()
    (three.folder / name).mkdir()
    for call in (readers(three)["search"], readers(three)["get"], writers(three)["add"]):
        refused(call, three.folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(three: LocalIndex) -> None:
    before = files(three)
    for path in (three.folder / "index.db", three.folder / "codes.bin"):
        path.chmod(0o444)
    three.folder.chmod(0o555)
    try:
        for read in readers(three).values():
            read()
        for write in writers(three).values():
            refused(write, three.folder)
        below = LocalIndex(three.folder / "below")
        refused(lambda: below.add(make_fingerprint("a", 1), "/a"), three.folder / "below")
        assert files(three) == before
    finally:
        three.folder.chmod(0o755)


def test_reading_asks_for_nothing_where_nothing_may_be_written(
    three: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for every user: SQLite is told that the files cannot change."""
    monkeypatch.setattr("forebear.index.storage.os.access", lambda *_: False)
    found_there = [read() for read in readers(three).values()]
    assert found_there[0] == 3 and found_there[1].name == "m1"
    assert set(files(three)) == {"index.db", "codes.bin"}


def test_the_state_is_another_one_after_every_change(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    seen = [index.state()]
    index.add(make_fingerprint("a", 1), "/models/a")
    seen.append(index.state())
    index.add(make_fingerprint("a", 1), "/models/moved")
    seen.append(index.state())
    index.add(make_fingerprint("b", 2), "/models/b")
    seen.append(index.state())
    index.add(make_fingerprint("b", 3), "/models/b", replace=True)
    seen.append(index.state())
    assert len(set(seen)) == 5
    assert LocalIndex(tmp_path / "home").state() == seen[-1]
    index.remove("a")
    assert index.state() not in seen


def test_many_at_once(index: LocalIndex) -> None:
    """One transaction: what is there already stays, and one that may not be added takes all others with it."""
    index.add(make_fingerprint("old", 1), "/old")
    me = Provenance(by="me", revision="c0ffee")
    more = [Addition(make_fingerprint(f"n{k}", k), f"/n{k}", me) for k in range(2, 6)]
    assert index.add_many([Addition(make_fingerprint("old", 1), "/moved"), *more]) == (False, True, True, True, True)
    assert index.count() == 5
    assert [h.name for h in index.search(make_fingerprint("x", 4).code, 1)] == ["n4"]
    entry = index.get("n3")
    assert entry is not None and entry.provenance == me
    with pytest.raises(UsageError, match="another model"):
        index.add_many([Addition(make_fingerprint("n9", 9), "/n9"), Addition(make_fingerprint("old", 7), "/old")])
    assert index.get("n9") is None and index.count() == 5
    assert index.add(make_fingerprint("n9", 9), "/n9")
    assert [h.name for h in index.search(make_fingerprint("x", 9).code, 1)] == ["n9"]


def test_the_same_name_twice_in_one_batch(index: LocalIndex) -> None:
    twice = [Addition(make_fingerprint("m", 1), "/1"), Addition(make_fingerprint("m", 2), "/2")]
    assert index.add_many(twice, replace=True) == (True, True)
    assert index.count() == 1 and (entry := index.get("m")) is not None and entry.location == "/2"


def test_names_by_digest(index: LocalIndex) -> None:
    assert index.holding("x") == ()
    mark = make_fingerprint("one", 1)
    index.add_many([Addition(mark, "/1"), Addition(replaced(mark, name="another"), "/2")])
    assert index.holding(mark.digest) == ("another", "one") and index.holding("x") == ()


def test_provenance_is_kept_replaced_and_forgotten(index: LocalIndex) -> None:
    mark = make_fingerprint("m", 1)
    index.add(mark, "/m")
    assert (entry := index.get("m")) is not None and entry.provenance is None
    index.add(mark, "/m", provenance=Provenance(by="a", private=True))
    index.add(mark, "/m")
    assert (entry := index.get("m")) is not None and entry.provenance == Provenance(by="a", private=True)
    assert [e.provenance for e in index.entries()] == [Provenance(by="a", private=True)]
    index.remove("m")
    index.add(mark, "/m")
    assert (entry := index.get("m")) is not None and entry.provenance is None


def test_listings_keep_every_revision(index: LocalIndex) -> None:
    assert list(index.listings()) == []
    one = Listing("org/a", "c1", licence="mit", base_models=("org/b",), relation="finetune", seen="t1")
    later = replaced(one, licence="other", revision="c2", seen="t3")
    assert index.keep_listings([one, replaced(one, seen="t2"), later]) == 2
    assert index.keep_listings([one]) == 0
    index.keep_listings([Listing("org/0", seen="t0")])
    assert [(x.name, x.licence, x.seen) for x in index.listings()] == [
        ("org/0", "", "t0"),
        ("org/a", "mit", "t1"),
        ("org/a", "other", "t3"),
    ]
    assert next(iter(index.listings("org/a"))) == one
