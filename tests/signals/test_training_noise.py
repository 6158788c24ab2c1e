"""The chance part of ways between models: what a child keeps of its parent's, and what siblings do not share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edits import copy, drifted, edit
from forebear.artifacts import Artifact, read_artifact
from forebear.signals import training_noise as module
from forebear.signals.kinship import kinship
from forebear.signals.training_noise import _pieces, kept, training_noise, whitened
from forebear.sources import open_source
from kindred import MATRICES, Family, start, trained, way
from models import tiny_llama

F64 = NDArray[np.float64]


def block(family: Family, matrix: int = 0) -> F64:
    return np.stack([values[matrix] for values in family.values()])


def cosine(squares: F64, middle: int, one: int, two: int) -> float:
    product = (squares[middle, one] + squares[middle, two] - squares[one, two]) / 2
    return float(product / np.sqrt(squares[middle, one] * squares[middle, two]))


def plain(values: F64) -> F64:
    flat = values.reshape(len(values), -1)
    return np.asarray(((flat[:, None] - flat[None]) ** 2).sum(axis=2))


@pytest.fixture
def family() -> Family:
    base, texts = start(), way()
    one = trained(base, 1, common=texts, share=0.9)
    others = {f"c{k}": trained(base, k) for k in range(4, 8)}
    return {
        "base": base,
        "one": one,
        "two": trained(base, 2, common=texts, share=0.9),
        "child": trained(one, 3),
        **others,
    }


def test_a_child_has_the_chance_part_whole_and_a_sibling_has_not(family: Family) -> None:
    values = block(family)
    found = np.mean([kept(block(family, m), np.ones(len(values), np.bool_), 0) for m in range(MATRICES)], axis=0)
    assert found[1, 3] == pytest.approx(1.0, abs=0.1)
    assert abs(found[1, 2]) < 0.35 < 0.75 < cosine(plain(values), 0, 1, 2)
    assert found[3, 1] < 0.75  # the child has been elsewhere besides
    assert np.isnan(found[0]).all() and np.allclose(found[:, 0][1:], 0.0)
    assert np.allclose(np.diag(found)[1:], 1.0)


def test_whitening_takes_the_weight_from_what_texts_ask_for(family: Family) -> None:
    values = block(family)
    found = whitened(values, np.ones(len(values), np.bool_))
    assert cosine(found, 0, 1, 2) < 0.5 < 0.75 < cosine(plain(values), 0, 1, 2)
    assert np.array_equal(found, found.T) and not np.diag(found).any()
    assert np.median(found[found > 0]) == pytest.approx(1.0)


def test_distances_of_independent_ways_still_add_up() -> None:
    base = start()
    first = trained(base, 1)
    family = {
        "base": base,
        "first": first,
        "second": trained(first, 2),
        **{f"c{k}": trained(base, k) for k in range(3, 9)},
    }
    found = whitened(block(family), np.ones(len(family), np.bool_))
    assert abs(cosine(found, 1, 0, 2)) < 0.15


def test_who_lacks_the_matrix_is_told_nothing(family: Family) -> None:
    values = block(family)
    there = np.ones(len(values), np.bool_)
    there[2] = False
    for found in (whitened(values, there), kept(values, there, 0)):
        assert np.isnan(found[2]).all() and np.isnan(found[:, 2]).all()
        assert np.isfinite(found[1, 3])
    there[0] = False
    assert np.isnan(kept(values, there, 0)).all()


def test_copies_and_ways_of_one_direction() -> None:
    base = start()[0]
    rank = base + np.outer(np.arange(40.0), np.arange(40.0))
    values = np.stack([base, base, rank])
    there = np.ones(3, np.bool_)
    assert np.isnan(kept(values, there, 0)[1]).all()  # no way at all
    found = kept(values, there, 0)[2]
    assert np.isnan(found).all() or np.isfinite(found).all()
    assert whitened(values, there)[0, 1] == 0.0
    assert not whitened(values[:2], there[:2]).any()


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def test_models_are_read_block_by_block(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    child = drifted(base, "child", 0.1)
    grandchild = drifted(child, "grandchild", 0.1, seed=8)
    models = [read(base), read(child), read(grandchild), read(drifted(base, "other", 0.1, seed=6))]
    measured = kinship(models)
    found = training_noise(measured, 0)
    assert [p.role for p in found] == [s.role for s in measured.spans]
    mean = np.mean([p.kept[1:] for p in found], axis=0)
    assert mean[0, 2] == pytest.approx(1.0, abs=0.1) and abs(mean[0, 3]) < 0.2
    few = training_noise(measured, 0, 3)
    assert [p.role for p in few] == [measured.spans[k].role for k in (0, round((len(measured.spans) - 1) / 2), -1)]


def test_a_large_matrix_is_a_sample_of_rows_and_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    child = drifted(base, "child", 0.1)
    models = [read(base), read(child), read(drifted(child, "grandchild", 0.1, seed=8))]
    monkeypatch.setattr(module, "ROWS", 24)
    monkeypatch.setattr(module, "COLUMNS", 20)
    sizes: list[tuple[int, ...]] = []

    def watched(block: F64, there: NDArray[np.bool_], middle: int) -> F64:
        sizes.append(block.shape)
        return kept(block, there, middle)

    monkeypatch.setattr(module, "kept", watched)
    found = training_noise(kinship(models), 0)
    assert sizes and all(rows <= 24 and columns <= 20 for _, rows, columns in sizes)
    assert np.mean([p.kept[1, 2] for p in found]) == pytest.approx(1.0, abs=0.2)


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    broken = copy(base, "broken")
    edit(broken, lambda name, v: np.where(np.arange(v.size).reshape(v.shape) % 7 == 0, np.nan, v * 1.01))
    found = training_noise(kinship([read(base), read(broken)]), 0)
    assert all(np.isfinite(p.squares).all() for p in found)


# -- by hand -----------------------------------------------------------------------------------------------------------

EVERY = np.ones(3, np.bool_)


def test_runs_of_rows_are_evenly_spaced() -> None:
    assert list(_pieces(5, 5)) == list(_pieces(5, 9)) == [(0, 5)]
    assert list(_pieces(100, 16)) == [(s, s + 2) for s in (0, 14, 28, 42, 56, 70, 84, 98)]
    assert list(_pieces(10, 3)) == [(0, 1), (4, 5), (9, 10)]
    assert list(_pieces(6, 5)) == [(k, k + 1) for k in (0, 1, 2, 4, 5)]


def test_the_chance_part_is_the_half_with_the_smaller_singular_values() -> None:
    """The way to the first is 6, 5, 4, 3, 2 and 1 along six directions; others have the last three of them or less."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((6, 6)))[0] for _ in range(2))
    middle = rng.standard_normal((6, 6))
    ways = np.array([[0.0] * 6, [6, 5, 4, 3, 2, 1], [9, 0, 0, 3, 2, 1], [0, 0, 0, 6, 4, 2], [7, 8, 0, 0, -2, 4]])
    values = middle + (left * ways[:, None]) @ right.T
    wide = np.concatenate([values, np.ones((5, 6, 2))], axis=2)
    for one in (values, wide, wide.transpose(0, 2, 1)):
        found = kept(one, np.ones(5, np.bool_), 0)
        assert found[1] == pytest.approx([0, 1, 1, 2, 0], abs=1e-9)
    assert np.isnan(found[0]).all()


def test_of_a_way_without_a_chance_part_nothing_is_told() -> None:
    """One direction of four: what is left of the others is arithmetic. Of 4, 3, 2 and 1 the last two are chance."""
    straight = np.outer([1.0, 2, 3, 4], [1.0, 0, 0, 1])
    found = kept(np.stack([0 * straight, straight, np.diag([4.0, 3, 2, 1])]), EVERY, 0)
    assert np.isnan(found[:2]).all() and found[2].tolist() == pytest.approx([0, 4 / 5, 1])


def test_after_whitening_every_direction_weighs_alike() -> None:
    """Three models that are a step along a direction each are equally far apart, however long the step."""
    eye = np.eye(3)
    values = np.stack([100 * np.outer(eye[k], eye[k]) for k in range(3)])
    found = whitened(values, EVERY)
    assert found == pytest.approx(1 - eye) and whitened(1e-3 * values + 7.0, EVERY) == pytest.approx(1 - eye)
    assert not whitened(np.stack([eye, eye, eye]), EVERY).any()
