"""Which references are needed: merges give their parents and coefficients, everything else gives none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bodies import opened
from edits import edit
from forebear.lineage.mixture import COLLINEAR, Mixture
from forebear.lineage.provenance import provenance
from forebear.signals.mixture import gram
from merges import Tensors, dare, finetuned, linear, pass_through, rounded, slerp, task_arithmetic, ties
from models import bf16, tiny_llama, write_safetensors


class Bench:
    """A base with four fine-tunes, and a place to write models."""

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, 0
        self.base = rounded(self.random(1))
        self.children = [rounded(finetuned(self.base, k, 0.15)) for k in range(2, 6)]

    def random(self, seed: int) -> Tensors:
        out: Tensors = {}
        edit(tiny_llama(self._path / f"random{seed}", seed), lambda n, v: out.setdefault(n, v))
        return out

    def held(self, model: Tensors, references: Sequence[Tensors], dtype: str = "BF16") -> Mixture:
        artifacts = []
        for k, tensors in enumerate([model, *references]):
            self._count += 1
            layers = sum(n.endswith("input_layernorm.weight") for n in tensors)
            folder = tiny_llama(self._path / str(self._count), 0, layers=layers)
            entries = {n: ("BF16", list(v.shape), bf16(v)) for n, v in rounded(tensors).items()}
            if dtype == "BF16" or k:
                write_safetensors(folder / "model.safetensors", entries)
            else:
                write_safetensors(folder / "model.safetensors", {n: v.astype(np.float32) for n, v in tensors.items()})
            artifacts.append(replace(opened(folder), name="x" if k == 0 else f"r{k - 1}"))
        return provenance(gram(artifacts[0], artifacts[1:]))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("merges"))


def shares(found: Mixture) -> dict[str, float]:
    return {p.name: round(p.coefficient, 2) for p in found.parents}


def test_linear_with_a_sibling_and_the_base_beside(bench: Bench) -> None:
    p, q, r, s = bench.children
    found = bench.held(linear([p, q, r], [0.5, 0.3, 0.2]), [s, p, bench.base, q, r])
    assert shares(found) == {"r1": 0.5, "r3": 0.3, "r4": 0.2}
    assert found.method == "linear averaging" and found.base == "" and found.residual < 0.01
    assert all(p.low is not None and p.high is not None and p.low <= p.coefficient <= p.high for p in found.parents)


def test_task_arithmetic_names_the_base(bench: Bench) -> None:
    p, q, _, s = bench.children
    found = bench.held(task_arithmetic(bench.base, [p, q], [0.8, 0.7]), [p, q, s, bench.base])
    assert shares(found) == {"r0": 0.8, "r1": 0.7}
    assert found.method == "task arithmetic" and found.base == "r3"


def test_spherical_interpolation_tells_its_place(bench: Bench) -> None:
    p, q, _, s = bench.children
    found = bench.held(slerp(p, q, 0.3), [p, q, s])
    assert shares(found) == {"r0": 0.7, "r1": 0.3} and found.method == "spherical interpolation"
    stranger = rounded(bench.random(40))
    assert shares(bench.held(slerp(p, stranger, 0.3), [stranger, p, s])) == {"r1": 0.7, "r0": 0.3}


def test_coefficients_may_differ_from_layer_to_layer(bench: Bench) -> None:
    p, q, _, s = bench.children

    def weight(name: str) -> float:
        return 0.2 + 0.2 * int(name.split(".")[2]) if ".layers." in name else 0.5

    found = bench.held({n: (1 - weight(n)) * p[n] + weight(n) * q[n] for n in p}, [p, q, s])
    assert found.merged and found.method == "linear averaging with coefficients by tensor"
    groups = next(parent for parent in found.parents if parent.name == "r1").groups
    assert [round(groups[f"layers.{k}.mlp"], 2) for k in range(4)] == [0.2, 0.4, 0.6, 0.8]


@pytest.mark.parametrize("normalise", [True, False])
def test_ties(bench: Bench, normalise: bool) -> None:
    p, q, _, s = bench.children
    found = bench.held(ties(bench.base, [p, q], [0.6, 0.4], 0.5, normalise), [s, p, q, bench.base])
    assert found.method == "TIES" and found.base == "r3"
    assert found.parents[0].name == "r1" and {p.name for p in found.parents} == {"r1", "r2"}
    assert [p.coefficient for p in found.parents] == pytest.approx([0.6, 0.4], abs=0.02)


@pytest.mark.parametrize(("elect", "method"), [(False, "DARE"), (True, "DARE with sign election")])
def test_dare(bench: Bench, elect: bool, method: str) -> None:
    p, q, _, s = bench.children
    found = bench.held(dare(bench.base, [p, q], [0.7, 0.5], 0.4, 8, elect), [s, p, q, bench.base])
    assert found.method == method and found.base == "r3"
    assert {p.name: p.coefficient for p in found.parents} == pytest.approx({"r1": 0.7, "r2": 0.5}, abs=0.02)
    assert [p.density for p in found.parents] == pytest.approx([0.4, 0.4], abs=0.03)


def test_pass_through_maps_layers(bench: Bench) -> None:
    p, q, _, s = bench.children
    found = bench.held(pass_through([p, q], [(0, 0), (0, 1), (1, 1), (1, 2), (0, 2), (1, 3)]), [p, q, s])
    assert {parent.name: parent.layers for parent in found.parents} == {"r0": (0, 1, 4), "r1": (2, 3, 5)}
    assert "pass-through" in found.method


def test_training_after_the_merge_is_stated(bench: Bench) -> None:
    p, q, _, s = bench.children
    found = bench.held(finetuned(linear([p, q], [0.5, 0.5]), 60, 0.03), [p, q, s, bench.base])
    assert shares(found) == {"r0": 0.5, "r1": 0.5}
    assert "Training went on" in found.note and found.residual > 0.02


def test_independent_parents_need_no_base(bench: Bench) -> None:
    p, _, _, s = bench.children
    stranger = rounded(bench.random(41))
    found = bench.held(finetuned(linear([p, stranger], [0.6, 0.4]), 61, 0.2), [s, stranger, p])
    assert {parent.name: parent.coefficient for parent in found.parents} == pytest.approx(
        {"r2": 0.6, "r1": 0.4}, abs=0.02
    )


def test_one_parent_under_two_names_is_named_once(bench: Bench) -> None:
    p, q, _, _ = bench.children
    found = bench.held(linear([p, q], [0.7, 0.3]), [p, p, q, q, bench.base])
    assert sorted(shares(found).values()) == [0.3, 0.7]
    assert not bench.held(finetuned(p, 70, 0.1), [p, p, bench.base]).merged


def test_collinear_updates_are_told(bench: Bench) -> None:
    p, q, _, _ = bench.children
    near = rounded(finetuned(q, 71, 0.02))
    found = bench.held(linear([p, q, near], [0.4, 0.3, 0.3]), [bench.base, p, q, near], dtype="F32")
    if len(found.parents) == 3:
        assert found.condition > COLLINEAR and "collinear" in found.note
    else:
        assert {x.name for x in found.parents} < {"r1", "r2", "r3"}


def no_merges(bench: Bench, seed: int) -> dict[str, Tensors]:
    p, q, _, _ = bench.children

    def pruned(v: np.ndarray) -> np.ndarray:
        return np.where(np.abs(v) < np.quantile(np.abs(v), 0.5), 0, v) if v.ndim > 1 else v

    shared = {n: q[n] - bench.base[n] for n in q}
    second = finetuned(finetuned(p, seed, 0.05), seed + 1, 0.05)
    return {
        "a fine-tune": finetuned(p, seed, 0.15),
        "a light one": finetuned(p, seed, 0.005),
        "one on a sibling's data": finetuned(bench.base, seed, 0.15, shared=shared),
        "one of a child on another's data": finetuned(p, seed, 0.1, shared=shared),
        "a second generation": second,
        "eight bits": {n: np.round(v / np.abs(v).max() * 127) / 127 * np.abs(v).max() for n, v in p.items()},
        "three bits": {n: np.round(v / np.abs(v).max() * 3) / 3 * np.abs(v).max() for n, v in p.items()},
        "pruned": {
            n: np.where(np.abs(v) < np.quantile(np.abs(v), 0.5), 0, v) if v.ndim > 1 else v for n, v in p.items()
        },
        "shrunk": {n: 0.9 * v if v.ndim > 1 else v for n, v in p.items()},
        "the parent itself": p,
        "its update doubled": {n: bench.base[n] + 2 * (p[n] - bench.base[n]) for n in p},
        "a stranger": bench.random(1000 + seed),
    }


@pytest.mark.parametrize("seed", [100, 200, 300])
def test_what_is_no_merge_is_called_none(bench: Bench, seed: int) -> None:
    p, q, r, s = bench.children
    sets = [[p, q, r, bench.base], [q, r, s], [p, bench.base], [q, bench.base, s]]
    for name, model in no_merges(bench, seed).items():
        found = bench.held(model, sets[(seed // 100 + len(name)) % len(sets)])
        assert not found.merged, f"{name}: {found.why}"
        assert found.evidence().details["parents"] == []


def test_a_checkpoint_between_two_others_is_no_merge(bench: Bench) -> None:
    """Steps of one training resemble the step before: half of their square is shared."""
    steps, last = [bench.children[0]], {n: bench.children[0][n] - bench.base[n] for n in bench.base}
    for k in range(4):
        after = rounded(finetuned(steps[-1], 80 + k, 0.1, shared=last))
        last = {n: after[n] - steps[-1][n] for n in after}
        steps.append(after)
    assert not bench.held(steps[2], [steps[1], steps[3], steps[4], bench.base]).merged
    assert not bench.held(steps[4], [steps[0], steps[3], steps[2], bench.base]).merged


def test_one_reference_is_never_a_merge(bench: Bench) -> None:
    found = bench.held(bench.children[0], [bench.base])
    assert not found.merged and found.tensors > 0
