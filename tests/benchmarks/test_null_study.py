"""The null study's statistics can tell fair coins from unfair ones, and its made models are what they claim."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import null_study
import numpy as np
import pytest
from null import aligned, coins, plots, tables
from null.coins import Table, clopper_pearson, fairness, simulated_codes, simulated_rows
from null.edits import PADDED_CONFIG, disguised, drifted, load, padded, upcycled
from null.experiments import Outcome, cloned_layers, layers_against_layers, repeats_itself
from null.pairs import METHODS, Model, PairCounts, all_pairs, count, groups_of, open_model, table_of
from null.power import Power, expected_power, simulated, theory
from zoo.build import build
from zoo.recipes import ci_set, model

from forebear.errors import InputError
from forebear.lineage import Counts
from forebear.signals.binomial import log10_tail
from forebear.signals.sign_code import Cell

N, MODELS = 120, 24


def codes(share: float = 0.5, repeat: int = 1, seed: int = 3) -> Table:
    """All pairs of models with random coins; ``share`` of them positive, each counted ``repeat`` times."""
    rng = np.random.default_rng(seed)
    signs = np.repeat(rng.random((MODELS, N // repeat)) < share, repeat, axis=1) * 2 - 1
    one, two = np.triu_indices(MODELS, 1)
    agree = ((signs @ signs.T)[one, two] + N) // 2
    return Table(one, two, np.full(len(one), N), agree)


def pair(one: str, two: str, agree: int = 50) -> PairCounts:
    counts = Counts((Cell("glu", 0, 0, 100, agree),))
    return PairCounts(one, two, ("llama", "llama"), counts, counts, 0)


@pytest.mark.parametrize("n", [1, 2, 7, 96, 576])
def test_the_binomial_is_the_one_of_the_package(n: int) -> None:
    assert coins.pmf(n).sum() == pytest.approx(1)
    for k in {0, n // 2, n}:
        assert math.log10(coins.upper_tails(n)[k]) == pytest.approx(log10_tail(k, n), abs=1e-9)
    assert coins.upper_tails(n)[n + 1] == 0


def test_fair_coins_look_fair() -> None:
    found = fairness(codes(), simulated_codes, seed=1, draws=199)
    assert (found.pairs, found.models, found.coins) == (MODELS * (MODELS - 1) // 2, MODELS, N)
    assert min(found.p.values()) > 0.01
    assert found.interval[0] < 1 < found.interval[1]


@pytest.mark.parametrize(
    ("table", "statistic"),
    [
        (codes(repeat=2), "variance"),  # every generator counted twice
        (codes(repeat=2), "chi_square"),
        (codes(share=0.65), "mean"),  # starts that are not symmetric
        (codes(share=0.65), "ks"),
    ],
)
def test_unfair_coins_are_found(table: Table, statistic: str) -> None:
    assert fairness(table, simulated_codes, seed=1, draws=199).p[statistic] <= 0.01


def test_one_dependent_pair_is_found_by_the_largest() -> None:
    table = codes()
    agree = table.agree.copy()
    agree[5] = N * 9 // 10
    assert fairness(Table(table.one, table.two, table.n, agree), simulated_rows, 1, 99).p["largest"] == 0.01


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert fairness(codes(), simulated_codes, 5, 20) == fairness(codes(), simulated_codes, 5, 20)


@pytest.mark.parametrize("simulate", [simulated_codes, simulated_rows])
def test_simulated_tables_have_the_moments_of_the_null(
    simulate: Callable[[Table, np.random.Generator], Table],
) -> None:
    rng = np.random.default_rng(2)
    mixed = codes()
    mixed = Table(mixed.one, mixed.two, np.where(mixed.one < 6, 40, N), mixed.agree)
    z = np.concatenate([simulate(mixed, rng).z for _ in range(200)])
    assert abs(z.mean()) < 0.02
    assert abs((z**2).mean() - 1) < 0.02


@pytest.mark.parametrize("n", [np.array([], dtype=np.int64), np.array([0])])
def test_a_table_without_coins_is_refused(n: np.ndarray) -> None:
    with pytest.raises(ValueError, match="coins"):
        fairness(Table(n, n, n, n), simulated_rows, 1)


def test_expected_numbers_at_a_level_are_those_of_the_discrete_null() -> None:
    table = codes()
    drawn = [coins.at_level(simulated_rows(table, np.random.default_rng(k)), 0.05)[0] for k in range(300)]
    expected = coins.at_level(table, 0.05)[1]
    assert expected < 0.05 * len(table.n)
    assert np.mean(drawn) == pytest.approx(expected, rel=0.1)
    assert coins.at_level(table, 0.0) == (0, 0.0)


@pytest.mark.parametrize(
    ("hits", "n", "limits"),
    [(0, 10, (0.0, 0.3085)), (10, 10, (0.6915, 1.0)), (5, 10, (0.1871, 0.8129)), (1, 100, (0.000253, 0.05446))],
)
def test_clopper_pearson_has_the_published_limits(hits: int, n: int, limits: tuple[float, float]) -> None:
    assert clopper_pearson(hits, n) == pytest.approx(limits, abs=2e-4)


@pytest.mark.parametrize(("hits", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_clopper_pearson_refuses_what_is_no_share(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="of"):
        clopper_pearson(hits, n)


def test_power_of_impossible_and_certain_cases() -> None:
    assert coins.binomial_power(10, None, 0.9) == 0
    assert coins.binomial_power(10, 8, 1.0) == 1
    assert coins.binomial_power(10, 8, 0.0) == 0
    assert coins.binomial_power(4, 4, 0.5) == pytest.approx(1 / 16)
    assert expected_power("codes", 16, 1.0) == 0  # sixteen coins cannot reach a verdict
    assert expected_power("rows", 64, 0.0) < 1e-6


def test_simulated_drift_agrees_with_theory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("null.power.COINS", (256,))
    monkeypatch.setattr("null.power.COSINES", (0.0, 0.2, 0.6, 1.0))
    points = list(simulated(1, trials=10))
    assert len(points) == 8
    for point in points:
        assert point.agreement == pytest.approx(point.expected_agreement, abs=0.04)
        low, high = clopper_pearson(point.found, point.trials, 0.999)
        assert low <= point.expected <= high
    assert theory("rows", 0.2) > theory("codes", 0.2) > 0.5


def test_tables_of_pairs_leave_out_pairs_without_the_group() -> None:
    pairs = [pair("a", "b"), pair("a", "c", 60)]
    assert table_of(pairs, "rows", "residual").n.size == 0
    table = table_of(pairs, "codes")
    assert (table.one.tolist(), table.two.tolist()) == ([0, 0], [1, 2])
    assert table.z.tolist() == [0.0, 2.0]
    assert groups_of(pairs) == ("glu",)


def test_blocks_are_written_between_their_markers_again_and_again() -> None:
    text = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\n<!-- /y -->\n"
    once = tables.fill(text, {"x": r"new \1", "y": "more"})
    assert "old" not in once
    assert r"new \1" in once
    assert tables.fill(once, {"x": r"new \1", "y": "more"}) == once
    with pytest.raises(InputError, match="<!-- z -->"):
        tables.fill(text, {"z": ""})


def test_the_document_has_the_markers_that_the_study_writes() -> None:
    text = null_study.DOCUMENT.read_text("utf-8")
    first = ["setting", "groups", "summary", "families", "replicate", "hardest", "levels", "padding"]
    aligned = [f"aligned-{x}" for x in ("setting", "groups", "summary", "hardest", "levels", "made", "power")]
    parts = ("setting", "groups", "hardest", "summary", "p", "neurons", "named", "ranks", "verdicts")
    names = [*first, "shared", "selves", "cloned", "power", "verdicts", *aligned, *(f"disguise-{x}" for x in parts)]
    assert tables.fill(text, dict.fromkeys(names, "x")).count("\nx\n") == len(names)


def test_tables_say_what_was_found() -> None:
    found = [Outcome("a", "b", 100, 52, -0.3, "inconclusive", False), Outcome("a", "c", 100, 99, -20, "derived", True)]
    assert "| 52.0% |" in tables.outcomes(found)
    assert "1 of 2" in tables.verdicts(found)
    text = tables.levels({"rows": codes()}, {"rows": 2})
    assert f"2 of {len(codes().n)}" in text


def test_counts_are_written_with_every_pair(tmp_path: Path) -> None:
    null_study.write_counts(tmp_path / "pairs.csv.gz", [pair("a", "b"), pair("a", "c", 60)])
    lines = gzip.decompress((tmp_path / "pairs.csv.gz").read_bytes()).decode().splitlines()
    assert lines[0] == "one,two,codes_glu_n,codes_glu_agree,rows_glu_n,rows_glu_agree"
    assert lines[2] == "a,c,100,60,100,60"


def test_pictures_are_the_same_twice(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    cases = product(("simulated", "models"), METHODS, (0.2, 0.5))
    points = [Power(s, m, 64, c, c, c, 5, 10, c) for s, m, c in cases]
    for name in ("1", "2"):
        plots.draw_null(tmp_path / f"z{name}.svg", {"codes": codes(), "rows": codes()})
        plots.draw_uniform(tmp_path / f"u{name}.svg", {"codes": {"glu": codes()}, "rows": {"glu": codes()}}, 1)
        plots.draw_power(tmp_path / f"p{name}.svg", points)
    for kind in "zup":
        one, two = ((tmp_path / f"{kind}{k}.svg").read_bytes() for k in "12")
        assert one == two
        assert b"<svg" in one
        assert b"<dc:date>" not in one


@pytest.mark.torch
def test_independent_small_models_agree_by_chance_and_a_shared_start_does_not(cache: Path) -> None:
    one, other, same, down = (open_model(r.name, r.family, cache / r.digest) for r in ci_set())
    for method in ("codes", "rows"):
        assert count(one, other).of(method).log10_p > -3
        assert count(one, same).of(method).log10_p < -6
        assert count(one, down).of(method).pooled.share > 0.95
    assert len(list(all_pairs([one, other, same]))) == 3
    assert count(one, other).left_out == 0
    table = layers_against_layers([one, other])
    assert len(table.n) == 2 * len(list(combinations(range(4), 2)))
    assert table.models == 2
    assert np.abs(table.z).max() < 4


@pytest.mark.torch
@pytest.mark.parametrize("front", [True, False])
def test_zeros_leave_the_counts_and_do_not_add_agreements(cache: Path, tmp_path: Path, front: bool) -> None:
    made = []
    for recipe in ci_set()[:2]:
        folder = padded(cache / recipe.digest, tmp_path / recipe.name, front)
        made.append(open_model(recipe.name, "llama", folder))
    geometry = made[0].artifact.geometry
    assert geometry is not None
    assert geometry.width == PADDED_CONFIG["hidden_size"]
    assert geometry.kv_heads == PADDED_CONFIG["num_key_value_heads"]
    found = count(*made)
    assert found.left_out >= 32
    assert found.rows.groups["residual"].n == found.codes.groups["residual"].n == 96
    assert found.rows.log10_p > -3
    if front:  # behind its own coordinates only the width is read
        assert log10_tail(found.rows.pooled.agree + found.left_out, found.rows.pooled.n + found.left_out) < -4


@pytest.mark.torch
def test_a_cloned_layer_is_noticed_and_counted_once(cache: Path) -> None:
    located = [(open_model(r.name, r.family, cache / r.digest), cache / r.digest) for r in ci_set()[:2]]
    assert not any(repeats_itself(model) for model, _ in located)
    caught, (found,), (judged,) = cloned_layers(located)
    before = count(located[0][0], located[1][0])
    assert caught == 2
    assert len(found.rows.layers) == len(before.rows.layers) - 1
    assert judged.related is False


@pytest.mark.torch
@pytest.mark.parametrize("cosine", [0.0, 0.3, 1.0])
def test_drift_has_the_cosine_that_was_asked_for(cache: Path, tmp_path: Path, cosine: float) -> None:
    parent = cache / ci_set()[0].digest
    one, two = load(parent), load(drifted(parent, tmp_path / "child", cosine, seed=1))
    for name, x in one.items():
        y = two[name]
        found = float((x * y).sum() / np.linalg.norm(x) / np.linalg.norm(y))
        assert found == pytest.approx(cosine if x.ndim > 1 else 1.0, abs=0.05)
        assert np.linalg.norm(y) == pytest.approx(np.linalg.norm(x), rel=0.05)


def opened(recipe_digest: str, family: str, cache: Path) -> Model:
    return open_model(recipe_digest, family, cache / recipe_digest)


@pytest.mark.torch
def test_pairs_of_a_family_are_all_counted_and_others_drawn(cache: Path) -> None:
    models = [replace(opened(r.digest, "llama", cache), family=f) for r, f in zip(ci_set(), "aabc", strict=True)]
    whole = aligned.chosen_pairs(models, 10, 1)
    assert len(whole) == 6
    for seed in range(5):
        some = aligned.chosen_pairs(models, 2, seed)
        assert len(some) == 3
        assert (models[0], models[1]) in some
        assert some == aligned.chosen_pairs(models, 2, seed)
    assert len({tuple(id(m) for pair in aligned.chosen_pairs(models, 2, s) for m in pair) for s in range(9)}) > 1


@pytest.mark.torch
def test_the_part_after_alignment_runs_alone_and_tells_a_shared_start(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(aligned, "DRIFTS", (0.0, 1.0))
    models = [(opened(r.digest, "llama", cache), cache / r.digest) for r in ci_set()]
    blocks = null_study.study_aligned(tmp_path / "study.md", models, seed=1, draws=19)
    text = null_study.DOCUMENT.read_text("utf-8")
    assert tables.fill(text, blocks).count(blocks["aligned-groups"]) == 1
    assert "6 pairs within a family" in blocks["aligned-setting"]
    for frame in aligned.FRAMES:  # three models of one start, and one of another
        assert f"| {frame} | verdict (1e-6, looks paid for) | 3 |" in blocks["aligned-levels"]
        assert f"| {frame} | query_key | 6 | 4 |" in blocks["aligned-groups"]
    assert blocks["aligned-power"].count("4 of 4") == 2
    assert (tmp_path / "study" / "aligned-z.svg").exists()
    lines = gzip.decompress((tmp_path / "study" / "aligned-pairs.csv.gz").read_bytes()).decode().splitlines()
    assert len(lines) == 7
    assert "permuted_residual_n" in lines[0]


@pytest.mark.torch
def test_independent_models_have_residual_coins_in_the_forced_frame_only(cache: Path) -> None:
    one, other, same, _ = (opened(r.digest, "llama", cache) for r in ci_set())
    apart, together = aligned.aligned_counts([(one, other), (one, same)])
    assert "residual" not in apart.of("aligned").groups
    assert apart.of("permuted").groups["residual"].n > 16
    assert apart.of("permuted").log10_p > -3
    assert together.of("aligned").groups["residual"].share > 0.95
    assert together.of("aligned") == together.of("permuted")


@pytest.mark.torch
def test_a_disguised_copy_computes_the_same(cache: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    parent = cache / ci_set()[0].digest
    child = disguised(parent, tmp_path / "child", 0.0, seed=3)
    ids = torch.arange(200).reshape(2, 100)
    with torch.no_grad():
        one, two = (AutoModelForCausalLM.from_pretrained(f, dtype=torch.float32)(ids).logits for f in (parent, child))
    assert float((one - two).abs().max()) < 0.05 * float(one.std())  # weights were rounded to bfloat16 twice
    before, after = load(parent), load(child)
    assert not any(np.allclose(before[k], after[k], atol=0.1) for k in before if before[k].ndim > 1)


@pytest.mark.torch
def test_experts_of_one_mlp_are_copies_and_the_rest_stays(tmp_path: Path) -> None:
    recipe = model("routed", "mixtral", 1, "sums", steps=1, batch=1)
    parent = build(recipe, tmp_path).folder
    before, after = load(parent), load(upcycled(parent, tmp_path / "made", 0.1, seed=1))
    for name, x in after.items():
        origin = before[re.sub(r"experts\.\d+", "experts.0", name)]
        drift = float(np.linalg.norm(x - origin) / np.linalg.norm(origin))
        assert drift == pytest.approx(0.1 if "experts" in name else 0.0, abs=0.02)
