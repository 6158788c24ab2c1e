"""Who frames whom: a poisoned index, dates that lie, a child as reference, one random start. Nobody is accused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import forebear
from disguises import disguise
from disguises.network import read, write
from documents import check_document
from edits import F32, as_float32, copy, drifted, edit, move_gains, rebuilt, with_layers
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.signals.floats import coarsest
from forebear.signals.lattice import GRIDS, lattice_of
from forebear.types import Comparison, Scan, Verdict
from models import tiny_llama
from quantise import quantised


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """An honest model, and strangers of its shape."""
    for number in range(3):
        tiny_llama(tmp_path / f"model{number}", seed=number)
        move_gains(tmp_path / f"model{number}", number)
    return tmp_path / "model0"


def compared(a: Path, b: Path) -> Comparison:
    found = forebear.compare(str(a), str(b))
    check_document(found.to_json())
    return found


def scanned(target: Path, *references: Path) -> Scan:
    """Scan against an index of the given references and two strangers."""
    index = LocalIndex(target.parent / "home")
    strangers = (target.parent / "model1", target.parent / "model2")
    for reference in (*references, *strangers):
        enrol(str(reference), index, f"org/{reference.name}")
    found = forebear.scan(str(target), index, fetch=False)
    check_document(found.to_json())
    return found


def is_never_the_child(victim: Path, reference: Path) -> None:
    """Related, since it is; but nothing says that the victim was made from the reference."""
    for found in (compared(reference, victim), scanned(victim, reference).ancestors[0]):
        assert found.verdict.related is True if not isinstance(found, Comparison) else found.related is True
        assert found.verdict is not Verdict.DERIVED
        assert found.relation.direction != "a_to_b", found.relation


NOISE = (0.02, 0.1, 0.5)


@pytest.mark.parametrize("size", NOISE)
def test_a_noised_copy_in_the_index_frames_nobody(size: float, victim: Path) -> None:
    is_never_the_child(victim, drifted(victim, "famous-base", size))


@pytest.mark.parametrize("factor", [1.0009, 0.999, 1.1])
def test_a_scaled_copy_with_more_bits_frames_nobody(factor: float, victim: Path) -> None:
    """Rounding the reference gives the victim's values, which anyone can arrange."""
    is_never_the_child(victim, as_float32(victim, "famous-base", lambda _, v: v * np.float32(factor)))


@pytest.mark.sweep(3)
@pytest.mark.parametrize("share", [1e-3, 0.1, 0.49])
@pytest.mark.parametrize("bits", [8, 4])
def test_filling_a_quantisers_cells_frames_nobody(bits: int, share: float, victim: Path) -> None:
    """A model that was released quantised, and a reference made from it with noise inside of every step."""
    disguise(victim, victim.parent / "released", [f"int{bits}"], seed=1)
    released = victim.parent / "released"
    rng = np.random.default_rng(3)

    def fill(_: str, values: F32) -> F32:
        if values.ndim < 2:
            return values
        groups = values.reshape(-1, 32)
        step = np.abs(groups).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
        return np.asarray((groups + share * step * rng.uniform(-1, 1, groups.shape)).reshape(values.shape))

    is_never_the_child(released, as_float32(released, "famous-base", fill))


@pytest.mark.sweep(7)
@pytest.mark.parametrize("share", [0.2, 0.72, 0.98])
@pytest.mark.parametrize("scheme", ["fp8-rows", "fp8-tensor", "bnb-nf4", "bnb-int8", "gptq-4", "ct-int4", "nvfp4-ct"])
def test_filling_cells_of_any_grid_frames_nobody(scheme: str, share: float, victim: Path) -> None:
    """Each value is drawn evenly from its own cell, or a share of it, packed and as floats."""
    packed = quantised(victim, "released", scheme)
    plain = packed.with_name("released-plain")
    rng = np.random.default_rng(3)

    def fill(values: F32) -> F32:
        lattice = lattice_of(values) if values.ndim == 2 else None
        groups = lattice.cut.split(values) if lattice is not None and lattice.cut is not None else None
        if lattice is None or lattice.cut is None or groups is None:
            return values
        fit = dict(GRIDS)[lattice.grid](groups, coarsest(values))
        where = rng.uniform(-share, share, groups.shape)
        moved = groups + np.where(where < 0, where * fit.below, where * fit.above)
        return lattice.cut.join(moved, values.shape).astype(np.float32)

    network = read(plain)
    made = network.with_({r: fill(v) for r, v in network.weights.items()}, dtype="F32")
    framed = write(made, victim.parent / "famous-base")
    is_never_the_child(packed, framed)
    is_never_the_child(plain, framed)


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    "steps", [["prune-neurons"], ["drop-layers"], ["trim-vocabulary"], ["int4"], ["int8"]], ids=str
)
def test_a_child_that_was_indexed_as_a_reference_is_the_later_one(steps: list[str], victim: Path) -> None:
    disguise(victim, victim.parent / "child", steps, seed=1)
    is_never_the_child(victim, victim.parent / "child")


def test_layers_that_do_nothing_frame_nobody(victim: Path) -> None:
    """A copy with one more layer, drawn at random, that writes nothing: it computes what the model does."""

    def grow(tensors: dict[str, F32]) -> dict[str, F32]:
        rng = np.random.default_rng(6)
        made = with_layers([0, 1, 2, 0, 3])(tensors)
        for name in [n for n in made if ".layers.3." in n and made[n].ndim == 2]:
            writes = name.endswith(("o_proj.weight", "down_proj.weight"))
            made[name] = np.asarray(0 if writes else 0.08) * rng.standard_normal(made[name].shape)
        return made

    is_never_the_child(victim, rebuilt(victim, "famous-base", grow, num_hidden_layers=5))


def test_a_fine_tune_that_was_indexed_as_a_reference(victim: Path) -> None:
    """Some embedding rows moved, the others decayed, the body moved."""
    child = copy(victim, "child")
    rng = np.random.default_rng(8)

    def train(name: str, v: F32) -> F32:
        seen = rng.random(len(v)) < 0.4 if "embed" in name else np.ones(len(v), dtype=bool)
        moved = 0.05 * v.std() * rng.standard_normal(v.shape) * (seen if v.ndim == 1 else seen[:, None])
        return np.asarray((v if v.ndim == 1 else 0.98 * v) + moved)

    edit(child, train)
    is_never_the_child(victim, child)


def test_a_back_dated_copy_is_a_copy(victim: Path) -> None:
    """Who says that his files are older than the files they equal says nothing."""
    thief = copy(victim, "famous-base")
    (thief / "README.md").write_text("---\nlicense: mit\ndate: 2019-01-01\n---\n# Famous base\nReleased in 2019.\n")
    found = compared(thief, victim)
    assert found.verdict is Verdict.IDENTICAL and found.relation.direction == "unknown"
    ancestor = scanned(victim, thief).ancestors[0]
    assert ancestor.verdict is Verdict.IDENTICAL and ancestor.relation.direction == "unknown"


@pytest.mark.parametrize("shared_gains", [False, True])
def test_two_trainings_from_one_start_are_never_called_derived(shared_gains: bool, victim: Path) -> None:
    """Rows of tokens that neither saw are equal up to decay, and everything else moved apart."""
    one, two = copy(victim, "one"), copy(victim, "two")
    for folder, seed, decay in ((one, 11, 1.0), (two, 12, 0.95)):
        rng = np.random.default_rng(seed)

        def train(name: str, v: F32, rng: np.random.Generator = rng, decay: float = decay) -> F32:
            if v.ndim == 1:
                return np.asarray(1 + 0.1 * rng.standard_normal(v.shape)) if not shared_gains else v
            seen = rng.random((len(v), 1)) < 0.7 if "embed" in name else True
            return np.asarray(decay * (v + 0.5 * v.std() * rng.standard_normal(v.shape) * seen))

        edit(folder, train)
    for a, b in ((one, two), (two, one)):
        found = compared(a, b)
        assert found.related and found.verdict is not Verdict.DERIVED
        if not shared_gains:
            assert found.verdict is Verdict.SAME_INIT_OR_DERIVED and found.relation.direction == "unknown"


@pytest.mark.parametrize("lean", [0.15, 0.3, 0.6])
def test_a_recipe_that_two_models_share_ties_them_to_nobody(lean: float, tmp_path: Path) -> None:
    """Weights that were drawn around another number than zero agree in sign, and have nothing of each other."""
    for number in (1, 2):
        folder = tiny_llama(tmp_path / f"model{number}", seed=number, hidden=192)
        edit(folder, lambda name, v: v if v.ndim == 1 else v + np.float32(lean * 0.08))
    found = compared(tmp_path / "model1", tmp_path / "model2")
    assert found.related is None and found.verdict is Verdict.INCONCLUSIVE, found.why
    assert found.findings == ()
