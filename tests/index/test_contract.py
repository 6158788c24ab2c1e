"""What every index does alike, local or in PostgreSQL, with pgvector or without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebear.errors import UsageError
from forebear.index import Addition, Behaviour, BlackBoxIndex, Entry, Index, Listing, Provenance, UserTokenizer
from forebear.index.search import agreements, best, row_of
from forebear.signals import Fingerprint
from forebear.signals.agreement import Continuation
from forebear.signals.binomial import log10_tail
from forebear.signals.declared import Declared
from forebear.signals.sign_code import CODE_BYTES, SignCode
from forebear.signals.towers import TowerMark
from index.conftest import Fresh, opened
from index.fingerprints import SHAPE, disguised, make_code, make_fingerprint, make_sketched, same, same_code
from index.test_cohort import sketch

TOWER: dict[str, Any] = {**SHAPE, "family": "clip", "coins": ["value_output"]}


def found(index: Index, name: str) -> Entry:
    entry = index.get(name)
    assert entry is not None
    return entry


def names(index: Index) -> list[str]:
    return [entry.name for entry in index.entries()]


def fill(index: Index, *seeds: int) -> None:
    index.add_many([Addition(make_fingerprint(f"m{seed}", seed), f"/models/m{seed}") for seed in seeds])


def code_of(ones: bytes, valid: bytes) -> SignCode:
    """A code of given bits."""
    blank = make_code(0)
    bits, there = np.frombuffer(ones, dtype=np.uint8), np.frombuffer(valid, dtype=np.uint8)
    return SignCode(bits, there, blank.layers, blank.signature, blank.groups, blank.keyed_by, blank.repeats)


def with_towers(mark: Fingerprint, *seeds: int, shape: dict[str, Any] = TOWER) -> Fingerprint:
    return replaced(mark, towers=tuple(TowerMark(f"tower{s}", dict(shape), make_code(s)) for s in seeds))


# -- records ------------------------------------------------------------------------------------------------------


def test_one_that_does_not_exist_is_empty(index: Index) -> None:
    assert (index.count(), list(index.entries()), index.get("a"), index.remove("a")) == (0, [], None, False)
    assert (tuple(index.search(make_code(1))), index.holding("x"), index.comparable(SHAPE)) == ((), (), 0)
    assert (index.calibration(), list(index.listings()), tuple(index.cohort())) == (None, [], ())
    assert index.nominate(make_sketched("a", 1)).found == ()
    assert index.search_towers(TowerMark("t", TOWER, make_code(1))).tested == 0
    info = index.info()
    assert (info["models"], info["families"], info["path"]) == (0, {}, index.where)
    assert index.count() == 0 and index.state() == index.state()


def test_places_are_the_folders_of_machines(index: Index) -> None:
    assert list(index.places()) == []
    for name, place in (("c", "/models/\udcff c"), ("a", "/models/a"), ("h", "hf:org/name@1"), ("guarded", "")):
        index.add(make_fingerprint(name, ord(name[0])), place)
    assert list(index.places()) == [("a", "/models/a"), ("c", "/models/\udcff c")]
    index.add(make_fingerprint("a", ord("a")), "/moved/a")
    index.remove("c")
    assert list(index.places()) == [("a", "/moved/a")]


def test_every_field_comes_back(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    mark = with_towers(make_sketched("org/model", 1), 5, 6)
    assert index.add(mark, "/somewhere", provenance=Provenance(by="me", private=True)) is True
    entry = found(index, "org/model")
    assert same(entry.fingerprint, mark)
    assert [t.component for t in entry.fingerprint.towers] == ["tower5", "tower6"]
    assert all(same_code(a.code, b.code) for a, b in zip(entry.fingerprint.towers, mark.towers, strict=True))
    assert (entry.location, entry.added) == ("/somewhere", "2023-11-14T22:13:20Z")
    (listed,) = index.entries()
    assert listed.provenance == entry.provenance == Provenance(by="me", private=True)
    assert same(listed.fingerprint, replaced(mark, spectra=None, tokens=None)) and listed.fingerprint.towers == ()


def test_a_bare_fingerprint_comes_back(index: Index) -> None:
    blank = np.zeros(CODE_BYTES, dtype=np.uint8)
    code = SignCode(blank, blank, (-1,) * 16, np.full((16, 2, 64), np.nan, dtype=np.float16), (), "row", ())
    shape: dict[str, Any] = {"parameters": 12, "family": None, "coins": []}
    mark = make_fingerprint("bare", 1, code=code, shape=shape, vocabulary=None, declared=Declared(), content=None)
    index.add(mark, "/bare")
    assert same(found(index, "bare").fingerprint, mark)
    assert tuple(index.search(code)) == tuple(index.search(make_code(1))) == ()
    assert index.info()["families"] == {"unknown": 1}


def test_odd_text_comes_back(index: Index) -> None:
    """Paths may hold bytes that are no UTF-8; cards and tokens may hold anything, NUL included."""
    odd = os.fsdecode(b"/models/\xff\xe4 \n'\"%\\")
    shape = {**SHAPE, "family": "ll\0ama\ud800"}
    declared = Declared(("a\0b", "\ud800"), "日本", "\x1b[31m")
    mark = make_fingerprint("odd é日", 1, target=odd, declared=declared, shape=shape, dtype="\0")
    index.add(mark, odd + "\0", provenance=Provenance(by="\0\udcff"))
    entry = found(index, "odd é日")
    assert entry.location == odd + "\0" and same(entry.fingerprint, mark)
    assert entry.provenance == Provenance(by="\0\udcff")
    assert not index.add(mark, odd + "2") and found(index, "odd é日").location == odd + "2"
    listing = Listing("a\0\udc80", "r\0", licence="x\0", base_models=("\ud800",))
    assert index.keep_listings([listing]) == 1 and list(index.listings()) == [listing]


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "x" * 201, "\ud800"])
def test_names_that_cannot_be_shown(index: Index, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name"):
        index.add(make_fingerprint(name, 1), "/m")
    assert index.get(name) is None and index.remove(name) is False


def test_the_same_again_and_another_under_its_name(index: Index) -> None:
    mark = make_fingerprint("a", 1)
    assert index.add(mark, "/a") is True
    assert index.add(mark, "/moved") is False
    with pytest.raises(UsageError, match="a is already in the index, and is another model") as raised:
        index.add(make_fingerprint("a", 9), "/other")
    assert raised.value.exit_code == 2 and found(index, "a").location == "/moved"
    other = make_fingerprint("a", 9)
    assert index.add(other, "/other", replace=True) is True
    assert same(found(index, "a").fingerprint, other) and index.count() == 1
    assert index.search(make_code(1), 1)[0].log10_p > -6  # of what was there before, nothing is left


def test_more_that_was_measured_is_kept_beside(index: Index) -> None:
    whole = with_towers(make_sketched("a", 1), 5)
    index.add(make_fingerprint("a", 1), "/a", provenance=Provenance(by="one"))
    assert index.add(whole, "/a") is False
    assert same(found(index, "a").fingerprint, whole) and found(index, "a").provenance == Provenance(by="one")
    assert index.add(make_fingerprint("a", 1), "/a", provenance=Provenance(by="two")) is False
    assert same(found(index, "a").fingerprint, whole) and found(index, "a").provenance == Provenance(by="two")
    assert index.remove("a") and index.add(make_fingerprint("a", 1), "/a")
    entry = found(index, "a")
    assert (entry.fingerprint.spectra, entry.fingerprint.towers, entry.provenance) == (None, (), None)


def test_many_at_once_are_all_or_none(index: Index) -> None:
    index.add(make_fingerprint("old", 1), "/old")
    more = [Addition(make_fingerprint(f"n{k}", k), f"/n{k}") for k in (5, 3, 4)]
    assert index.add_many([Addition(make_fingerprint("old", 1), "/moved"), *more]) == (False, True, True, True)
    with pytest.raises(UsageError, match="another model"):
        index.add_many([Addition(make_fingerprint("n9", 9), "/n9"), Addition(make_fingerprint("old", 7), "/old")])
    assert names(index) == ["n3", "n4", "n5", "old"] and index.add_many([]) == ()
    twice = [Addition(make_fingerprint("m", k), f"/{k}") for k in (1, 2)]
    with pytest.raises(UsageError, match="another model"):
        index.add_many(twice)
    assert index.add_many(twice, replace=True) == (True, True) and found(index, "m").location == "/2"
    assert index.add_many([twice[1], twice[1]]) == (False, False)
    assert index.holding(more[0].fingerprint.digest) == ("n5",)


def test_names_are_in_the_order_of_their_characters(index: Index) -> None:
    index.add_many([Addition(make_fingerprint(n, k), "/") for k, n in enumerate(["é", "b", "B", "a/b", "a-b", "日"])])
    assert names(index) == ["B", "a-b", "a/b", "b", "é", "日"]


def test_comparable_counts_matching_shapes(index: Index) -> None:
    shapes: list[dict[str, Any]] = [SHAPE, {**SHAPE, "width": 4096}, {**SHAPE, "layers": 40}, {"family": None}]
    shapes[-1] |= {"parameters": 1, "coins": []}
    index.add_many([Addition(make_fingerprint(f"m{k}", k, shape=s), "/") for k, s in enumerate(shapes)])
    assert (index.comparable(SHAPE), index.comparable({**SHAPE, "width": 1}), index.comparable(shapes[-1])) == (2, 0, 0)
    assert index.info()["families"] == {"llama": 3, "unknown": 1}


def test_a_width_that_no_database_keeps_is_comparable_with_nothing(index: Index) -> None:
    for width in (2**63, -(2**63) - 1, 10**400, "wide"):
        assert index.comparable({**SHAPE, "width": width}) == 0


def test_the_state_is_another_one_after_every_change(index: Index) -> None:
    seen = [index.state()]
    for change in (
        lambda: index.add(make_fingerprint("a", 1), "/a"),
        lambda: index.add(make_fingerprint("a", 1), "/moved"),
        lambda: index.add(make_sketched("a", 1), "/moved"),
        lambda: index.add(with_towers(make_fingerprint("a", 1), 5), "/moved"),
        lambda: index.keep_calibration("{}"),
        lambda: index.add(make_fingerprint("a", 3), "/moved", replace=True),
        lambda: index.remove("a"),
    ):
        change()
        seen.append(index.state())
        assert index.state() == seen[-1]
    assert len(set(seen)) == len(seen)


def test_what_changed_since_a_mark_is_told_by_name(index: Index) -> None:
    assert index.changed().names is None
    index.add_many([Addition(make_fingerprint(f"m{k}", k), "/") for k in range(3)])
    first = index.changed()
    assert first.names is None and index.changed("somebody else's 1 2").names is None
    index.remove("m1")
    index.add(make_fingerprint("é", 9), "/")
    index.add(make_fingerprint("m2", 2), "/moved")
    second = index.changed(first.mark)
    assert second.names is not None and {"m1", "m2", "é"} <= set(second.names)
    index.add(make_fingerprint("m0", 0), "/", provenance=Provenance(private=True))
    index.add(make_fingerprint("m2", 5), "/moved", replace=True)
    third = index.changed(second.mark)
    assert third.names is not None and {"m0", "m2"} <= set(third.names)
    last = third
    for _ in range(1000):  # the server itself may just be writing something
        if not (last := index.changed(last.mark)).names:
            break
    assert last.names == ()


def test_calibrations_and_listings(index: Index) -> None:
    where = index.keep_calibration("é")
    assert index.calibration() == (where, "é") and where.startswith(index.where)
    one = Listing("org/a", "c1", licence="mit", base_models=("org/b",), relation="finetune", seen="t1")
    later = replaced(one, licence="other", revision="c2", seen="t3")
    assert index.keep_listings([one, replaced(one, seen="t2"), later]) == 2
    assert index.keep_listings([one]) == 0 and index.keep_listings([]) == 0
    gone = Listing("org/a", seen="t9", gone=True)
    assert index.keep_listings([gone]) == 1 and list(index.listings("org/a")) == [one, later, gone]
    assert index.keep_listings([replaced(gone, seen="t10")]) == 0  # since when it is not there
    assert index.keep_listings([one]) == 0 and list(index.listings("org/a")) == [one, later]
    assert index.keep_listings(iter([Listing("org/0", seen="t0", licence="x" * 9000)])) == 1
    assert [(x.name, x.seen) for x in index.listings()] == [("org/0", "t0"), ("org/a", "t1"), ("org/a", "t3")]
    assert list(index.listings("org/a")) == [one, later] and list(index.listings("org")) == []


def test_an_index_can_be_changed_while_it_is_read(index: Index) -> None:
    fill(index, 1, 2, 3)
    for entry in index.entries():
        index.remove(entry.name)
        index.keep_listings([Listing(entry.name)])
    assert index.count() == 0
    rest = index.listings()
    assert next(rest).name == "m1" and [x.name for x in index.listings("m3")] == ["m3"]
    rest.close()  # type: ignore[attr-defined]


# -- search -------------------------------------------------------------------------------------------------------

PLANES = st.builds(
    lambda seed, density, flip: _planes(seed, density, flip),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.002, 0.5, 1.0]),
    st.sampled_from([0.0, 0.01, 0.3]),
)


def _planes(seed: int, density: float, flip: float) -> SignCode:
    """One of few codes, a share of its coins valid and a share turned: so that ties and copies are common."""
    rng = np.random.default_rng([seed, int(1000 * density), int(1000 * flip)])
    ones = np.random.default_rng(seed).random(8 * CODE_BYTES) < 0.5
    ones ^= rng.random(ones.shape) < flip
    valid = np.packbits(rng.random(ones.shape) < density)
    return code_of((np.packbits(ones) & valid).tobytes(), valid.tobytes())


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(codes=st.lists(PLANES, min_size=1, max_size=12), query=PLANES, limit=st.integers(0, 14), data=st.data())
def test_search_is_brute_force(
    fresh: Fresh, codes: list[SignCode], query: SignCode, limit: int, data: st.DataObject
) -> None:
    """The same references in the same order as counting every row, whatever was removed or replaced."""
    with ExitStack() as stack:
        index = opened(fresh(), stack)
        live = {f"m{k}": code for k, code in enumerate(codes)}
        index.add_many([Addition(make_fingerprint(n, k, code=c), "/") for k, (n, c) in enumerate(live.items())])
        gone = data.draw(st.sampled_from(sorted(live)))
        code = live.pop(gone)
        index.remove(gone)
        if data.draw(st.booleans()):  # now the youngest row
            index.add(make_fingerprint(gone, 99, code=code), "/")
            live[gone] = code
        rows = np.frombuffer(b"".join(map(row_of, live.values())), dtype=np.uint64).reshape(len(live), 128)
        agree, shared = agreements(rows, np.frombuffer(row_of(query), dtype=np.uint64))
        order = [int(k) for k in best(agree, shared, limit)]
        expected = [(list(live)[k], int(agree[k]), int(shared[k])) for k in order]
        assert [(h.name, h.agree, h.n) for h in index.search(query, limit)] == expected
        assert all(h.log10_p == log10_tail(h.agree, h.n) for h in index.search(query, limit))


def test_a_private_entry_is_opened_by_replacing_it_alone(index: Index) -> None:
    mark, private = make_fingerprint("guarded", 1), Provenance(by="lab", private=True)
    index.add(mark, "", provenance=private)
    for said in (None, Provenance(by="crawl")):
        assert not index.add(mark, "hf:org/public@c0ffee", provenance=said)
        assert found(index, "guarded").provenance == private and found(index, "guarded").location == ""
    assert index.add(mark, "/open", replace=True, provenance=Provenance(by="lab"))
    assert found(index, "guarded").provenance == Provenance(by="lab")


def test_many_searches_are_those_of_each(index: Index) -> None:
    codes = [make_code(seed) for seed in (3, 5, 99)]
    assert list(index.search_many(codes, 2)) == [(), (), ()]
    fill(index, *range(8))
    assert [list(hits) for hits in index.search_many(codes, 3)] == [list(index.search(code, 3)) for code in codes]
    assert index.search_many([], 3) == ()


def test_layers_are_searched_alike(twins: tuple[Index, Index]) -> None:
    """Slots exchanged: the layers still meet, at other places."""
    query = make_code(4)
    bits, valid = (part.copy() for part in (query.bits, query.valid))
    for part in (bits, valid):
        slots = part[256:].reshape(16, 16)
        slots[[0, 5]] = slots[[5, 0]]
        part[:256] = 0
    moved = SignCode(bits, valid, query.layers, query.signature, query.groups, query.keyed_by, query.repeats)
    one, other = (tuple(index.search_layers(moved, 5)) for index in twins)
    assert one == other and one[0].name == "m4" and one[0].log10_p < -20
    assert {(pair.layer, pair.theirs) for pair in one[0].pairs} >= {(query.layers[0], query.layers[5])}
    assert tuple(twins[1].search_layers(moved, 0)) == ()


def test_layers_of_an_empty_index(index: Index) -> None:
    assert tuple(index.search_layers(make_code(1))) == ()


def test_towers(index: Index) -> None:
    other = {**TOWER, "family": "llama", "coins": ["residual"], "width": 7}
    index.add(with_towers(make_fingerprint("a", 1), 11, 12), "/a")
    index.add(with_towers(make_fingerprint("b", 2), 12), "/b")
    index.add(with_towers(make_fingerprint("c", 3), 13, shape=other), "/c")
    hits = index.search_towers(TowerMark("x", TOWER, make_code(12)), 2)
    assert hits.tested == 2 and [h.name for h in hits.found] == ["a", "b"]
    assert {h.agree for h in hits.found} == {make_code(12).n}
    index.remove("a")
    assert [h.name for h in index.search_towers(TowerMark("x", TOWER, make_code(12))).found] == ["b"]


# -- what is scored by functions ----------------------------------------------------------------------------------


@pytest.fixture
def twins(fresh: Fresh, tmp_path: Path) -> Iterator[tuple[Index, Index]]:
    """The index under test and a local one, with the same references."""
    with ExitStack() as stack:
        pair = opened(fresh(), stack), opened(str(tmp_path / "twin"), stack)
        for index in pair:
            marks = [make_sketched(f"m{k}", k) for k in range(22)]
            index.add_many([Addition(_active(m, k) if k < 9 else m, "/") for k, m in enumerate(marks)])
            index.add(make_fingerprint("bare", 99), "/")
            index.add(replaced(_active(make_sketched("child", 3), 3), digest="0" * 40), "/")
            index.remove("m5")
        yield pair


def _active(mark: Fingerprint, seed: int) -> Fingerprint:
    return replaced(mark, activations=sketch(seed))


def test_scores_are_those_of_the_local_index(twins: tuple[Index, Index]) -> None:
    one, other = twins
    query = _active(disguised(make_sketched("m7", 7), 1), 7)
    assert one.nominate(query, 30) == other.nominate(query, 30)
    assert one.nominate(query, 1).found[0].name == "m7"
    assert one.alike(query, 30) == other.alike(query, 30) and len(one.alike(query, 2).found) == 2
    assert [name for name, _ in one.cohort()] == [name for name, _ in other.cohort()]
    assert list(map(str, one.search(query.code))) == list(map(str, other.search(query.code)))
    with pytest.raises(ValueError, match="no activations"):
        one.alike(make_fingerprint("x", 1))


# -- beside the references ----------------------------------------------------------------------------------------


def test_records_of_models_behind_an_api(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = UserTokenizer("acme", "1", (5, 7), "ab" * 20, 32_000, ("a\0",), os.fsdecode(b"/\xff"))
    one = Behaviour("acme", "1", {"a\0": Continuation("été"), "b": Continuation("x", {" \ud800": 0.25})}, "http://l")
    monkeypatch.setenv("FOREBEAR_INDEX", fresh())
    index = BlackBoxIndex()
    assert (index.tokenizers(), index.behaviours(), index.remove("acme")) == ((), (), False)
    assert index.add_tokenizer(acme) and not index.add_tokenizer(acme) and index.add_behaviour(one)
    again = BlackBoxIndex()
    assert [replaced(t, added="") for t in again.tokenizers()] == [acme]
    assert [replaced(b, added="") for b in again.behaviours()] == [one]
    with pytest.raises(UsageError, match="acme is already"):
        index.add_tokenizer(replaced(acme, size=1))
    assert index.add_tokenizer(replaced(acme, size=1), replace=True) and again.tokenizers()[0].size == 1
    assert index.remove("acme") and not again.remove("acme") and again.behaviours() == ()


def test_somebodys_word_does_not_take_the_place_of_a_measurement(index: Index) -> None:
    """Where another process measured the model between the two readings of an import."""
    mine, theirs = Provenance(by="me"), Provenance(by="them", origin="sha256:00")
    fingerprint = make_fingerprint("m", 1)
    index.add(fingerprint, "/mine", provenance=mine)
    assert index.add(fingerprint, "/theirs", provenance=theirs) is False
    kept = index.get("m")
    assert kept is not None and (kept.location, kept.provenance) == ("/mine", mine)
    index.add(make_fingerprint("n", 2), "/theirs", provenance=theirs)
    index.add(make_fingerprint("n", 2), "/mine", provenance=mine)
    kept = index.get("n")
    assert kept is not None and (kept.location, kept.provenance) == ("/mine", mine)
