"""A damaged index put right: what is intact stays, what is lost is told, and nothing that is damaged is kept."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from forebear.errors import IndexError_
from forebear.index import Addition, BlackBoxIndex, Listing, LocalIndex, Provenance, UserTokenizer
from forebear.index.migrations import VERSION
from forebear.index.repair import Repair, repair
from forebear.index.search import ROW_BYTES
from forebear.signals import Fingerprint
from index.fingerprints import as_of_before, make_code, make_fingerprint, make_sketched, same

COUNT = 40
PAGE = 4096


def mark_of(seed: int) -> Fingerprint:
    return make_sketched(f"m{seed}", seed) if seed < 3 else make_fingerprint(f"m{seed}", seed)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with forty references, three of them with sketches, one removed; and what stands beside them."""
    folder = tmp_path_factory.mktemp("repair") / "index"
    index = LocalIndex(folder)
    me = Provenance(by="me")
    index.add_many([Addition(mark_of(k), f"/models/m {k}", me) for k in range(COUNT + 1)])
    index.remove(f"m{COUNT}")
    index.keep_listings([Listing("org/a", "c1", licence="mit", seen="t1")])
    index.keep_calibration("calibrated")
    BlackBoxIndex(folder).add_tokenizer(UserTokenizer("tok", "b", (1, 2), "d", 3, (), "/tok"))
    return folder


@pytest.fixture
def index(made: Path, tmp_path: Path) -> LocalIndex:
    shutil.copytree(made, tmp_path / "index")
    return LocalIndex(tmp_path / "index")


def sql(index: LocalIndex, *statements: str) -> None:
    with closing(sqlite3.connect(index.folder / "index.db", isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def whole(index: LocalIndex, done: Repair) -> set[str]:
    """Names that are there after a repair; each is what was written, and the rest was told."""
    names = {e.name for e in index.entries()}
    for name in names:
        entry = index.get(name)
        assert entry is not None and same(replace_sketches(entry.fingerprint, name), mark_of(int(name[1:])))
        assert entry.provenance == Provenance(by="me") and entry.location == f"/models/m {name[1:]}"
        assert index.search(make_code(int(name[1:])), 1)[0].name == name
    lost = {loss.name for loss in done.losses if loss.what == "reference"}
    assert names | lost == {f"m{k}" for k in range(COUNT)} and not names & lost
    assert done.kept == len(names) == index.count()
    assert index.calibration() is not None
    return lost


def replace_sketches(mark: Fingerprint, name: str) -> Fingerprint:
    """As written where the sketches were lost, which the caller looks at by itself."""
    written = mark_of(int(name[1:]))
    return replace(mark, spectra=mark.spectra or written.spectra, tokens=mark.tokens or written.tokens)


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_nothing_wrong_nothing_changed(index: LocalIndex, tmp_path: Path) -> None:
    before = files(index.folder)
    assert repair(index.folder) == Repair(str(index.folder), False, COUNT, (), "")
    assert files(index.folder) == before and not any(p.is_dir() for p in index.folder.iterdir())
    assert repair(tmp_path / "never") == Repair(str(tmp_path / "never"), False, 0, (), "")


def test_codes_that_were_cut(index: LocalIndex) -> None:
    codes = index.folder / "codes.bin"
    os.truncate(codes, 30 * ROW_BYTES + 5)
    with pytest.raises(IndexError_, match="shorter") as refused:
        index.search(make_code(1))
    assert "forebear index repair" in refused.value.hint
    done = repair(index.folder)
    assert whole(index, done) == {f"m{k}" for k in range(30, COUNT)}
    assert {(x.why, x.location) for x in done.losses if x.name == "m31"} == {("its code is missing", "/models/m 31")}
    assert (Path(done.old) / "codes.bin").stat().st_size == 30 * ROW_BYTES + 5
    assert index.add(mark_of(31), "/models/m 31") and index.search(make_code(31), 1)[0].name == "m31"
    assert not repair(index.folder).damaged


def test_flipped_bits_in_the_codes(index: LocalIndex) -> None:
    codes = bytearray((index.folder / "codes.bin").read_bytes())
    for row in (3, 17):
        codes[row * ROW_BYTES + 99] ^= 16
    (index.folder / "codes.bin").write_bytes(codes)
    assert whole(index, repair(index.folder)) == {"m3", "m17"}
    kept = (index.folder / "codes.bin").read_bytes()
    assert kept[3 * ROW_BYTES : 4 * ROW_BYTES] == bytes(ROW_BYTES) and len(kept) == len(codes)


def test_a_bit_that_still_makes_sense_is_found_by_the_seal(index: LocalIndex) -> None:
    sql(index, "UPDATE models SET record = replace(record, '\"width\": 2048', '\"width\": 2049') WHERE name = 'm5'")
    with pytest.raises(IndexError_, match="the record of m5 is damaged"):
        index.get("m5")
    assert whole(index, repair(index.folder)) == {"m5"}


def test_missing_codes_lose_all_and_tell_where_it_lay(index: LocalIndex) -> None:
    (index.folder / "codes.bin").unlink()
    done = repair(index.folder)
    assert len(whole(index, done)) == COUNT
    assert all(loss.location for loss in done.losses)
    assert index.add(mark_of(1), "/models/m 1") and index.search(make_code(1), 1)[0].name == "m1"


def test_sketches_are_lost_alone(index: LocalIndex) -> None:
    sql(index, "UPDATE sketches SET spectra = x'00' WHERE row = 1", "UPDATE sketches SET spectra = NULL WHERE row = 2")
    done = repair(index.folder)
    assert [(x.name, x.what) for x in done.losses] == [("m1", "sketches")] and whole(index, done) == set()
    entries = {k: index.get(f"m{k}") for k in (0, 1)}
    assert entries[0] is not None and entries[0].fingerprint.spectra is not None
    assert entries[1] is not None and entries[1].fingerprint.spectra is None


def leaf_pages(index: LocalIndex) -> list[int]:
    """Pages that hold records of ``models``, by number."""
    raw = (index.folder / "index.db").read_bytes()
    pages = [raw[k : k + PAGE] for k in range(0, len(raw), PAGE)]
    return [k for k, page in enumerate(pages) if k and page[0] == 13 and b"/models/m " in page]


def test_a_page_of_noise(index: LocalIndex) -> None:
    """Records on the page are lost; their names are known from the tree of names."""
    database = index.folder / "index.db"
    page = leaf_pages(index)[2]
    raw = bytearray(database.read_bytes())
    raw[page * PAGE : (page + 1) * PAGE] = random.Random(1).randbytes(PAGE)
    database.write_bytes(raw)
    done = repair(index.folder)
    lost = whole(index, done)
    assert 0 < len(lost) < 8
    assert {x.why for x in done.losses if x.what == "reference"} == {"its record lies on a damaged page"}
    assert next(iter(index.listings())).licence == "mit" and BlackBoxIndex(index.folder).tokenizers()[0].name == "tok"
    assert (Path(done.old) / "index.db").read_bytes() == bytes(raw)


def test_any_page_of_noise_keeps_only_what_was_written(index: LocalIndex) -> None:
    """Whatever page it is: what is kept is intact, and what is not is told, or all of it is refused in words."""
    database = index.folder / "index.db"
    whole_database, codes = database.read_bytes(), (index.folder / "codes.bin").read_bytes()
    chance = random.Random(7)
    kept = []
    for page in chance.sample(range(len(whole_database) // PAGE), 8):
        raw = bytearray(whole_database)
        raw[page * PAGE : (page + 1) * PAGE] = chance.randbytes(PAGE)
        for path in index.folder.glob("index.db*"):
            path.unlink()
        database.write_bytes(raw)
        (index.folder / "codes.bin").write_bytes(codes)
        try:
            done = repair(index.folder)
        except IndexError_ as error:
            assert str(index.folder) in error.message and error.hint
            assert database.read_bytes() == bytes(raw)
        else:
            kept.append(COUNT - len({loss.name for loss in done.losses if loss.what == "reference"}))
            for entry in index.entries():
                assert same(replace_sketches(entry.fingerprint, entry.name), mark_of(int(entry.name[1:])))
    assert len(kept) > 4 and min(kept) >= COUNT - 8


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"noise" * 999,
        lambda raw: b"",
        lambda raw: raw[:1000],
        lambda raw: raw.replace(b"tablesketches", b"table\xddketches").replace(
            b"CREATE TABLE sk", b"CREATE TABLE ((", 1
        ),
    ],
)
def test_a_database_that_is_none_is_refused_and_left_alone(index: LocalIndex, damage: Callable[[bytes], bytes]) -> None:
    database = index.folder / "index.db"
    database.write_bytes(damage(database.read_bytes()))
    before = files(index.folder)
    with pytest.raises(IndexError_) as refused:
        repair(index.folder)
    assert "index.db" in refused.value.message and "add the models again" in refused.value.hint
    assert files(index.folder) == before and not any(p.is_dir() for p in index.folder.iterdir())


def test_an_index_of_before_and_one_from_the_future(index: LocalIndex) -> None:
    as_of_before(index.folder, 5)
    codes = bytearray((index.folder / "codes.bin").read_bytes())
    codes[0] ^= 1
    (index.folder / "codes.bin").write_bytes(codes)
    done = repair(index.folder)
    assert [x.name for x in done.losses] == ["m0"] and index.count() == COUNT - 1
    assert (entry := index.get("m1")) is not None and same(entry.fingerprint, mark_of(1))
    sql(index, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(IndexError_, match="this Forebear knows up to") as refused:
        repair(index.folder)
    assert "upgrade" in refused.value.hint


def test_no_room_changes_nothing(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    os.truncate(index.folder / "codes.bin", 10 * ROW_BYTES)
    before = files(index.folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("forebear.index.repair.os.fsync", full)
    with pytest.raises(IndexError_, match="No space left on device") as refused:
        repair(index.folder)
    assert "make room" in refused.value.hint
    assert files(index.folder) == before and not any(p.is_dir() for p in index.folder.iterdir())


def test_another_writer(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that holds the lock is waited for and told; one that writes while codes are copied is not overwritten."""
    os.truncate(index.folder / "codes.bin", 10 * ROW_BYTES)
    monkeypatch.setattr("forebear.index.repair.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(index.folder / "index.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(IndexError_, match="locked") as refused:
            repair(index.folder)
        assert "another process" in refused.value.hint

    def meanwhile(step: str) -> None:
        if step == "copying codes":
            index.remove("m1")

    with pytest.raises(IndexError_, match="meanwhile"):
        repair(index.folder, meanwhile)
    assert index.get("m1") is None and not any(p.is_dir() for p in index.folder.iterdir())


def test_a_writer_that_waited_does_not_write_into_the_old_files(index: LocalIndex) -> None:
    """It opened the database before the swap: it is told to try again."""
    os.truncate(index.folder / "codes.bin", 10 * ROW_BYTES)
    files_of = index._files
    places = iter([files_of._place(), -1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(files_of), "_place", lambda _: next(places))
        with pytest.raises(IndexError_, match="put in its place"):
            index.remove("m1")
    assert index.count() == COUNT


@pytest.mark.parametrize(
    "damage",
    [
        """UPDATE provenance SET record = replace(record, '"private": true', '"private": false')""",
        "DELETE FROM provenance WHERE row = (SELECT row FROM models WHERE name = 'm2')",
    ],
)
def test_a_guarded_reference_stays_private_when_its_provenance_is_lost(index: LocalIndex, damage: str) -> None:
    """An export after the repair would else give away what its owner guards."""
    index.remove("m1")
    index.add(mark_of(2), "", replace=True, provenance=Provenance(private=True))
    sql(index, damage, "UPDATE models SET record = 'noise' WHERE name = 'm7'")
    done = repair(index.folder)
    assert {(x.name, x.what) for x in done.losses} == {("m2", "provenance"), ("m7", "reference")}
    entry = index.get("m2")
    assert entry is not None and entry.provenance is not None and entry.provenance.private
    other = index.get("m3")
    assert other is not None and other.provenance == Provenance(by="me")
    assert not repair(index.folder).damaged


def test_a_provenance_with_a_flipped_bit_is_no_answer(index: LocalIndex) -> None:
    sql(index, 'UPDATE provenance SET record = replace(record, \'"by": "me"\', \'"by": "my"\') WHERE row = 4')
    with pytest.raises(IndexError_, match="the record of m4 is damaged"):
        index.get("m4")
    assert {(x.name, x.what, x.location) for x in repair(index.folder).losses} == {("m4", "provenance", "/models/m 4")}
    entry = index.get("m4")
    assert entry is not None and entry.provenance is None
