"""One pass over a model and its references: the sums are those of the values, and nothing hostile breaks it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bodies import opened
from edits import copy, drifted, edit, rebuilt, with_layers
from forebear.artifacts import Artifact
from forebear.signals.mixture import Gram, distances, gram, raw
from models import tiny_llama, tokenizer


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base", 1)


def values(folder: Path) -> dict[str, np.ndarray]:
    out: dict[str, np.ndarray] = {}
    edit(folder, lambda n, v: out.setdefault(n, v))
    return out


def test_products_are_those_of_the_values(base: Path) -> None:
    folders = [drifted(base, f"m{k}", 0.1, seed=k) for k in range(3)]
    found = gram(opened(folders[0]), [opened(folders[1]), opened(folders[2])])
    assert found.whole and not found.left_out
    unit = next(u for u in found.units if u.role == "layers.2.mlp.down")
    name = "model.layers.2.mlp.down_proj.weight"
    flat = np.stack([values(f)[name].astype(np.float64).ravel() for f in folders])
    assert np.allclose(raw(unit.products), flat @ flat.T)
    assert np.allclose(distances(unit.products), ((flat[:, None] - flat[None]) ** 2).sum(axis=2))
    assert unit.equal[0] == (flat[0] == flat[1]).sum()
    assert sum(u.values for u in found.units) == sum(v.size for v in values(base).values())


def test_rounding_is_what_rounding_does(base: Path) -> None:
    """The expected square matches that of truly rounding random values to bfloat16."""
    from forebear.signals.delta import round_to

    found = gram(opened(base), [opened(drifted(base, "other", 0.1))])
    unit = next(u for u in found.units if u.role == "lm_head")
    exact = (0.08 * np.random.default_rng(3).standard_normal(200_000)).astype(np.float32)
    near = round_to(exact, "BF16")
    assert near is not None
    assert unit.rounding / unit.values == pytest.approx(float(((near - exact) ** 2).mean()), rel=0.1)


def test_rounding_is_a_twelfth_of_a_squared_unit_in_the_last_place(base: Path) -> None:
    """By hand: bfloat16 has 2^-7 between one and two, twice that from two to four, and zero is stored as it is."""

    def steps(name: str, v: np.ndarray) -> np.ndarray:
        if "lm_head" in name:
            v[...] = 0.0
            v[:8], v[8:10] = 1.5, -3.0
        return v

    edit(base, steps)
    unit = next(u for u in gram(opened(base), [opened(base)]).units if u.role == "lm_head")
    assert unit.rounding == pytest.approx(64 * (8 * 2**-14 + 2 * 2**-12) / 12, rel=1e-12)


def test_choosing_references_changes_nothing_else(base: Path) -> None:
    models = [opened(drifted(base, f"m{k}", 0.1, seed=k)) for k in range(4)]
    whole = gram(models[0], models[1:])
    part, direct = whole.only([2, 0]), gram(models[0], [models[3], models[1]])
    for one, two in zip(part.units, direct.units, strict=True):
        assert np.allclose(one.products, two.products)
        assert (one.odd == two.odd).all() and (one.equal == two.equal).all()
    assert part.names == direct.names and (part.sample == direct.sample).all()


def test_a_sample_reads_the_same_rows_of_all(base: Path) -> None:
    child = copy(base, "child")
    found = gram(opened(base), [opened(child), opened(drifted(base, "other", 0.1))], most=20_000)
    assert not found.whole
    assert 5_000 < sum(u.values for u in found.units) < 60_000
    assert sum(float(distances(u.products)[0, 1]) for u in found.units) == 0.0


def test_rows_of_tokens_meet_by_string(base: Path) -> None:
    """A model whose vocabulary is in another order, and longer, is the same model."""

    def turned(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        longer = {
            n: np.concatenate([v[::-1], np.ones((4, v.shape[1]), v.dtype)]) for n, v in tensors.items() if len(v) == 256
        }
        return {**tensors, **longer}

    other = rebuilt(base, "other", turned, vocab_size=260)
    ids = {t: 255 - k for t, k in tokenizer(256)["model"]["vocab"].items()}
    (other / "tokenizer.json").write_text(
        json.dumps({"added_tokens": [], "model": {"type": "BPE", "vocab": ids, "merges": []}})
    )
    found = gram(opened(base), [opened(other), opened(drifted(base, "third", 0.1))])
    embed = next(u for u in found.units if u.group == "embed")
    assert embed.values == 256 * 64 and distances(embed.products)[0, 1] == 0.0


def test_layers_meet_by_their_rows(base: Path) -> None:
    stacked = rebuilt(base, "stacked", with_layers([0, 1, 2, 1, 2, 3]), num_hidden_layers=6)
    found = gram(opened(stacked), [opened(base), opened(tiny_llama(base.parent / "stranger", 9, layers=6))])
    assert sum(float(distances(u.products)[0, 1]) for u in found.units) == 0.0
    assert {u.group for u in found.units} >= {f"layers.{k}.attn" for k in range(6)}


def test_odd_rows_are_counted(base: Path) -> None:
    """Rows that one model alone changed are odd in it; a factor alone changes no row."""
    rng = np.random.default_rng(0)

    def touch(folder: Path, rows: slice) -> Path:
        def change(name: str, v: np.ndarray) -> np.ndarray:
            if "embed" in name:
                v[rows] += 0.05 * rng.standard_normal(v[rows].shape)
            return np.asarray(v * 0.99)

        edit(folder, change)
        return folder

    models = [opened(touch(copy(base, n), slice(s, s + 20))) for n, s in (("x", 0), ("s", 30), ("t", 60))]
    embed = next(u for u in gram(models[0], models[1:]).units if u.group == "embed")
    assert embed.odd[0, 1] == 20 and embed.odd[1, 0] == 20 and embed.apart[0, 1] == 20


def damaged(folder: Path, value: float) -> Artifact:
    def change(name: str, v: np.ndarray) -> np.ndarray:
        if "layers.1." in name:
            v[...] = value
        return v

    edit(folder, change)
    return opened(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, 3.0])
def test_values_that_say_nothing_break_nothing(base: Path, value: float) -> None:
    bad = damaged(copy(base, "bad"), value)
    found = gram(bad, [opened(base), opened(drifted(base, "other", 0.1))])
    assert all(np.isfinite(u.products).all() and np.isfinite(u.rounding) for u in found.units)


def test_other_shapes_are_left_out(base: Path) -> None:
    wide = opened(tiny_llama(base.parent / "wide", 2, intermediate=96))
    found = gram(opened(base), [wide, opened(drifted(base, "other", 0.1))])
    assert any("mlp.up" in gap for gap in found.left_out)
    assert all(".mlp." not in u.role or u.group == "norms" for u in found.units)
    nothing = gram(opened(base), [opened(tiny_llama(base.parent / "narrow", 3, hidden=32))])
    assert isinstance(nothing, Gram) and nothing.units == ()
    assert replace(nothing, names=()).body == ()
