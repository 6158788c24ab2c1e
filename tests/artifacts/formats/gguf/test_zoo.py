"""Trained models as GGUF: the same roles, values, code, digest and verdict as the original; and a real file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from forebear.artifacts import read_artifact
from forebear.artifacts.roles import tensors_by_role
from forebear.signals import sign_code
from forebear.signals.content import content_digest
from forebear.sources import LocalSource
from forebear.types import Verdict
from ggufs import bfloat16, convert, f16, f32, q2_k, q4_0, q4_k, q8_0
from shared import shared

pytestmark = pytest.mark.shared

MODELS = ("dev-llama-1", "dev-mixtral-1", "dev-qwen2-1", "dev-gpt2-1", "dev-neox-1")


@pytest.fixture(scope="module")
def zoo() -> Path:
    return shared("zoo") / "models"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("encode", [f32, bfloat16])
def test_a_lossless_file_is_the_model(name: str, encode: Any, zoo: Path, tmp_path: Path) -> None:
    original = read_artifact(LocalSource(zoo / name))
    artifact = read_artifact(LocalSource(convert(zoo / name, tmp_path / "m.gguf", encode)))
    assert artifact.architecture == original.architecture and artifact.geometry == original.geometry
    assert artifact.names == original.names
    assert (artifact.notes, artifact.problems, artifact.by_names, artifact.inferred) == ((), (), False, False)
    theirs = tensors_by_role(original)
    ours = tensors_by_role(artifact)
    assert ours.keys() == theirs.keys()
    for role, tensor in ours.items():
        np.testing.assert_array_equal(tensor.values(), theirs[role].values(), err_msg=role)
    code, digest = sign_code.encode(original)
    same, again = sign_code.encode(artifact)
    assert again == digest and same.groups == code.groups
    np.testing.assert_array_equal(same.bits, code.bits)
    np.testing.assert_array_equal(same.valid, code.valid)
    assert content_digest(artifact) == content_digest(original)
    assert forebear.compare(str(zoo / name), str(tmp_path / "m.gguf")).verdict is Verdict.IDENTICAL


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("encode", [f16, q8_0, q4_0, q4_k, q2_k])
def test_a_quantised_file_is_dependent_and_a_twin_is_not(name: str, encode: Any, zoo: Path, tmp_path: Path) -> None:
    path = convert(zoo / name, tmp_path / "m.gguf", encode)
    found = forebear.compare(str(zoo / name), str(path))
    assert found.verdict in (Verdict.DERIVED, Verdict.DEPENDENT) and found.related is True
    strangers = {"dev-llama-1": "dev-llama-2", "dev-gpt2-1": "dev-gpt2-2"}
    if name in strangers:
        assert forebear.compare(str(zoo / strangers[name]), str(path)).related is None


def test_children_find_their_roots_across_formats(zoo: Path, tmp_path: Path) -> None:
    for child, root in (("dev-llama-1-ft-long", "dev-llama-1"), ("dev-neox-1-ft", "dev-neox-1")):
        path = convert(zoo / child, tmp_path / f"{child}.gguf", q4_0)
        original, quantised = (forebear.compare(str(zoo / root), str(m)) for m in (zoo / child, path))
        assert quantised.related is original.related is True
        assert original.verdict is quantised.verdict


def test_a_real_file_is_read() -> None:
    artifact = read_artifact(LocalSource(shared("artefacts") / "weights" / "random" / "llama-2-tiny-random.gguf"))
    assert artifact.architecture is not None and artifact.geometry is not None
    assert artifact.architecture.name == "llama" and not artifact.by_names
    assert (artifact.geometry.width, artifact.geometry.layers, artifact.geometry.heads) == (8, 1, 2)
    assert artifact.tokenizer is not None and len(artifact.tokenizer.ids) == artifact.geometry.vocabulary == 32_000
    assert (artifact.problems, artifact.notes) == ((), ())
