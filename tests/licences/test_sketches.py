from __future__ import annotations

import itertools
import json
from importlib import resources

import numpy as np
import pytest

from forebear.catalogue.licences import licences
from forebear.licences.normalise import normalise
from forebear.licences.sketches import SHINGLE, clauses_of, hash_of, known, sampled, shingles
from written_licences import MIT

FOLDER = resources.files("forebear") / "data" / "licences" / "texts"


def test_the_files_are_small_and_hold_no_text() -> None:
    sizes = [len((FOLDER / name).read_bytes()) for name in ("texts.json", "words.bin", "clauses.bin")]
    assert sum(sizes) < 3_000_000
    labels = [clause.label for sketch in known().table for clause in clauses_of(sketch)]
    assert max(len(label.split()) for label in labels) <= 12
    assert "without restriction" not in (FOLDER / "texts.json").read_text()


def test_a_text_is_its_sketch() -> None:
    sketches = known()
    mit = next(sketch for sketch in sketches.table if sketch.id == "MIT")
    body = MIT[MIT.index("Permission") :]
    ids = sketches.ids(normalise(body).words)
    assert (ids >= 0).all()
    whole = sketches.of(mit).tolist()
    start = whole.index(ids[0])
    assert ids[:30].tolist() == whole[start : start + 30]


@pytest.mark.parametrize(
    "name", ["Apache-2.0", "llama3.1", "kimi-k2.5", "gemma-tou-2025-03-24", "GPL-3.0-only", "CC-BY-NC-4.0"]
)
def test_well_known_texts_are_there(name: str) -> None:
    assert name in {sketch.id for sketch in known().table}


def test_every_entry_has_its_source_and_points_to_the_catalogue() -> None:
    for sketch in known().table:
        assert sketch.source.startswith("scancode:") or ("@" in sketch.source and ":" in sketch.source)
        assert not sketch.licence or sketch.licence in licences()


def test_clauses_cover_a_text() -> None:
    for sketch in known().table:
        clauses = clauses_of(sketch)
        assert clauses[0].start == 0 and clauses[-1].end == sketch.end - sketch.start
        assert all(one.end == other.start for one, other in itertools.pairwise(clauses))
        assert all(clause.start < clause.end for clause in clauses)


def test_words_that_no_text_has_are_different_from_all() -> None:
    ids = known().ids(["software", "xyzzyplugh", "software", "plughxyzzy", "xyzzyplugh"])
    assert ids[0] == ids[2] >= 0 and ids[1] == ids[4] < 0 and ids[3] < 0 and ids[3] != ids[1]


def test_spelt_words_have_their_own_places() -> None:
    spelt = known().spelt
    assert {"not", "million", "california", "k2.5"} <= set(spelt.values())
    assert all(known().hashes[place] == hash_of(word) for place, word in spelt.items())


def test_the_same_shingles_are_sampled_wherever_they_stand() -> None:
    words = np.arange(400, dtype=np.int32)
    values, places = sampled(words)
    later, shifted = sampled(np.concatenate([np.full(37, -1, np.int32), words]))
    assert set(values.tolist()) <= set(later.tolist())
    assert set((places + 37).tolist()) <= set(shifted.tolist())
    assert len(shingles(words[: SHINGLE - 1])) == 0


def test_a_text_can_be_left_out() -> None:
    fewer = known().without({"MIT"})
    assert len(fewer.table) == len(known().table) - sum(sketch.id == "MIT" for sketch in known().table)


def test_metadata_is_json_with_a_row_for_every_text() -> None:
    rows = json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))["texts"]
    assert sum(row["words"] for row in rows) == len(known().words)
