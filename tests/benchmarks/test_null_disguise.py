"""The null study of what is beyond coins in one frame: forced frames, resembling neurons, ranks among controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import null_study
import numpy as np
import pytest
from null import resembled, tables, undone
from null.experiments import Located
from null.pairs import open_model
from null.resembled import CONTROLS, Asked
from null.undone import GUESSED, RECOGNISED, SEEN, UNDONE, Looked
from zoo.recipes import ci_set

from forebear.lineage import Counts
from forebear.signals import circuits, frames
from forebear.signals.match import LayerMatch, Match
from forebear.signals.sign_code import Cell

MODELS = [f"m{k}" for k in range(16)]


def match(count: int, neurons: int = 100, probes: int = 100) -> Match:
    """Two layers in which ``count`` neurons agree."""
    kept = np.zeros((0, 2), dtype=np.int64)
    layers = (LayerMatch(k, k, probes, (neurons, probes), {"down": count}, 1.0, 0.0, 0.1, kept) for k in range(2))
    return Match(("up", "down"), tuple(layers))


def asking(count: Callable[[str, np.random.Generator], int], neurons: dict[str, int] | None = None) -> list[Asked]:
    """Every ordered pair of models of two families; ``count`` gives the neurons that agree, by reference."""
    rng = np.random.default_rng(1)
    family = {name: ("a", "b")[k % 2] for k, name in enumerate(MODELS)}
    return [
        Asked(r, m, (family[r], family[m]), False, match(count(r, rng), (neurons or {}).get(r, 100)))
        for r in MODELS
        for m in MODELS
        if r != m
    ]


def looked(one: str, two: str, agree: int, better: str = UNDONE, **more: object) -> Looked:
    counts = {name: Counts((Cell("glu", 0, 0, 100, agree),), log10_paid=3.3) for name in SEEN}
    given = {"same_tokens": True, "second": False, "verdict": "inconclusive", "related": False, "findings": ()}
    return Looked(one, two, ("a", "a"), by_frame=counts, better=better, matches=(None, match(3)), **given | more)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def located(cache: Path) -> list[Located]:
    return [(open_model(r.name, r.family, cache / r.digest), cache / r.digest) for r in ci_set()]


def test_ranks_of_models_that_can_be_exchanged_are_uniform() -> None:
    found = resembled.ranked(asking(lambda _, rng: int(rng.integers(0, 90))), seed=1)
    for what in (("of the model's family", "of that family"), ("the same", "of other families, as many neurons")):
        assert found[what].at == pytest.approx((0.2, 0.4, 0.6, 0.8), abs=0.1)
        assert found[what].ks < 0.12
        assert found[what].interval[0] < 0.2 < found[what].interval[1]


def test_controls_with_more_neurons_and_the_best_of_five_are_no_ranks_that_count() -> None:
    sizes = {name: 400 if k % 2 else 100 for k, name in enumerate(MODELS)}
    found = resembled.ranked(asking(lambda r, rng: int(rng.poisson(2_000 / sizes[r])), sizes), seed=1)
    assert found["the same", "of other families, more neurons"].at[0] > 0.9
    assert found["resembled most of five", "the other four"].at[0] > 0.8
    assert found["of the model's family", "of that family"].at[0] <= 0.25


def test_ties_count_against_the_reference() -> None:
    (found,) = {resembled.ranks(list(resembled.beside(asking(lambda r, rng: 1), lambda x, y: True, 1)), 1)}
    assert found.at == (0.0, 0.0, 0.0, 0.0)
    assert found.ks < 0.15  # drawn among the ties, they are uniform


def test_controls_are_other_references_that_were_asked_by_the_same_model() -> None:
    pairs = asking(lambda _, rng: int(rng.integers(0, 90)))
    by_match = {id(x.match): x for x in pairs}
    found = list(resembled.beside(pairs, lambda x, y: x.families[0] != y.families[0], seed=3))
    assert len(found) == len(pairs)
    for x, controls in found:
        others = [by_match[id(m)] for m in controls]
        assert len({y.reference for y in others}) == CONTROLS
        assert all(y.model == x.model and y.families[0] != x.families[0] for y in others)
    assert not list(resembled.beside(pairs, lambda x, y: y.reference == "m3", seed=3))


def test_a_copy_among_independent_models_is_named_and_counted_by_model() -> None:
    pairs = asking(lambda _, rng: int(rng.integers(0, 3)))
    innocent = resembled.nominations(pairs, 1)
    assert {what: n.named for what, n in innocent.items()} == dict.fromkeys(innocent, 0)
    copies = [replace(x, match=match(80)) if (x.reference, x.model) == ("m2", "m5") else x for x in pairs]
    found = resembled.nominations(copies, 1)
    for n in found.values():
        assert (n.named, n.models_told, n.standing) in ((1, 1, 2), (0, 0, 0))
    assert found["none"].named == found[f"{CONTROLS} of other families"].named == 1
    text = tables.named(found)
    assert "| none | 240 | 16 | 2 | 1 |" in text


def test_shares_say_how_many_agree_beside_chance() -> None:
    pairs = resembled.asked([looked("x", "y", 50), looked("x", "z", 50, same_tokens=False)])
    assert [(x.reference, x.model) for x in pairs] == [("y", "x"), ("z", "x")]
    found = resembled.by_kind(pairs, 1)
    assert set(found) == {("a", "the same"), ("a", "others")}
    one = found["a", "others"]
    assert (one.pairs, one.probes, one.agree, one.expected, one.ratio[0]) == (1, 200, 6, 2.0, 3.0)
    assert (one.largest, one.beyond, one.standing) == ((0.03, 0.03), 0, 0)
    assert resembled.shares([replace(pairs[0], match=match(45))], 1).beyond == 2


def test_what_was_paid_is_told_apart() -> None:
    looks = [looked("x", "y", 50), looked("x", "z", 70, better=GUESSED), looked("y", "z", 50, better="")]
    found = null_study.final_p(looks)
    printed, better, unshared, smaller = found.values()
    assert (len(printed), len(better), len(unshared), len(smaller)) == (3, 2, 2, 2)
    assert better[0] == 0.0
    assert unshared[1] == pytest.approx(better[1] - (3.3 - np.log10(2)))
    assert smaller == unshared  # both frames have the same counts here
    text = tables.conservative({"p": [-3.0, -0.5, 0.0, 0.0]})
    assert "| p | 4 | 0.500 (" in text and text.endswith("| 0.001 |")


def test_verdicts_and_findings_are_counted() -> None:
    looks = [looked("x", "y", 50), looked("x", "z", 50, verdict="derived", related=True, findings=("f", "g"))]
    text = tables.comparisons(looks)
    assert "| `derived` | 1 |" in text and "| findings | 2 |" in text and "1 of 2" in text


@pytest.mark.torch
def test_all_pairs_of_large_families_are_looked_at_and_some_between_them(located: list[Located]) -> None:
    models = [(replace(m, family=f), folder) for (m, folder), f in zip(located, "aabb", strict=True)]
    assert len(undone.drawn_pairs(models, 1, fewest=2)) == 6
    assert len(undone.drawn_pairs(models, 1, fewest=3)) == 0
    assert len(undone.drawn_pairs(models, 1, fewest=3, families=["a", "b"])) == 6
    assert [[m.family for m, _ in p] for p in undone.drawn_pairs(models, 1, families=["b"])] == [["b", "b"]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(undone, "BETWEEN", {("gated",): 1})
        drawn = [undone.drawn_pairs(models, seed, fewest=2) for seed in range(6)]
    assert {len(pairs) for pairs in drawn} == {3}
    assert len({tuple(m.name for pair in pairs for m, _ in pair) for pairs in drawn}) > 1


@pytest.mark.torch
def test_forced_frames_have_coins_and_the_product_is_left_as_it_was(located: list[Located]) -> None:
    before = circuits.FEWEST_PAIRS, circuits.confirmed
    found = undone.look(located[0], located[1])
    assert (circuits.FEWEST_PAIRS, circuits.confirmed) == before
    assert not found.second and not found.related and found.findings == ()
    assert found.of(UNDONE).pooled.n > 100 and found.of(GUESSED).pooled.n > 100
    assert found.of(UNDONE).cells != found.of(GUESSED).cells
    assert found.better in (UNDONE, GUESSED)
    again = undone.neurons_of(located[0][0].artifact, located[1][0].artifact)
    assert again is not None and found.matches[0] is not None
    assert [m.count for m in again.layers] == [m.count for m in found.matches[0].layers]
    assert frames.token_frame(located[0][0].artifact, located[1][0].artifact) is not None


@pytest.mark.torch
def test_the_part_runs_alone_and_tells_relatives(
    located: list[Located], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of the four have one start; what the study says of independent models must not hold for them."""
    pairs = undone.drawn_pairs(located, 1, fewest=4)
    looks = [undone.look(a, b) for a, b in pairs]
    blocks = null_study.study_disguise(tmp_path / "study.md", looks, seed=1, draws=19)
    text = tables.fill(null_study.DOCUMENT.read_text("utf-8"), blocks)
    assert blocks["disguise-verdicts"] in text
    assert Counter(x.related for x in looks) == {True: 3, False: 3}
    assert "3 of 6" in blocks["disguise-verdicts"]
    assert "4 of other families" not in blocks["disguise-named"]  # four models are too few
    assert f"| {RECOGNISED} | pooled |" in blocks["disguise-groups"]
    assert (tmp_path / "study" / "undone-pairs.csv.gz").exists()
    every = null_study.study_disguise(tmp_path / "study.md", looks, seed=1, draws=19, part="every")
    assert every["every-verdicts"] == blocks["disguise-verdicts"] and "random" not in every["every-setting"]
    assert (tmp_path / "study" / "undone-pairs-every.csv.gz").exists()
