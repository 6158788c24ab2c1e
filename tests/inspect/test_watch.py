"""A watch: descendants of guarded models are found, innocent models never, and a pack asks and does not accuse."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from documents import check_document
from edits import drifted, move_gains
from exchanges import HUB, entry, filled, flipped, mark, rich, write
from forebear.attest.exchange import Terms, to_record
from forebear.attest.keys import read_private
from forebear.attest.trust import Trust, trust_in
from forebear.errors import FormatError, UsageError
from forebear.index import Addition, LocalIndex, Provenance
from forebear.inspect import enrol
from forebear.inspect.enrol import Private
from forebear.inspect.share import import_index
from forebear.inspect.watch import Match, price, sweep, watch
from forebear.inspect.watch_check import DOCUMENT_FILE, ENVELOPE, FOUND, GUARDED, LETTER, SUMS, check_pack
from forebear.lineage.counts import LOG10_ALPHA
from forebear.report.watch import Sender, letter, write_pack
from forebear.signals import Fingerprint
from forebear.signals.towers import TowerMark
from forebear.types import Verdict
from index.fingerprints import SHAPE, make_code
from models import tiny_llama
from signers import key_files

ACCUSING = ("stol", "steal", "thie", "infring", "violat", "plagiar", "illegal", "guilt", "must ", "demand", "breach")


def later(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_700_000_000 + 86_400 * day))


def child(parent: Fingerprint, name: str, seed: int, share: float = 0.05) -> Fingerprint:
    """A descendant by its code: a share of signs is another."""
    return replace(parent, name=name, digest=mark(name, seed).digest, code=flipped(parent.code, share, seed), towers=())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalIndex:
    """Three public models, a guarded one, and days later a descendant of it and a stranger."""
    later(monkeypatch, 0)
    made = filled(tmp_path / "home")
    later(monkeypatch, 1)
    made.add(mark("ours", 50), "", provenance=Provenance(private=True))
    later(monkeypatch, 2)
    made.add(child(mark("ours", 50), "org/new", 51), HUB)
    made.add(mark("org/stranger", 52), HUB)
    return made


@pytest.fixture
def match(index: LocalIndex) -> Match:
    (found,) = watch("org/new", index, ["ours"])
    return found


# -- what is found ------------------------------------------------------------------------------------------------


def test_a_descendant_is_found_and_a_stranger_is_not(index: LocalIndex, match: Match) -> None:
    assert (match.name, match.guarded, match.location) == ("org/new", "ours", HUB)
    assert match.verdict.related and match.log10_p == -30
    assert match.coins.test == "exact" and (match.coins.score or 0) > 0.9
    assert (match.relatives, match.older, match.explained) == ((), False, False)
    assert match.log10_e == pytest.approx(-30 + math.log10(6 * 7))
    for name in ("org/stranger", "a", "ours", "nothing"):
        assert watch(name, index, ["ours"]) == ()
    assert watch("org/new", index, ["gone"]) == ()


def test_the_whole_watch_is_paid_for(index: LocalIndex) -> None:
    """c (c + 1) for the c-th comparison: the sum over all there will ever be stays below one."""
    assert sum(1 / (c * (c + 1)) for c in range(1, 10_000)) < 1
    assert price(2, 3) == 42 and price(0, 0) == 2
    assert all(price(g, n + 1) > price(g, n) and price(g + 1, n) > price(g, n) for g in (1, 5) for n in (1, 9))
    told = watch("org/new", index, ["ours", "a"])[0]
    assert (told.watched, told.references) == (2, 6)
    assert told.coins.details["log10_references"] == pytest.approx(math.log10(12 * 13))


def test_weak_agreement_that_one_comparison_would_allow_is_no_match(index: LocalIndex) -> None:
    """A pair that would be established alone is not, once the watch is paid for."""
    parent = mark("ours", 50)
    shares = np.linspace(0.42, 0.47, 11)
    for k, share in enumerate(shares):
        index.add(child(parent, f"w{k}", 60 + k, float(share)), HUB)
    alone, paid = [], []
    for k in range(len(shares)):
        found = watch(f"w{k}", index, ["ours"])
        paid += [m.log10_p + math.log10(price(1, index.count())) for m in found]
        alone.append(bool(found))
    assert any(alone) and not all(alone)
    assert all(e <= LOG10_ALPHA for e in paid)


def test_a_relative_that_was_there_before_explains_it(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guarded model was itself made from a public one: its siblings are innocent, and nobody is to be asked."""
    later(monkeypatch, 3)
    index.add(child(mark("a", 1), "tuned", 70), "", provenance=Provenance(private=True))
    later(monkeypatch, 4)
    index.add(child(mark("a", 1), "org/sibling", 71), HUB)
    (found,) = watch("org/sibling", index, ["tuned"])
    assert found.relatives == ("a",) and found.explained and not found.older
    assert any("made from a," in line for line in found.cannot_exclude)
    (base,) = watch("a", index, ["tuned"])
    assert base.older and base.explained and any("tuned was made from a" in line for line in base.cannot_exclude)
    assert watch("tuned", index, ["a"]) == ()  # a private model is nobody's finding


def test_a_tower_alone_is_no_match(index: LocalIndex) -> None:
    """Hundreds of models hold the same published encoder of images."""
    tower = TowerMark("vision", dict(SHAPE), replace(make_code(300), repeats=()))
    index.add(replace(mark("g2", 80), towers=(tower,)), "", provenance=Provenance(private=True))
    index.add(replace(mark("org/sees", 81), towers=(tower,)), HUB)
    assert watch("org/sees", index, ["g2"]) == ()


def test_codes_that_cannot_be_relied_on_are_no_match(index: LocalIndex) -> None:
    for name, private in (("g3", True), ("org/odd", False)):
        made = mark(name, 90)
        doubtful = replace(made, code=replace(made.code, repeats=("the residual width repeats itself",)))
        index.add(doubtful, "", provenance=Provenance(private=private))
    assert watch("org/odd", index, ["g3"]) == ()


def test_an_imported_entry_is_told_as_somebodys_word(index: LocalIndex, tmp_path: Path) -> None:
    made = child(mark("ours", 50), "org/poisoned", 55)
    file = write(tmp_path / "x", [to_record(replace(entry("x", 1), fingerprint=made), Terms())])
    import_index(index, file, Trust(), unsigned=True)
    (found,) = watch("org/poisoned", index, ["ours"])
    assert found.evidence[1].signal == "provenance/1" and "ACME lab" in found.evidence[1].summary
    assert "imported and not measured here" in found.cannot_exclude[-1]


def test_a_file_does_not_choose_what_is_guarded(index: LocalIndex, tmp_path: Path) -> None:
    """What somebody's file calls private is neither passed over nor asked about, nor does it raise the price."""
    told = Provenance("ACME lab", private=True)
    hidden = replace(entry("x", 1), fingerprint=child(mark("ours", 50), "org/hidden", 56), provenance=told)
    bait = replace(entry("x", 1), fingerprint=child(mark("org/stranger", 52), "bait", 57), provenance=told)
    import_index(index, write(tmp_path / "x", [to_record(e, Terms()) for e in (bait, hidden)]), Trust(), unsigned=True)
    found = sweep(index)
    assert found.guarded == ("ours",) and {m.name for m in found.matches} == {"org/new", "org/hidden"}
    assert [m.name for m in sweep(index, ["bait"]).matches] == ["org/stranger"]
    index.remove("ours")
    with pytest.raises(UsageError, match="no model is guarded"):
        sweep(index)


# -- what is never found ------------------------------------------------------------------------------------------


def test_no_innocent_model_of_the_same_shape_and_tokenizer(tmp_path: Path) -> None:
    """Independently started models with one architecture, one tokenizer and moved gains: no match in 48 pairs."""
    index = LocalIndex(tmp_path / "home")
    for seed in range(10):
        folder = tiny_llama(tmp_path / f"m{seed}", seed=seed)
        move_gains(folder, seed)
        enrol(str(folder), index, f"m{seed}", effort="quick", private=Private() if seed < 6 else None)
    guarded = [f"m{k}" for k in range(6)]
    assert [watch(f"m{k}", index, guarded) for k in range(10)] == [()] * 10
    assert [watch(f"m{k}", index, guarded[:3]) for k in range(10)] == [()] * 10
    assert sweep(index).matches == () and sweep(index).looked_at == 4
    enrol(str(drifted(tmp_path / "m0", "child", 0.2)), index, "child")
    assert [m.guarded for m in watch("child", index, guarded)] == ["m0"]


def test_no_innocent_code_among_many(tmp_path: Path) -> None:
    """60 pairs of coins under the null, at the size of real codes; benchmarks/watch_null.py has many more."""
    index = LocalIndex(tmp_path / "home")
    base = mark("m", 1)
    made = [
        replace(base, name=f"m{k:04}", digest=f"{k:040x}", code=replace(make_code(k), repeats=())) for k in range(204)
    ]
    index.add_many([Addition(one, HUB) for one in made])
    guarded = ["m0000", "m0001"]
    assert not any(watch(one.name, index, guarded) for one in made)
    assert sweep(index, guarded).matches == ()


# -- a sweep ------------------------------------------------------------------------------------------------------


def test_a_sweep(index: LocalIndex) -> None:
    found = sweep(index)
    check_document(found.to_json())
    assert found.guarded == ("ours",) and [m.name for m in found.matches] == ["org/new"]
    assert (found.references, found.looked_at) == (6, 5)
    assert sweep(index, since="2023-11-16").looked_at == 2
    assert sweep(index, since="2023-11-17T00:00:00+00:00").looked_at == 0
    assert [m.name for m in sweep(index, ["a"]).matches] == []
    with pytest.raises(UsageError, match="no time"):
        sweep(index, since="lately")
    with pytest.raises(UsageError, match="not in the index"):
        sweep(index, ["nobody"])
    index.remove("ours")
    with pytest.raises(UsageError, match="no model is guarded"):
        sweep(index)


# -- packs --------------------------------------------------------------------------------------------------------


def test_a_letter_asks_and_does_not_accuse(match: Match) -> None:
    whole = replace(match, relatives=("org/base",), older=True, verdict=Verdict.COMPONENT_SHARED)
    for one in (match, whole):
        text = letter(one, Sender(contact="legal@acme.example"), "2026-12-24")
        assert not [word for word in ACCUSING if word in text.lower()]
        for needed in ("question and no accusation", "What it does not show", "What you can answer", "2026-12-24"):
            assert needed in text
        for needed in ("legal@acme.example", "one in a million", "no direction", "common ancestor", "silence"):
            assert needed in text
        assert f"{match.coins.details['agree']:,} of {match.coins.n:,}" in text
    hostile = letter(replace(match, name="<img src=x> [a](b)\x1b[2J"), Sender(), "2026-12-24")
    assert " <img" not in hostile and "\x1b" not in hostile and "[a](b)" not in hostile


def test_a_pack_is_whole_signed_and_computed_again(match: Match, tmp_path: Path) -> None:
    private, public = key_files(tmp_path / "keys")
    pack = write_pack(match, tmp_path / "packs", Sender(key=read_private(private)))
    assert pack.name == f"org-new-{match.found.digest[:8]}-{match.kept.digest[:8]}"
    assert {p.name for p in pack.iterdir()} == {DOCUMENT_FILE, LETTER, SUMS, ENVELOPE, FOUND, GUARDED}
    document = json.loads((pack / DOCUMENT_FILE).read_text())
    check_document(document)
    for name in (FOUND, GUARDED):
        check_document(json.loads((pack / name).read_text()))
    done = check_pack(pack, trust_in([public]))
    check_document(done.to_json())
    assert done.verdict == "verified" and any("Computed again" in c.message for c in done.checks)
    assert check_pack(pack, Trust()).verdict == "inconclusive"
    assert check_pack(pack, trust_in([key_files(tmp_path, "other")[1]])).verdict == "failed"
    before = (pack / LETTER).read_bytes()
    assert write_pack(match, tmp_path / "packs", Sender(contact="x")) == pack
    assert (pack / LETTER).read_bytes() == before  # it may have been sent
    assert [p.name for p in (tmp_path / "packs").iterdir()] == [pack.name]


def test_a_withheld_code_leaves_its_digest(match: Match, tmp_path: Path) -> None:
    pack = write_pack(match, tmp_path, Sender(withhold=True))
    assert not (pack / GUARDED).exists() and "withheld" in (pack / LETTER).read_text()
    document = json.loads((pack / DOCUMENT_FILE).read_text())
    assert len(document["guarded"]["fingerprint_sha256"]) == 64 and document["guarded"]["code_included"] is False
    done = check_pack(pack, Trust())
    assert done.verdict == "inconclusive" and "withheld" in done.checks[-1].message


@pytest.mark.parametrize("file", [DOCUMENT_FILE, LETTER, FOUND, GUARDED, SUMS])
def test_an_altered_pack_fails(file: str, match: Match, tmp_path: Path) -> None:
    private, public = key_files(tmp_path / "keys")
    pack = write_pack(match, tmp_path, Sender(key=read_private(private)))
    raw = (pack / file).read_bytes()
    (pack / file).write_bytes(raw.replace(b"a", b"b", 1))
    try:
        assert check_pack(pack, trust_in([public])).verdict == "failed"
    except FormatError:
        assert file == SUMS


def test_numbers_that_do_not_follow_fail(match: Match, tmp_path: Path) -> None:
    """Also where whoever made the pack wrote them into it from the start."""
    lies = [
        replace(match, references=2),
        replace(match, log10_e=-29.0),
        replace(match, log10_p=-20.0, log10_e=match.log10_e + 10),
        replace(match, log10_p=-3.0, log10_e=-3.0 + math.log10(price(1, 6))),
        replace(match, kept=replace(match.kept, code=make_code(999))),
        replace(match, found=match.kept),
    ]
    for k, lie in enumerate(lies):
        assert check_pack(write_pack(lie, tmp_path / str(k)), Trust()).verdict == "failed", k


def test_what_is_no_pack(match: Match, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no evidence pack"):
        check_pack(tmp_path, Trust())
    pack = write_pack(match, tmp_path)
    for sums in (b"", b"x", f"{'0' * 64}  ../../etc/passwd\n".encode(), (pack / SUMS).read_bytes() * 2):
        (pack / SUMS).write_bytes(sums)
        with pytest.raises(FormatError, match=SUMS):
            check_pack(pack, Trust())
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="can be written"):
        write_pack(match, tmp_path / "file" / "x")


def test_a_part_alone_is_said_to_be_a_part(index: LocalIndex) -> None:
    """Copied embeddings: dependent, and only there."""
    ours, other = mark("ours", 50), mark("org/part", 95)
    bits, valid = other.code.bits.copy(), other.code.valid.copy()
    bits[:256], valid[:256] = ours.code.bits[:256], ours.code.valid[:256]
    index.add(replace(other, code=replace(other.code, bits=bits, valid=valid)), HUB)
    (found,) = watch("org/part", index, ["ours"])
    assert found.verdict is Verdict.COMPONENT_SHARED
    assert "nothing but a part is shared" in found.cannot_exclude[0]
    assert "Only a part depends" in letter(found, Sender(), "2026-12-24")


def test_rich_entries_too(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarded models with sketches and towers, as --with-sketches keeps them."""
    later(monkeypatch, 5)
    index.add(rich("g4", 98), "", provenance=Provenance(private=True))
    later(monkeypatch, 6)
    index.add(child(rich("g4", 98), "org/g4", 99), HUB)
    assert [m.guarded for m in watch("org/g4", index, ["ours", "g4"])] == ["g4"]
