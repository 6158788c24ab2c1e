"""Pairs of models, from files to verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import forebear
from documents import check_document
from edits import F32, copy, drifted, edit, move_gains
from forebear.types import Verdict
from models import tiny, tiny_llama


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tiny_llama(tmp_path / "base", seed=1)
    move_gains(tmp_path / "base", 9)
    return tmp_path / "base"


def test_a_copy_is_identical_whatever_its_papers_say(base: Path) -> None:
    thief = copy(base, "thief")
    (thief / "README.md").write_text("---\nlicense: mit\n---\n# Orion\nTrained from scratch.\n")
    (thief / "LICENSE").unlink(missing_ok=True)
    result = forebear.compare(str(base), str(thief))
    assert result.verdict is Verdict.IDENTICAL
    check_document(result.to_json())


def test_a_drifted_child_shares_training_but_not_yet_direction(base: Path) -> None:
    result = forebear.compare(str(base), str(drifted(base, "child", 0.1)))
    assert result.verdict is Verdict.DEPENDENT
    assert result.relation.direction == "unknown"
    assert result.log10_p == -30.0
    check_document(result.to_json())


def test_direction_of_arguments_does_not_change_dependence(base: Path) -> None:
    child = drifted(base, "child", 0.1)
    assert forebear.compare(str(child), str(base)).verdict is Verdict.DEPENDENT


def test_two_models_of_one_random_start_are_not_called_derived(base: Path) -> None:
    """Same matrices up to large independent drift, gains moved independently."""
    one, two = copy(base, "one"), copy(base, "two")
    for folder, seed in ((one, 11), (two, 12)):
        rng = np.random.default_rng(seed)

        def train(name: str, v: F32, rng: np.random.Generator = rng) -> F32:
            if "norm" in name:
                return np.asarray(1 + 0.1 * rng.standard_normal(v.shape))
            return np.asarray(v + 0.5 * v.std() * rng.standard_normal(v.shape))

        edit(folder, train)
    assert forebear.compare(str(one), str(two)).verdict is Verdict.SAME_INIT_OR_DERIVED


def test_a_pruned_copy_is_derived_and_its_reverse_is_not(base: Path) -> None:
    pruned = copy(base, "pruned")
    edit(pruned, lambda n, v: np.where(np.abs(v) < 0.3 * v.std(), 0, v) if "proj" in n else v)
    there = forebear.compare(str(base), str(pruned))
    assert there.verdict is Verdict.DERIVED
    assert (there.relation.kind, there.relation.direction) == ("pruned", "a_to_b")
    back = forebear.compare(str(pruned), str(base))
    assert (back.verdict, back.relation.direction) == (Verdict.DEPENDENT, "b_to_a")


def test_siblings_are_not_called_derived(base: Path) -> None:
    a, b = drifted(base, "a", 0.02, seed=1), drifted(base, "b", 0.3, seed=2)
    assert forebear.compare(str(a), str(b)).verdict in (Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_independent_models_of_one_shape_are_not_related(family: str, tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny(family, tmp_path / str(seed), seed=seed)
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2"))
    assert result.verdict is Verdict.SAME_ARCHITECTURE
    assert result.related is None
    check_document(result.to_json())


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_a_drifted_child_is_found_in_every_family(family: str, tmp_path: Path) -> None:
    tiny(family, tmp_path / "base", seed=1)
    child = drifted(tmp_path / "base", "child", 0.3)
    result = forebear.compare(str(tmp_path / "base"), str(child))
    assert result.related is True
    assert result.verdict is not Verdict.DERIVED


def test_one_layer_of_another_model_is_a_shared_component(tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny_llama(tmp_path / str(seed), seed=seed)
    stolen: dict[str, F32] = {}
    edit(tmp_path / "1", lambda n, v: stolen.setdefault(n, v) if ".layers.2." in n else v)
    edit(tmp_path / "2", lambda n, v: stolen.get(n, v))
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2"))
    assert result.verdict is Verdict.COMPONENT_SHARED
    assert result.relation.details["components"] == ["layer 2"]


def test_copied_embeddings_are_a_shared_component(tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny_llama(tmp_path / str(seed), seed=seed)
    stolen: dict[str, F32] = {}
    edit(tmp_path / "1", lambda n, v: stolen.setdefault(n, v) if "embed" in n else v)
    edit(tmp_path / "2", lambda n, v: stolen.get(n, v))
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2"))
    assert result.verdict is Verdict.COMPONENT_SHARED
    assert result.relation.details["components"] == ["embedding"]


def test_constant_weights_carry_no_coins(tmp_path: Path) -> None:
    for name in ("a", "b"):
        tiny_llama(tmp_path / name, seed=1)
        edit(tmp_path / name, lambda n, v: np.full_like(v, 0.01))
    result = forebear.compare(str(tmp_path / "a"), str(tmp_path / "b"))
    assert result.verdict in (Verdict.IDENTICAL, Verdict.SAME_ARCHITECTURE)


def test_nan_weights_are_left_out_and_said(base: Path) -> None:
    child = copy(base, "child")
    edit(
        child,
        lambda n, v: np.where(np.arange(v.size).reshape(v.shape) % 97 == 0, np.nan, v) if "up_proj" in n else v,
    )
    result = forebear.compare(str(base), str(child))
    assert result.related is True


def test_quick_looks_at_no_weights(base: Path) -> None:
    result = forebear.compare(str(base), str(copy(base, "copy")), effort="quick")
    assert result.verdict is Verdict.SAME_ARCHITECTURE
    assert result.log10_p is None
    check_document(result.to_json())


def test_what_was_not_tested_is_said(base: Path) -> None:
    result = forebear.compare(str(base), str(drifted(base, "child", 0.1)))
    assert any("permuted or rotated" in gap.what for gap in result.coverage.not_tested)
    conditions = result.evidence[0].details["conditions"]
    assert any("does not exclude one random initialisation" in c for c in conditions)
