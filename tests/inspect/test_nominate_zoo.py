"""Trained models in scrambled coordinates: the reference worth opening comes first, for every base and child."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from forebear.artifacts import read_artifact
from forebear.index import LocalIndex, Nominations
from forebear.inspect import enrol
from forebear.signals import fingerprint
from forebear.signals.fingerprint import sketched
from forebear.sources import open_source
from shared import shared

pytestmark = [
    pytest.mark.shared,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # the collection's own tools leave files open
]

CHAINS = (
    "rotate",
    "resid_perm",
    "mlp_perm+rotate+scale+head_perm",
    "rotate+noise:0.1",
    "mlp_perm+head_perm+resid_perm+scale+noise:0.05",
)
TWINS = frozenset(("dev-llama-1", "dev-llama-4-sameinit"))
"""One initialisation, trained on different data: either may be nominated for descendants of the other."""


@pytest.fixture(scope="module")
def zoo() -> Path:
    return shared("zoo")


@pytest.fixture(scope="module")
def tools(zoo: Path) -> ModuleType:
    for package in ("torch", "safetensors"):
        pytest.importorskip(package, reason=f"the tools of the collection need {package}")
    spec = importlib.util.spec_from_file_location("zoo_tools", zoo / "zoo_tools.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def truth(zoo: Path) -> dict[str, dict[str, Any]]:
    models = json.loads((zoo / "truth.json").read_text())["models"]
    return {m["id"]: m for m in models if m["kind"] != "adapter"}


@pytest.fixture(scope="module")
def index(zoo: Path, truth: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    found = LocalIndex(tmp_path_factory.mktemp("zoo-home"))
    for name, model in truth.items():
        if model["kind"] == "base":
            enrol(str(zoo / "models" / name), found)
    return found


def nominations(folder: Path, index: LocalIndex) -> Nominations:
    artifact = read_artifact(open_source(str(folder)))
    return index.nominate(sketched(fingerprint(artifact), artifact), 20)


@contextmanager
def made(tools: ModuleType, source: Path, chain: str, out: Path) -> Iterator[Path]:
    """A model of the collection changed by a chain of steps; gone afterwards, there are many."""
    tools.save(tools.run_chain(chain, tools.load(source), 7), out)
    yield out
    for file in out.iterdir():
        file.unlink()
    out.rmdir()


@pytest.mark.sweep(6)
@pytest.mark.parametrize("chain", CHAINS)
def test_the_right_base_is_nominated_first(
    chain: str, zoo: Path, tools: ModuleType, truth: dict[str, dict[str, Any]], index: LocalIndex, tmp_path: Path
) -> None:
    """Also for children that were trained so long that nothing is left of their spectra."""
    seen = 0
    for name, model in truth.items():
        if model["kind"] == "distill":
            continue
        root = name if model["kind"] == "base" else model["root"]
        with made(tools, zoo / "models" / name, chain, tmp_path / name) as folder:
            found = nominations(folder, index)
        assert found.families == 10  # the twins count once
        best, *rest = [n for n in found.found if n.name == root or not {n.name, root} <= TWINS]
        assert best.name == root, (name, best)
        assert best.score is not None and rest[0].score is not None and best.score > rest[0].score + 1
        seen += 1
    assert seen == 27


def test_a_distilled_model_has_no_base_that_stands_out(
    zoo: Path, truth: dict[str, dict[str, Any]], index: LocalIndex
) -> None:
    """No weight is inherited: its best score is one that independent bases reach among themselves."""
    student = nominations(zoo / "models" / "dev-llama-1-distilled", index).found
    best = {n.name: n.score for n in student}
    between = [
        found[1].score
        for name, model in truth.items()
        if model["kind"] == "base" and name not in TWINS and (found := nominations(zoo / "models" / name, index).found)
    ]
    assert max(s for s in best.values() if s is not None) < max(s for s in between if s is not None) + 1
