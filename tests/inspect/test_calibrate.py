"""Nulls from a user's own references: who counts as independent, what is kept, and what is too few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forebear.errors import UsageError
from forebear.index import LocalIndex
from forebear.inspect.calibrate import calibrate, declared_relatives, lineages, sketched_references
from forebear.lineage.calibration import ANY, STRATA, Calibration, parse
from forebear.signals import Fingerprint
from forebear.signals.declared import Declared
from forebear.signals.sign_code import SignCode
from index.fingerprints import disguised, make_fingerprint, make_sketched

SILENT = Declared((), "", "", (), False)
VOCABULARY = make_sketched("any", 0).vocabulary


def independent(count: int) -> list[Fingerprint]:
    """Models of one shape without a word in their cards; the first half with one tokenizer."""
    out = []
    for k in range(count):
        mark = replace(make_sketched(f"m{k}", k), declared=SILENT)
        mark = replace(mark, code=replace(mark.code, repeats=()))
        out.append(replace(mark, vocabulary=VOCABULARY) if k < count // 2 else mark)
    return out


def child(mark: Fingerprint, name: str, seed: int) -> Fingerprint:
    """A fine-tune in its coordinates: nine bits of ten agree, nearly the same sketches."""
    rng = np.random.default_rng([seed, 9])
    flips = np.packbits(rng.random(4096) < 0.1) & mark.code.valid
    c = mark.code
    code = SignCode(c.bits ^ flips, c.valid, c.layers, c.signature, c.groups, c.keyed_by, c.repeats)
    return replace(disguised(mark, seed), name=name, code=code, declared=SILENT, vocabulary=mark.vocabulary)


def filled(folder: Path, marks: Sequence[Fingerprint]) -> LocalIndex:
    index = LocalIndex(folder)
    for mark in marks:
        index.add(mark, f"/models/{mark.name}")
    return index


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalIndex, Calibration]:
    """Forty-eight independent models, and a child of each of the first ten."""
    marks = independent(48)
    children = [child(m, f"child{k}", 100 + k) for k, m in enumerate(marks[:10])]
    index = filled(tmp_path_factory.mktemp("own"), [*marks, *children])
    return index, calibrate(index)


def test_what_it_is_made_from_is_said(whole: tuple[LocalIndex, Calibration]) -> None:
    _, found = whole
    assert (found.made["models"], found.made["references"], found.made["left_out"]) == (48, 58, 10)
    assert "48 independent references of this index" in found.source
    assert "relatives" in str(found.made["cannot_exclude"]) and found.made["consensus"] == 47


def test_nulls_are_of_disjoint_pairs_and_relatives_score_above_them(whole: tuple[LocalIndex, Calibration]) -> None:
    _, found = whole
    for scores in found.signals.values():
        assert set(scores.null) == {*STRATA, ANY}
        assert (len(scores.null["twin"]), len(scores.null["tokenizer"]), len(scores.null[ANY])) == (12, 0, 24)
        assert len(scores.related) == 10 and scores.least == 47
    tokens = found.signals["token-geometry/1"]
    assert min(x for family in tokens.related for x in family) > max(tokens.null[ANY])
    judged = tokens.judged(0.9, "twin")  # twelve twins are too few
    assert judged is not None and judged.stratum == ANY and judged.log10_p == pytest.approx(-math.log10(25))
    assert judged.log10_lr is not None and judged.log10_lr > 0


def test_it_is_the_same_again_and_comes_back_from_its_file(whole: tuple[LocalIndex, Calibration]) -> None:
    index, found = whole
    again = calibrate(index)
    assert again.signals == found.signals
    path = index.keep_calibration(found.to_text())
    kept = index.calibration()
    assert kept is not None and kept[0] == path and parse(kept[1], path).made == found.made


@pytest.mark.parametrize("count", [0, 1, 39])
def test_too_few_are_refused_in_one_line(count: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^{count} independent references with sketches are too few") as raised:
        calibrate(filled(tmp_path, independent(count)))
    assert "takes 40" in raised.value.message and "index add" in raised.value.hint


def test_relatives_by_code_and_by_card_are_one_lineage() -> None:
    marks = independent(6)
    kin = child(marks[0], "kin", 7)
    says = replace(marks[1], name="org/says", declared=replace(SILENT, base_models=("m2",)))
    both = [replace(m, declared=replace(SILENT, base_models=("org/base",))) for m in marks[4:]]
    found = lineages([marks[0], says, marks[2], marks[3], *both, kin])
    assert [x.first.name for x in found] == ["m0", "org/says", "m3", "m4"]
    assert [[r.name for r in x.relatives] for x in found] == [["kin"], [], [], []]  # a card alone proves nothing
    assert declared_relatives(says, marks[2]) and declared_relatives(marks[2], says)
    assert not declared_relatives(marks[0], marks[1])


def test_references_without_sketches_take_no_part(tmp_path: Path) -> None:
    bare = [make_fingerprint(f"bare{k}", 500 + k) for k in range(3)]
    index = filled(tmp_path, [*independent(4), *bare])
    assert sorted(m.name for m in sketched_references(index)) == ["m0", "m1", "m2", "m3"]


def test_one_kind_of_sketch_gives_one_kind_of_null(tmp_path: Path) -> None:
    marks = [replace(m, tokens=None) for m in independent(44)]
    assert set(calibrate(filled(tmp_path, marks)).signals) == {"spectra/1"}
