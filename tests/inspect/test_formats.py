"""One model in many formats: one fingerprint, and one answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edits import drifted, edit, move_gains
from forebear.artifacts import read_artifact
from forebear.index import LocalIndex
from forebear.inspect import enrol, scan
from forebear.signals import Fingerprint, fingerprint
from forebear.signals.content import content_digest
from forebear.sources import LocalSource
from forebear.types import Verdict
from formats import LOSSLESS, LOSSY, Make
from models import tiny_llama


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose values BF16 and F16 both hold exactly."""
    folder = tiny_llama(tmp_path_factory.mktemp("formats") / "base", seed=1)
    move_gains(folder, 1)
    edit(folder, lambda _, v: np.where(np.abs(v) < 1e-4, np.float32(2**-12), v))
    return folder


def measured(target: Path) -> tuple[Fingerprint, str]:
    artifact = read_artifact(LocalSource(target))
    assert not artifact.by_names and not artifact.problems
    return fingerprint(artifact), content_digest(artifact)


@pytest.mark.parametrize("make", LOSSLESS, ids=lambda m: m.__name__)
def test_the_same_weights_have_one_fingerprint(make: Make, base: Path, tmp_path: Path) -> None:
    one, whole = measured(base)
    two, again = measured(make(base, tmp_path / "other"))
    assert one.code.n > 400
    for part in ("bits", "valid", "signature"):
        np.testing.assert_array_equal(getattr(two.code, part), getattr(one.code, part))
    assert (two.digest, again, two.shape, two.code.repeats) == (one.digest, whole, one.shape, ())


@pytest.mark.sweep(3)
@pytest.mark.parametrize("make", [*LOSSLESS, *LOSSY], ids=lambda m: m.__name__)
def test_a_child_is_found_in_any_format_and_a_stranger_in_none(make: Make, base: Path, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    enrol(str(base), index, "base")
    shutil.copytree(base, tmp_path / "base")
    child = scan(str(make(drifted(tmp_path / "base", "child", 0.1), tmp_path / "c")), index)
    assert [a.name for a in child.ancestors] == ["base"] and child.verdict is Verdict.DEPENDENT
    stranger = tiny_llama(tmp_path / "stranger", seed=9)
    assert scan(str(make(stranger, tmp_path / "s")), index).ancestors == ()


@pytest.mark.parametrize("make", LOSSLESS, ids=lambda m: m.__name__)
def test_a_reference_in_any_format_serves(make: Make, base: Path, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    enrol(str(make(base, tmp_path / "reference")), index, "base")
    result = scan(str(base), index)
    assert [a.name for a in result.ancestors] == ["base"] and result.verdict is Verdict.IDENTICAL
