"""Trained models with known ancestry: every child finds its root, nobody innocent is accused.

The same promises are kept on random models in the other tests; these are real trainings.
"""

from __future__ import annotations

import collections
import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from edits import edit
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.signals.delta import round_to
from forebear.types import Scan, Verdict
from shared import shared

pytestmark = pytest.mark.shared

RELATED = {Verdict.DERIVED, Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED, Verdict.IDENTICAL}


@pytest.fixture(scope="module")
def zoo() -> Path:
    return shared("zoo")


@pytest.fixture(scope="module")
def truth(zoo: Path) -> dict[str, dict[str, Any]]:
    return {m["id"]: m for m in json.loads((zoo / "truth.json").read_text())["models"]}


@pytest.fixture(scope="module")
def index(zoo: Path, truth: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    found = LocalIndex(tmp_path_factory.mktemp("zoo-home"))
    for name, model in truth.items():
        if model["kind"] == "base":
            enrol(str(zoo / "models" / name), found)
    return found


def same_start(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return bool(a["init_seed"] == b["init_seed"] and a["arch"] == b["arch"])


def check_root(result: Scan, root: str, truth: dict[str, dict[str, Any]]) -> None:
    """The right root first, proved, and no stranger anywhere."""
    assert result.ancestors[0].name == root, result.why
    assert result.ancestors[0].log10_p is not None and result.ancestors[0].log10_p < -9
    assert result.verdict in RELATED
    for other in result.ancestors[1:]:
        assert same_start(truth[other.name], truth[root])
        assert other.verdict is not Verdict.DERIVED


def test_every_trained_child_finds_its_root(zoo: Path, truth: dict[str, dict[str, Any]], index: LocalIndex) -> None:
    seen = 0
    for name, model in truth.items():
        if model["parents"] and model["kind"] not in ("distill", "adapter"):
            check_root(forebear.scan(str(zoo / "models" / name), index), model["root"], truth)
            seen += 1
    assert seen == 16


def test_no_base_has_an_ancestor_and_distillation_leaves_no_weights(
    zoo: Path, truth: dict[str, dict[str, Any]], index: LocalIndex
) -> None:
    for name, model in truth.items():
        if model["kind"] == "base":
            result = forebear.scan(str(zoo / "models" / name), index)
            assert result.verdict is Verdict.INDEXED
            assert all(same_start(truth[a.name], model) for a in result.ancestors)
        if model["kind"] == "distill":
            assert forebear.scan(str(zoo / "models" / name), index).ancestors == ()


SHARES = 16


@pytest.mark.sweep(8)
@pytest.mark.parametrize("share", range(SHARES))
def test_every_pair_is_judged_rightly(share: int, zoo: Path) -> None:
    """No independent pair related; no sibling, reversed or shared-start pair derived. Dependent ones both ways."""
    pairs = every_pair(zoo)
    assert collections.Counter(kind for *_, kind in pairs) == {"related": 106, "independent": 315, "shared start": 20}
    for one, two, kind in pairs[share::SHARES]:
        result = forebear.compare(str(zoo / "models" / one), str(zoo / "models" / two))
        assert result.verdict is not Verdict.DERIVED  # nothing stored in the zoo lost information
        if kind == "related":
            assert result.related is True, (one, two)
        elif kind == "shared start":
            assert result.verdict is Verdict.SAME_INIT_OR_DERIVED
        else:
            assert result.related is None, (one, two, result.verdict)


def every_pair(zoo: Path) -> list[tuple[str, str, str]]:
    """Two names and what they are to each other; independent ones once, this way and that by turns."""
    with open(zoo / "pairs.csv", newline="") as stream:
        rows = [r for r in csv.DictReader(stream) if "adapter" not in r["model_a"] + r["model_b"]]
    found = []
    for turn, row in enumerate(rows):
        names = row["model_a"], row["model_b"]
        kind = {"same_init": "shared start"}.get(row["difficulty"], "independent")
        kind = "related" if row["related"] == "1" else kind
        ways = (names, names[::-1])
        found += [(*way, kind) for way in (ways if kind != "independent" else ways[turn % 2 :][:1])]
    return found


def rounded(name: str, values: Any) -> Any:
    scale = np.abs(values).max() / 127 or 1
    return np.asarray(np.round(values / scale) * scale) if "weight" in name and values.ndim == 2 else values


def pruned(name: str, values: Any) -> Any:
    small = np.abs(values) < 0.5 * values.std()
    return np.asarray(np.where(small, 0, values)) if values.ndim == 2 and "embed" not in name else values


def noisy(name: str, values: Any) -> Any:
    rng = np.random.default_rng([*name.encode()])
    return np.asarray(values + 0.2 * values.std() * rng.standard_normal(values.shape)) if values.ndim == 2 else values


def coarse(name: str, values: Any) -> Any:
    """Four bits of mantissa less, as an 8-bit float would leave."""
    return (
        round_to(np.asarray(values, dtype=np.float32), "F16")
        if values.ndim == 1
        else np.asarray(np.sign(values) * np.exp2(np.round(np.log2(np.abs(values) + 1e-30) * 8) / 8))
    )


@pytest.mark.sweep(4)
@pytest.mark.parametrize("change", [rounded, pruned, noisy, coarse])
def test_every_base_is_found_after_changes_that_keep_coordinates(
    change: Callable[[str, Any], Any], zoo: Path, truth: dict[str, dict[str, Any]], index: LocalIndex, tmp_path: Path
) -> None:
    for name, model in truth.items():
        if model["kind"] == "base":
            child = tmp_path / name
            shutil.copytree(zoo / "models" / name, child)
            edit(child, change)
            result = forebear.scan(str(child), index)
            check_root(result, name, truth)
            assert (result.verdict is Verdict.DERIVED) == (change is pruned)


def test_a_stripped_and_relabelled_copy_is_identical(
    zoo: Path, truth: dict[str, dict[str, Any]], index: LocalIndex, tmp_path: Path
) -> None:
    for name, model in truth.items():
        if model["kind"] == "base":
            thief = tmp_path / f"orion-{name}"
            shutil.copytree(zoo / "models" / name, thief)
            (thief / "LICENSE").unlink()
            (thief / "README.md").write_text("---\nlicense: mit\n---\n# Orion\nTrained from scratch by our team.\n")
            result = forebear.scan(str(thief), index)
            assert result.verdict is Verdict.IDENTICAL and result.ancestors[0].name == name
            assert [f.id for f in result.findings] == ["ancestor-undeclared"]
