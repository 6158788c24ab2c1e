"""Trained models in every format: the same ancestors and, where no value changed, the same verdict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import forebear
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.types import Scan
from formats import LOSSLESS, LOSSY, Make
from quantise import SCHEMES, quantised
from shared import shared

pytestmark = pytest.mark.shared

SHARE = 8
"""Every format gets every eighth model, starting at another one, so that together they cover all of them."""


@pytest.fixture(scope="module")
def zoo() -> Path:
    return shared("zoo")


@pytest.fixture(scope="module")
def index(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    found = LocalIndex(tmp_path_factory.mktemp("home"))
    for model in json.loads((zoo / "truth.json").read_text())["models"]:
        if model["kind"] == "base":
            enrol(str(zoo / "models" / model["id"]), found)
    return found


@pytest.fixture(scope="module")
def plain(zoo: Path, index: LocalIndex) -> dict[str, Scan]:
    """What is said of the models as they were published; adapters are no weights of a model."""
    folders = sorted(f for f in (zoo / "models").iterdir() if (f / "model.safetensors").exists())
    return {f.name: forebear.scan(str(f), index) for f in folders}


def ancestors(result: Scan) -> list[str]:
    """Related references; the order among descendants of one start is not the format's business."""
    return sorted(a.name for a in result.ancestors)


def dealt(plain: dict[str, Scan], number: int) -> list[str]:
    return list(plain)[number % SHARE :: SHARE]


@pytest.mark.sweep(12)
@pytest.mark.parametrize("make", [*LOSSLESS, *LOSSY], ids=lambda m: m.__name__)
def test_other_files(make: Make, zoo: Path, index: LocalIndex, plain: dict[str, Scan], tmp_path: Path) -> None:
    names = dealt(plain, [*LOSSLESS, *LOSSY].index(make))
    assert len(names) >= 3
    for name in names:
        original = plain[name]
        result = forebear.scan(str(make(zoo / "models" / name, tmp_path / name)), index)
        own = [] if original.verdict != "indexed" else [name]  # elsewhere it is a copy, and its reference is related
        assert ancestors(result) == sorted(ancestors(original) + own), (name, result.why)
        if make in LOSSLESS and not own:
            assert result.verdict is original.verdict, (name, result.why)
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()


@pytest.mark.sweep(12)
@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_packed_weights(scheme: str, zoo: Path, index: LocalIndex, plain: dict[str, Scan], tmp_path: Path) -> None:
    for name in dealt(plain, list(SCHEMES).index(scheme)):
        original = plain[name]
        (tmp_path / name).symlink_to(zoo / "models" / name)
        result = forebear.scan(str(quantised(tmp_path / name, f"{name}-{scheme}", scheme)), index)
        own = [] if original.verdict != "indexed" else [name]
        assert ancestors(result) == sorted(ancestors(original) + own), (name, result.why)
