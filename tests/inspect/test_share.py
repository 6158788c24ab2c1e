"""Indexes handed on: what leaves, what comes in, and on whose word."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import forebear
from documents import check_document
from edits import edit
from exchanges import HUB, ME, entry, filled, flipped, mark, rich, write
from forebear.attest.exchange import Terms, to_record
from forebear.attest.trust import Trust, trust_in
from forebear.errors import ForebearError, InputError, UsageError
from forebear.index import Addition, LocalIndex, Provenance
from forebear.inspect import enrol
from forebear.inspect.enrol import Private
from forebear.inspect.share import Asked, Imported, export_index, import_index
from forebear.inspect.sign import Credentials, credentials
from forebear.types import Verdict
from index.fingerprints import same
from models import tiny_llama
from signers import key_files

NOBODY = Trust()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return key_files(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def signer(keys: tuple[Path, Path]) -> Credentials:
    return credentials(keys[0])


def take(index: LocalIndex, file: Path, **how: bool) -> Imported:
    made = import_index(index, file, NOBODY, unsigned=True, **how)
    check_document(made.to_json())
    return made


def test_there_and_back(tmp_path: Path, keys: tuple[Path, Path], signer: Credentials) -> None:
    ours, theirs = filled(tmp_path / "ours"), LocalIndex(tmp_path / "theirs")
    file = tmp_path / "x.fbx"
    made = export_index(ours, file, signer=signer)
    check_document(made.to_json())
    assert (made.entries, made.withheld, made.private, made.unwritable) == (3, 0, 0, ())
    done = import_index(theirs, file, trust_in([keys[1]]))
    check_document(done.to_json())
    assert done.signature == "verified" and done.signer == f"key {made.key_id[:16]}"
    assert done.added == ("a", "b", "c") and done.sheet.sha256 == made.sha256
    for name in "abc":
        mine, got = ours.get(name), theirs.get(name)
        assert mine is not None and got is not None and same(mine.fingerprint, got.fingerprint)
        assert len(got.fingerprint.towers) == 1
        assert got.location == HUB and got.provenance == replace(ME, origin=f"sha256:{made.sha256}")
    again = import_index(theirs, file, trust_in([keys[1]]))
    assert (again.added, again.there, again.conflicts) == ((), 3, ())


def test_a_reference_whose_rows_follow_a_pattern_accuses_nobody_elsewhere(tmp_path: Path) -> None:
    """Two models of one odd recipe agree in sign; here the reference's files are gone, and only its code is at hand."""
    for number in (1, 2):
        folder = tiny_llama(tmp_path / f"model{number}", seed=number, hidden=192)
        edit(folder, lambda name, v: v if v.ndim == 1 else v + 2 * np.eye(*v.shape, dtype=np.float32))
    ours, theirs = LocalIndex(tmp_path / "ours"), LocalIndex(tmp_path / "theirs")
    enrol(str(tmp_path / "model1"), ours, "org/odd")
    export_index(ours, tmp_path / "x", Asked(terms=Terms(paths=True)))
    shutil.rmtree(tmp_path / "model1")
    take(theirs, tmp_path / "x")
    kept = theirs.get("org/odd")
    assert kept is not None and any("largest values on one side" in why for why in kept.fingerprint.code.repeats)
    found = forebear.scan(str(tmp_path / "model2"), theirs)
    assert found.verdict is Verdict.INCONCLUSIVE and not found.ancestors and "relied on" in found.why


def test_a_pattern_that_a_file_tells_of_an_entry_that_is_there_is_a_conflict(tmp_path: Path) -> None:
    """Neither lost without a word, nor taken without being asked: a stranger's file could switch references off."""
    ours, theirs = filled(tmp_path / "ours", "a"), filled(tmp_path / "theirs", "a")
    entry_ = theirs.get("a")
    assert entry_ is not None
    odd = replace(entry_.fingerprint.code, repeats=("residual rows begin alike",))
    theirs.add(replace(entry_.fingerprint, code=odd), HUB, replace=True)
    export_index(theirs, tmp_path / "x")
    told = take(ours, tmp_path / "x")
    assert [c.name for c in told.conflicts] == ["a"] and "follow a pattern" in told.conflicts[0].why
    assert take(ours, tmp_path / "x", replace_=True).replaced == ("a",)
    kept = ours.get("a")
    assert kept is not None and kept.fingerprint.code.repeats == odd.repeats
    assert take(ours, tmp_path / "x").there == 1


def test_equal_indexes_give_equal_files(tmp_path: Path, signer: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    one, two = filled(tmp_path / "one", "abc"), LocalIndex(tmp_path / "two")
    for seed, name in ((3, "c"), (1, "a"), (2, "b")):  # in another order, elsewhere
        two.add(rich(name, seed), HUB, provenance=ME)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    digests = {
        export_index(index, tmp_path / f"{k}.fbx", signer=signer).sha256 for k, index in enumerate((one, two, one))
    }
    assert len(digests) == 1
    assert len({export_index(one, tmp_path / "p", Asked(terms=t)).sha256 for t in (Terms(), Terms(False))}) == 2


def test_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = filled(tmp_path / "ours")
    index.add(mark("d", 9, shape={**mark("d", 9).shape, "family": "qwen2"}), "/home/me/d")
    made = export_index(index, tmp_path / "x", Asked(family="qwen2"))
    assert (made.entries, made.withheld) == (1, 1)
    assert b"/home/me" not in (tmp_path / "x").read_bytes()
    export_index(index, tmp_path / "x", Asked(terms=Terms(paths=True)))
    assert b"/home/me" in (tmp_path / "x").read_bytes()
    assert export_index(index, tmp_path / "x", Asked(only=("a", "d"))).entries == 2
    with pytest.raises(UsageError, match="nothing is not in the index"):
        export_index(index, tmp_path / "x", Asked(only=("nothing",)))
    with pytest.raises(UsageError, match="nothing to export"):
        export_index(index, tmp_path / "y", Asked(family="gpt5"))
    with pytest.raises(UsageError, match="can be written"):
        export_index(index, tmp_path / "no" / "y")
    odd = mark("odd", 11, dtype="a type\nof two lines")
    index.add(odd, HUB)
    assert export_index(index, tmp_path / "x").unwritable == ("odd",)
    assert not list(tmp_path.glob("*.part")) and not (tmp_path / "y").exists()


def test_private_ones_stay_at_home(tmp_path: Path) -> None:
    index = filled(tmp_path / "ours")
    index.add(mark("ours", 7), "", provenance=Provenance(private=True))
    made = export_index(index, tmp_path / "x")
    assert (made.entries, made.private) == (3, 1) and b'"ours"' not in (tmp_path / "x").read_bytes()
    with pytest.raises(UsageError, match="ours is private"):
        export_index(index, tmp_path / "y", Asked(only=("ours",)))
    assert export_index(index, tmp_path / "y", Asked(only=("ours",), private=True)).entries == 1
    theirs = LocalIndex(tmp_path / "theirs")
    take(theirs, tmp_path / "y")
    assert (got := theirs.get("ours")) is not None and got.provenance is not None and got.provenance.private
    with pytest.raises(UsageError, match="1 private ones were left out"):
        export_index(theirs, tmp_path / "z")


def test_conflicts_are_refused_and_listed(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "ours")
    a = rich("a", 1)
    index.add(a, "/mine/a", provenance=Provenance(by="me"))
    index.add(mark("b", 20), "/mine/b")
    index.add(replace(rich("c", 3), code=flipped(rich("c", 3).code, 0.1)), "/mine/c")
    index.add(mark("e", 21), "", provenance=Provenance(private=True))
    file = write(tmp_path / "x", [to_record(entry(n, k), Terms()) for k, n in enumerate("abcde", 1)])
    dry = take(index, file, dry=True)
    assert dry.added == ("d",) and index.get("d") is None
    done = take(index, file)
    assert (done.added, done.there, done.replaced) == (("d",), 1, ())
    assert {c.name: c.why for c in done.conflicts} == {
        "b": "the index has another model of this name",
        "c": "the index has the same digest with another code: one of the two is not of those bytes",
        "e": "the index has another model of this name; the other is private",
    }
    mine = index.get("a")
    assert mine is not None and mine.location == "/mine/a" and mine.provenance == Provenance(by="me")
    done = take(index, file, replace_=True)
    assert done.replaced == ("b", "c") and [c.name for c in done.conflicts] == ["e"]
    assert (b := index.get("b")) is not None and b.fingerprint.digest == mark("b", 2).digest
    index.add(replace(a, name="a2"), "/mine/a2")
    assert index.holding(a.digest) == ("a", "a2")


def test_three_answers_about_a_signature(tmp_path: Path, keys: tuple[Path, Path], signer: Credentials) -> None:
    ours, theirs = filled(tmp_path / "ours"), LocalIndex(tmp_path / "theirs")
    export_index(ours, tmp_path / "plain")
    export_index(ours, tmp_path / "signed", signer=signer)
    other = trust_in([key_files(tmp_path, "other")[1]])
    trust = trust_in([keys[1]])
    refusals = [
        (tmp_path / "plain", NOBODY, UsageError, "not signed.*--unsigned"),
        (tmp_path / "signed", NOBODY, UsageError, "no key was given"),
        (tmp_path / "plain", trust, InputError, "not signed, though a key"),
        (tmp_path / "signed", other, InputError, "wrongly signed"),
    ]
    for file, who, kind, why in refusals:
        with pytest.raises(kind, match=why):
            import_index(theirs, file, who)
    assert theirs.count() == 0 and not theirs.folder.exists()
    assert import_index(theirs, tmp_path / "plain", NOBODY, unsigned=True).signature == "unchecked"
    assert import_index(theirs, tmp_path / "signed", trust).there == 3


def test_of_a_damaged_file_nothing_comes_in(tmp_path: Path) -> None:
    records = [to_record(entry(f"m{k:03}", k % 5), Terms()) for k in range(300)]  # more than one stretch
    raw = write(tmp_path / "x", records).read_bytes()
    theirs = LocalIndex(tmp_path / "theirs")
    for damaged in (raw[:-1], raw[: len(raw) // 2], raw[:-200] + bytes([raw[-200] ^ 1]) + raw[-199:], raw + b"E"):
        (tmp_path / "x").write_bytes(damaged)
        with pytest.raises(ForebearError):
            take(theirs, tmp_path / "x")
        assert theirs.count() == 0


def test_locations_of_others_are_not_believed(tmp_path: Path) -> None:
    """A file cannot make this machine open a folder or an address, unless that is asked for."""
    places = ("/etc", "https://example.org/m", "hf:org/model@c0ffee")
    made = [replace(entry(f"m{k}", k), location=place) for k, place in enumerate(places)]
    file = write(tmp_path / "x", [to_record(e, Terms(paths=True)) for e in made])
    index = LocalIndex(tmp_path / "one")
    take(index, file)
    assert [e.location for e in index.entries()] == ["", "", "hf:org/model@c0ffee"]
    index = LocalIndex(tmp_path / "two")
    take(index, file, paths=True)
    assert [e.location for e in index.entries()] == list(places)


def test_who_measured_it_is_told_when_a_scan_finds_it(tmp_path: Path, signer: Credentials) -> None:
    model = tiny_llama(tmp_path / "model")
    ours, theirs = LocalIndex(tmp_path / "ours"), LocalIndex(tmp_path / "theirs")
    enrol(str(model), ours, "org/base")
    export_index(ours, tmp_path / "x", signer=signer)
    take(theirs, tmp_path / "x")
    found = forebear.scan(str(model), theirs)
    check_document(found.to_json())
    told = [e for e in found.ancestors[0].evidence if e.signal == "provenance/1"]
    assert len(told) == 1 and "who measured it is not said, imported" in told[0].summary
    assert told[0].supports == "nothing" and str(told[0].details["origin"]).startswith("sha256:")
    assert any(g.what == "rows of org/base" and "imported without saying" in g.why for g in found.coverage.not_tested)
    mine = forebear.scan(str(tiny_llama(tmp_path / "copy")), ours)
    assert mine.ancestors and not any(e.signal == "provenance/1" for a in mine.ancestors for e in a.evidence)


def test_a_guarded_model_is_kept_as_codes_alone(tmp_path: Path) -> None:
    model, index = tiny_llama(tmp_path / "secret-place"), LocalIndex(tmp_path / "home")
    enrol(str(model), index, "ours")
    assert (open_ := index.get("ours")) is not None and open_.fingerprint.vocabulary and open_.fingerprint.spectra
    assert enrol(str(model), index, "ours", private=Private()).added
    kept = index.get("ours")
    assert kept is not None and kept.provenance is not None and kept.provenance.private and kept.location == ""
    made = kept.fingerprint
    assert (made.vocabulary, made.content, made.spectra, made.tokens, made.target) == (None, None, None, None, "")
    assert made.declared.licence == "" and made.code.bits.tobytes() == open_.fingerprint.code.bits.tobytes()
    with pytest.raises(UsageError, match="kept as a private model"):
        enrol(str(model), index, "ours")
    assert enrol(str(model), index, "ours", private=Private(sketches=True)).added
    kept = index.get("ours")
    assert kept is not None and kept.fingerprint.spectra is not None
    found = forebear.scan(str(tiny_llama(tmp_path / "copy")), index)
    assert [a.name for a in found.ancestors] == ["ours"] and found.ancestors[0].target is None
    assert any("it is private" in gap.why for gap in found.coverage.not_tested)
    assert enrol(str(model), index, "ours", replace_=True).added
    kept = index.get("ours")
    assert kept is not None and kept.location == str(model)


def test_a_stretch_at_a_time(tmp_path: Path) -> None:
    """More entries than one transaction takes; the second half of an interrupted import is made up by another."""
    made = [Addition(replace(mark("m", 1), name=f"m{k:04}"), HUB) for k in range(300)]
    ours, theirs = LocalIndex(tmp_path / "ours"), LocalIndex(tmp_path / "theirs")
    ours.add_many(made)
    export_index(ours, tmp_path / "x")
    theirs.add_many(made[:120])
    done = take(theirs, tmp_path / "x")
    assert (len(done.added), done.there, theirs.count()) == (180, 120, 300)
