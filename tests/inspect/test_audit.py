"""Declared against measured: what is told, at which level, and above all whom it does not accuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from documents import check_document
from forebear.errors import UsageError
from forebear.index import Listing, LocalIndex, Provenance
from forebear.inspect.audit import Audit, audit
from forebear.inspect.audit_rows import BOTH, DECLARED, MEASURED, Row
from forebear.signals import Fingerprint
from forebear.signals.layout import RESIDUAL_BITS
from forebear.types import Level
from marks import index_of, mark


def audited(folder: Path, *marks: Fingerprint, listings: tuple[Listing, ...] = (), **how: object) -> Audit:
    index = index_of(folder, marks)
    index.keep_listings(listings)
    found = audit(index, **how)  # type: ignore[arg-type]
    check_document(found.to_json())
    return found


def told(found: Audit) -> set[tuple[str, str, str, Level]]:
    return {(r.kind, r.who, r.other, r.finding.level) for r in found.rows}


def only(found: Audit) -> Row:
    assert len(found.rows) == 1
    return found.rows[0]


def test_what_is_declared_and_measured_is_no_row(tmp_path: Path) -> None:
    found = audited(
        tmp_path,
        mark("lab/base", 1),
        mark("a/tuned", 2, 1, base_models=("Lab/Base",)),
        mark("a/again", 3, 1, base_models=("a/tuned",)),
        mark("b/sibling", 4, 1, base_models=("lab/base",)),
        mark("c/other", 5),
    )
    assert not found.rows and found.borne_out == 3 and found.edges == found.known == 3
    assert found.counts == {"contradiction": 0, "unlabelled": 0, "licence": 0, "orphan": 0, "circle": 0}


def test_independent_models_are_never_accused(tmp_path: Path) -> None:
    """Two dozen independent models, each naming another as its base or claiming to be from scratch: notes at most."""
    marks = [
        mark(f"o/m{k}", k, base_models=(f"o/m{k + 1}",) if k % 2 else (), from_scratch=k % 4 == 0) for k in range(24)
    ]
    found = audited(tmp_path, *marks, limit=0)
    assert found.levels["error"] == found.levels["warning"] == 0 and found.borne_out == 0
    assert {r.kind for r in found.rows} == {"contradiction"} and found.counts["contradiction"] == 11
    assert all("not established" in r.finding.message and not r.discovery for r in found.rows)


def test_another_base_than_the_declared_one_is_a_warning(tmp_path: Path) -> None:
    found = audited(
        tmp_path, mark("lab/base", 1), mark("lab/true", 2), mark("x/claims", 3, 2, base_models=("lab/base",))
    )
    row = only(found)
    assert (row.kind, row.who, row.other, row.basis) == ("contradiction", "x/claims", "lab/true", MEASURED)
    assert row.finding.level is Level.WARNING and row.finding.id == "base-not-found" and row.discovery
    assert row.log10_p == -30.0 and row.log10_e is not None and row.log10_e < -100
    assert "is not established" in row.finding.message and "lab/base" in row.finding.message
    assert row.finding.clears


def test_a_relative_of_the_declared_base_is_no_contradiction(tmp_path: Path) -> None:
    """The nearest reference is another child of the base that is named, which names it too, or says nothing."""
    found = audited(
        tmp_path,
        mark("lab/base", 1),
        mark("a/near", 2, 1),
        mark("x/child", 3, 1, flipped=0.2, base_models=("lab/base",)),
    )
    assert told(found) == {("unlabelled", "a/near", "lab/base", Level.NOTE)}


def test_a_base_of_another_shape_that_is_named_hides_no_tie(tmp_path: Path) -> None:
    """It is told as a note, for it may be a teacher; nothing is without a tie, or for half a name."""
    wide = replace(mark("lab/wide", 1), shape={**mark("", 1).shape, "width": 256})
    true = mark("lab/true", 2)
    row = only(audited(tmp_path / "a", wide, true, mark("x/claims", 3, 2, base_models=("lab/wide",))))
    assert (row.kind, row.who, row.other, row.finding.level) == ("contradiction", "x/claims", "lab/true", Level.NOTE)
    assert "no coin of which lines up" in row.finding.message and "teacher" in row.finding.message
    found = audited(tmp_path / "b", wide, true, mark("x/student", 3, base_models=("lab/wide",)))
    assert not found.rows and any(gap.what == "1 declared base in the index" for gap in found.not_tested)
    found = audited(tmp_path / "c", wide, true, mark("x/claims", 3, 2, base_models=("elsewhere/wide",)))
    assert not found.rows
    both = mark("x/claims", 3, 2, base_models=("lab/wide", "lab/gone"))
    assert not audited(tmp_path / "d", wide, true, both).rows


def test_a_base_that_is_not_indexed_settles_nothing(tmp_path: Path) -> None:
    found = audited(tmp_path, mark("lab/base", 1), mark("x/child", 2, 1, base_models=("lab/base-instruct",)))
    assert not found.rows
    assert any("2 models" in gap.what and "add it" in gap.why for gap in found.not_tested)


def test_listings_explain_what_cards_do_not(tmp_path: Path) -> None:
    marks = mark("lab/base", 1), mark("x/child", 2, 1, base_models=("lab/instruct",))
    listings = (Listing("lab/instruct", base_models=("lab/base",)), Listing("lab/base"))
    found = audited(tmp_path, *marks, listings=listings)
    assert not found.rows and not any("settle" in gap.why for gap in found.not_tested)


@pytest.mark.parametrize("gains", [True, False])
@pytest.mark.parametrize("scratch", [(), (2,), (1, 2)])
def test_an_unlabelled_tie_is_told_once_and_as_open(tmp_path: Path, scratch: tuple[int, ...], gains: bool) -> None:
    found = audited(
        tmp_path,
        mark("lab/base", 1, gains=gains, from_scratch=1 in scratch),
        mark("x/child", 2, 1, gains=gains, from_scratch=2 in scratch),
        mark("y/independent", 3),
    )
    row = only(found)
    assert (row.kind, {row.who, row.other}) == ("unlabelled", {"lab/base", "x/child"})
    assert "which came first is not settled" in row.finding.message
    assert ("one random start are not excluded" in row.finding.message) == (not gains)
    assert ("Both cards say" in row.finding.message) == (len(scratch) == 2)
    # Two claims that cannot both hold, unless the two merely started alike, which would be innocent.
    assert row.finding.level is (Level.WARNING if gains and len(scratch) == 2 else Level.NOTE)


def test_what_only_the_config_names_is_not_unlabelled(tmp_path: Path) -> None:
    child = mark("x/child", 2, 1, base_models=("lab/base",), loaded_from="lab/base")
    assert not audited(tmp_path, mark("lab/base", 1), child).rows
    silent = audited(tmp_path / "2", mark("lab/base", 1), replace(mark("x/child", 2), declared=child.declared))
    assert not silent.rows  # what was loaded may have been the configuration alone


def test_a_name_that_is_only_alike_explains_and_contradicts_nobody(tmp_path: Path) -> None:
    """A local model called base, and a card that names somebody's base: enough to agree, too little to accuse."""
    marks = mark("base", 1), mark("other", 2), mark("x/child", 3, 1, base_models=("lab/base",))
    assert not audited(tmp_path, *marks).rows
    wrong = audited(tmp_path / "2", *marks[:2], mark("x/child", 3, 2, base_models=("lab/base",)))
    assert not wrong.rows
    assert any("only the last part" in gap.why for gap in wrong.not_tested)


def test_one_repository_at_two_revisions_is_one_model(tmp_path: Path) -> None:
    index = index_of(
        tmp_path, [mark("lab/base", 1), mark("lab/base@v2", 2, 1)], ["hf:lab/base@" + "a" * 40, "hf:lab/base@v2"]
    )
    assert not audit(index).rows


def test_a_shared_part_is_told_as_a_part(tmp_path: Path) -> None:
    base, other = mark("lab/base", 1), mark("x/other", 2)
    one, two = (np.unpackbits(m.code.bits) for m in (base, other))
    two[:RESIDUAL_BITS] = one[:RESIDUAL_BITS]
    both = [np.unpackbits(m.code.valid) for m in (base, other)]
    both[1][:RESIDUAL_BITS] = both[0][:RESIDUAL_BITS]
    code = replace(other.code, bits=np.packbits(two & both[1]), valid=np.packbits(both[1]))
    row = only(audited(tmp_path, base, replace(other, code=code)))
    assert row.kind == "unlabelled" and row.finding.level is Level.NOTE
    assert "shares embedding with" in row.finding.message and "third models" in row.finding.message


def test_models_whose_coins_cannot_be_relied_on_say_nothing(tmp_path: Path) -> None:
    marks = mark("lab/base", 1), mark("x/child", 2, 1), mark("y/liar", 3, base_models=("lab/base",))
    doubtful = [replace(m, code=replace(m.code, repeats=("heads repeat",))) for m in marks]
    found = audited(tmp_path, *doubtful)
    assert not found.rows and any("cannot be relied on" in gap.why for gap in found.not_tested)


LICENCES = (
    Listing("lab/base", licence="llama3.1"),
    Listing("x/free", licence="apache-2.0", base_models=("lab/base",)),
    Listing("x/same", licence="llama3.1", base_models=("lab/base",)),
    Listing("x/later", licence="llama3.3", base_models=("lab/base",)),
    Listing("x/nc", licence="cc-by-nc-4.0", base_models=("lab/base",)),
    Listing("x/own", licence="our-own-words", base_models=("lab/base",)),
    Listing("y/open", licence="mit"),
    Listing("y/closed", licence="llama3.1", base_models=("y/open",)),
)


def test_licences_along_declared_edges(tmp_path: Path) -> None:
    """Only terms that the base's licence does not offer; more than a note only where the weights bear the edge out."""
    marks = mark("lab/base", 1), mark("x/free", 2, 1), mark("x/nc", 3)
    found = audited(tmp_path, *marks, listings=LICENCES, only=["licence"])
    assert told(found) == {
        ("licence", "x/free", "lab/base", Level.WARNING),
        ("licence", "x/nc", "lab/base", Level.NOTE),
    }
    assert [r.basis for r in found.rows] == [BOTH, DECLARED]
    assert found.rows[0].details["departs"] == "more permissive"
    unmeasured = audited(tmp_path / "2", listings=LICENCES)
    assert {r.finding.level for r in unmeasured.rows} == {Level.NOTE} and unmeasured.counts["licence"] == 2


@pytest.mark.parametrize("child", ["Lab/free", "meta-models/free"])
def test_who_owns_the_base_may_license_its_child_as_he_likes(tmp_path: Path, child: str) -> None:
    """By account, or by a developer of the catalogue with two accounts."""
    base = "lab/base" if child.startswith("Lab") else "meta-llama/base"
    listings = (Listing(base, licence="llama3.1"), Listing(child, licence="apache-2.0", base_models=(base,)))
    row = only(audited(tmp_path, mark(base, 1), mark(child, 2, 1), listings=listings))
    assert (row.kind, row.basis, row.finding.level) == ("licence", BOTH, Level.NOTE)
    assert "Both are of one developer" in row.finding.message


def test_a_licence_that_the_base_had_before_is_held_against_nobody(tmp_path: Path) -> None:
    listings = (
        Listing("lab/base", "c1", licence="mit", seen="2024-01-01T00:00:00Z"),
        Listing("lab/base", "c2", licence="llama3.1", seen="2025-01-01T00:00:00Z"),
        Listing("x/free", licence="apache-2.0", base_models=("lab/base",)),
    )
    found = audited(tmp_path, mark("lab/base", 1), mark("x/free", 2, 1), listings=listings)
    row = next(r for r in found.rows if r.who == "x/free")
    assert (row.basis, row.finding.level) == (BOTH, Level.NOTE) and found.levels["warning"] == 0
    assert "lab/base was tagged mit before 2025-01-01" in row.finding.message


def test_codes_that_somebody_sent_accuse_nobody(tmp_path: Path) -> None:
    """The warnings of the tests above, each resting on a code that came in a file: anybody can make one up."""
    bases = mark("lab/base", 1), mark("lab/true", 2)
    sent = (
        (mark("x/claims", 3, 2, base_models=("lab/base",)), "contradiction"),
        (mark("x/free", 4, 1, base_models=("lab/base",), licence="apache-2.0"), "licence"),
    )
    for child, kind in sent:
        index = index_of(tmp_path / kind, bases)
        index.add(child, "", provenance=Provenance(origin="0" * 64))
        index.keep_listings((Listing("lab/base", licence="llama3.1"),))
        row = next(r for r in audit(index).rows if r.kind == kind)
        assert (row.who, row.finding.level) == (child.name, Level.NOTE)
        assert f"imported and not measured here ({child.name})" in row.finding.message


def test_a_base_that_was_revised_contradicts_nobody_for_certain(tmp_path: Path) -> None:
    """The card may mean the weights of before; the sibling that shows it is tied says nothing of itself."""
    listings = (
        Listing("lab/base", "c1", changed="2024-01-01T00:00:00Z", seen="2024-02-01T00:00:00Z"),
        Listing("lab/base", "c2", changed="2025-01-01T00:00:00Z", seen="2025-02-01T00:00:00Z"),
    )
    marks = mark("lab/base", 1), mark("x/sibling", 2), mark("x/child", 3, 2, base_models=("lab/base",))
    row = only(audited(tmp_path, *marks, listings=listings))
    assert (row.kind, row.finding.level) == ("contradiction", Level.NOTE)
    assert "several revisions were listed" in row.finding.message


def test_a_licence_that_changes_in_time(tmp_path: Path) -> None:
    listings = (
        Listing("o/m", "c1", licence="apache-2.0", seen="2024-01-01T00:00:00Z"),
        Listing("o/m", "c2", licence="cc-by-nc-4.0", seen="2025-01-01T00:00:00Z"),
        Listing("o/n", "c1", licence="Apache-2.0", seen="2024-01-01T00:00:00Z"),
        Listing("o/n", "c2", licence="apache-2.0", seen="2025-01-01T00:00:00Z"),
    )
    row = only(audited(tmp_path, listings=listings))
    assert (row.who, row.finding.id, row.basis) == ("o/m", "licence-changed", DECLARED)
    assert "since 2025-01-01" in row.finding.message


def test_quantisations_without_their_base(tmp_path: Path) -> None:
    listings = (
        Listing("lab/base", "c1", changed="2024-01-01T00:00:00Z", seen="2024-02-01"),
        Listing("lab/base", "c2", changed="2025-06-01T00:00:00Z", seen="2025-07-01"),
        Listing("q/early", changed="2024-03-01T00:00:00Z", base_models=("lab/base",), relation="quantized"),
        Listing("q/late", changed="2025-07-01T00:00:00Z", base_models=("lab/base",), relation="quantized"),
        Listing("q/orphan", base_models=("gone/base",), relation="quantized"),
        Listing("t/tuned", base_models=("gone/base",), relation="finetune"),
    )
    found = audited(tmp_path, listings=listings)
    assert told(found) == {
        ("orphan", "q/early", "lab/base", Level.NOTE),
        ("orphan", "q/orphan", "gone/base", Level.NOTE),
    }
    assert "neither listed nor indexed" in next(r for r in found.rows if r.who == "q/orphan").finding.message
    left = (*listings, Listing("lab/base", seen="2025-09-01T00:00:00Z", gone=True))
    assert (
        "not in the complete list of 2025-09-01"
        in next(r for r in audited(tmp_path / "3", listings=left).rows if r.other == "lab/base").finding.message
    )
    left = (*listings, Listing("q/orphan", seen="2025-09-01T00:00:00Z", gone=True))
    assert "q/orphan" not in {r.who for r in audited(tmp_path / "4", listings=left).rows}
    card = mark("q/card", 1, base_models=("gone/base",), relation="quantized")
    assert not audited(tmp_path / "2", card).rows  # without listings nothing can be missing


def test_circles_and_oneself(tmp_path: Path) -> None:
    listings = (
        Listing("o/self", base_models=("o/self",)),
        Listing("o/a", base_models=("o/b",)),
        Listing("o/b", base_models=("o/a",)),
    )
    assert told(audited(tmp_path, listings=listings)) == {
        ("circle", "o/self", "o/self", Level.NOTE),
        ("circle", "o/a", "o/b", Level.NOTE),
    }


def test_the_gravest_rows_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    listings = tuple(Listing(f"q/{k:03}", base_models=(f"gone/{k}",), relation="quantized") for k in range(300))
    found = audited(tmp_path, listings=listings, limit=3)
    assert len(found.rows) == 3 and found.counts["orphan"] == 300 and found.levels["note"] == 300
    assert len(audited(tmp_path / "2", listings=listings, limit=0).rows) == 300


def test_single_models_and_unknown_ones(tmp_path: Path) -> None:
    marks = mark("lab/base", 1), mark("x/child", 2, 1), mark("y/child", 3, 1)
    index = index_of(tmp_path, marks)
    assert {r.who for r in audit(index, ["x/child"]).rows} == {"x/child"}
    with pytest.raises(UsageError, match="not in the index"):
        audit(index, ["z"])
    with pytest.raises(UsageError, match="no such kind"):
        audit(index, only=["gossip"])
    assert not audit(index, measure=False).rows and audit(LocalIndex(tmp_path / "none")).models == 0
