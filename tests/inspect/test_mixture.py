"""Scans of merges and of siblings whose parent is not indexed: verdict, parents, order, words."""

from __future__ import annotations

import importlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import forebear
from documents import check_document
from edits import copy, drifted, edit, move_gains
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.report import markdown, terminal
from forebear.types import Scan, Verdict
from merges import Tensors, finetuned, linear, rounded
from models import bf16, tiny_llama, write_safetensors
from shared import shared


def values(folder: Path) -> Tensors:
    out: Tensors = {}
    edit(folder, lambda n, v: out.setdefault(n, v))
    return out


def write(like: Path, name: str, tensors: Tensors) -> Path:
    folder = copy(like, name)
    entries = {n: ("BF16", list(v.shape), bf16(v)) for n, v in rounded(tensors).items()}
    write_safetensors(folder / "model.safetensors", entries)
    return folder


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


@pytest.fixture
def family(tmp_path: Path, index: LocalIndex) -> list[Path]:
    """A base, three fine-tunes and a stranger, all indexed."""
    base = tiny_llama(tmp_path / "base", 1)
    move_gains(base, 1)
    children = [write(base, f"child{k}", finetuned(values(base), k, 0.15)) for k in range(3)]
    stranger = tiny_llama(tmp_path / "stranger", 9)
    for folder in (base, *children, stranger):
        enrol(str(folder), index)
    return [base, *children, stranger]


def test_a_merge_names_its_parents(family: list[Path], index: LocalIndex) -> None:
    base, p, q, *_ = family
    model = write(base, "model", linear([values(p), values(q)], [0.7, 0.3]))
    result = forebear.scan(str(model), index)
    assert result.verdict is Verdict.MERGE and result.related is True
    assert [a.name for a in result.ancestors[:2]] == ["child0", "child1"]
    assert all(a.verdict is not Verdict.MERGE for a in result.ancestors[2:])
    parents = result.ancestors[0].relation.details["parents"]
    assert [x["coefficient"] for x in parents] == pytest.approx([0.7, 0.3], abs=0.01)
    assert any(e.signal == "mixture/1" for e in result.ancestors[0].evidence)
    assert any(line.startswith("mixture/1") for line in result.coverage.tested)
    check_document(result.to_json())
    screen = io.StringIO()
    terminal.scan(Console(file=screen, width=160), result)
    assert "Parents (linear averaging)" in screen.getvalue() and "0.700" in screen.getvalue()
    assert "| child1 | 0.300 |" in markdown.scan(result)


def test_independent_parents_are_both_named(family: list[Path], index: LocalIndex) -> None:
    base, p, *_, stranger = family
    model = write(base, "model", linear([values(p), values(stranger)], [0.5, 0.5]))
    result = forebear.scan(str(model), index)
    assert result.verdict is Verdict.MERGE
    assert {a.name for a in result.ancestors if a.verdict is Verdict.MERGE} == {"child0", "stranger"}


def test_a_fine_tune_among_siblings_is_no_merge(family: list[Path], index: LocalIndex) -> None:
    base, p, q, *_ = family
    shared_update = {n: v - values(base)[n] for n, v in values(q).items()}
    for seed in range(3):
        for update in (None, shared_update):
            model = write(base, f"model{seed}{update is None}", finetuned(values(p), 50 + seed, 0.1, shared=update))
            result = forebear.scan(str(model), index)
            assert result.related is True
            assert all(a.verdict is not Verdict.MERGE for a in result.ancestors)


def test_more_relatives_than_can_be_held_at_once(family: list[Path], index: LocalIndex) -> None:
    base, p, q, *_ = family
    for k in range(5):
        enrol(str(write(base, f"more{k}", finetuned(values(base), 30 + k, 0.12))), index)
    model = write(base, "model", linear([values(p), values(q)], [0.4, 0.6]))
    result = forebear.scan(str(model), index)
    assert {a.name for a in result.ancestors if a.verdict is Verdict.MERGE} == {"child0", "child1"}


def test_a_duplicate_reference_and_a_lost_one(family: list[Path], index: LocalIndex) -> None:
    base, p, q, r, _ = family
    enrol(str(copy(p, "again")), index, "again")
    shutil.rmtree(r)
    model = write(base, "model", linear([values(p), values(q)], [0.6, 0.4]))
    result = forebear.scan(str(model), index)
    parents = {a.name for a in result.ancestors if a.verdict is Verdict.MERGE}
    assert len(parents) == 2 and "child1" in parents and parents & {"child0", "again"}


def test_a_damaged_model_is_still_answered(family: list[Path], index: LocalIndex) -> None:
    _, p, *_ = family

    def spoil(name: str, v: Any) -> Any:
        return np.where(np.arange(v.size).reshape(v.shape) % 7 == 0, np.nan, v) if "layers.2." in name else v

    edit(model := drifted(p, "model", 0.05), spoil)
    result = forebear.scan(str(model), index)
    assert result.verdict is not Verdict.MERGE
    json.dumps(result.to_json())


def test_quick_and_single_references_hold_nothing_together(family: list[Path], tmp_path: Path) -> None:
    base, p, *_ = family
    alone = LocalIndex(tmp_path / "alone")
    enrol(str(base), alone)
    result = forebear.scan(str(p), alone)
    assert not any("mixture" in line for line in result.coverage.tested)


def met_few(parent: Path, name: str, seed: int) -> Path:
    """A child whose training met few tokens: the other rows of its embedding stayed as they were."""
    rng = np.random.default_rng(seed)
    still = rng.permutation(256)[60:]
    tensors = values(parent)
    child = finetuned(tensors, seed, 0.08)
    for key in ("model.embed_tokens.weight", "lm_head.weight"):
        child[key][still] = tensors[key][still]
    return write(parent, name, {n: tensors[n] * (1 + 0.01 * seed % 3) if "norm" in n else v for n, v in child.items()})


def siblings(tmp_path: Path, indexed: list[str], scanned: str) -> Scan:
    base = tiny_llama(tmp_path / "base", 3)
    move_gains(base, 3)
    for k, name in enumerate(("one", "two", "three"), 1):
        met_few(base, name, k)
    home = LocalIndex(tmp_path / "ghosts")
    for name in indexed:
        enrol(str(tmp_path / name), home)
    return forebear.scan(str(tmp_path / scanned), home)


def test_siblings_whose_parent_is_not_indexed(tmp_path: Path) -> None:
    result = siblings(tmp_path, ["two", "three"], "one")
    best = result.ancestors[0]
    assert set(best.relation.details["ghost"]["siblings"]) == {"two", "three"}
    assert "common ancestor is not in the index" in result.why
    assert result.verdict is Verdict.SIBLINGS and best.relation.kind == "siblings"
    check_document(result.to_json())


def test_the_parent_comes_first_where_it_is_indexed(tmp_path: Path) -> None:
    result = siblings(tmp_path, ["two", "three", "base"], "one")
    assert result.ancestors[0].name == "base"
    assert result.verdict is not Verdict.SIBLINGS and "ghost" not in result.ancestors[0].relation.details
    assert result.ancestors[0].relation.details["reasons"][-1]["log_odds"] > 0


def test_an_ancestor_of_references_is_told_as_such(tmp_path: Path) -> None:
    result = siblings(tmp_path, ["one", "two", "three"], "base")
    assert all(a.relation.details["reasons"][-1]["log_odds"] < 0 for a in result.ancestors)


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("chain", "parents", "shares", "method"),
    [
        ("merge_linear:0.3", ("dev-llama-1-ft-long", "dev-llama-1-cpt-heavy"), (0.7, 0.3), "linear"),
        ("merge_slerp:0.6", ("dev-llama-1-ft-long", "dev-llama-1-cpt-heavy"), (0.4, 0.6), "spherical"),
        ("merge_ties:0.4", ("dev-llama-1-ft-short", "dev-llama-1-ft-long"), (0.5, 0.5), "TIES"),
        ("merge_linear:0.4", ("dev-llama-1", "dev-llama-2"), (0.6, 0.4), "linear"),
        ("merge_slerp:0.3", ("dev-llama-5-mature", "dev-llama-6-mature"), (0.7, 0.3), "spherical"),
    ],
)
def test_merges_of_trained_models(
    chain: str,
    parents: tuple[str, str],
    shares: tuple[float, float],
    method: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zoo = shared("zoo")
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(zoo))
    zoo_tools = importlib.import_module("zoo_tools")
    loaded = [zoo_tools.load(zoo / "models" / n) for n in (*parents, "dev-llama-1")]
    zoo_tools.save(zoo_tools.run_chain(chain, loaded[0], 1, loaded[1:]), tmp_path / "model")
    home = LocalIndex(tmp_path / "home")
    for name in {*parents, "dev-llama-1", "dev-llama-1-vocab-ext"}:
        enrol(str(zoo / "models" / name), home)
    result = forebear.scan(str(tmp_path / "model"), home)
    assert result.verdict is Verdict.MERGE
    told = {p["name"]: p["coefficient"] for p in result.ancestors[0].relation.details["parents"]}
    assert told == pytest.approx(dict(zip(parents, shares, strict=True)), abs=0.02)
    assert method in result.ancestors[0].relation.details["method"]


def test_a_start_in_the_index_tells_shared_training_from_a_shared_start(tmp_path: Path, index: LocalIndex) -> None:
    start = tiny_llama(tmp_path / "step0", 1)
    reference = write(start, "reference", finetuned(values(start), 1, 0.6))
    enrol(str(start), index)
    enrol(str(reference), index)
    child = write(start, "child", finetuned(values(reference), 2, 0.2))
    twin = write(start, "twin", finetuned(values(start), 3, 0.6))
    descended, apart = forebear.scan(str(child), index), forebear.scan(str(twin), index)
    assert descended.verdict is Verdict.DEPENDENT and descended.ancestors[0].name == "reference"
    assert "step0, which was never trained" in descended.why
    assert apart.verdict is Verdict.SAME_INIT_OR_DERIVED and apart.ancestors[0].name == "step0"
    kinds = {a.name: a.relation.kind for a in apart.ancestors}
    assert kinds == {"step0": "same_init", "reference": "same_init"}
    for result in (descended, apart):
        check_document(result.to_json())
        assert all(a.relation.direction == "unknown" for a in result.ancestors)
