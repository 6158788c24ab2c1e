"""Family trees of small models in files: read, grouped, drawn, compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import forebear
from documents import check_document
from edits import copy, drifted, edit
from forebear.errors import UsageError
from forebear.inspect.tree_read import MOST_MODELS, targets_in
from forebear.lineage.tree import FamilyTree
from forebear.types import Verdict
from models import tiny_llama
from shared import shared

F32 = NDArray[np.float32]
Change = Callable[[str, F32], F32]


def trained(parent: Path, name: str, seed: int, drift: float = 0.1) -> Path:
    """A child whose matrices have moved, and of the embedding every other row, which ones depends on the seed."""
    rng = np.random.default_rng(seed)

    def change(tensor: str, values: F32) -> F32:
        moved = values + drift * float(values.std()) * rng.standard_normal(values.shape)
        if "embed_tokens" in tensor:
            still = rng.random(len(values)) < 0.5
            moved[still] = values[still]
        return np.asarray(moved, dtype=np.float32)

    return rewritten(parent, name, change)


def rewritten(base: Path, name: str, change: Change) -> Path:
    """A copy with every tensor changed."""
    folder = copy(base, name)
    edit(folder, change)
    return folder


def links(tree: FamilyTree) -> set[frozenset[str]]:
    return {frozenset((e.a, e.b)) for e in tree.edges}


def between(*told: str) -> set[frozenset[str]]:
    return {frozenset(pair.split()) for pair in told}


@pytest.fixture(scope="module")
def kin(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A base with three children and a grandchild, and an independent model."""
    folder = tmp_path_factory.mktemp("kin")
    found = {"base": tiny_llama(folder / "base", seed=1), "other": tiny_llama(folder / "other", seed=2)}
    for k in range(3):
        found[f"child{k}"] = trained(found["base"], f"child{k}", 10 + k)
    found["grandchild"] = trained(found["child0"], "grandchild", 20)
    return found


def test_chains_and_stars_are_told_and_strangers_stand_alone(kin: Mapping[str, Path]) -> None:
    tree = forebear.family_tree([str(p) for p in kin.values()])
    assert links(tree) == between("base child0", "base child1", "base child2", "child0 grandchild")
    check_document(tree.to_json())
    alone = next(m for m in tree.members if m.name == "other")
    assert [m.name for m in tree.groups[alone.group or 0]] == ["other"] and alone in tree.roots()
    for edge in tree.edges:
        assert edge.verdict.related and edge.log10_p is not None and edge.log10_p <= -6
        assert edge.support is not None and edge.support >= 0.8


def test_a_folder_and_a_pattern_name_the_same_models(kin: Mapping[str, Path]) -> None:
    folder = kin["base"].parent
    named = forebear.family_tree([str(folder)], effort="quick")
    assert links(named) == links(forebear.family_tree([str(folder / "*")], effort="quick"))
    assert {e.verdict for e in named.edges} == {Verdict.SAME_INIT_OR_DERIVED}
    assert not any(e.directed for e in named.edges)


def test_a_missing_parent_is_a_ghost(kin: Mapping[str, Path]) -> None:
    tree = forebear.family_tree([str(kin[f"child{k}"]) for k in range(3)])
    ghost = next(m for m in tree.members if m.ghost)
    assert links(tree) == {frozenset((ghost.name, f"child{k}")) for k in range(3)}
    assert not any(e.directed for e in tree.edges)
    assert "not among these" in ghost.name
    check_document(tree.to_json())


def test_a_quantised_and_a_pruned_model_come_from_their_own_parents(kin: Mapping[str, Path]) -> None:
    def pruned(_: str, values: F32) -> F32:
        return np.where(np.abs(values) < np.quantile(np.abs(values), 0.5), 0, values) if values.ndim > 1 else values

    def rounded(_: str, values: F32) -> F32:
        if values.ndim < 2:
            return values
        step = np.abs(values).max(axis=1, keepdims=True) / 127
        return np.asarray(np.round(values / step) * step, dtype=np.float32)

    rewritten(kin["child1"], "pruned", pruned)
    rewritten(kin["child2"], "int8", rounded)
    folder = kin["base"].parent
    names = ("base", "child0", "child1", "child2", "pruned", "int8")
    tree = forebear.family_tree([str(folder / n) for n in names])
    shutil.rmtree(folder / "pruned")
    shutil.rmtree(folder / "int8")
    assert between("child1 pruned", "child2 int8") <= links(tree)
    edge = next(e for e in tree.edges if e.b == "pruned")
    assert (edge.a, edge.direction) == ("child1", "a_to_b")


def test_a_merge_has_two_parents(kin: Mapping[str, Path]) -> None:
    from forebear.artifacts import read_artifact
    from forebear.sources import open_source

    other = read_artifact(open_source(str(kin["child1"]))).weights.tensors

    def half(name: str, values: F32) -> F32:
        return np.asarray((values + other[name].values()) / 2, dtype=np.float32)

    merged = rewritten(kin["child0"], "merged", half)
    tree = forebear.family_tree([str(kin[n]) for n in ("base", "child0", "child1", "child2")] + [str(merged)])
    shutil.rmtree(merged)
    parents = {e.a: e.coefficient for e in tree.edges if e.b == "merged"}
    assert set(parents) == {"child0", "child1"}
    assert all(c == pytest.approx(0.5, abs=0.02) for c in parents.values())
    assert all(e.directed and e.verdict is Verdict.MERGE for e in tree.edges if e.b == "merged")
    assert between("base child0", "base child1", "base child2") <= links(tree)


def test_a_damaged_model_is_named_and_the_others_are_told(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    drifted(base, "child", 0.1)
    broken = tiny_llama(tmp_path / "broken", seed=3) / "model.safetensors"
    broken.write_bytes(broken.read_bytes()[:1000])
    (tmp_path / "empty").mkdir()
    tree = forebear.family_tree([str(tmp_path / n) for n in ("base", "child", "broken", "empty")])
    assert links(tree) == between("base child")
    assert any("broken" in p for p in tree.problems) and any("empty" in p for p in tree.problems)
    bad = next(m for m in tree.members if m.problem)
    assert bad.name == "broken" and bad.group is None
    check_document(tree.to_json())


def test_one_model_and_the_same_model_twice(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    (tmp_path / "link").symlink_to(base)
    for targets in ([str(base)], [str(base), str(base), str(tmp_path / "link")]):
        tree = forebear.family_tree(targets)
        assert len(tree.members) == 1 and tree.edges == ()
    shutil.copytree(base, tmp_path / "elsewhere" / "base")
    twice = forebear.family_tree([str(base), str(tmp_path / "elsewhere" / "base")])
    assert len({m.name for m in twice.members}) == 2
    assert [e.verdict for e in twice.edges] == [Verdict.IDENTICAL] and not twice.edges[0].directed


def test_permuted_neurons_do_not_hide_a_family(tmp_path: Path) -> None:
    """All coordinates of the stream are permuted, so no coin is in its place."""
    base = tiny_llama(tmp_path / "base", seed=1, hidden=128, intermediate=256)
    order = np.random.default_rng(0).permutation(128)

    def moved(name: str, values: F32) -> F32:
        if values.ndim == 1:
            return values[order]
        return values[order] if name.endswith(("o_proj.weight", "down_proj.weight")) else values[:, order]

    rewritten(base, "moved", moved)
    trained(base, "child", 5)
    tree = forebear.family_tree([str(tmp_path / n) for n in ("base", "child", "moved")])
    assert {m.group for m in tree.members} == {0}
    assert len(tree.edges) == 2
    edge = next(e for e in tree.edges if "moved" in (e.a, e.b))
    assert not edge.directed and edge.support is None
    alone = forebear.family_tree([str(tmp_path / n) for n in ("base", "moved")])
    assert links(alone) == between("base moved")
    assert forebear.family_tree([str(tmp_path / n) for n in ("base", "moved")], effort="quick").edges == ()


def test_targets_are_bounded_and_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        forebear.family_tree([])
    with pytest.raises(UsageError):
        targets_in([str(tmp_path / "nothing*")])
    with pytest.raises(UsageError):
        targets_in([f"hf:org/model-{k}" for k in range(MOST_MODELS + 1)])
    found, problems = targets_in([str(tmp_path)])
    assert found == () and len(problems) == 1


@pytest.mark.shared
def test_the_collection(tmp_path: Path) -> None:
    """The nearest relative of three of its models is not their parent."""
    folder = shared("zoo")
    entries = json.loads((folder / "truth.json").read_text("utf-8"))["models"]
    weights = [e for e in entries if e["weight_lineage"] and e["kind"] != "adapter"]
    tree = forebear.family_tree([str(folder / "models" / e["id"]) for e in weights])
    true = {frozenset((e["id"], e["parents"][0]["id"])) for e in weights if e["parents"]}
    assert true <= links(tree)
    parents = {e["id"]: e["parents"][0]["id"] if e["parents"] else "" for e in weights}
    assert [(e.a, e.b) for e in tree.edges if e.directed and parents[e.b] != e.a] == []
    families = {e["id"]: e["family"] for e in weights} | {"dev-llama-4-sameinit": "dev-llama-1"}
    assert [(e.a, e.b) for e in tree.edges if families[e.a] != families[e.b]] == []
