"""Scores of pairs beside a consensus: what a search would give, by lot, and near zero for independent models."""

from __future__ import annotations

import math

import numpy as np

from forebear.index.nominate import Query, Sketched
from forebear.index.nulls import pair_scores
from index.fingerprints import disguised, make_sketched

MARKS = [make_sketched(f"m{k}", k) for k in range(14)]
REFERENCES = [Sketched(m.name, m.spectra, m.tokens) for m in MARKS]


def test_with_all_references_it_is_the_score_of_a_search() -> None:
    thief = disguised(MARKS[3], 3)
    query = Sketched(thief.name, thief.spectra, thief.tokens)
    found = list(pair_scores([query], REFERENCES, [(0, 3), (0, 5)], [None], len(REFERENCES), 1))
    wanted = Query(query, REFERENCES).scores([REFERENCES[3], REFERENCES[5]])
    assert np.allclose(found, wanted, atol=1e-6)


def test_relatives_score_high_and_strangers_low_with_few_references_too() -> None:
    thieves = [disguised(m, k) for k, m in enumerate(MARKS)]
    queries = [Sketched(t.name, t.spectra, t.tokens) for t in thieves]
    own = [(k, k) for k in range(14)]
    others = [(k, (k + 5) % 14) for k in range(14)]
    kin = np.array(list(pair_scores(queries, REFERENCES, own, [None] * 14, 8, 1)))
    strangers = np.array(list(pair_scores(REFERENCES, REFERENCES, others, range(14), 8, 1)))
    assert kin.min(axis=0)[1] > strangers.max(axis=0)[1] and np.median(kin[:, 0]) > np.quantile(strangers[:, 0], 0.9)


def test_a_model_is_no_part_of_the_consensus_that_it_is_held_against() -> None:
    """With all others in it: the same as a search among these, and another one where it were left in."""
    rest = [r for k, r in enumerate(REFERENCES) if k != 0]
    wanted = Query(REFERENCES[0], rest).scores([REFERENCES[1]])[0]
    (found,) = pair_scores(REFERENCES, REFERENCES, [(0, 1)], range(14), 14, 1)
    (inside,) = pair_scores(REFERENCES, REFERENCES, [(0, 1)], [None] * 14, 14, 1)
    assert np.allclose(found, wanted, atol=1e-6) and not np.allclose(inside, wanted, atol=1e-6)


def test_the_lot_is_the_seeds_and_what_is_missing_is_nan() -> None:
    pairs = [(0, 1), (2, 3)]
    one, two, three = (list(pair_scores(REFERENCES, REFERENCES, pairs, range(14), 5, s)) for s in (1, 1, 2))
    assert one == two != three
    bare = Sketched("bare", None, REFERENCES[0].tokens)
    ((first, second),) = pair_scores([bare], REFERENCES, [(0, 1)], [0], 5, 1)
    assert math.isnan(first) and math.isfinite(second)
