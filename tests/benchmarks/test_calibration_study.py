"""The calibration study judges nobody by its own family, and its tables and plots say what was counted."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from calibration import tables
from calibration.quality import det, held_out, ratios, uniform
from calibration.scores import CONSENSUS, Scored, independent, matching, opened, related, scores_of
from zoo.build import build
from zoo.recipes import ci_set

from forebear.lineage.calibration import ANY

SIGNAL = "spectra/1"
FAMILIES = [f"f{k}" for k in range(30)]


def made(seed: int = 1) -> list[Scored]:
    """Sixty pairs of a stratum and of any, of thirty families; twelve families of descendants."""
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(FAMILIES * 2 + FAMILIES[:1]))
    null = [Scored(SIGNAL, kind, pair, "", float(rng.normal())) for kind in ("twin", ANY) for pair in pairs]
    kin = [Scored(SIGNAL, "twin", (f, f), f"{f}-base", 8.0 + turn) for f in FAMILIES[:12] for turn in range(2)]
    return [*null, *kin]


def test_no_family_judges_itself() -> None:
    """One family's pair is beyond all: nothing of its own family makes that look usual."""
    found = made()
    odd = [Scored(SIGNAL, "twin", ("odd", "odd"), "", 5.0) for _ in range(6)]
    first = next(h for h in held_out(SIGNAL, [*odd, *found]))
    apart = next(h for h in held_out(SIGNAL, [odd[0], *found]))
    assert (first.log10_p, first.n) == (apart.log10_p, apart.n)
    assert first.n == 60 and first.log10_p == pytest.approx(-np.log10(61))
    last = list(held_out(SIGNAL, found))[-1]
    kept = scores_of(SIGNAL, [s for s in found if "f11" not in s.families])
    assert last.n == len(kept.null["twin"]) < 60 and len(kept.related) == 11


def test_what_is_counted() -> None:
    held = list(held_out(SIGNAL, made()))
    u = uniform(held, "twin")
    assert (u.pairs, u.coarse) == (60, 0) and list(u.below) == sorted(u.below) and u.below[-1] >= 20
    r = ratios(held)
    assert r.bases == 12 and r.weights.sum() == pytest.approx(12) and len(r.independent) == 60
    cost, least = r.cost
    assert least == 0.0 < cost < 0.5 and r.misleading[0] == 0.0
    alarms, misses = det(np.array([1.0, 3.0]), np.array([0.0, 2.0]), np.array([1.0, 1.0]))
    assert alarms.tolist() == [1.0, 0.5, 0.5, 0.0] and misses.tolist() == [0.0, 0.0, 0.5, 0.5]


def test_tables_and_plots(tmp_path: Path) -> None:
    found = made()
    held = {SIGNAL: list(held_out(SIGNAL, found))}
    assert "| spectra/1 | descendants and their bases | 24 |" in tables.nulls(found)
    assert "| spectra/1 |" in tables.uniformity(held) and "24 of 12 bases" in tables.quality(held)
    null = [s for s in found if not s.base]
    assert tables.sizes({3: null, 8: null}).count("| 60 |") == 2
    pytest.importorskip("matplotlib")
    from calibration import plots

    for name in ("one.svg", "two.svg"):
        plots.draw(tmp_path / name, [s for s in found if s.kind != ANY], ratios(held[SIGNAL]))
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_real_models_are_scored_as_a_scan_scores_them(cache: Path) -> None:
    one, other, _, child = (opened(build(recipe, cache)) for recipe in ci_set())
    null = list(independent([one, other], 1))
    assert {s.kind for s in null} == {"twin", ANY} and all(s.base == "" for s in null)
    kin = [s for s in related([(child, one)], [one, other], 1) if s.signal == "token-geometry/1"]
    assert [(s.kind, s.base) for s in kin] == [("twin", "ci-one")]
    close, far = matching(child, one), matching(child, other)
    assert close is not None and far is not None and close.share > 0.9 > 0.2 > far.share
    assert scores_of("match/1", [Scored("match/1", "twin", ("a", "a"), "", 0.1, 192)]).least == 192
    assert scores_of(SIGNAL, made()).least == CONSENSUS
