"""Spectra: what a change of coordinates leaves, what it costs, and what all models have in common."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edits import edit, permute_experts, rebuilt, with_layers
from forebear.artifacts import Artifact, read_artifact
from forebear.signals import spectra as module
from forebear.signals.spectra import (
    PARTS,
    PLACES,
    PROFILE,
    Spectra,
    by_part,
    consensus,
    plan,
    profile,
    similarities,
    spectra,
)
from forebear.sources import open_source
from models import tiny, tiny_llama
from scrambles import EVERY_STEP, mix_values, rotate, scrambled, train_gains
from signals.held import held


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def measured(folder: Path) -> Spectra:
    found = spectra(read(folder))
    assert found is not None
    return found


def apart(one: Spectra, two: Spectra, part: str) -> float:
    """The largest difference of a part that both show."""
    a, b = (s.profiles[:, PARTS.index(part)].astype(np.float64) for s in (one, two))
    assert np.array_equal(np.isfinite(a), np.isfinite(b)) and np.isfinite(a).any()
    return float(np.nanmax(np.abs(a - b)))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return scrambled_base(tmp_path, 1)


def scrambled_base(folder: Path, seed: int) -> Path:
    """A model whose gains are not one, in BF16 so that its own rounding is part of it."""
    made = tiny_llama(folder / f"base{seed}", seed=seed, hidden=64, heads=8, kv_heads=4, layers=6)
    rng = np.random.default_rng(seed)
    edit(made, lambda name, v: v * np.exp(rng.normal(0, 0.3, v.shape)).astype(np.float32) if "norm" in name else v)
    return made


@pytest.mark.parametrize("seed", [1, 2])
def test_no_change_of_coordinates_changes_the_products(base: Path, seed: int) -> None:
    child = measured(scrambled(base, "child", *EVERY_STEP, seed=seed))
    for part in ("value_output", "query_key", "key"):
        assert apart(measured(base), child, part) < 2e-3


def test_mixing_changes_values_alone_and_other_gains_change_everything(base: Path) -> None:
    before = measured(base)
    assert apart(before, measured(scrambled(base, "turned", rotate)), "value") < 2e-3
    assert apart(before, measured(scrambled(base, "mixed", mix_values)), "value") > 0.3
    moved = measured(scrambled(base, "trained", train_gains))
    assert min(apart(before, moved, part) for part in ("value_output", "query_key", "value", "key")) > 0.01


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "qwen2", "qwen3"])
def test_other_families_have_the_same_parts(family: str, tmp_path: Path) -> None:
    found = measured(tiny(family, tmp_path / family))
    shown = [PARTS[k] for k in range(len(PARTS)) if np.isfinite(found.profiles[:, k]).any()]
    assert shown == ["value_output", "query_key", "value", "key"]


def test_routers_are_read_and_the_order_of_experts_does_not_matter(tmp_path: Path) -> None:
    one = tiny("mixtral", tmp_path / "one")
    before = measured(one)
    permute_experts(one, [2, 0, 3, 1])
    assert apart(before, measured(one), "router") < 2e-3


def test_lost_middle_layers_leave_the_outer_ones_in_their_places(tmp_path: Path) -> None:
    deep = tiny_llama(tmp_path / "deep", layers=12)
    child = rebuilt(deep, "child", with_layers([0, 1, 2, 3, 4, 7, 8, 9, 10, 11]), num_hidden_layers=10)
    one, two = measured(deep).profiles, measured(child).profiles
    for place in (0, 1, PLACES - 2, PLACES - 1):
        assert np.array_equal(one[place], two[place], equal_nan=True)


def test_what_is_read_stays_within_the_budget(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of one layer first, single matrices of all, then the other products."""
    every = sum(len(parts) for parts in plan(read(base)).values())
    assert every == 6 * 4
    matrix = 64 * 64
    sizes = []
    for budget in (0, matrix, 3 * matrix, 6 * matrix, 100 * matrix):
        monkeypatch.setattr(module, "BUDGET_VALUES", budget)
        artifact = read(base)
        before = artifact.source.bytes_read
        chosen = plan(artifact)
        spectra(artifact)
        norms = 2 * 64 * 2 * 4 * len(chosen)  # gains are read with every matrix
        assert artifact.source.bytes_read - before <= 2 * budget + norms
        sizes.append(sum(len(parts) for parts in chosen.values()))
    assert sizes == sorted(sizes) and sizes[0] == 0 and sizes[-1] == every
    monkeypatch.setattr(module, "BUDGET_VALUES", 3 * matrix)
    assert set(plan(read(base))[1]) == {"value_output", "query_key", "value", "key"}
    monkeypatch.setattr(module, "LARGEST_VALUES", matrix - 1)  # q and o are too large: keys and values are left
    assert {part for parts in plan(read(base)).values() for part in parts} == {"value", "key"}


def test_nothing_to_read_is_none(tmp_path: Path) -> None:
    one = tiny_llama(tmp_path / "one")
    config = json.loads((one / "config.json").read_text())
    (one / "config.json").write_text(json.dumps({k: v for k, v in config.items() if "head" not in k}))
    assert spectra(read(one)) is None
    zero = tiny_llama(tmp_path / "zero")
    edit(zero, lambda name, v: np.zeros_like(v))
    assert spectra(read(zero)) is None


def test_values_that_are_no_numbers_make_no_noise(base: Path) -> None:
    def spoil(name: str, v: np.ndarray) -> np.ndarray:
        v = v.copy()
        v.ravel()[:3] = (np.nan, np.inf, 3e38)
        return v

    edit(base, spoil)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = spectra(read(base))
    assert found is None or not np.isinf(found.profiles).any()


def test_profiles_have_one_length_and_no_scale() -> None:
    rng = np.random.default_rng(0)
    for heads, n in ((1, 7), (4, 64), (40, 3)):
        power = rng.random((heads, n))
        made = profile(power, 8)
        assert made.shape == (PROFILE,) and np.isfinite(made).all()
        assert np.allclose(made, profile(1e9 * power, 8), atol=1e-3)
        assert np.array_equal(made, profile(power[rng.permutation(heads)], 8))
    assert np.isnan(profile(np.zeros((2, 4)), 8)).all()


def test_bytes_and_back() -> None:
    made = invented(np.random.default_rng(0))
    assert np.array_equal(Spectra.from_bytes(made.to_bytes()).profiles, made.profiles, equal_nan=True)
    for damaged in (b"", made.to_bytes()[:-1], made.to_bytes() + b"\0"):
        with pytest.raises(ValueError, match="damaged"):
            Spectra.from_bytes(damaged)


# -- comparison: what models have in common is no resemblance ------------------------------------------------------

TREND = np.sin(np.arange(PLACES * len(PARTS) * PROFILE)).reshape(PLACES, len(PARTS), PROFILE)


def invented(rng: np.random.Generator, training: float = 0.0, own: float = 0.1) -> Spectra:
    """A model like all others, further along or less, with a little of its own; the latents are missing."""
    values = 5.0 + TREND * (1.0 + training) + own * rng.standard_normal(TREND.shape)
    values[:, PARTS.index("latent")] = np.nan
    return Spectra(values.astype(np.float16))


def test_independent_models_are_not_alike_and_a_descendant_is() -> None:
    rng = np.random.default_rng(3)
    references = [invented(rng, training) for training in rng.normal(0, 2, 30)]
    common = consensus(references)
    raw = similarities(references[0], references[1:], consensus([]))
    assert np.median(raw) > 0.7  # what a threshold on raw spectra would accuse
    strangers = np.array([similarities(invented(rng, t), references, common) for t in (-2.0, 0.0, 3.0)])
    child = Spectra((references[4].profiles + 0.05 * rng.standard_normal(TREND.shape)).astype(np.float16))
    scores = similarities(child, references, common)
    assert np.abs(strangers).max() < 0.25
    assert scores.argmax() == 4 and scores[4] > 0.6 and np.delete(scores, 4).max() < 0.25


def test_half_of_the_parts_may_be_spoilt() -> None:
    rng = np.random.default_rng(4)
    references = [invented(rng) for _ in range(10)]
    spoilt = references[2].profiles.copy()
    for part in ("value", "key"):
        spoilt[:, PARTS.index(part)] += rng.standard_normal((PLACES, PROFILE)).astype(np.float16)
    scores = similarities(Spectra(spoilt), references, consensus(references))
    assert scores.argmax() == 2 and scores[2] > 0.7


def test_what_two_models_do_not_both_show_is_not_compared() -> None:
    rng = np.random.default_rng(5)
    references = [invented(rng) for _ in range(5)]
    half = references[1].profiles.copy()
    half[:4] = np.nan
    common = consensus(references)
    assert similarities(Spectra(half), references, common).argmax() == 1
    blank = Spectra(np.full_like(half, np.nan))
    assert np.isnan(similarities(blank, references, common)).all()
    assert similarities(blank, [], common).shape == (0,)


# -- by hand, and by other ways to the same numbers ------------------------------------------------------------------


def test_a_profile_is_quantiles_of_log_power_over_a_head_and_over_heads() -> None:
    """Two heads with power 1 and 3 throughout: logs of 1/2 and 3/2 and the noise, and an eighth at a time between."""
    low, high = np.log(0.5 + 0.01), np.log(1.5 + 0.01)
    over = low + (high - low) * (np.arange(8) + 0.5) / 8
    made = profile(np.array([[1.0] * 5, [3.0] * 5]), 8)
    assert made.dtype == np.float16 and made == pytest.approx(np.tile(over, 8), abs=2e-3)
    one = profile(np.array([[1.0, 3.0]]), 8)
    assert one == pytest.approx(np.repeat(over, 8), abs=2e-3)
    whole = profile(np.array([[3.0, 1.0]]), 64)
    assert whole == pytest.approx(low + (high - low) * (np.arange(64) + 0.5) / 64, abs=2e-3)
    assert profile(np.array([[-1.0, 5.0]]), 8)[0] < np.log(0.01) + 0.6  # rounding below zero is no power
    for nothing in ([[0.0, 0.0]], [[-1.0, 0.5]], [[1.0, np.inf]], [[np.nan, 1.0]]):
        assert np.isnan(profile(np.array(nothing), 8)).all()


def shown(values: Mapping[str, float | list[float]]) -> Spectra:
    """Parts whose profiles begin with these values at the first depth and are zero beyond; others are not shown."""
    profiles = np.full((PLACES, len(PARTS), PROFILE), np.nan, np.float16)
    for part, first in values.items():
        profiles[:, PARTS.index(part)] = 0.0
        start = np.atleast_1d(first)
        profiles[0, PARTS.index(part), : len(start)] = start
    return Spectra(profiles)


RAW = consensus([])


@pytest.mark.parametrize(
    ("query", "other", "expected"),
    [
        ({"value": 1.0}, {"value": 1.0}, 1.0),
        ({"value": 1.0}, {"value": -1.0}, -1.0),
        ({"value": 1.0}, {"value": 2.0}, 4 / 5),  # 2ab / (a² + b²)
        ({"value": [1.0, 2.0]}, {"value": [2.0, 0.0]}, 4 / 9),
        ({"value": 1.0}, {"key": 1.0}, np.nan),
        ({"value": 0.0}, {"value": 0.0}, np.nan),  # nothing is left to agree
        ({"value": 1.0, "key": 1.0}, {"value": 1.0, "key": 2.0}, 1.0),  # of two parts the better one
        ({"value": 1.0, "key": 1.0, "router": 1.0}, {"value": 1.0, "key": 2.0, "router": -1.0}, 0.9),  # of three two
        ({"value": 1.0, "key": 0.0, "router": 1.0}, {"value": 1.0, "key": 0.0, "router": -1.0}, 1.0),
    ],
)
def test_concordance_over_the_better_half_of_the_parts(
    query: dict[str, float], other: dict[str, float], expected: float
) -> None:
    found = similarities(shown(query), [shown(other), shown(query)], RAW)
    assert found[0] == pytest.approx(expected, nan_ok=True, abs=1e-6)
    assert similarities(shown(other), [shown(query)], RAW) == pytest.approx([expected], nan_ok=True, abs=1e-6)


def test_from_three_references_on_their_mean_and_their_directions_are_taken_out() -> None:
    """Around their mean of 2 three references lie along one axis: a variance of 2, so 1 - √½ of that axis goes."""
    references = [shown({"value": [3.0, 1.0]}), shown({"value": [1.0, 1.0]}), shown({"value": [2.0, 1.0]})]
    common = consensus(references)
    value = PARTS.index("value")
    assert common.references == 3 and common.mean[0, value, :3].tolist() == [2.0, 1.0, 0.0]
    assert common.mean.dtype == np.float32 and not common.mean[1:].any() and not np.delete(common.mean, value, 1).any()
    assert [len(a) for a in common.axes] == [int(k == value) for k in range(len(PARTS))]
    assert np.abs(common.axes[value][0, :2]) == pytest.approx([1, 0]) and common.axes[value].shape == (1, 512)
    assert common.cut[value] == pytest.approx([1 - 0.5**0.5])
    left = by_part(shown({"value": [4.0, 1.0]}).profiles[None].astype(np.float32), common)
    assert left.shape == (1, len(PARTS), 512) and left[0, value, :2] == pytest.approx([4 * 0.5**0.5, 1])
    few = consensus(references[:2])
    assert few.references == 2 and few.mean[0, value, 0] == 2.0
    same = by_part(shown({"value": [4.0, 1.0]}).profiles[None].astype(np.float32), few)
    assert same[0, value, :2].tolist() == [4.0, 1.0]
    # without the mean (2, 1) and a part of the first axis: (1, 1) and (1, 3), each with √½ of the first number
    x, y = np.array([0.5**0.5, 1]), np.array([0.5**0.5, 3])
    one, two = shown({"value": [3.0, 2.0]}), shown({"value": [3.0, 4.0]})
    assert similarities(one, [two], common) == pytest.approx([2 * (x @ y) / (x @ x + y @ y)], abs=1e-4)
    assert similarities(one, [two], few) == pytest.approx([2 * 17 / (13 + 25)], abs=1e-4)


def test_directions_are_cut_by_their_variance_against_the_median_of_all() -> None:
    """Variances of 2 · 9 and 2 · 1 around zero: their median is 10."""
    corners = [shown({"key": c}) for c in ([3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0])]
    common = consensus(corners)
    key = PARTS.index("key")
    assert common.cut[key] == pytest.approx([1 - (10 / 28) ** 0.5, 1 - (10 / 12) ** 0.5])
    assert np.abs(common.axes[key][:, :2]) == pytest.approx(np.eye(2))


def test_the_mean_is_that_of_the_references_that_show_a_part() -> None:
    found = consensus([shown({"key": 4.0}), shown({"key": 2.0}), shown({"value": 1.0}), shown({"value": 1.0})])
    assert found.mean[0, PARTS.index("key"), 0] == 3.0 and found.mean[0, PARTS.index("value"), 0] == 1.0
    assert found.references == 4 and len(found.axes[PARTS.index("value")]) == 0
    empty = consensus([])
    assert empty.references == len(empty.axes) == len(empty.cut) == 0 and not empty.mean.any()


HEADS, KV_HEADS, HEAD_DIM, STREAM = 4, 2, 3, 16


def in_memory(
    seed: int = 0, layers: int = 1, scale: float = 1.0, **other: np.ndarray
) -> tuple[Artifact, dict[str, np.ndarray]]:
    """A model of Llama's family whose norm gains are not one."""
    rng = np.random.default_rng(seed)
    shapes = {"q": (HEADS * HEAD_DIM, STREAM), "k": (KV_HEADS * HEAD_DIM, STREAM)}
    shapes |= {"v": shapes["k"], "o": (STREAM, HEADS * HEAD_DIM)}
    weights = {"embed": rng.standard_normal((5, STREAM))}
    for layer in range(layers):
        weights |= {f"layers.{layer}.attn.{p}": scale * rng.standard_normal(s) for p, s in shapes.items()}
        weights[f"layers.{layer}.attn_norm"] = 1 + 0.3 * rng.standard_normal(STREAM)
    weights |= other
    return held(weights, heads=HEADS, kv_heads=KV_HEADS, head_dim=HEAD_DIM), weights


@pytest.mark.parametrize("scale", [1.0, 1e-30])
def test_spectra_are_those_of_the_products_of_heads(scale: float) -> None:
    """Each query head with the key/value head that it shares; singular values by numpy, of the products themselves."""
    model, w = in_memory(scale=scale)
    found = spectra(model)
    assert found is not None
    gains = w["layers.0.attn_norm"]
    q, k, v = (w[f"layers.0.attn.{p}"] / scale * gains for p in "qkv")
    o = w["layers.0.attn.o"].T / scale

    def head(rows: np.ndarray, h: int) -> np.ndarray:
        return np.asarray(rows[h * HEAD_DIM : (h + 1) * HEAD_DIM])

    def powers(products: list[np.ndarray]) -> np.ndarray:
        return np.array([np.linalg.svd(m, compute_uv=False)[:HEAD_DIM] ** 2 for m in products])

    expected = {
        "value_output": powers([head(o, h).T @ head(v, h // 2) for h in range(HEADS)]),
        "query_key": powers([head(q, h).T @ head(k, h // 2) for h in range(HEADS)]),
        "value": powers([head(v, h) for h in range(KV_HEADS)]),
        "key": powers([head(k, h) for h in range(KV_HEADS)]),
    }
    for part, power in expected.items():
        assert found.profiles[0, PARTS.index(part)] == pytest.approx(profile(power, 8), abs=5e-3), part
    assert np.isnan(found.profiles[1:]).all() and np.isnan(found.profiles[:, PARTS.index("router")]).all()


def test_what_is_bought_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of the second layer, which pay for its keys and values, too; then those of the others by priority."""
    model, _ = in_memory(layers=8)
    small, large = KV_HEADS * HEAD_DIM * STREAM, HEADS * HEAD_DIM * STREAM
    products = 2 * (small + large)
    for budget, expected in (
        (small + large - 1, {1: ("value", "key")}),
        (small + large, {1: ("value_output", "value")}),
        (products, {1: ("value_output", "query_key", "value", "key")}),
        (products + 3 * small, {1: ("value_output", "query_key", "value", "key"), 6: ("value", "key"), 3: ("value",)}),
        (
            products + 14 * small + large,
            {1: ("value_output", "query_key", "value", "key"), 6: ("value", "key", "value_output")}
            | dict.fromkeys((3, 0, 7, 4, 2, 5), ("value", "key")),
        ),
    ):
        monkeypatch.setattr(module, "BUDGET_VALUES", budget)
        assert plan(model) == expected, budget
    monkeypatch.setattr(module, "BUDGET_VALUES", 10**9)
    assert {frozenset(parts) for parts in plan(model).values()} == {
        frozenset(("value_output", "query_key", "value", "key"))
    }
    for largest, expected_parts in ((large, 4), (large - 1, 2), (small, 2), (small - 1, 0)):
        monkeypatch.setattr(module, "LARGEST_VALUES", largest)
        assert sum(len(parts) for parts in plan(model).values()) == 8 * expected_parts


def test_heads_of_other_widths_have_no_product() -> None:
    shared, own = np.eye(2)[None], np.eye(3)[None]
    assert module._of_product(shared, own).tolist() == [[0.0]]
    assert module._of_product(2 * np.eye(2)[None], np.stack([np.eye(2), 3 * np.eye(2)])) == pytest.approx(
        np.array([[2, 2], [6, 6]])
    )


@pytest.mark.filterwarnings("error")
def test_of_a_damaged_sketch_nothing_is_warned() -> None:
    """A signalling nan, which only damage makes, and infinities; they count as not known."""
    good, bad = (np.random.default_rng(k).normal(size=(PLACES, len(PARTS), PROFILE)).astype(np.float16) for k in (1, 2))
    bad.view(np.uint16).reshape(-1)[:4] = (0x7D01, 0xFD01, 0x7C00, 0xFC00)
    one, other = Spectra(good), Spectra(bad)
    assert np.isfinite(similarities(other, [one, other], consensus([one, other, one]))).all()
