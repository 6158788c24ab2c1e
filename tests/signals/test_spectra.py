"""Spectra: what a change of coordinates leaves, what it costs, and what all models have in common."""

from __future__ import annotations

import json
import warnings
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
    consensus,
    plan,
    profile,
    similarities,
    spectra,
)
from forebear.sources import open_source
from models import tiny, tiny_llama
from scrambles import EVERY_STEP, mix_values, rotate, scrambled, train_gains


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
