"""Neurons of two MLPs of unequal width: which are each other's, and what the further ones are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from disguises import disguise
from disguises.network import read, write
from forebear.artifacts import Artifact
from forebear.signals.frames import Frame
from forebear.signals.part_neurons import neurons_kept
from forebear.signals.parts import Extras, Kept, in_place
from models import tiny, tiny_llama
from signals.held import held

F32 = NDArray[np.float32]
STRAIGHT = [(k, k) for k in range(4)]


def grown(base: Path, out: Path, new: Mapping[str, F32], layer: int) -> Path:
    """One neuron more in every MLP: of this layer with these weights, elsewhere zeros."""
    network = read(base)

    def grow(role: str, x: F32) -> F32:
        row = new[role.split("mlp.")[1]][None]
        return np.concatenate([x, row if role.startswith(f"layers.{layer}.") else 0 * x[:1]]).astype(np.float32)

    return write(network.along("neuron", grow), out)


@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
def test_pruned_neurons_are_named_in_their_order(tmp_path: Path, family: str) -> None:
    base = tiny(family, tmp_path / "base", 1)
    narrow = disguise(base, tmp_path / "narrow", ["prune-neurons", "permute-neurons"])
    a, b = opened(narrow), opened(base)
    assert a.geometry is not None and b.geometry is not None and a.geometry.intermediate and b.geometry.intermediate
    kept = neurons_kept(a, b, STRAIGHT, in_place(a.geometry.width))
    assert kept is not None and kept.equal and kept.drift == pytest.approx(0, abs=1e-6)
    extras, more = kept.extras, b.geometry.intermediate - a.geometry.intermediate
    assert extras is not None and extras.total == kept.found * more // a.geometry.intermediate
    assert extras.own == extras.total - extras.near and extras.own > 0.9 * extras.total  # some are near by chance
    assert a.names.keys() == b.names.keys()
    ours, theirs = (
        next(v for r, v in read(folder).weights.items() if r.endswith("up") and r.startswith("layers.0"))
        for folder in (narrow, base)
    )
    pairs = np.array(next(pairs for where, pairs in kept.map.items() if where.startswith("0")))
    assert np.array_equal(ours[pairs[:, 0]], theirs[pairs[:, 1]])


def test_one_more_neuron_is_what_its_rows_make_of_it(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64)
    rng = np.random.default_rng(2)
    weights = read(base).weights
    first = {part: weights[f"layers.0.mlp.{part}"] for part in ("gate", "up", "down")}
    late = {part: weights[f"layers.2.mlp.{part}"] for part in first}
    late = {part: v[:, 7] if part == "down" else v[7] for part, v in late.items()}
    drawn = {part: (0.08 * rng.standard_normal(64)).astype(np.float32) for part in first}
    twin = {"gate": -3 * first["gate"][5], "up": drawn["up"], "down": drawn["down"]}
    cases = {
        "own": (drawn, 0, Extras(own=1)),
        "near": ({**drawn, "down": drawn["down"] * np.float32(1e-3)}, 0, Extras(near=1)),
        "idle": ({**drawn, "down": 0 * drawn["down"]}, 0, Extras(idle=1)),
        "silent": ({**drawn, "up": 0 * drawn["up"]}, 0, Extras(idle=1)),
        "closed": ({**drawn, "gate": 0 * drawn["gate"]}, 0, Extras(idle=1)),
        "untold": ({**drawn, "up": np.where(np.arange(64) == 9, np.inf, drawn["up"])}, 0, Extras(untold=1)),
        "copy": (twin, 0, Extras(copies=1)),
        "new there": (twin, 1, Extras(own=1)),
        "of the next": (late, 1, Extras(copies=1)),
        "of the last": (late, 3, Extras(own=1)),
    }
    for name, (new, layer, expected) in cases.items():
        a, b = opened(base), opened(grown(base, tmp_path / name, new, layer))
        kept = neurons_kept(a, b, STRAIGHT, in_place(64))
        assert kept is not None and kept.equal and kept.extras == expected + Extras(idle=3), name


def test_moved_and_missing_parts_are_not_equal(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64)
    narrow = disguise(base, tmp_path / "narrow", ["prune-neurons", "noise:0.02"])
    kept = neurons_kept(opened(narrow), opened(base), STRAIGHT, in_place(64))
    assert kept is not None and kept.found == kept.of and not kept.equal and kept.drift == pytest.approx(0.02, rel=0.2)
    stranger = tiny_llama(tmp_path / "stranger", seed=2, hidden=64, intermediate=32)
    lost = neurons_kept(opened(stranger), opened(base), STRAIGHT, in_place(64))
    assert lost is not None and lost.found < lost.of / 8 and not lost.equal


WIDTH = 16
E = np.eye(WIDTH, dtype=np.float32)
BASE = {"gate": E[:3], "up": E[4:7], "down": E[8:11]}
"""Three neurons whose rows have nothing in common, so that every cosine is what a test makes it."""
NEW = {"gate": E[12], "up": E[13], "down": E[14]}


def mlp(
    parts: Mapping[str, Any],
    family: str = "llama",
    intermediate: int | None = None,
    biases: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Artifact:
    """A model of one MLP."""
    turned = ("gate", "up") if family == "gpt2" else ("down",)
    weights = {f"layers.0.mlp.{view}": np.asarray(r).T if view in turned else r for view, r in parts.items()}
    weights |= {f"layers.0.mlp.{view}": bias for view, bias in (biases or {}).items()}
    size = len(parts["up"]) if intermediate is None else intermediate
    return held(weights, family=family, config=config, width=WIDTH, intermediate=size)


def kept(a: Artifact, b: Artifact) -> Kept:
    found = neurons_kept(a, b, [(0, 0)], in_place(WIDTH))
    assert found is not None
    return found


def further(new: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> Extras:
    """What one neuron more is."""
    more = {view: np.vstack([BASE[view], new.get(view, NEW[view])]) for view in BASE}
    found = kept(mlp(BASE), mlp(more, config=config))
    assert (found.found, found.of, found.drift) == (3, 3, 0.0)
    turned = kept(mlp(more, config=config), mlp(BASE))
    assert found.extras is not None and turned.extras == found.extras and turned.equal
    return found.extras


def mixed(one: F32, two: F32, cosine: float) -> F32:
    return np.asarray(cosine * one + (1 - cosine**2) ** 0.5 * two, dtype=np.float32)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({}, Extras(own=1)),
        ({"down": 0 * E[0]}, Extras(idle=1)),
        ({"up": 0 * E[0]}, Extras(idle=1)),
        ({"gate": 0 * E[0]}, Extras(idle=1)),
        ({"down": E[14] / 256}, Extras(near=1)),
        ({"down": E[14] / 128}, Extras(own=1)),
        ({"gate": -3 * E[0]}, Extras(copies=1)),
        ({"gate": mixed(E[0], E[15], 1 - 1.5e-6)}, Extras(copies=1)),
        ({"gate": mixed(E[0], E[15], 1 - 3e-6), "up": mixed(E[4], E[15], 0.1)}, Extras(near=1)),
        ({"gate": mixed(E[1], E[15], -0.9), "up": mixed(E[5], E[13], -0.12)}, Extras(near=1)),
        ({"gate": mixed(E[1], E[15], 0.9), "up": mixed(E[5], E[13], 0.08)}, Extras(own=1)),
        ({"up": E[5]}, Extras(near=1)),
        ({"up": np.where(np.arange(WIDTH) == 2, np.inf, E[13])}, Extras(untold=1)),
        ({"down": np.where(np.arange(WIDTH) == 2, np.nan, E[14])}, Extras(untold=1)),
    ],
)
def test_one_neuron_more_by_its_cosines(new: Mapping[str, F32], expected: Extras) -> None:
    """Of a model whose values need eight bits: an effect is nothing beside a 256th of a usual one."""
    assert further(new) == expected


@pytest.mark.parametrize(
    ("name", "idle"),
    [("silu", True), ("GELU_new", True), ("quick_gelu", True), ("sigmoid", False), ("softplus", False)],
)
def test_what_goes_in_as_nothing_comes_out_as_nothing_of_some_activations(name: str, idle: bool) -> None:
    """A gate of zeros is a constant otherwise, which tells neither; an up row of zeros silences any gate."""
    for key in ("hidden_act", "hidden_activation", "activation_function"):
        assert further({"gate": 0 * E[0]}, {key: name}) == (Extras(idle=1) if idle else Extras(near=1))
    assert further({"up": 0 * E[0]}, {"hidden_act": name}) == Extras(idle=1)
    assert further({"gate": 0 * E[0]}, {"hidden_act": name, "activation_function": "relu"}).idle == int(idle)


def plain(up: Any, down: Any, bias: Any = None, config: Mapping[str, Any] | None = None) -> Artifact:
    """An MLP without gates; its norms do not see the mean of a row."""
    biases = {} if bias is None else {"up.bias": np.asarray(bias, dtype=np.float32)}
    return mlp({"up": up, "down": down}, family="gpt2", biases=biases, config=config)


PAIRS = np.stack([E[0] - E[1], E[2] - E[3], E[4] - E[5]])


@pytest.mark.parametrize(
    ("row", "bias", "config", "expected"),
    [
        (E[6] - E[7], 0.0, {}, Extras(own=1)),
        (E[6] - E[7], -5.6, {}, Extras(own=1)),
        (E[6] - E[7], -5.7, {}, Extras(near=1)),
        (E[6] - E[7], 5.7, {}, Extras(own=1)),
        (E[6] - E[7], np.nan, {}, Extras(untold=1)),
        (0 * E[0], 0.0, {}, Extras(idle=1)),
        (0 * E[0], 0.5, {}, Extras(near=1)),
        (0 * E[0], 0.0, {"activation_function": "sigmoid"}, Extras(near=1)),
        (E[1] - E[0], 0.0, {}, Extras(copies=1)),
        (E[0] - E[1] + 2, 0.0, {}, Extras(copies=1)),
    ],
)
def test_one_neuron_more_without_gates(row: F32, bias: float, config: Mapping[str, Any], expected: Extras) -> None:
    """A normed input of sixteen values is at most four long: a bias of minus four times the row closes it for good."""
    b = plain(np.vstack([PAIRS, row]), np.vstack([PAIRS, E[8] - E[9]]), [0, 0, 0, bias], config)
    found = kept(plain(PAIRS, PAIRS, [0, 0, 0]), b)
    assert (found.found, found.of, found.extras) == (3, 3, expected)


def test_signs_are_free_where_a_flip_of_row_and_column_changes_nothing() -> None:
    """Up rows of gated MLPs with their columns, and no gate, nor anything of an MLP without one."""
    flip = np.diag([1.0, -1.0, 1.0]).astype(np.float32)
    both = {**BASE, "up": flip @ BASE["up"], "down": flip @ BASE["down"]}
    assert kept(mlp(BASE), mlp(both)).equal and kept(mlp(BASE), mlp(both)).extras is None
    assert kept(mlp(BASE), mlp({**BASE, "gate": flip @ BASE["gate"]})).found == 2
    assert kept(plain(PAIRS, PAIRS), plain(flip @ PAIRS, PAIRS)).found == 2
    turned = kept(plain(PAIRS, PAIRS), plain(PAIRS, flip @ PAIRS))
    assert turned.found == 3 and turned.drift == pytest.approx(8**0.5)  # columns have a mean cosine of a third


def test_a_neuron_is_the_same_above_a_mean_cosine_of_a_half() -> None:
    one = {view: rows[:1] for view, rows in BASE.items()}
    assert kept(mlp(one), mlp({**one, "up": E[15:]})).found == 0
    near = kept(mlp(one), mlp({**one, "up": mixed(E[4], E[15], 0.1)[None]}))
    assert near.found == 1 and near.drift == pytest.approx(99**0.5, rel=1e-3) and not near.equal


def test_order_and_sides_are_those_of_the_models() -> None:
    """Where widths are equal, B's neurons with rows are looked for; two columns of zeros are equal, and one is not."""
    order = [2, 0, 1]
    turned = {view: rows[order] for view, rows in BASE.items()}
    found = kept(mlp(BASE), mlp(turned))
    assert found.map == {"0": [[0, 1], [1, 2], [2, 0]]} and found.equal
    some = {**BASE, "gate": BASE["gate"] * [[0], [1], [1]], "up": BASE["up"] * [[0], [1], [1]]}
    assert (kept(mlp(some), mlp(BASE)).of, kept(mlp(BASE), mlp(some)).of) == (3, 2)
    half = {**BASE, "up": BASE["up"] * [[0], [1], [1]]}
    assert kept(mlp(half), mlp(half)).of == 3
    still = {**BASE, "down": BASE["down"] * [[0], [1], [1]]}
    assert kept(mlp(still), mlp(still)).drift == 0.0
    assert kept(mlp(BASE), mlp(still)).drift == pytest.approx((9 / 4 - 1) ** 0.5)


def test_layers_that_cannot_be_held_against_each_other() -> None:
    bare = {"up": BASE["up"], "down": BASE["down"]}
    found = kept(mlp(BASE), mlp(bare, intermediate=4))
    assert (found.found, found.of, found.extras, found.drift) == (0, 1, Extras(untold=1), None)
    fewer = {view: rows[:2] for view, rows in BASE.items()}
    assert kept(mlp(BASE, intermediate=2), mlp(fewer, intermediate=4)).extras == Extras(untold=1)
    assert kept(mlp(fewer, intermediate=4), mlp(BASE, intermediate=2)).extras == Extras(untold=1)
    odd = mlp({**BASE, "down": BASE["down"][:2]}, intermediate=4)
    assert kept(mlp(BASE), odd).extras == kept(odd, mlp(BASE)).extras == Extras(untold=1)
    frame = in_place(WIDTH)
    nowhere = held({"norm": np.ones(WIDTH)}, width=WIDTH)
    assert neurons_kept(nowhere, mlp(BASE), STRAIGHT[:1], frame) is None
    assert neurons_kept(replace(mlp(BASE), geometry=None), mlp(BASE), STRAIGHT[:1], frame) is None
    assert neurons_kept(mlp(BASE), replace(mlp(BASE), geometry=None), STRAIGHT[:1], frame) is None


def test_experts_are_held_against_those_that_they_are() -> None:
    """Of four experts in another order, every one is held against itself, and named by its number in B."""
    rng = np.random.default_rng(1)
    weights: dict[str, Any] = {"layers.0.router": rng.standard_normal((4, WIDTH))}
    for e in range(4):
        for part, shape in (("gate", (3, WIDTH)), ("up", (3, WIDTH)), ("down", (WIDTH, 3))):
            weights[f"layers.0.experts.{e}.{part}"] = rng.standard_normal(shape)
    order = [2, 0, 3, 1]
    turned = {"layers.0.router": weights["layers.0.router"][order]}
    turned |= {
        f"layers.0.experts.{k}.{part}": weights[f"layers.0.experts.{e}.{part}"]
        for k, e in enumerate(order)
        for part in ("gate", "up", "down")
    }
    sizes: dict[str, Any] = {"family": "mixtral", "width": WIDTH, "experts": 4, "intermediate": 3}
    found = kept(held(weights, **sizes), held(turned, **sizes))
    assert found.equal and found.of == 12 and sorted(found.map) == [f"0.experts.{k}" for k in range(4)]


def test_rows_are_held_against_each_other_in_the_frame() -> None:
    """B's stream has A's dimensions in another order and with other signs."""
    rng = np.random.default_rng(3)
    order, signs = rng.permutation(WIDTH), rng.choice([-1.0, 1.0], WIDTH).astype(np.float32)
    there = {view: np.zeros_like(rows) for view, rows in BASE.items()}
    for view, rows in BASE.items():
        there[view][:, order] = rows * signs
    eye, dims = np.eye(WIDTH, dtype=np.float32), np.stack([np.arange(WIDTH), order], axis=1)
    found = neurons_kept(mlp(BASE), mlp(there), [(0, 0)], Frame(eye, eye, 0, "places", dims, signs))
    assert found is not None and found.equal and found.of == 3
    assert kept(mlp(BASE), mlp(there)).found == 0
